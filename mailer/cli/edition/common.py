"""The group of commands, and what they share."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Editions: one mailing each.")

Number = Annotated[int, typer.Argument(help="The edition's number.", min=1, max=2**63 - 1)]
