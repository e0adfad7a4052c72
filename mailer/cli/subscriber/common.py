"""The group of commands, and what they share."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Subscribers, and their membership of lists.")

Address = Annotated[str, typer.Argument(help="Their mail address.")]
