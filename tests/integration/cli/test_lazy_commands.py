"""The imports of each command, and the root's help and completion, which import no command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailer.cli.command_groups import MAX_HELP_LINE, CommandEntry, LazyCommand
from mailer.cli.commands import COMMANDS

DATABASE = (
    "alembic",
    "mailer.app",
    "mailer.config",
    "mailer.store",
    "pydantic_settings",
    "sqlalchemy",
)
RENDERING = ("jinja2", "lxml", "mailer.render", "markdown_it", "nh3", "premailer")
READING = ("feedparser", "httpcore", "icalendar", "mailer.intake", "mammoth", "yaml")
SERVING = ("apscheduler", "fastapi", "mailer.demo", "mailer.web", "mailer.worker", "uvicorn")
DELIVERING = ("mailer.delivery", "smtplib")
NAMES = ("babel", "email_validator")
ALL_COMMANDS = tuple(f"mailer.cli.{entry.target.partition(':')[0]}" for entry in COMMANDS)

UNNEEDED = {
    "--version": (*DATABASE, *RENDERING, *READING, *SERVING, *DELIVERING, *NAMES, "rich"),
    "--help": (*DATABASE, *RENDERING, *READING, *SERVING, *DELIVERING, *NAMES, "rich"),
    "topic --help": (*DATABASE, *RENDERING, *READING, *SERVING, *DELIVERING, *NAMES),
    "nonsense": (*DATABASE, *RENDERING, *READING, *SERVING, *DELIVERING, *NAMES),
    "topic list": (*RENDERING, *READING, *SERVING, *DELIVERING, *NAMES, "mailer.editions"),
    "list list": (*RENDERING, *READING, *SERVING, *DELIVERING, *NAMES, "mailer.editions"),
    "segment list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "suppression list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "subscriber list": (*RENDERING, *SERVING, *DELIVERING),
    "article list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "source list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "digest list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "edition list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "schedule list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "blackout list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "observance list": (*RENDERING, *READING, *SERVING, *DELIVERING, "sqlalchemy"),
    "embargo list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "boilerplate list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "contact list": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "database status": (*RENDERING, *READING, *SERVING, *DELIVERING, *NAMES),
    "release show x": (*RENDERING, *READING, *SERVING, *DELIVERING),
    "send --help": (*RENDERING, *READING, *SERVING, *DELIVERING, *DATABASE),
    "worker --help": (*RENDERING, *READING, *SERVING, *DELIVERING, *DATABASE),
}
"""Commands, and packages that they must not import."""

_PRINT_MODULES = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.__stdout__))
from mailer.cli import main
main()
"""


@pytest.fixture(scope="module")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    subprocess.run([sys.executable, "-m", "mailer", "init"], cwd=folder, check=True)
    return folder


def list_imports(words: str, folder: Path) -> set[str]:
    """The modules that `mailer WORDS` has imported when it ends."""
    result = subprocess.run(
        [sys.executable, "-c", _PRINT_MODULES, *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("words", UNNEEDED)
def test_command_imports_nothing_that_it_does_not_need(words: str, office_folder: Path) -> None:
    modules = list_imports(words, office_folder)
    assert "mailer.cli" in modules
    assert modules & {*UNNEEDED[words]} == set()


@pytest.mark.parametrize("words", ["--version", "--help", "nonsense"])
def test_root_imports_no_command(words: str, office_folder: Path) -> None:
    assert not list_imports(words, office_folder) & {*ALL_COMMANDS}


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_table_help_is_the_commands_own(entry: CommandEntry) -> None:
    assert LazyCommand(entry).load_command().get_short_help_str(MAX_HELP_LINE) == entry.help


def complete_words(line: str, folder: Path) -> list[str]:
    """Return the completions that a shell offers for the last word of `line`."""
    words = line.split(" ")
    result = subprocess.run(
        [sys.executable, "-m", "mailer"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "_PYTHON _M MAILER_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("mailer top", ["topic"]),
        (
            "mailer s",
            [
                "source",
                "subscriber",
                "segment",
                "suppression",
                "send",
                "schedule",
                "status",
                "serve",
                "secret",
            ],
        ),
        ("mailer topic rem", ["remove-name", "remove"]),
        ("mailer delivery in-doubt r", ["resend"]),
        ("mailer edition list --st", ["--state"]),
    ],
)
def test_shell_completes_commands_and_options(
    line: str, offers: list[str], office_folder: Path
) -> None:
    assert complete_words(line, office_folder) == offers
