"""What commands print: data on stdout, as a table for people or as JSON, all else on stderr."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailer.lines import without_control

WIDE = 200
"""Columns of a table that goes into a file or a pipe."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: records as objects, moments in ISO 8601, lengths of
    time in seconds, tuples as arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def moment(value: datetime | None) -> str:
    """A moment for people: with its weekday and zone."""
    return f"{value:%a %d %b %Y %H:%M} UTC" if value else ""


class Output:
    """Where a command prints, in the form that was asked for."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)

    def json(self, value: Any) -> None:
        written = json.dumps(plain(value), ensure_ascii=False, indent=2)
        sys.stdout.write(without_control(written) + "\n")

    def table(
        self,
        data: Sequence[Any],
        columns: Mapping[str, str],
        rows: Iterable[Sequence[Any]],
        *,
        empty: str = "nothing yet",
    ) -> None:
        """`data` as JSON; or `rows` under `columns` (title -> left or right). `empty` says what to
        do when there is none."""
        if self.as_json:
            self.json(data)
            return
        if not data:
            self.note(empty)
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title, side in columns.items():
            right = side == "right"
            table.add_column(title, justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(_cell(value)) for value in row))
        self._console.print(table)

    def record(self, data: Any, said: str = "") -> None:
        """One record as JSON; or a sentence, or its fields one a line."""
        said = without_control(said)
        if self.as_json:
            self.json(data)
        elif said:
            self._console.print(escape(said))
        else:
            for key, value in plain(data).items():
                if value not in ("", None, [], {}):
                    self._console.print(f"[bold]{key.replace('_', ' ')}[/]  {escape(_cell(value))}")

    def text(self, text: str) -> None:
        """Text as it is, such as a preview."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def note(self, said: str) -> None:
        """A sentence on stderr."""
        errors.print(escape(without_control(said)))


def _cell(value: Any) -> str:
    """`value` for a terminal, which does what control characters say."""
    if isinstance(value, datetime):
        return moment(value)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return without_control(", ".join(map(str, value)))
    if isinstance(value, Mapping):
        return without_control(", ".join(f"{key}: {one}" for key, one in value.items()))
    return without_control(str(value))
