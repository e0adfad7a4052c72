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

from mailer.lines import replace_control

PIPE_WIDTH = 200
"""Columns of a table that goes into a file or a pipe."""

error_console = Console(stderr=True, highlight=False, soft_wrap=True)


def to_plain_data(value: Any) -> Any:
    """`value` as JSON can hold it: records as objects, moments in ISO 8601, lengths of
    time in seconds, tuples as arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            data_field.name: to_plain_data(getattr(value, data_field.name))
            for data_field in dataclasses.fields(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(to_plain_data(key)): to_plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain_data(item) for item in value]
    return value


def format_moment(value: datetime | None) -> str:
    """A moment for people: with its weekday and zone."""
    return f"{value:%a %d %b %Y %H:%M} UTC" if value else ""


class Output:
    """Where a command prints, in the form that was asked for."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)

    def print_json(self, value: Any) -> None:
        json_text = json.dumps(to_plain_data(value), ensure_ascii=False, indent=2)
        sys.stdout.write(replace_control(json_text) + "\n")

    def print_table(
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
            self.print_json(data)
            return
        if not data:
            self.print_note(empty)
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title, side in columns.items():
            right = side == "right"
            table.add_column(title, justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(_format_cell(value)) for value in row))
        self._console.print(table)

    def print_record(self, data: Any, message: str = "") -> None:
        """One record as JSON; or a sentence, or its fields one a line."""
        message = replace_control(message)
        if self.as_json:
            self.print_json(data)
        elif message:
            self._console.print(escape(message))
        else:
            for key, value in to_plain_data(data).items():
                if value not in ("", None, [], {}):
                    self._console.print(
                        f"[bold]{key.replace('_', ' ')}[/]  {escape(_format_cell(value))}"
                    )

    def print_text(self, text: str) -> None:
        """Text as it is, such as a preview."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def print_note(self, message: str) -> None:
        """A sentence on stderr."""
        error_console.print(escape(replace_control(message)))


def _format_cell(value: Any) -> str:
    """`value` for a terminal, which does what control characters say."""
    if isinstance(value, datetime):
        return format_moment(value)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return replace_control(", ".join(map(str, value)))
    if isinstance(value, Mapping):
        return replace_control(", ".join(f"{key}: {item}" for key, item in value.items()))
    return replace_control(str(value))
