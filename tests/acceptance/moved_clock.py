"""A clock for real processes that a test moves: every `mailer` process that finds the file named by
CLOCK_FILE in its environment adds the seconds in it to the real time.

Run as a program, it is `mailer` with this clock."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ENVIRONMENT_NAME = "CLOCK_FILE"


class MovedClock:
    """The clock of one office. It goes on after each move, as a clock does."""

    def __init__(self, file: Path, moment: datetime) -> None:
        self.file = file
        self.move_to(moment)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self.file.read_text()))

    def move_to(self, moment: datetime) -> None:
        """Set the clock of all processes. None of them sees half a number."""
        new_file = self.file.with_suffix(".new")
        new_file.write_text(str((moment - datetime.now(UTC)).total_seconds()))
        new_file.replace(self.file)


def use_moved_clock(file: Path) -> None:
    """Let this process use the clock in a file. The mailer reads the time in one function only."""
    from mailer import app

    def get_moved_now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    open_function: Callable[..., object] = app.open_mailer.__wrapped__  # type: ignore[attr-defined]
    assert open_function.__defaults__ == (app.get_utc_now,)
    open_function.__defaults__ = (get_moved_now,)


if __name__ == "__main__":
    from mailer.cli import main

    use_moved_clock(Path(os.environ[ENVIRONMENT_NAME]))
    sys.argv[0] = "mailer"
    main()
