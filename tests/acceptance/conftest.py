"""The command line, run as a process in a folder of its own, as its users run it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs `mailer` in a folder."""

    folder: Path
    env: dict[str, str]

    def __call__(self, *words: str, code: int = 0, env: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "mailer", *words],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Done(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A folder in which nothing has been done yet."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
    return Shell(tmp_path, env | {"PYTHONUTF8": "1", "COLUMNS": "120", "TERM": "dumb"})


@pytest.fixture
def mailer(bare: Shell) -> Shell:
    """A folder after `mailer init`, with an address to print."""
    bare("init")
    config = bare.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    config.write_text(
        text.replace('postal_address = ""', 'postal_address = "1 Example Quay, London"'), "utf-8"
    )
    return bare


def article(title: str, *, topics: str = "", language: str = "en", more: str = "") -> str:
    """A Markdown file."""
    return (
        f'---\ntitle: "{title}"\nlanguage: {language}\npublished: 2026-01-02\n'
        f"topics: [{topics}]\nsummary: About {title}.\n{more}---\n\nWhat is new.\n"
    )
