"""What the commands about releases share."""

import typer

app = typer.Typer(no_args_is_help=True, help="Press releases: from a file to journalists.")
