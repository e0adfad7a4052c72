"""The help of every command and group can be read."""

import re
from typing import Any

import pytest
import typer

from tests.command_tree import list_commands, list_nodes
from tests.unit.docs.command_lines import load_generator

LONG_NUMBER = re.compile(r"\d{10}")
ALL_COMMANDS = list_commands()
ALL_NODES = list_nodes()


def render_help(node: Any, words: str) -> str:
    context = node.context_class(node, info_name=words)
    return str(node.get_help(context))


@pytest.mark.parametrize("words", ALL_NODES)
def test_help_shows_no_long_number(words: str) -> None:
    assert LONG_NUMBER.search(render_help(ALL_NODES[words], words)) is None


def test_help_of_root_shows_no_long_number() -> None:
    root = load_generator().commands.load_root()
    assert LONG_NUMBER.search(render_help(root, "mailer")) is None


NUMBERS = [
    (words, param)
    for words, command in ALL_COMMANDS.items()
    for param in command.params
    if getattr(param, "min", None) is not None
]


@pytest.mark.parametrize(
    ("words", "param"), NUMBERS, ids=[f"{words} {param.name}" for words, param in NUMBERS]
)
@pytest.mark.parametrize("value", ["0x", str(2**63), str(10**30)])
def test_number_that_no_database_holds_is_a_usage_error(words: str, param: Any, value: str) -> None:
    command = ALL_COMMANDS[words]
    context = command.context_class(command, info_name=words)
    with pytest.raises(typer.BadParameter):
        param.process_value(context, [value] if param.nargs == -1 else value)
