"""The group of commands, and what they share."""

from collections.abc import Sequence
from typing import Annotated

import typer

from mailer.audience.subscribers import Membership
from mailer.cli.output import Output

app = typer.Typer(no_args_is_help=True, help="Subscribers, and their membership of lists.")

Address = Annotated[str, typer.Argument(help="Their mail address.")]


def print_memberships(out: Output, found: Sequence[Membership]) -> None:
    """Someone's lists, for people to read."""
    out.table(
        found,
        {
            "list": "", "state": "", "topics": "", "language": "", "frequency": "",
            "paused until": "", "joined": "", "left": "",
        },
        [
            (
                one.list, one.state, one.topics or "all", one.language, one.frequency,
                one.paused_until, one.joined_at, one.left_at,
            )
            for one in found
        ],
        empty="on no list",
    )  # fmt: skip
