"""What the database holds while no sender runs, in plain SQL, without touching what a crash left.

SQLite's file and its log are copied and read there: to open the original would recover its log,
and closing it would write the log back, before the next sender meets it as its predecessor died.
PostgreSQL is asked over a connection of our own, without waiting for the sessions of the dead.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

_MOVED = "SELECT id, state, attempt FROM delivery WHERE edition_id = 1 AND state <> 'queued'"
_ALL = "SELECT id, address, state FROM delivery WHERE edition_id = 1"
_EDITION = "SELECT state FROM edition WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Moved:
    """A delivery that is no longer queued."""

    id: int
    state: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery at the end."""

    id: int
    address: str
    state: str


class Scene:
    """The database of a trial. `folder` is where copies of it may be put."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._url = make_url(database_url)
        self._copy = folder / "scene.db"

    def moved(self) -> tuple[list[Moved], str]:
        """The deliveries that a sender has taken up so far, and the edition's state."""
        rows, state = self._ask(_MOVED)
        return [Moved(*row) for row in rows], state

    def end(self) -> tuple[list[Row], str]:
        """All deliveries, and the edition's state."""
        rows, state = self._ask(_ALL)
        return [Row(*row) for row in rows], state

    def _ask(self, query: str) -> tuple[Sequence[Sequence[Any]], str]:
        with self._connected() as connection:
            rows = connection.execute(query).fetchall()
            (state,) = connection.execute(_EDITION).fetchone()
            return rows, str(state)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        if self._url.get_backend_name() == "sqlite":
            assert self._url.database is not None
            self._copy_file(Path(self._url.database))
            with closing(sqlite3.connect(self._copy)) as connection:
                yield connection
        else:
            import psycopg

            url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
            with closing(psycopg.connect(url)) as connection:
                yield connection

    def _copy_file(self, file: Path) -> None:
        for ending in ("", "-wal"):
            copy, original = Path(f"{self._copy}{ending}"), Path(f"{file}{ending}")
            copy.unlink(missing_ok=True)
            if original.exists():
                shutil.copyfile(original, copy)
        Path(f"{self._copy}-shm").unlink(missing_ok=True)
