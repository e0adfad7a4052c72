"""The group of commands about subscribers, its panels, and the argument that most of them take."""

from typing import Annotated

import typer

from mailer.cli.command_groups import CommandGroup

app = CommandGroup(help="Subscribers, and their lists.")

ONE_PERSON = "One person"
MANY_PEOPLE = "Many people"
STORED_DATA = "Stored data"

FieldOption = Annotated[
    list[str] | None,
    typer.Option("--field", help="NAME=VALUE: a field of the settings; repeatable."),
]
Address = Annotated[str, typer.Argument(help="The subscriber's mail address.")]
