"""Counting clicks in memory, and telling scanners from readers.

Scanners of mail providers and offices open every link of a mail. A click therefore waits here for a
few seconds, until the other clicks of its client are known. Clients are told apart by a keyed hash
of their address and browser. The key is random. It and the hashes stay in this process's memory:
neither is stored, and a hash is forgotten when its clicks are counted. If the process is killed,
the clicks of its last seconds are lost.
"""

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from mailer.clicks import ClickTarget
from mailer.errors import MailerError
from mailer.log import Log
from mailer.model.clicks import ClickCount, Clicker

BURST_SECONDS = 5.0
"""Seconds within which a client's clicks on one edition are looked at together."""

BURST_LINKS = 4
"""Number of different links that no reader follows within that time."""

MAX_VISITS = 10_000
"""Maximum number of visits in memory. If there are more, the oldest are counted at once."""

ROUND_SECONDS = 1.0
"""Time in seconds between two rounds that count visits and save the counts."""

_COUNTED_AT_ONCE = 2
"""The smallest number of links of an edition whose complete opening is a burst."""


class _Click(NamedTuple):
    """The first click of a visit on one link."""

    story: str
    hour: datetime
    is_by_machine: bool


class _Visit:
    """The clicks of one client on the links of one edition, within :data:`BURST_SECONDS`."""

    def __init__(self, started_at: float, edition_id: int, link_count: int) -> None:
        self.started_at = started_at
        self.edition_id = edition_id
        self._link_count = link_count
        self._clicks: dict[int, _Click] = {}

    def add_click(self, number: int, click: _Click) -> None:
        """Add a click. A second click on the same link counts nothing."""
        earlier = self._clicks.setdefault(number, click)
        if click.is_by_machine and not earlier.is_by_machine:
            self._clicks[number] = click

    @property
    def is_burst(self) -> bool:
        """True if the client opened more links than a reader does, or all that the edition has."""
        opened = len(self._clicks)
        return opened >= BURST_LINKS or (opened > _COUNTED_AT_ONCE and opened >= self._link_count)

    def list_counts(self) -> list[tuple[str, datetime, Clicker]]:
        is_burst = self.is_burst
        return [
            (
                click.story,
                click.hour,
                Clicker.MACHINE if is_burst or click.is_by_machine else Clicker.READER,
            )
            for click in self._clicks.values()
        ]


_CountKey = tuple[int, str, datetime, Clicker]
"""Edition, story, hour and clicker."""

SaveCounts = Callable[[Sequence[ClickCount]], None]


class ClickCounter:
    """Counts clicks. The first click starts a thread, which saves the counts with `save_counts`;
    :meth:`stop` saves the rest and ends the thread. Threads may share a counter."""

    def __init__(
        self,
        save_counts: SaveCounts,
        log: Log,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._save_counts = save_counts
        self._log = log
        self._stopwatch = stopwatch
        self._key = secrets.token_bytes(16)
        self._visits: OrderedDict[tuple[bytes, int], _Visit] = OrderedDict()
        self._counts: Counter[_CountKey] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add_click(
        self, client: str, target: ClickTarget, now: datetime, *, is_by_machine: bool
    ) -> None:
        """Count a click. `client` describes the client, and is not kept."""
        client_hash = blake2b(client.encode(), key=self._key, digest_size=8).digest()
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        with self._lock:
            started_at = self._stopwatch()
            key = client_hash, target.edition_id
            visit = self._visits.get(key)
            if visit is not None and started_at - visit.started_at >= BURST_SECONDS:
                self._count_visit(self._visits.pop(key))
                visit = None
            if visit is None:
                visit = _Visit(started_at, target.edition_id, target.links)
                self._visits[key] = visit
            visit.add_click(target.number, _Click(target.story, hour, is_by_machine))
            while len(self._visits) > MAX_VISITS:
                self._count_visit(self._visits.popitem(last=False)[1])
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run_rounds, name="clicks", daemon=True)
                self._thread.start()

    def _count_visit(self, visit: _Visit) -> None:
        for story, hour, clicker in visit.list_counts():
            self._counts[visit.edition_id, story, hour, clicker] += 1

    def save_finished_visits(self, *, all_visits: bool = False) -> None:
        """Count the visits that are over, or all, and save the counts. If the database can't be
        used, the counts wait for the next round. If it refuses them, as those of an edition that is
        gone, they are left out, and the others are saved."""
        with self._lock:
            end = self._stopwatch() - BURST_SECONDS
            while self._visits:
                visit = next(iter(self._visits.values()))
                if not all_visits and visit.started_at > end:
                    break
                self._count_visit(self._visits.popitem(last=False)[1])
            counts, self._counts = self._counts, Counter()
        if counts:
            self._save_or_keep(counts)

    def _save_or_keep(self, counts: "Counter[_CountKey]") -> None:
        try:
            self._save_counts(
                [ClickCount(*key, clicks=clicks) for key, clicks in sorted(counts.items())]
            )
        except MailerError as error:
            self._log.warning("clicks not saved", error=type(error).__name__)
            with self._lock:
                self._counts.update(counts)
        except Exception as error:  # the thread must go on, whatever one count is refused for
            if len(counts) == 1:
                self._log.warning("clicks left out", error=type(error).__name__)
                return
            for key, clicks in counts.items():
                self._save_or_keep(Counter({key: clicks}))

    def _run_rounds(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            self.save_finished_visits()

    def stop(self) -> None:
        """End the thread, and save what is counted."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.save_finished_visits(all_visits=True)
