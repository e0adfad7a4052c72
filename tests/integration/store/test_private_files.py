"""A SQLite database's files are private, whatever the umask."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.errors import DatabaseUnavailable
from mailer.store import Store
from mailer.store.engine import make_file_private
from tests.conftest import KEY


@pytest.fixture(params=[0o000, 0o022, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    previous = os.umask(request.param)
    yield int(request.param)
    os.umask(previous)


def read_modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_new_database_and_its_log_are_private(tmp_path: Path, umask: int) -> None:
    store = Store(f"sqlite:///{tmp_path / 'subscribers.db'}", KEY)
    store.upgrade_schema()
    with store.begin():
        modes = read_modes(tmp_path)
    names = {f"subscribers.db{suffix}" for suffix in ("", "-wal", "-shm", "-queue")}
    assert set(modes) == names
    assert set(modes.values()) == {0o600}, umask
    assert store.open_files == []
    store.close()


def test_open_database_is_tightened_but_a_writing_group_stays(tmp_path: Path) -> None:
    for mode, tightened in ((0o644, 0o600), (0o666, 0o660), (0o660, 0o660), (0o604, 0o600)):
        file = tmp_path / f"{mode:o}.db"
        file.touch()
        file.chmod(mode)
        store = Store(f"sqlite:///{file}", KEY)
        assert bool(store.open_files) == bool(mode & 0o007)
        store.upgrade_schema()
        assert stat.S_IMODE(file.stat().st_mode) == tightened
        store.close()


@pytest.mark.parametrize("content", [b"root:x:0:0:root:/root:/bin/bash\n", b"SQLite", b"\0" * 512])
def test_file_that_is_no_database_keeps_its_mode(tmp_path: Path, content: bytes) -> None:
    """The path of a database may be misspelt, and the file of another program must stay usable."""
    file = tmp_path / "passwd"
    file.write_bytes(content)
    file.chmod(0o644)
    store = Store(f"sqlite:///{file}", KEY)
    with pytest.raises(DatabaseUnavailable), store.read() as tx:
        tx.recovery.find_identity()
    store.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_bytes() == content


def test_device_keeps_its_mode(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o666)
    pipe.chmod(0o666)
    make_file_private(pipe)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o666


def test_new_connection_keeps_the_locks_of_the_process(tmp_path: Path) -> None:
    """If they were lost, another process would take its connection for the last one and remove the
    log of an open database."""
    file = tmp_path / "subscribers.db"
    store = Store(f"sqlite:///{file}", KEY)
    store.upgrade_schema()
    with store.read() as tx:
        assert tx.recovery.find_identity() is None
        file.chmod(0o644)  # as an admin may do at any time
        make_file_private(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT 1 FROM edition')"
        subprocess.run([sys.executable, "-c", code, str(file)], check=True)
        assert file.with_name(f"{file.name}-wal").exists()
    store.close()
