"""Backups are whole, private and verified; a restored one is marked."""

import os
import signal
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mailer.cli.signals import exit_on_termination
from mailer.errors import ConfigError, DatabaseUnrecognised, InputError, Refused
from mailer.store import Store
from mailer.store.backup import restore_backup, write_backup
from mailer.store.backup.files import create_whole_file
from tests.actors import STAFF
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due
from tests.integration.recovery.test_recognition import only_postgresql, only_sqlite


def test_backup_holds_what_is_in_the_write_ahead_log(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 5)
    target = recovery_office.folder / "backup"
    summary = write_backup(mailer.store, target, factories.NOW)
    assert summary.rows["subscriber"] == summary.rows["delivery"] == 5
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in recovery_office.folder.iterdir()] == ["backup"]
    restored = recovery_office.restore(target)
    with restored.store.read() as tx:
        assert tx.subscribers.find_subscriber("reader004@example.org") is not None


def test_backup_during_writes_is_one_moment(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 1)
    stop = threading.Event()

    def keep_writing() -> None:
        number = 0
        writer = recovery_office.open_mailer()
        while not stop.is_set():
            with writer.store.begin() as tx:
                factories.add_subscriber(tx, f"late{number}@example.org")
            number += 1
        writer.close()

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        for number in range(3):
            write_backup(mailer.store, recovery_office.folder / f"b{number}", factories.NOW)
    finally:
        stop.set()
        thread.join()


def test_restored_backup_sends_nothing(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    backup = recovery_office.back_up(mailer)
    deliver_due(mailer)
    mailer.close()
    with pytest.raises(DatabaseUnrecognised, match="it was restored from backup"):
        deliver_due(recovery_office.restore(backup))


@only_sqlite
def test_backup_put_in_place_by_hand_sends_nothing(
    recovery_office: RecoveryOffice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    backup = recovery_office.back_up(mailer)
    mailer.close()
    recovery_office.put_file(backup)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-host"))
    with pytest.raises(DatabaseUnrecognised, match="restored from a backup of 2026-11-20"):
        deliver_due(recovery_office.open_mailer())


def test_restore_refuses_a_database_with_content(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    backup = recovery_office.back_up(mailer)
    with pytest.raises(Refused, match="not empty") as caught:
        restore_backup(mailer.store, backup, STAFF, factories.NOW)
    assert caught.value.next_steps[0].action == "replace_database"


def test_restore_refuses_files_that_are_no_backup(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 1)
    text_file = recovery_office.folder / "notes.txt"
    text_file.write_text("not a backup\n" * 500)
    with pytest.raises(InputError):
        restore_backup(mailer.store, text_file, STAFF, factories.NOW, replaces=True)
    backup = recovery_office.back_up(mailer)
    damaged = recovery_office.folder / "damaged"
    damaged.write_bytes(backup.read_bytes()[: backup.stat().st_size // 3])
    with pytest.raises((InputError, ConfigError)):
        restore_backup(mailer.store, damaged, STAFF, factories.NOW, replaces=True)
    with mailer.store.read() as tx:
        assert tx.subscribers.find_subscriber("reader000@example.org"), "nothing was replaced"


@only_sqlite
def test_restore_refuses_another_program_database(recovery_office: RecoveryOffice) -> None:
    other = recovery_office.folder / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    with pytest.raises(InputError, match="not a backup of the mailer"):
        recovery_office.restore(other)


def test_backup_replaces_no_file_unless_told(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    target = recovery_office.folder / "backup"
    target.write_text("an older backup")
    with pytest.raises(InputError, match="there is a file already"):
        write_backup(mailer.store, target, factories.NOW)
    assert target.read_text() == "an older backup"
    write_backup(mailer.store, target, factories.NOW, replaces=True)


@only_sqlite
def test_backup_over_the_database_itself_is_refused(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    with pytest.raises(InputError, match="the database itself"):
        write_backup(mailer.store, recovery_office.database_file, factories.NOW, replaces=True)


@only_postgresql
def test_missing_postgresql_tools_are_named(
    recovery_office: RecoveryOffice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    store = Store(recovery_office.url, KEY)
    with pytest.raises(ConfigError, match=r"pg_dump is not installed.*postgresql-client"):
        write_backup(store, recovery_office.folder / "backup", factories.NOW)
    store.close()
    assert list(recovery_office.folder.iterdir()) == []


@only_sqlite
def test_terminated_backup_leaves_no_file(recovery_office: RecoveryOffice) -> None:
    def write_half() -> None:
        with exit_on_termination(), create_whole_file(recovery_office.folder / "backup") as file:
            file.write_bytes(b"half")
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit):
        write_half()
    assert list(recovery_office.folder.iterdir()) == []


@only_sqlite
def test_restore_from_a_pipe_names_its_kind(recovery_office: RecoveryOffice) -> None:
    pipe = recovery_office.folder / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="this is not a regular file"):
        recovery_office.restore(pipe)
