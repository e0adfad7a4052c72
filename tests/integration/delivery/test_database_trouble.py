"""PostgreSQL is killed, stopped, cut off, silent, full or read-only in the middle of a run.

The run waits and goes on, loses nothing, and sends nothing twice that was not in doubt."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mailer.config import Settings
from tests.database_cluster import ClusterServer, make_cluster_folder
from tests.fake_relay import Relay
from tests.integration.delivery.trouble_office import (
    TroubleOffice,
    ask_health,
    is_healthy,
    make_primary,
    wait_until,
)
from tests.ports import find_free_port

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

COUNT = 400
_numbers = count(1)


@pytest.fixture(scope="module")
def cluster_folder() -> Iterator[Path]:
    with make_cluster_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def primary(cluster_folder: Path) -> Iterator[ClusterServer]:
    server = make_primary(cluster_folder, max_connections=20)
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


@pytest.fixture
def trouble_office(
    office: Settings, relay: Relay, primary: ClusterServer
) -> Iterator[TroubleOffice]:
    trouble_office = TroubleOffice(office, relay, primary, f"office{next(_numbers)}")
    try:
        yield trouble_office
    finally:
        trouble_office.close()


class Faults:
    """Each makes trouble and ends it."""

    @staticmethod
    def reset(office: TroubleOffice) -> None:
        office.proxy.reset_links()

    @staticmethod
    def outage(office: TroubleOffice) -> None:
        office.proxy.refuse()
        time.sleep(1)
        office.proxy.restore()

    @staticmethod
    def half_open(office: TroubleOffice) -> None:
        office.proxy.silence_links(and_new=False)

    @staticmethod
    def black_hole(office: TroubleOffice) -> None:
        office.proxy.silence_links(and_new=True)
        time.sleep(8)
        office.proxy.restore()

    @staticmethod
    def ended_sessions(office: TroubleOffice) -> None:
        office.primary.end_sessions(office.name)

    @staticmethod
    def kill(office: TroubleOffice) -> None:
        office.primary.stop(signal.SIGKILL)
        office.primary.start()

    @staticmethod
    def immediate_restart(office: TroubleOffice) -> None:
        office.primary.stop(signal.SIGQUIT)
        office.primary.start()

    @staticmethod
    def fast_stop(office: TroubleOffice) -> None:
        office.primary.stop(signal.SIGINT)
        time.sleep(1)
        office.primary.start()

    @staticmethod
    def freeze(office: TroubleOffice) -> None:
        office.primary.freeze()
        time.sleep(8)
        office.primary.resume()

    @staticmethod
    def read_only(office: TroubleOffice) -> None:
        setting = f"ALTER DATABASE {office.name} SET default_transaction_read_only = on"
        office.primary.run_sql(setting)
        Faults.ended_sessions(office)
        time.sleep(1.5)
        office.primary.run_sql(setting.replace("= on", "= off"))
        Faults.ended_sessions(office)

    @staticmethod
    def no_connections_left(office: TroubleOffice) -> None:
        connections: list[psycopg.Connection[Any]] = []
        url = office.primary.make_url(office.name).replace("+psycopg", "")
        try:
            Faults.ended_sessions(office)
            ends_at = time.monotonic() + 2
            while time.monotonic() < ends_at:
                with contextlib.suppress(psycopg.OperationalError):
                    connections.append(psycopg.connect(url))
        finally:
            for connection in connections:
                connection.close()

    @staticmethod
    def full_disk(office: TroubleOffice) -> None:
        filler = office.primary.folder.parent / "small" / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        time.sleep(2)
        filler.unlink()

    @staticmethod
    def low_timeouts(office: TroubleOffice) -> None:
        reset = ""
        for value in ("1ms", "0"):
            for name in ("statement_timeout", "idle_session_timeout", "transaction_timeout"):
                office.primary.run_sql(f"ALTER DATABASE {office.name} SET {name} = '{value}'")
            Faults.ended_sessions(office)
            time.sleep(0 if reset else 1.5)
            reset = value


SHORT = ("reset", "read_only")
"""The troubles of the suite; the proof has them all, three times."""
LONG = (
    *SHORT,
    "ended_sessions",
    "half_open",
    "outage",
    "black_hole",
    "kill",
    "immediate_restart",
    "fast_stop",
    "freeze",
    "no_connections_left",
    "low_timeouts",
)
TRIALS = 3


def run_send_trial(office: TroubleOffice, fault: str) -> str:
    office.begin_edition(COUNT)
    sender = office.send()
    office.wait_for_messages(COUNT // 5)
    getattr(Faults, fault)(office)
    result = sender.wait(60)
    assert result.code == 0, result.output
    assert "internal error" not in result.output
    office.check_nothing_lost()
    return result.output


@pytest.mark.parametrize("fault", SHORT)
def test_send_survives_database_trouble(trouble_office: TroubleOffice, fault: str) -> None:
    output = run_send_trial(trouble_office, fault)
    if fault == "read_only":
        assert "waiting: the database can't be written to" in output


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("fault", LONG)
def test_send_survives_every_database_trouble(
    trouble_office: TroubleOffice, fault: str, trial: int
) -> None:
    run_send_trial(trouble_office, fault)


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("fault", LONG)
def test_worker_survives_every_database_trouble(
    trouble_office: TroubleOffice, fault: str, trial: int
) -> None:
    run_worker_trial(trouble_office, fault)


def run_worker_trial(office: TroubleOffice, fault: str) -> str:
    office.begin_edition(COUNT)
    worker = office.start("worker")
    office.wait_for_messages(COUNT // 5)
    getattr(Faults, fault)(office)
    wait_until(lambda: office.is_sent, 60)
    worker.send_signal(signal.SIGTERM)
    result = worker.wait(20)
    assert result.code == 0, result.output
    assert "internal error" not in result.output
    office.check_nothing_lost()
    return result.output


def test_worker_survives_ended_sessions(trouble_office: TroubleOffice) -> None:
    run_worker_trial(trouble_office, "ended_sessions")


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
def test_send_survives_full_disk_of_server(
    trouble_office: TroubleOffice, cluster_folder: Path, trial: int
) -> None:
    """PostgreSQL reports 53100: it can't extend a table."""
    folder = cluster_folder / "small"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", folder],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        pytest.skip("this user may not mount a disk")
    office = trouble_office
    try:
        space = folder / "space"
        space.mkdir()
        office.primary.own(space)
        office.primary.run_sql(f"CREATE TABLESPACE small LOCATION '{space}'")
        office.store.close()
        office.primary.run_sql(f"ALTER DATABASE {office.name} SET TABLESPACE small")
        assert "No space left" in run_send_trial(office, "full_disk")
    finally:
        office.processes.end_processes()
        office.store.close()
        office.primary.run_sql(
            f"DROP DATABASE {office.name} WITH (FORCE)", "DROP TABLESPACE small", "CHECKPOINT"
        )
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


