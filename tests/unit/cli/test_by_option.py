"""``--by`` is a note on the person who acts, in the same way in every command that writes."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

import mailer
from tests.command_tree import list_commands

PACKAGE = Path(mailer.__file__).parent
ALL_COMMANDS = list_commands()

WITHOUT_ACTOR = {
    "demo": "acts as the made-up office",
    "init": "makes files and an empty database",
    "observance add": "writes the organisation's file of observances, and no record",
    "observance import": "writes the organisation's file of observances, and no record",
    "subscriber unsubscribe-mail": "a mail server runs it: the sender of the message acts",
}
"""Commands that write but have no ``--by``, each with its reason."""

WRITING_CALLS = frozenset({"open_for_writing", "open_transactions", "resolve_actor"})
LAST_OPTIONS = ("by", "json", "dry_run")
"""Parameters that end the signature of every command that has them, in this order."""


def get_callback(command: Any) -> Any:
    """Return the function of a command, without Typer's wrapper."""
    return inspect.unwrap(command.callback)


def list_called_names(node: ast.AST) -> set[str]:
    return {
        call.func.id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }


def is_writing_command(command: Any) -> bool:
    """Check whether a command offers a dry run, or opens a transaction to write."""
    source = ast.parse(inspect.getsource(get_callback(command)))
    options = {option for param in command.params for option in param.opts}
    return "--dry-run" in options or bool(list_called_names(source) & WRITING_CALLS)


WRITING_COMMANDS = [words for words, command in ALL_COMMANDS.items() if is_writing_command(command)]


def find_by_option(command: Any) -> Any:
    return next((param for param in command.params if "--by" in param.opts), None)


@pytest.mark.parametrize("words", WRITING_COMMANDS)
def test_every_writing_command_has_by_option(words: str) -> None:
    has_option = find_by_option(ALL_COMMANDS[words]) is not None
    assert has_option is (words not in WITHOUT_ACTOR)


def test_commands_without_by_option_exist_and_write() -> None:
    assert WITHOUT_ACTOR.keys() - WRITING_COMMANDS == {"demo"}  # it has no dry run
    assert WITHOUT_ACTOR.keys() <= ALL_COMMANDS.keys()


def test_by_option_is_spelled_alike_everywhere() -> None:
    spellings = {
        (param.name, *param.opts, param.help, param.default, param.required, param.hidden)
        for command in ALL_COMMANDS.values()
        if (param := find_by_option(command)) is not None
    }
    help_text = "A note in the log on who acts, beside the login; default: MAILER_ACTOR."
    assert spellings == {("by", "--by", help_text, "", False, False)}


@pytest.mark.parametrize("words", WRITING_COMMANDS)
def test_common_options_are_last_and_keyword_only(words: str) -> None:
    parameters = inspect.signature(get_callback(ALL_COMMANDS[words])).parameters
    expected_names = [name for name in LAST_OPTIONS if name in parameters]
    assert list(parameters)[-len(expected_names) :] == expected_names
    if "by" in parameters:
        assert {parameters[name].kind for name in expected_names} == {
            inspect.Parameter.KEYWORD_ONLY
        }


def list_actor_calls() -> list[tuple[str, ast.Call]]:
    """Return each call of resolve_actor in the package, with its place."""
    return [
        (f"{path.relative_to(PACKAGE)}:{call.lineno}", call)
        for path in sorted(PACKAGE.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("resolve_actor")
    ]


def test_resolve_actor_always_gets_the_value_of_the_by_option() -> None:
    calls = list_actor_calls()
    assert len(calls) > 60
    assert [place for place, call in calls if ast.unparse(call) != "resolve_actor(by)"] == []
