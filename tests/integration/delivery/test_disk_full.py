"""The disk under the database fills up in the middle of a run: the run waits until there is room,
and goes on. Nobody is lost, and nobody gets a message twice but who was in doubt."""

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
WHEN = 150
"""Messages that the relay has taken when the disk fills up."""

HOW_LONG = 2.5
"""Seconds for which it stays full."""

CONNECTIONS, WINDOW = 3, 5


class Disk:
    """A disk of a few megabytes, of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
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
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    """On the small disk, for tests that have one."""
    small: list[Disk] = [request.getfixturevalue("disk")] if "disk" in request.fixturenames else []
    file = (small[0].folder if small else tmp_path) / "subscribers.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


def once(relay: Relay, do: Callable[[], object]) -> None:
    """Do something while the relay takes a message, after :data:`WHEN` others."""
    left = iter(range(WHEN + 1))

    def act(_: Envelope) -> str:
        if next(left, None) == WHEN:
            do()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, act)


def later(do: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(HOW_LONG, do)
    timer.start()
    return timer


def test_a_run_outlives_a_full_disk(
    disk: Disk, mailer: Mailer, relay: Relay, diary: StateLog
) -> None:
    timers: list[threading.Timer] = []
    waited_for: set[str] = set()

    def fill() -> None:
        disk.fill()
        timers.append(later(disk.free))

    def watch(progress: DeliveryProgress) -> None:
        waited_for.add(progress.waiting)

    edition = begin_edition(mailer, *READERS)
    once(relay, fill)
    _, (report,) = mailer.deliver_editions([edition], threading.Event(), watch)
    for timer in timers:
        timer.join()
    assert any("full" in why for why in waited_for), "it was full, and that was told"
    assert sorted(relay.accepted) == READERS, "each once"
    assert report.edition.state is EditionState.SENT
    assert diary.in_doubt_addresses == set()


def test_a_run_outlives_a_file_that_may_not_grow(
    mailer: Mailer, relay: Relay, senders: MailerProcesses, diary: StateLog
) -> None:
    """As a quota has it, or a limit set from outside."""
    edition = begin_edition(mailer, *READERS)
    hit = threading.Event()
    once(relay, hit.set)
    sender = senders.send_edition(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert hit.wait(30)
    before = resource.prlimit(sender.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sender.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    time.sleep(HOW_LONG)
    resource.prlimit(sender.pid, resource.RLIMIT_FSIZE, before)
    done = sender.wait()
    assert "the database can't be used" in done.output
    assert done.code == 0, done.output
    assert sorted(relay.accepted) == READERS, "each once"
    assert diary.in_doubt_addresses == set()


def test_a_sender_is_killed_while_the_disk_is_full(
    disk: Disk, mailer: Mailer, relay: Relay, senders: MailerProcesses, diary: StateLog
) -> None:
    edition = begin_edition(mailer, *READERS)
    full = threading.Event()

    def fill() -> None:
        disk.fill()
        full.set()

    once(relay, fill)
    sender = senders.send_edition(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert full.wait(30)
    time.sleep(1)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    disk.free()

    mailer.deliver_editions([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == READERS, "nobody is lost"
    assert {one for one in accepted if accepted[one] > 1} <= diary.in_doubt_addresses
    assert 0 < len(diary.in_doubt_addresses) <= CONNECTIONS * WINDOW
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
