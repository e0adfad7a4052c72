"""The database's disk fills up during a run: the run waits until there is space, and goes on. No
message is lost, and only messages in doubt are sent twice."""

import resource
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.delivery.outcomes import DeliveryProgress
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from tests.fake_relay import Envelope, Relay, Step
from tests.integration.delivery.faults import SUCCESS_REPLIES
from tests.integration.delivery.worker_processes import MailerProcesses, StateLog
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

READERS = make_addresses(600)
MESSAGES_BEFORE_FULL = 150
"""The number of messages that the relay has received when the disk fills up."""

FULL_SECONDS = 2.5
"""Seconds for which the disk stays full."""

CONNECTIONS, WINDOW = 3, 5


class SmallDisk:
    """A file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill_disk(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free_space(self) -> None:
        self._filler.unlink()


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a disk")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    """The database's URL, on the small disk if the test uses one."""
    disks: list[SmallDisk] = (
        [request.getfixturevalue("disk")] if "disk" in request.fixturenames else []
    )
    file = (disks[0].folder if disks else tmp_path) / "subscribers.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


def run_after_messages(relay: Relay, action: Callable[[], object]) -> None:
    """Run `action` while the relay receives a message, after :data:`MESSAGES_BEFORE_FULL`."""
    remaining = iter(range(MESSAGES_BEFORE_FULL + 1))

    def count_message(_: Envelope) -> str:
        if next(remaining, None) == MESSAGES_BEFORE_FULL:
            action()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, count_message)


def schedule_action(action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(FULL_SECONDS, action)
    timer.start()
    return timer


def test_run_survives_full_disk(
    disk: SmallDisk, mailer: Mailer, relay: Relay, state_log: StateLog
) -> None:
    timers: list[threading.Timer] = []
    waiting_reasons: set[str] = set()

    def fill_and_schedule_free() -> None:
        disk.fill_disk()
        timers.append(schedule_action(disk.free_space))

    def note_waiting(progress: DeliveryProgress) -> None:
        waiting_reasons.add(progress.waiting)

    edition = begin_edition(mailer, *READERS)
    run_after_messages(relay, fill_and_schedule_free)
    _, (report,) = mailer.deliver_editions([edition], threading.Event(), note_waiting)
    for timer in timers:
        timer.join()
    assert any("full" in reason for reason in waiting_reasons), (
        "the progress must name the full disk"
    )
    assert sorted(relay.accepted) == READERS, "each message once"
    assert report.edition.state is EditionState.SENT
    assert state_log.in_doubt_addresses == set()


def test_run_survives_file_size_limit(
    mailer: Mailer, relay: Relay, worker_processes: MailerProcesses, state_log: StateLog
) -> None:
    """The same error as from a quota."""
    edition = begin_edition(mailer, *READERS)
    reached_event = threading.Event()
    run_after_messages(relay, reached_event.set)
    worker = worker_processes.send_edition(
        edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW
    )
    assert reached_event.wait(30)
    old_limit = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1, old_limit[1]))
    time.sleep(FULL_SECONDS)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, old_limit)
    result = worker.wait()
    assert "the database can't be used" in result.output
    assert result.code == 0, result.output
    assert sorted(relay.accepted) == READERS, "each message once"
    assert state_log.in_doubt_addresses == set()


def test_worker_killed_on_full_disk_loses_no_message(
    disk: SmallDisk,
    mailer: Mailer,
    relay: Relay,
    worker_processes: MailerProcesses,
    state_log: StateLog,
) -> None:
    edition = begin_edition(mailer, *READERS)
    full_event = threading.Event()

    def fill_and_note() -> None:
        disk.fill_disk()
        full_event.set()

    run_after_messages(relay, fill_and_note)
    worker = worker_processes.send_edition(
        edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW
    )
    assert full_event.wait(30)
    time.sleep(1)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    disk.free_space()

    mailer.deliver_editions([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == READERS, "no message is lost"
    assert {
        address for address in accepted if accepted[address] > 1
    } <= state_log.in_doubt_addresses
    assert 0 < len(state_log.in_doubt_addresses) <= CONNECTIONS * WINDOW
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
