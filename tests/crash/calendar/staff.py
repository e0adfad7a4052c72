"""Staff who go on working while workers die: they approve what they are asked to, and schedule
more. In a thread of their own, so that a kill may meet them in the midst of it."""

import random
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from mailer import editions
from mailer.actor import create_local_actor
from mailer.app import open_mailer
from mailer.errors import BadTransition
from mailer.model.edition_states import EditionState
from tests.crash.calendar.fixtures import PERSON, DigestTrait, TrialOffice

STEP_SECONDS = 0.05
"""Seconds between two things that they do."""

MAX_WAITING = 4
"""Digests of which an occurrence is still to be seen to: with more nobody schedules."""

_PROMPT_CHANCE, _SLOW_CHANCE = 0.5, 0.03
"""How likely an approver approves within a look."""


class StaffSimulation:
    """At work between :meth:`start_work` and :meth:`stop_work`. `faults` are what they could not do."""

    def __init__(self, office: TrialOffice, dice: random.Random) -> None:
        self.faults: list[str] = []
        self.reach = timedelta()
        """How far ahead they schedule."""
        self.approves_all = False
        """Whether they approve all, at once."""
        self._office, self._dice = office, dice
        self._busy = threading.Lock()
        self._times: list[float] = []
        self._at_work, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="staff")

    @contextmanager
    def run_thread(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._at_work.set()
            self._thread.join()

    def start_work(self, schedule_count: int = 0, seconds: float = 0.0) -> None:
        """Go to work, and schedule this many occurrences at random moments within seconds."""
        now = time.monotonic()
        self._times = sorted(now + self._dice.uniform(0, seconds) for _ in range(schedule_count))
        self._at_work.set()

    def stop_work(self) -> None:
        """Stop; returns when what they were at is done."""
        self._at_work.clear()
        with self._busy:
            pass

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._at_work.wait()
            with self._busy:
                if self._at_work.is_set() and not self._stopped.is_set():
                    self._take_turn()
            time.sleep(STEP_SECONDS)

    def _take_turn(self) -> None:
        try:
            if self._times and self._times[0] <= time.monotonic():
                self._times.pop(0)
                self._schedule_occurrence()
            self._approve_editions()
        except Exception:
            self.faults.append(f"staff: {traceback.format_exc(limit=-2)}")
            self._at_work.clear()

    def _schedule_occurrence(self) -> None:
        now = datetime.now(UTC)
        with open_mailer(self._office.settings) as mailer, mailer.store.begin() as tx:
            if self._office.schedule_more(tx, now, self.reach) >= MAX_WAITING:
                self._times.clear()

    def _approve_editions(self) -> None:
        """As people do: they read the notice, look at the edition, and approve what they saw."""
        with open_mailer(self._office.settings) as mailer:
            with mailer.store.read() as tx:
                pending_editions = tx.editions.list_recent_editions([EditionState.IN_REVIEW], 1000)
            for pending_edition in pending_editions:
                is_slow = (
                    self._office.expectations.traits[pending_edition.digest] is DigestTrait.SLOW
                )
                will_approve = self.approves_all or self._dice.random() < (
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
                    pass  # it has expired meanwhile
