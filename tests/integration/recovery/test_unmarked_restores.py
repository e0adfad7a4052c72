"""Restorations without a mark, in the middle of a run, send nothing a second time: a SQLite file
that was copied and put back by `cp`, a PostgreSQL database by pg_dump and pg_restore.

`RESTORES=n` sets the number of restorations of the proof. The short form runs in the suite.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailer import recovery
from mailer.model.editions import Edition
from tests.actors import STAFF
from tests.fake_relay import Envelope, Step
from tests.integration import factories
from tests.integration.delivery.worker_processes import MailerProcess, MailerProcesses
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due
from tests.postgresql import run_sql

RESTORES = int(os.environ.get("RESTORES", "20"))
READERS = 120
MIN_LATER = 20
"""Messages between the copy and the end of a run. With fewer, the copy may be the last state of the
database, and nothing went back."""

SUFFIXES = ("", "-wal")
"""The files that a person copies who knows of the write-ahead log, not at the same moment."""


class FileCopy:
    """A copy of SQLite's files by `cp`."""

    def __init__(self, office: RecoveryOffice, number: int) -> None:
        self._office = office
        self._target = office.folder / f"copy{number}.db"

    def take(self) -> None:
        self._copy_files(self._office.database_file, self._target)

    def put_back(self) -> None:
        database_file = self._office.database_file
        for suffix in ("-wal", "-shm"):
            database_file.with_name(database_file.name + suffix).unlink(missing_ok=True)
        self._copy_files(self._target, database_file)

    @staticmethod
    def _copy_files(source: Path, target: Path) -> None:
        for suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):  # a log that was just removed
                shutil.copyfile(
                    source.with_name(source.name + suffix), target.with_name(target.name + suffix)
                )


class Dump:
    """A dump by pg_dump."""

    def __init__(self, office: RecoveryOffice, number: int) -> None:
        self._url = office.url.replace("+psycopg", "")
        self._office = office
        self._file = office.folder / f"dump{number}"
        self._is_clean = number % 2 == 0

    def take(self) -> None:
        self._run_tool("pg_dump", "--format=custom", "--file", self._file, self._url)

    def put_back(self) -> None:
        """Restore with pg_restore --clean, or into an emptied schema."""
        options = ["--clean", "--if-exists"]
        if not self._is_clean:
            run_sql(self._office.url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
            options = []
        options += ["--single-transaction", "--no-owner", "--no-privileges"]
        self._run_tool("pg_restore", *options, "--dbname", self._url, self._file)

    @staticmethod
    def _run_tool(*words: object) -> None:
        result = subprocess.run(
            list(map(str, words)), capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr


@dataclass(frozen=True)
class Trial:
    """When a copy is taken, in accepted messages, and how the run ends after it."""

    copy_at: int
    end_at: int
    ends_by: str

    @classmethod
    def choose(cls, randomness: random.Random) -> "Trial":
        copy_at = randomness.randrange(1, READERS - 2 * MIN_LATER)
        ends_by = randomness.choice(["SIGKILL", "SIGTERM", "its end"])
        return cls(copy_at, randomness.randrange(copy_at + MIN_LATER, READERS - 5), ends_by)


def run_until_end(
    office: RecoveryOffice,
    processes: MailerProcesses,
    edition: Edition,
    trial: Trial,
    take_copy: Callable[[], None],
) -> None:
    """Send an edition with a real process, and take the copy in the middle."""
    begun, copied, ended = threading.Event(), threading.Event(), threading.Event()
    running: list[MailerProcess] = []

    def copy_or_end(_: Envelope) -> str:
        count = len(office.relay.accepted)
        if count >= trial.copy_at and not begun.is_set():
            begun.set()
            take_copy()
            copied.set()
        if count >= trial.end_at and copied.is_set() and not ended.is_set():
            ended.set()
            if trial.ends_by in signal.Signals.__members__:
                running[0].send_signal(signal.Signals[trial.ends_by])
        return "250 2.0.0 queued"

    office.relay.answer_always(Step.DOT, copy_or_end)
    running.append(processes.send_edition(edition, relay_connections=2, relay_window=3))
    running[0].wait(120)
    office.relay.answer_always(Step.DOT, "250 2.0.0 queued")
    assert copied.wait(60)


def check_nothing_is_sent(
    office: RecoveryOffice, processes: MailerProcesses, edition: Edition
) -> None:
    """Check that the copy sends nothing, before a person has accepted it and afterwards."""
    accepted = list(office.relay.accepted)
    result = processes.send_edition(edition).wait(60)
    assert result.code == 5, result.output
    assert "this host has sent from a later state" in result.output
    mailer = office.open_mailer()
    with mailer.store.begin() as tx:
        recovery.accept_database(tx, STAFF, [], factories.NOW)
    mailer.guard.save_accepted_marker()
    assert deliver_due(office.open_mailer()) == 0
    assert office.relay.accepted == accepted
    assert len(set(accepted)) == len(accepted)


def run_trials(office: RecoveryOffice, count: int, seed: int) -> None:
    randomness = random.Random(seed)
    mailer = office.open_mailer()
    edition = begin_edition(mailer, READERS)
    start = office.back_up(mailer, "start")
    processes = MailerProcesses(mailer)
    try:
        for number in range(count):
            office.restore(start).close()
            mailer = office.open_mailer()
            with mailer.store.begin() as tx:
                recovery.create_identity(tx, STAFF, factories.NOW)  # as if it were new
            mailer.guard.save_accepted_marker()
            office.relay.received.clear()
            is_sqlite = office.url.startswith("sqlite")
            copy = FileCopy(office, number) if is_sqlite else Dump(office, number)
            for open_mailer in office.mailers:
                open_mailer.close()
            run_until_end(office, processes, edition, Trial.choose(randomness), copy.take)
            copy.put_back()
            check_nothing_is_sent(office, processes, edition)
    finally:
        processes.end_processes()


def test_unmarked_restore_during_send_sends_no_second_copy(recovery_office: RecoveryOffice) -> None:
    run_trials(recovery_office, 1, seed=3)


@pytest.mark.proof
def test_many_unmarked_restores_during_send_send_no_second_copy(
    recovery_office: RecoveryOffice,
) -> None:
    run_trials(recovery_office, RESTORES, seed=5)
