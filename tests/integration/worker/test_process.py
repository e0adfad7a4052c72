"""The worker as a process: what systemd hears, what it logs, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer import config
from mailer.store import Store
from mailer.worker.systemd import SystemdNotifier
from tests.conftest import KEY
from tests.fake_relay import Relay

WAIT = 20.0


@pytest.fixture
def office_home(tmp_path: Path, relay: Relay) -> Path:
    """A folder with settings and an empty database."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mailer.toml").write_text(
        f"""
[organisation]
postal_address = "1 Example Quay"
[relay]
host = "127.0.0.1"
port = {relay.port}
tls = "none"
[worker]
tick = 0.1
"""
    )
    (tmp_path / "config/secret.key").write_text(KEY.hex())
    settings = config.load_settings(tmp_path / "config/mailer.toml", environ={})
    store = Store(settings.database_url, KEY)
    store.upgrade_schema()
    store.close()
    return tmp_path


@pytest.fixture
def notify_socket(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket like the one that systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening_socket:
        listening_socket.bind(str(tmp_path / "notify"))
        listening_socket.settimeout(WAIT)
        yield listening_socket


def start_worker(office_home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mailer",
            "--config",
            office_home / "config/mailer.toml",
            "worker",
            *arguments,
        ],
        env={"PATH": "/usr/bin", "HOME": str(office_home), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_systemd_is_notified_of_ready_watchdog_and_stopping(
    office_home: Path, notify_socket: socket.socket
) -> None:
    process = start_worker(
        office_home, NOTIFY_SOCKET=notify_socket.getsockname(), WATCHDOG_USEC="900000"
    )
    try:
        assert notify_socket.recv(100).startswith(b"READY=1\nSTATUS=")
        started_at = time.monotonic()
        for _ in range(4):
            assert notify_socket.recv(100) == b"WATCHDOG=1"
        assert time.monotonic() - started_at < 0.9 * 4, "each before the time is over"
        process.send_signal(signal.SIGTERM)
        message = notify_socket.recv(100)
        while message == b"WATCHDOG=1":
            message = notify_socket.recv(100)
        assert message == b"STOPPING=1"
        _, err = process.communicate(timeout=WAIT)
    finally:
        process.kill()
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events == [
        "worker started",
        "no member of staff is notified",
        "lease taken",
        "worker stopping",
        "worker stopped",
    ]


def test_two_signals_at_once_count_as_one_stop(office_home: Path) -> None:
    process = start_worker(office_home, "--no-deliver")
    try:
        assert process.stderr is not None
        assert "worker started" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT)
    finally:
        process.kill()
    assert process.returncode == 0


def test_missing_database_ends_worker_with_code_3(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mailer.toml").write_text("")
    (tmp_path / "config/secret.key").write_text(KEY.hex())
    process = start_worker(tmp_path)
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3
    assert "there is no such file" in err


def test_notifier_without_systemd_sends_no_state(tmp_path: Path) -> None:
    assert not SystemdNotifier({}).send_state("READY=1")
    assert not SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).send_state("READY=1")
    assert SystemdNotifier({}).watchdog == 0


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_watchdog_time_counts_only_for_our_process(
    variables: dict[str, str], seconds: float
) -> None:
    assert SystemdNotifier(variables).watchdog == seconds


def test_notifier_sends_to_abstract_socket(tmp_path: Path) -> None:
    name = f"mailer-{tmp_path.name}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening_socket:
        listening_socket.bind(f"\0{name}")
        listening_socket.settimeout(WAIT)
        assert SystemdNotifier({"NOTIFY_SOCKET": f"@{name}"}).send_state("READY=1", "STATUS=well")
        assert listening_socket.recv(100) == b"READY=1\nSTATUS=well"
