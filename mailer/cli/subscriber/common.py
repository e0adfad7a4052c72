"""The group of commands, and what they share."""

from collections.abc import Sequence
from typing import Annotated

import typer

from mailer.cli.output import Output
from mailer.model.subscribers import Membership

app = typer.Typer(no_args_is_help=True, help="Subscribers, and their membership of lists.")

Address = Annotated[str, typer.Argument(help="Their mail address.")]


def print_memberships(out: Output, memberships: Sequence[Membership]) -> None:
    """Someone's lists, for people to read."""
    out.print_table(
        memberships,
        {
            "list": "", "state": "", "topics": "", "language": "", "frequency": "",
            "paused until": "", "joined": "", "left": "",
        },
        [
            (
                membership.list, membership.state, membership.topics or "all", membership.language, membership.frequency,
                membership.paused_until, membership.joined_at, membership.left_at,
            )
            for membership in memberships
        ],
        empty="on no list",
    )  # fmt: skip