# ---- stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["send", "worker"])
def test_two_signals_end_process_with_silent_database(
    trouble_office: TroubleOffice, command: str
) -> None:
    office = trouble_office
    office.begin_edition(COUNT)
    process = office.send() if command == "send" else office.start("worker")
    office.wait_for_messages(COUNT // 5)
    office.proxy.silence_links(and_new=True)
    time.sleep(0.5)
    started_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert time.monotonic() - started_at < 20


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("command", ["send", "worker"])
@pytest.mark.parametrize("silence", ["link", "server", "black hole"])
def test_one_signal_ends_process_with_silent_database(
    trouble_office: TroubleOffice, command: str, silence: str, trial: int
) -> None:
    office = trouble_office
    office.begin_edition(COUNT)
    process = office.send() if command == "send" else office.start("worker")
    office.wait_for_messages(COUNT // 5)
    if silence == "server":
        office.primary.freeze()
    else:
        office.proxy.silence_links(and_new=silence == "black hole")
    started_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    result = process.wait(75)
    assert time.monotonic() - started_at < 60, result.output
    office.primary.resume()
    office.proxy.restore()
    assert office.send().wait(90).code == 0
    office.check_nothing_lost()


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
def test_silence_is_told_within_ten_seconds(trouble_office: TroubleOffice, trial: int) -> None:
    office = trouble_office
    office.begin_edition(COUNT)
    process = office.start("send", "1", "--progress", "lines")
    office.wait_for_messages(COUNT // 5)
    office.proxy.silence_links(and_new=True)
    time.sleep(10)
    process.send_signal(signal.SIGKILL)
    assert "does not answer" in process.wait().output


# ---- pages ------------------------------------------------------------------------------------


def test_health_check_answers_while_database_is_silent(trouble_office: TroubleOffice) -> None:
    office = trouble_office
    port = find_free_port()
    server = office.start("serve", "--port", str(port))
    wait_until(lambda: is_healthy(port))
    office.proxy.silence_links(and_new=True)
    for _ in range(2):
        status, body, seconds = ask_health(port)
        assert (status, seconds < 5) == (503, True)
        assert "does not answer" in body
    office.proxy.restore()
    wait_until(lambda: is_healthy(port))
    office.proxy.reset_links()
    assert is_healthy(port), "a stale session must not show"
    office.proxy.silence_links(and_new=True)
    started_at = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait(20).code in {0, -signal.SIGTERM}, "uvicorn passes the signal on"
    assert time.monotonic() - started_at < 15


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("fault", LONG)
def test_pages_survive_every_database_trouble(
    trouble_office: TroubleOffice, fault: str, trial: int
) -> None:
    office = trouble_office
    port = find_free_port()
    server = office.start("serve", "--port", str(port))
    wait_until(lambda: is_healthy(port))
    getattr(Faults, fault)(office)
    wait_until(lambda: is_healthy(port), 30)
    server.send_signal(signal.SIGTERM)
    assert server.wait(20).code in {0, -signal.SIGTERM}
