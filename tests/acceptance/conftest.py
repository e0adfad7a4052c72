"""The command line, run as a process in a folder of its own, as its users run it."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.forking import CommandForker


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs `mailer` in a folder, and checks the exit code."""

    folder: Path
    env: dict[str, str]
    forker: CommandForker

    def __call__(
        self, *words: str, code: int = 0, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        out, err = self.folder.parent / "out.txt", self.folder.parent / "err.txt"
        exit_code = self.forker.run([*words], self.folder, {**self.env, **(env or {})}, out, err)
        result = CommandResult(exit_code, out.read_text("utf-8"), err.read_text("utf-8"))
        assert result.code == code, f"{words}: {result.code}\n{result.out}\n{result.err}"
        return result

    def write_file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


def _build_environment() -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
    return env | {"PYTHONUTF8": "1", "COLUMNS": "120", "TERM": "dumb"}


@pytest.fixture(scope="session")
def forker() -> Iterator[CommandForker]:
    running = CommandForker(_build_environment())
    yield running
    running.close()


@pytest.fixture
def bare(tmp_path: Path, forker: CommandForker) -> Shell:
    """An empty folder."""
    folder = tmp_path / "office"
    folder.mkdir()
    return Shell(folder, _build_environment(), forker)


@pytest.fixture(scope="session")
def initialised_folder(tmp_path_factory: pytest.TempPathFactory, forker: CommandForker) -> Path:
    """A folder after `mailer init`, to copy: half a second goes into making the tables."""
    shell = Shell(tmp_path_factory.mktemp("init") / "office", _build_environment(), forker)
    shell.folder.mkdir()
    shell("init")
    return shell.folder


@pytest.fixture
def mailer(bare: Shell, initialised_folder: Path) -> Shell:
    """A folder after `mailer init`, with a postal address."""
    shutil.copytree(initialised_folder, bare.folder, dirs_exist_ok=True)
    config = bare.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    config.write_text(
        text.replace('postal_address = ""', 'postal_address = "1 Example Quay, London"'), "utf-8"
    )
    return bare


def format_article(title: str, *, topics: str = "", language: str = "en", more: str = "") -> str:
    """A Markdown file."""
    return (
        f'---\ntitle: "{title}"\nlanguage: {language}\npublished: 2026-01-02\n'
        f"topics: [{topics}]\nsummary: About {title}.\n{more}---\n\nWhat is new.\n"
    )
