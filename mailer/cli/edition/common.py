"""The group of commands, and what they share."""

import getpass
import os
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Editions: one mailing each.")

Number = Annotated[int, typer.Argument(help="The edition's number.", min=1, max=2**63 - 1)]
By = Annotated[str, typer.Option("--by", help="Who does it; else MAILER_ACTOR, else the login.")]


def actor(by: str) -> str:
    """Who acts: as given, as the environment says, or the login name."""
    if by or os.environ.get("MAILER_ACTOR"):
        return by or os.environ["MAILER_ACTOR"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
