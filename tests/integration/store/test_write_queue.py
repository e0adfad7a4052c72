"""Writers of several processes take turns, and the queue never keeps a writer from the database."""

import errno
import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mailer.store import Store, write_queue
from mailer.store.write_queue import WriteQueue
from tests.conftest import KEY
from tests.unit.source_tree import ROOT

WRITER_PROGRAM = """
import sys, time
from sqlalchemy import text
from mailer.store import Store

store = Store(sys.argv[1], b"key")
while True:
    with store.begin() as tx:
        tx.connection.execute(text("UPDATE counter SET transactions = transactions + 1"))
        time.sleep(0.01)
"""
"""It writes one transaction after another, as a ledger at full speed does."""

WAITER_PROGRAM = """
import sys, time
from mailer.store.write_queue import WriteQueue

place = WriteQueue(sys.argv[1]).open_place()
assert place.may_ask(0)
print("first", flush=True)
time.sleep(600)
"""
"""It stays at the head of the queue."""

WRITES = 30


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "subscribers.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE counter (transactions)")
        connection.execute("INSERT INTO counter VALUES (0)")
        connection.commit()
    return file


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{database}", KEY)
    yield store
    store.close()


@contextmanager
def run_program(program: str, argument: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, argument], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def occupy_head(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that stays at the head of the queue."""
    with run_program(WAITER_PROGRAM, str(database)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        yield process


def measure_write(store: Store) -> float:
    started_at = time.monotonic()
    with store.begin():
        return time.monotonic() - started_at


def count_transactions(reader: sqlite3.Connection) -> int:
    return int(reader.execute("SELECT transactions FROM counter").fetchone()[0])


def test_write_waits_for_one_transaction_of_a_busy_process(store: Store, database: Path) -> None:
    passed_counts = []
    with (
        closing(sqlite3.connect(database)) as reader,
        run_program(WRITER_PROGRAM, f"sqlite:///{database}"),
    ):
        deadline = time.monotonic() + 60
        while not count_transactions(reader):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for _ in range(WRITES):
            count_before = count_transactions(reader)
            with store.begin():
                passed_counts.append(count_transactions(reader) - count_before)
            time.sleep(0.005)
    # A second one may pass if this process loses its CPU just before it joins the queue.
    assert sum(passed_counts) <= 2 * WRITES, passed_counts
    assert sorted(passed_counts)[WRITES * 8 // 10] <= 1, passed_counts


def test_killed_head_frees_the_queue(store: Store, database: Path) -> None:
    with occupy_head(database) as process:
        queue = WriteQueue(str(database))
        with queue.open_place() as place:
            assert not place.may_ask(0)
            process.kill()
            process.wait()
            assert place.may_ask(0)
    assert measure_write(store) < write_queue.PATIENCE_SECONDS


def test_frozen_head_costs_its_patience_once(store: Store, database: Path) -> None:
    with occupy_head(database) as process:
        process.send_signal(signal.SIGSTOP)
        assert measure_write(store) >= write_queue.PATIENCE_SECONDS
        assert min(measure_write(store) for _ in range(5)) < write_queue.PATIENCE_SECONDS / 2
    with store.begin():  # the queue moves again
        pass
    with occupy_head(database):
        assert measure_write(store) >= write_queue.PATIENCE_SECONDS


def test_queue_of_a_database_in_memory_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        store = Store(url, KEY)
        with store.begin():
            pass
        store.close()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("target", ["subscribers.db", "missing/subscribers.db-queue"])
def test_queue_file_that_cannot_be_opened_is_done_without(
    store: Store, database: Path, target: str
) -> None:
    """A link could lead to any file, even to the database, whose locks belong to SQLite."""
    Path(f"{database}-queue").symlink_to(database.parent / target)
    queue = WriteQueue(str(database))
    with queue.open_place() as first_place, queue.open_place() as second_place:
        assert first_place.may_ask(0)
        assert second_place.may_ask(0)
    with store.begin():
        pass


def test_queue_file_may_be_read_only(store: Store, database: Path) -> None:
    path = Path(f"{database}-queue")
    path.touch(0o400)
    with occupy_head(database), WriteQueue(str(database)).open_place() as place:
        assert not place.may_ask(0)
    with store.begin():
        pass


def test_deleted_queue_file_is_created_again(store: Store, database: Path) -> None:
    for _ in range(2):
        with store.begin():
            pass
        Path(f"{database}-queue").unlink()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF])
def test_file_system_without_locks_has_no_queue(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse_lock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse_lock)
    queue = WriteQueue(str(database))
    with queue.open_place() as first_place, queue.open_place() as second_place:
        assert first_place.may_ask(0)
        assert second_place.may_ask(0)
    with store.begin():
        pass


@pytest.mark.parametrize(("mode", "queue_mode"), [(0o600, 0o600), (0o660, 0o660), (0o640, 0o600)])
def test_queue_file_has_the_rights_of_the_database(
    database: Path, mode: int, queue_mode: int
) -> None:
    database.chmod(mode)
    store = Store(f"sqlite:///{database}", KEY)
    with store.begin():
        pass
    store.close()
    assert stat.S_IMODE(Path(f"{database}-queue").stat().st_mode) == queue_mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_queue_file_that_root_creates_belongs_to_the_owner(store: Store, database: Path) -> None:
    os.chown(database, 1234, 1234)
    with store.begin():
        pass
    assert Path(f"{database}-queue").stat().st_uid == 1234


def test_link_to_a_database_has_the_queue_of_its_file(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = folder / "office.db"
    link.symlink_to(database)
    with occupy_head(database), WriteQueue(str(link)).open_place() as place:
        assert not place.may_ask(0)
    assert not Path(f"{link}-queue").exists()
