"""The group of commands about releases, and the options that several of them take."""

from typing import Annotated

import typer

from mailer.cli.command_groups import CommandGroup

app = CommandGroup(help="Press releases: from a file to journalists.")

BY_LANGUAGE_HELP = "repeat with fr=… for other languages"

YesOption = Annotated[bool, typer.Option("--yes", help="Send without asking.")]
