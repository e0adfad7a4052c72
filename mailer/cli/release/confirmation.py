"""Asking a person before a release, a correction or a kill is sent."""

import sys

import typer

from mailer.errors import UsageError


def confirm_sending(recipient_count: int) -> None:
    """Ask whether to send to so many people. Raises Abort if not, and UsageError without a
    terminal."""
    if not sys.stdin.isatty():
        raise UsageError(
            "this command asks for confirmation, which needs a terminal",
            hint="check it with --dry-run, then give --yes",
        )
    if not typer.confirm(f"Send to {recipient_count} now?", err=True):
        raise typer.Abort
