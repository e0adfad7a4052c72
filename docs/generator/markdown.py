"""Markdown tables and pages, and the meanings that the code does not hold."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

NOTICE = "<!-- Generated from the code by `make docs`; edit the code, or docs/generator/. -->"

MEANINGS_FILE = Path(__file__).parent / "meanings.toml"


@cache
def load_meanings(file: Path) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))


class MeaningTable:
    """The meanings of one table of a file of meanings, each of which must be used exactly once."""

    def __init__(self, name: str, file: Path = MEANINGS_FILE) -> None:
        self._place = f"{file}, [{name}]"
        self._meanings: Mapping[str, str] = load_meanings(file)[name]
        self._used: set[str] = set()

    def get_meaning(self, key: str) -> str:
        if key not in self._meanings:
            raise SystemExit(f"{self._place}: say what {key!r} is")
        self._used.add(key)
        return self._meanings[key]

    def check_all_used(self) -> None:
        if left_over := set(self._meanings) - self._used:
            names = ", ".join(sorted(left_over))
            raise SystemExit(f"{self._place}: remove {names}")


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(_escape_cell(cell) for cell in line) + " |" for line in lines
    )


def _escape_cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def format_page(title: str, *parts: str) -> str:
    return "\n\n".join([NOTICE, f"# {title}", *(part for part in parts if part)]) + "\n"
