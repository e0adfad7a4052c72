"""Read the database while no worker runs, in plain SQL, without changing the state after a crash.

SQLite's file and its log are copied, and the copy is read: opening the original would recover its
log, and closing it would write the log back, before the next worker finds them as the crash left
them. PostgreSQL is read over a new connection, without waiting for the sessions of dead workers.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

_SELECT_MOVED = "SELECT id, state, attempt FROM delivery WHERE edition_id = 1 AND state <> 'queued'"
_SELECT_ALL = "SELECT id, address, state FROM delivery WHERE edition_id = 1"
_SELECT_EDITION = "SELECT state FROM edition WHERE id = 1"


@dataclass(frozen=True, slots=True)
class MovedDelivery:
    """A delivery that is no longer queued."""

    id: int
    state: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FinalDelivery:
    """A delivery at the end of the trial."""

    id: int
    address: str
    state: str


class TrialDatabase:
    """The database of a trial. Copies of it go into `folder`."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._url = make_url(database_url)
        self._copy_path = folder / "copy.db"

    def read_moved(self) -> tuple[list[MovedDelivery], str]:
        """Read the deliveries that are no longer queued, and the edition's state."""
        rows, state = self._run_query(_SELECT_MOVED)
        return [MovedDelivery(*row) for row in rows], state

    def read_final(self) -> tuple[list[FinalDelivery], str]:
        """Read all deliveries, and the edition's state."""
        rows, state = self._run_query(_SELECT_ALL)
        return [FinalDelivery(*row) for row in rows], state

    def _run_query(self, query: str) -> tuple[Sequence[Sequence[Any]], str]:
        with self._open_connection() as connection:
            rows = connection.execute(query).fetchall()
            (state,) = connection.execute(_SELECT_EDITION).fetchone()
            return rows, str(state)

    @contextmanager
    def _open_connection(self) -> Iterator[Any]:
        if self._url.get_backend_name() == "sqlite":
            assert self._url.database is not None
            self._copy_file(Path(self._url.database))
            with closing(sqlite3.connect(self._copy_path)) as connection:
                yield connection
        else:
            import psycopg

            url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
            with closing(psycopg.connect(url)) as connection:
                yield connection

    def _copy_file(self, file: Path) -> None:
        for ending in ("", "-wal"):
            copy, original = Path(f"{self._copy_path}{ending}"), Path(f"{file}{ending}")
            copy.unlink(missing_ok=True)
            if original.exists():
                shutil.copyfile(original, copy)
        Path(f"{self._copy_path}-shm").unlink(missing_ok=True)
