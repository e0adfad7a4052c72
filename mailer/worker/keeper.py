"""What a tick does, and who may do it.

A tick reads what is to be done, then does one step after the other, each in a transaction of its
own that begins with the lease's beat. Whatever dies in between, the next tick finds what is left;
a worker that has lost the lease, frozen for a while, finds so in its next transaction and stops.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from mailer import embargoes
from mailer.app import Mailer
from mailer.app.follow_up import is_late
from mailer.delivery.owner import is_dead, new_owner
from mailer.digests.calendar import LOOK_BACK, Calendar
from mailer.editions import Edition, EditionState, may_leave_embargoed
from mailer.embargoes import Embargo
from mailer.errors import ConfigError, Conflict, MailerError
from mailer.log import Log
from mailer.store import Transaction
from mailer.store.leases import TICK, Lease
from mailer.worker import answering, steps, telling
from mailer.worker.retention import Retention

_Step = Callable[[Mailer, int, Log, Transaction], None]

_STEPS: Mapping[EditionState, _Step] = {
    EditionState.DRAFT: steps.review,
    EditionState.IN_REVIEW: steps.wait,
    EditionState.SCHEDULED: steps.start,
}
"""What becomes of an edition that has a time, by its state."""

_MINUTE = timedelta(minutes=1)
_NEAR = timedelta(days=2)
"""How far a tick looks back beyond the last one of the same worker."""


class LeaseLost(Exception):
    """Another worker ticks."""


Agenda = list[tuple[str, Callable[[Transaction], None]]]
"""What a tick has found to do, with its names. Each looks again at how things stand, and then
acts."""


class Keeper:
    """One worker's. Not for several threads at once. `stopwatch` is in seconds, from anywhere."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        *,
        name: str = "",
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._name = name or new_owner()
        self._stopwatch = stopwatch
        self._lease = mailer.settings.delivery.lease
        self._epoch: int | None = None
        self._seen: Lease | None = None
        self._seen_at = 0.0
        self._beaten = 0.0
        self._looked: datetime | None = None
        self._followed_up = datetime.min.replace(tzinfo=UTC)
        self._said: dict[str, str] = {}
        self._crossed: set[str] = set()  # steps that somebody else was in the way of, last time
        self._retention = Retention(mailer, log)

    @property
    def ticks(self) -> bool:
        """Whether this worker has the lease, as far as it knows."""
        return self._epoch is not None

    def tick(self) -> bool:
        """Do what is due; whether this worker is the one that does. Raises ConfigError when the
        database can't be used."""
        if self._epoch is None and not self._try_to_take():
            return False
        try:
            # What one step leads to, the next pass does: an edition that is assembled when it is to
            # be sent already, and needs no approval, is begun by the same tick.
            for _ in range(4):
                if not self._pass():
                    break
            self._beat_if_idle()
        except LeaseLost:
            self._log.warning("lease lost", epoch=self._epoch)
            self._epoch, self._seen, self._looked = None, None, None
            return False
        return True

    def give_up(self) -> None:
        """Leave the lease to others, at once."""
        if self._epoch is not None:
            with self._mailer.store.begin() as tx:
                tx.leases.give_up(TICK, self._epoch)
            self._epoch = None

    # ---- the lease ------------------------------------------------------------------------------

    def _try_to_take(self) -> bool:
        now = self._stopwatch()
        with self._mailer.store.read() as tx:
            found = tx.leases.find(TICK)
        if found is None or (self._seen and self._seen[:3] != found[:3]) or self._seen is None:
            self._seen, self._seen_at = found, now
        still = now - self._seen_at >= self._lease
        if found is not None and found.holder and not is_dead(found.holder) and not still:
            return False
        with self._mailer.store.begin() as tx:
            self._epoch = tx.leases.take(TICK, self._name, found, self._mailer.clock())
        if self._epoch is None:
            return False
        self._beaten = now
        since = found.beaten_at.isoformat() if found else None
        self._log.info("lease taken", epoch=self._epoch, last_beat=since)
        return True

    @contextmanager
    def _begin(self) -> Iterator[Transaction]:
        """A transaction of the lease's holder. Raises LeaseLost."""
        assert self._epoch is not None
        with self._mailer.store.begin() as tx:
            if not tx.leases.beat(TICK, self._epoch, self._mailer.clock()):
                raise LeaseLost
            yield tx
        self._beaten = self._stopwatch()

    def _beat_if_idle(self) -> None:
        if self._stopwatch() - self._beaten >= self._lease / 4:
            with self._begin():
                pass

    # ---- a pass ---------------------------------------------------------------------------------

    def _pass(self) -> bool:
        """Do all that is due now, once; whether anything was done."""
        with self._mailer.store.read() as tx:
            agenda = self._agenda(tx, self._mailer.clock())
        done = False
        for what, do in agenda:
            try:
                with self._begin() as tx:
                    do(tx)
                done = True
                self._said.pop(what, None)
                self._crossed.discard(what)
            except Conflict as error:
                if what in self._crossed:
                    self._complain(what, error)
                self._crossed.add(what)
            except (LeaseLost, ConfigError) as error:
                if isinstance(error, LeaseLost) or not self._may_go_on(what, error):
                    raise
            except MailerError as error:
                self._complain(what, error)
            except Exception as error:
                self._complain(what, error, trace=True)
        return done

    def _may_go_on(self, what: str, error: ConfigError) -> bool:
        """Whether it is a setting that is wrong, and not the database that is away."""
        self._complain(what, error)
        return error.where != self._mailer.store.where

    def _complain(self, what: str, error: Exception, *, trace: bool = False) -> None:
        """Say once what can't be done; it is tried again at each tick."""
        said = f"{type(error).__name__}: {error}"
        if self._said.get(what) != said:
            self._said[what] = said
            self._log.error("step failed", step=what, error=said, exc_info=error if trace else None)

    def _agenda(self, tx: Transaction, now: datetime) -> Agenda:
        mailer, log = self._mailer, self._log
        agenda: Agenda = []
        # Since the last look, however long ago that was: a process may sleep as well as end.
        far = LOOK_BACK if self._looked is None else min(now - self._looked + _NEAR, LOOK_BACK)
        calendars: list[Calendar] = []
        with self._settings_may_be_wrong("the calendar"):
            calendars = mailer.calendars(tx)
        for calendar in calendars:
            with self._settings_may_be_wrong(f"the calendar of {calendar.slug}"):
                for step in calendar.due(now, far):
                    name = f"{calendar.slug} {step.planned.rule.named:%Y-%m-%dT%H:%M}"
                    agenda.append((name, partial(steps.occur, mailer, calendar.digest, step, log)))
        self._looked = None if self._said or self._crossed else now
        for one in tx.embargoes.all(now - embargoes.RULES_MAY_MOVE):
            if one.lifted_at is None and one.terms.moment != one.until and one.holds(now):
                keep = partial(steps.keep_embargo, mailer, one.slug, log)
                agenda.append((f"the embargo on {one.slug}", keep))
        if now - self._followed_up >= _MINUTE and is_late(tx, now):
            self._followed_up = now
            agenda.append(("following up", partial(steps.follow_up, mailer, log)))
        held = embargoes.held(tx.embargoes, now)
        for edition in tx.editions.appointed(list(_STEPS)):
            with self._settings_may_be_wrong(f"the time of edition {edition.id}"):
                if (do := self._due_step(tx, edition, now, held)) is not None:
                    agenda.append((f"edition {edition.id}", partial(do, mailer, edition.id, log)))
        for edition in tx.editions.untold(100):
            if telling.is_time(edition, now):
                tell = partial(telling.tell, mailer, edition.id, log)
                agenda.append((f"telling {edition.id}", tell))
        return [*answering.due(mailer, tx, now, log), *agenda, *self._retention.due(tx, now)]

    def _due_step(
        self, tx: Transaction, edition: Edition, now: datetime, held: Mapping[str, Embargo]
    ) -> _Step | None:
        """What is to be done with an edition that has a time, if it is to be done now. One with a
        story that is embargoed waits until it is free."""
        when = edition.appointment
        assert when is not None
        if self._mailer.by_the_clock(tx, when) != when:
            return steps.keep_time
        if edition.state is EditionState.SCHEDULED and when.moment > now:
            return None
        if edition.state is EditionState.SCHEDULED:
            waits_for = [held[slug] for slug in edition.stories if slug in held]
            if waits_for and not may_leave_embargoed(edition, waits_for):
                return None
        if edition.state is EditionState.IN_REVIEW:
            awaited = steps.awaits_something(self._mailer, tx, edition, now)
            return steps.wait if awaited else None
        return _STEPS[edition.state]

    @contextmanager
    def _settings_may_be_wrong(self, what: str) -> Iterator[None]:
        try:
            yield
            self._said.pop(what, None)
        except MailerError as error:
            self._complain(what, error)
