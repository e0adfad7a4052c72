"""Simulate staff who work while workers die: they approve editions, and schedule occurrences.

They work in a thread of their own, so that a kill may come in the middle of their work."""

import random
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from mailer import editions, outbox
from mailer.actor import create_local_actor
from mailer.app import open_mailer
from mailer.errors import BadTransition
from mailer.model.edition_states import EditionState
from tests.crash.calendar.expectations import DigestTrait
from tests.crash.calendar.fixtures import PERSON, TrialOffice

STEP_SECONDS = 0.05
"""Seconds between two steps of their work."""

MAX_WAITING = 4
"""The number of digests with planned occurrences from which on staff schedule no more."""

_PROMPT_CHANCE, _SLOW_CHANCE = 0.5, 0.03
"""The chance that an approver approves an edition in one step."""


class StaffSimulation:
    """Staff at work between :meth:`start_work` and :meth:`stop_work`. Those who approve all also
    decide what was in doubt: it is sent again.

    `faults` describes the steps that raised an error."""

    def __init__(self, office: TrialOffice, random_source: random.Random) -> None:
        self.faults: list[str] = []
        self.reach = timedelta()
        """The time from now within which they schedule."""
        self.approves_all = False
        """True if they approve every edition at once."""
        self._office, self._random_source = office, random_source
        self._busy = threading.Lock()
        self._times: list[float] = []
        self._is_working, self._is_stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="staff")

    @contextmanager
    def run_thread(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._is_stopped.set()
            self._is_working.set()
            self._thread.join()

    def start_work(self, schedule_count: int = 0, seconds: float = 0.0) -> None:
        """Start work, and schedule so many occurrences at random moments of the next `seconds`."""
        now = time.monotonic()
        self._times = sorted(
            now + self._random_source.uniform(0, seconds) for _ in range(schedule_count)
        )
        self._is_working.set()

    def stop_work(self) -> None:
        """Stop work, and return when the current step is done."""
        self._is_working.clear()
        with self._busy:
            pass

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            self._is_working.wait()
            with self._busy:
                if self._is_working.is_set() and not self._is_stopped.is_set():
                    self._do_step()
            time.sleep(STEP_SECONDS)

    def _do_step(self) -> None:
        try:
            if self._times and self._times[0] <= time.monotonic():
                self._times.pop(0)
                self._schedule_occurrence()
            self._approve_editions()
            if self.approves_all:
                self._decide_doubts()
        except Exception:
            self.faults.append(f"staff: {traceback.format_exc(limit=-2)}")
            self._is_working.clear()

    def _schedule_occurrence(self) -> None:
        now = datetime.now(UTC)
        with open_mailer(self._office.settings) as mailer, mailer.store.begin() as tx:
            if self._office.schedule_more(tx, now, self.reach) >= MAX_WAITING:
                self._times.clear()

    def _approve_editions(self) -> None:
        """Approve like people: read the notice, look at the edition, and approve that version."""
        with open_mailer(self._office.settings) as mailer:
            with mailer.store.read() as tx:
                pending_editions = tx.editions.list_recent_editions([EditionState.IN_REVIEW], 1000)
            for pending_edition in pending_editions:
                is_slow = (
                    self._office.expectations.traits[pending_edition.digest] is DigestTrait.SLOW
                )
                will_approve = self.approves_all or self._random_source.random() < (
                    _SLOW_CHANCE if is_slow else _PROMPT_CHANCE
                )
                if (
                    pending_edition.last_notified_state != EditionState.IN_REVIEW
                    or not will_approve
                ):
                    continue
                try:
                    with mailer.store.begin() as tx:
                        edition = editions.get_edition(tx, pending_edition.id)
                        editions.approve_edition(
                            tx,
                            create_local_actor(PERSON),
                            edition,
                            mailer.renderer,
                            mailer.clock(),
                            seen_hash=pending_edition.content_hash[:12],
                        )
                except BadTransition:
                    pass  # it has expired in the meantime

    def _decide_doubts(self) -> None:
        """Send again what is in doubt. A worker alone would wait for minutes, and after three
        doubts for a person."""
        actor = create_local_actor(PERSON)
        with open_mailer(self._office.settings) as mailer:
            with mailer.store.read() as tx:
                edition_ids = tuple(tx.outbox.count_in_doubt())
            for edition_id in edition_ids:
                with mailer.store.begin() as tx:
                    edition = editions.get_edition(tx, edition_id)
                    outbox.send_in_doubt_again(tx, actor, edition, mailer.clock())
