"""Errors in the words of the command line."""

import ast
import re
from pathlib import Path

import pytest

import mailer
from mailer.cli.command_groups import LazyCommand
from mailer.cli.commands import COMMANDS
from mailer.cli.global_options import GLOBALS
from mailer.cli.next_steps import (
    COMMANDS_BY_ACTION,
    OPTIONS_BY_ACTION,
    OPTIONS_BY_FIELD,
    describe_error,
    describe_steps,
    spell_field,
    to_json_error,
)
from mailer.errors import InputError, NextStep, Refused

PACKAGE = Path(mailer.__file__).parent


def list_actions_in_code() -> dict[str, str]:
    """Every action that the package gives to a NextStep, with a file that does so."""
    actions: dict[str, str] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "NextStep"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                actions[str(node.args[0].value)] = str(path.relative_to(PACKAGE))
    return actions


def test_every_action_in_code_has_words() -> None:
    known_actions = COMMANDS_BY_ACTION.keys() | OPTIONS_BY_ACTION.keys()
    assert {
        action: file
        for action, file in list_actions_in_code().items()
        if action not in known_actions
    } == {}


@pytest.mark.parametrize("template", sorted({*COMMANDS_BY_ACTION.values()}))
def test_every_step_names_an_existing_command(template: str) -> None:
    program, *words = template.split()
    if program == "pip":
        return
    entry = next(entry for entry in COMMANDS if entry.name == words[0])
    command = LazyCommand(entry).load_command()
    for word in words[1:]:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]
    assert not hasattr(command, "commands"), f"{template} stops at a group"
    options = {name for parameter in command.params for name in parameter.opts}
    assert {*re.findall(r"--[a-z-]+", template)} <= options


def test_error_without_steps_names_place_and_hint() -> None:
    error = InputError("it is empty", where="a.md, line 3", hint="write a text")
    assert describe_error(error) == "a.md, line 3: it is empty; write a text"


def test_error_for_programs_has_code_and_commands() -> None:
    error = Refused(
        "no", field="send_at", value=3, next_steps=[NextStep("send_edition", edition=4)]
    )
    assert to_json_error(error) == {
        "error": {
            "code": "refused",
            "message": "no",
            "where": "",
            "field": "send_at",
            "value": 3,
            "hint": "",
            "next_steps": [
                {"action": "send_edition", "facts": {"edition": 4}, "command": "mailer send 4"}
            ],
        }
    }


def test_error_words_field_as_option() -> None:
    error = InputError("it is past", field="send_at", next_steps=[NextStep("list_editions")])
    assert describe_error(error) == "--at: it is past; see `mailer edition list`"


@pytest.mark.parametrize(
    ("field", "spelling"),
    [
        ("send_at", "--at"),
        ("time_zone", "--time-zone"),
        ("image.alt", "--image-alt"),
        ("slug", "slug"),
        ("", ""),
    ],
)
def test_field_is_spelled_as_its_option(field: str, spelling: str) -> None:
    assert spell_field(field) == spelling


def test_every_spelled_option_exists() -> None:
    def list_options(command: object) -> set[str]:
        options = {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
        for subcommand in getattr(command, "commands", {}).values():
            options |= list_options(subcommand)
        return options

    options = set().union(*(list_options(LazyCommand(entry).load_command()) for entry in COMMANDS))
    assert {*OPTIONS_BY_FIELD.values()} <= options


def test_steps_are_joined_by_or() -> None:
    steps = (
        NextStep("resume_edition", edition=3),
        NextStep("cancel_edition", edition=3),
        NextStep("show_edition", edition=3),
    )
    assert describe_steps(steps) == (
        "use `mailer edition resume 3` or `mailer edition cancel 3`, or see `mailer edition show 3`"
    )


def test_missing_fact_is_written_in_capitals() -> None:
    assert describe_steps((NextStep("send_edition"),)) == "use `mailer send EDITION`"


def test_fact_with_spaces_is_quoted_for_shell() -> None:
    step = NextStep("schedule_edition", edition=3, time="2026-12-18 09:00", zone="Europe/Paris")
    assert describe_steps((step,)) == (
        "use `mailer edition schedule 3 --at '2026-12-18 09:00' --zone Europe/Paris`"
    )


def test_new_database_is_the_one_that_the_command_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GLOBALS, "database", "my office.db")
    steps = describe_steps((NextStep("create_database"),))
    assert steps == "use `mailer --database 'my office.db' init`"


def test_unknown_action_falls_back_to_its_words() -> None:
    error = Refused("no", next_steps=[NextStep("call_a_friend", name="Ana")])
    assert describe_error(error) == "no; use call a friend (name Ana)"
