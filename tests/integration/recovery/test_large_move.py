"""A large office moves to PostgreSQL and back: the same rows, in little memory, after kills."""

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.config import Paths
from mailer.store import Store, schema
from mailer.store.copying.contents import TableReader, add_checksums
from tests.bench.large.dataset import LargeScale
from tests.bench.large.offices import open_office
from tests.conftest import KEY, ROOT, make_office_settings
from tests.postgresql import Postgresql, run_sql

SMALL = LargeScale(300, 20, 10)
LARGE = LargeScale(200_000, 500, 10)
MOVED_TABLES = {"database_identity", "database_event"}
MAX_MEGABYTES = 70
"""Memory that a move may add to that of the program, which loads further modules for it."""

Sums = dict[str, tuple[int, int]]


def run_move(source: str, target: str, folder: Path, kill_at: int) -> tuple[int, dict[str, float]]:
    """Move a database in a process that kills itself before a commit. Returns (exit code,
    megabytes that it added and seconds)."""
    command = [sys.executable, "-m", "tests.integration.recovery.moving_process"]
    result = subprocess.run(
        [*command, source, target, str(folder), str(kill_at)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in {0, -signal.SIGKILL}, result.stderr
    return result.returncode, json.loads(result.stdout or "{}")


def sum_rows(url: str) -> Sums:
    """Return the number of rows and the checksum of each table, read again from the database."""
    sums = {}
    with closing(Store(url, KEY)) as store:
        for table in schema.metadata.sorted_tables:
            rows = checksum = 0
            for batch in TableReader(store.engine, table).read_batches(None):
                rows += len(batch.rows)
                checksum = add_checksums(checksum, batch.checksum)
            if table.name not in MOVED_TABLES:
                sums[table.name] = (rows, checksum)
    return sums


@pytest.fixture
def server_url(postgresql: Postgresql) -> Iterator[str]:
    run_sql(postgresql.make_url("postgres"), "CREATE DATABASE large STRATEGY FILE_COPY")
    yield postgresql.make_url("large")
    run_sql(postgresql.make_url("postgres"), "DROP DATABASE large WITH (FORCE)")


@pytest.mark.parametrize(
    ("scale", "kills"),
    [
        pytest.param(SMALL, (5, 20), id="small"),
        pytest.param(LARGE, (5, 100, 300), id="large", marks=pytest.mark.proof),
    ],
)
def test_large_office_moves_to_postgresql_and_back(
    scale: LargeScale, kills: tuple[int, ...], server_url: str, tmp_path: Path
) -> None:
    source = f"sqlite:///{tmp_path / 'office.db'}"
    with open_office(tmp_path, source, scale):
        pass
    with closing(Store(source, KEY)) as store:
        settings = make_office_settings(tmp_path)
        settings = settings.model_copy(update={"paths": Paths(state=tmp_path)})
        Mailer(settings, store).guard.save_accepted_marker()
    before = sum_rows(source)
    assert before["delivery"][0] >= 9 * scale.people
    assert before["edition"][0] >= scale.editions
    places = [source, server_url, f"sqlite:///{tmp_path / 'back.db'}"]
    for origin, target in itertools.pairwise(places):
        started_at = time.monotonic()
        for kill_at in kills:
            assert run_move(origin, target, tmp_path, kill_at)[0] == -signal.SIGKILL
        code, figures = run_move(origin, target, tmp_path, 0)
        assert code == 0
        seconds = time.monotonic() - started_at
        assert sum_rows(target) == before
        assert figures["added_mb"] < MAX_MEGABYTES
        rows = sum(count for count, _ in before.values())
        sys.stdout.write(
            f"{origin.partition(':')[0]}: {rows:,} rows in {seconds:,.0f} s, {len(kills)} kills, "
            f"{rows / seconds:,.0f} rows/s, {figures['added_mb']:.0f} MB added\n"
        )
