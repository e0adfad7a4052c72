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
from mailer.app import open_mailer
from mailer.editions import EditionState
from mailer.errors import BadTransition
from tests.crash.calendar.office import PERSON, Office, Role

LOOK = 0.05
"""Seconds between two things that they do."""

MOST_WAITING = 4
"""Digests of which an occurrence is still to be seen to: with more nobody schedules."""

_PROMPT, _SLOW = 0.5, 0.03
"""How likely an approver approves within a look."""


class Staff:
    """At work between :meth:`work` and :meth:`rest`. `faults` are what they could not do."""

    def __init__(self, office: Office, dice: random.Random) -> None:
        self.faults: list[str] = []
        self.reach = timedelta()
        """How far ahead they schedule."""
        self.thorough = False
        """Whether they approve all, at once."""
        self._office, self._dice = office, dice
        self._busy = threading.Lock()
        self._times: list[float] = []
        self._at_work, self._home = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="staff")

    @contextmanager
    def employed(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._home.set()
            self._at_work.set()
            self._thread.join()

    def work(self, orders: int = 0, within: float = 0.0) -> None:
        """Go to work, and schedule this many occurrences at random moments within seconds."""
        now = time.monotonic()
        self._times = sorted(now + self._dice.uniform(0, within) for _ in range(orders))
        self._at_work.set()

    def rest(self) -> None:
        """Stop; returns when what they were at is done."""
        self._at_work.clear()
        with self._busy:
            pass

    def _run(self) -> None:
        while not self._home.is_set():
            self._at_work.wait()
            with self._busy:
                if self._at_work.is_set() and not self._home.is_set():
                    self._do()
            time.sleep(LOOK)

    def _do(self) -> None:
        try:
            if self._times and self._times[0] <= time.monotonic():
                self._times.pop(0)
                self._schedule()
            self._approve()
        except Exception:
            self.faults.append(f"staff: {traceback.format_exc(limit=-2)}")
            self._at_work.clear()

    def _schedule(self) -> None:
        now = datetime.now(UTC)
        with open_mailer(self._office.settings) as mailer, mailer.store.begin() as tx:
            if self._office.more(tx, now, self.reach) >= MOST_WAITING:
                self._times.clear()

    def _approve(self) -> None:
        """As people do: they read the notice, look at the edition, and approve what they saw."""
        with open_mailer(self._office.settings) as mailer:
            with mailer.store.read() as tx:
                asked = tx.editions.recent([EditionState.IN_REVIEW], 1000)
            for seen in asked:
                slow = self._office.wishes.roles[seen.digest] is Role.SLOW
                wants = self.thorough or self._dice.random() < (_SLOW if slow else _PROMPT)
                if seen.told != EditionState.IN_REVIEW or not wants:
                    continue
                try:
                    with mailer.store.begin() as tx:
                        known = editions.get(tx.editions, seen.id)
                        mailer.approve(tx, known, PERSON, seen=seen.content_hash[:12])
                except BadTransition:
                    pass  # it has expired meanwhile
