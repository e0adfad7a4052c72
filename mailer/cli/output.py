"""Output of commands: data on stdout, as tables or as JSON; notes and errors on stderr."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape

from mailer.lines import replace_control
from mailer.plain_data import to_plain_data
from mailer.schedules.durations import format_duration

PIPE_WIDTH = 200
"""Width in characters of a table that is written to a file or a pipe."""

error_console = Console(stderr=True, highlight=False, soft_wrap=True)


def format_moment(value: datetime | None) -> str:
    """Format a moment for people, with its weekday and zone. Return an empty string for None."""
    return f"{value:%a %d %b %Y %H:%M} UTC" if value else ""


def print_error(message: str) -> None:
    """Print an error on stderr."""
    error_console.print(f"[bold red]error:[/] {escape(replace_control(message))}")


class Output:
    """Prints data in a form for people, or as JSON for scripts."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)

    def print_json(self, value: Any) -> None:
        """Print `value` as JSON."""
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
        """Print `data` as JSON, or `rows` as a table. `columns` maps each title to its alignment,
        left or right. If there is no data, `empty` tells people what to do."""
        if self.as_json:
            self.print_json(data)
            return
        if not data:
            self.print_note(empty)
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title, side in columns.items():
            right = side == "right"
            table.add_column(title, justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(_format_cell(value)) for value in row))
        self._console.print(table)

    def print_record(self, data: Any, message: str = "") -> None:
        """Print a record as JSON, or print `message`; without a message, print the fields line by
        line."""
        message = replace_control(message)
        if self.as_json:
            self.print_json(data)
        elif message:
            self._console.print(escape(message))
        else:
            for key, value in _to_readable(data).items():
                if value not in ("", None, [], {}):
                    self._console.print(
                        f"[bold]{key.replace('_', ' ')}[/]  {escape(_format_cell(value))}"
                    )

    def print_text(self, text: str) -> None:
        """Print text as it is, such as a preview."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def print_note(self, message: str) -> None:
        """Print a sentence on stderr."""
        error_console.print(escape(replace_control(message)))


def _to_readable(value: Any) -> Any:
    """Convert `value` as ``to_plain_data`` does, but with moments and durations for people."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            data_field.name: _to_readable(getattr(value, data_field.name))
            for data_field in dataclasses.fields(value)
        }
    if isinstance(value, datetime):
        return format_moment(value) if value.tzinfo else f"{value:%a %d %b %Y %H:%M}"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return {str(to_plain_data(key)): _to_readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_readable(item) for item in value]
    return to_plain_data(value)


def _format_cell(value: Any) -> str:
    """Format `value` for a terminal, without control characters, which would control the
    terminal."""
    if isinstance(value, datetime):
        return format_moment(value)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return replace_control(", ".join(map(str, value)))
    if isinstance(value, Mapping):
        return replace_control(", ".join(f"{key}: {item}" for key, item in value.items()))
    return replace_control(str(value))
