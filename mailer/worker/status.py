"""How things stand: what is due, sending, waiting and failed; for people and for monitors."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.app import Mailer
from mailer.delivery.owner import is_dead
from mailer.digests.calendar import Do, Planned
from mailer.editions import Edition, EditionState
from mailer.outbox import DeliveryState, Report
from mailer.schedules.records import KeptOccurrence
from mailer.store import Transaction
from mailer.store.leases import TICK

RECENT = timedelta(days=7)
"""For how long what has failed is shown."""

OVERDUE = timedelta(minutes=1)
"""After its cut-off an occurrence that nobody has taken up counts as overdue."""

MOST = 100
"""Editions shown of each kind."""


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The worker that ticks. `alive` is whether it is known to run, or was heard of within the
    lease; `last_beat` by its own clock, None when there never was one."""

    alive: bool
    last_beat: datetime | None


@dataclass(frozen=True, slots=True)
class Sending:
    """An edition that is being sent. `left` are still to go; `next_due` is when the first is."""

    report: Report
    left: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """`due` holds each digest's next occurrence, `overdue` those whose cut-off has come and that no
    worker has taken up. `waiting` are in review; `stranded` are approved, or were put up for
    approval and are drafts again, and have no time: nothing but a person sends them. `stopped` are
    paused or held, `failed` those of the last days of which a delivery failed, expired or is in
    doubt."""

    worker: Clockwork
    now: datetime
    due: tuple[Planned, ...]
    overdue: tuple[Planned, ...]
    stranded: tuple[Edition, ...]
    scheduled: tuple[Edition, ...]
    waiting: tuple[Edition, ...]
    sending: tuple[Sending, ...]
    stopped: tuple[Edition, ...]
    held: tuple[KeptOccurrence, ...]
    failed: tuple[Report, ...]

    @property
    def needs(self) -> Iterator[str]:
        """What a person should look at, in words."""
        if not self.worker.alive:
            last = self.worker.last_beat
            yield (
                f"no worker runs (last seen {last:%a %d %b %H:%M} UTC)"
                if last
                else ("no worker runs")
            )
        for planned in self.overdue:
            one = planned.occurrence
            yield f"{planned.schedule.new.digest} of {one.wall:%a %d %b %H:%M} is overdue"
        for edition in self.waiting:
            if edition.appointment and edition.appointment.moment <= self.now:
                yield f"edition {edition.id} is late: nobody has approved it"
        for edition in self.stranded:
            if edition.digest:  # a release by itself goes when a person sends it
                why = edition.reason or "it has no time to be sent"
                yield f"edition {edition.id} is {edition.state}: {why}"
        for edition in self.stopped:
            yield f"edition {edition.id} is {edition.state}"
        for kept in self.held:
            yield f"{kept.digest} of {kept.named:%a %d %b %H:%M} is held"
        for report in self.failed:
            counts = ", ".join(f"{count} {word}" for word, count in bad(report).items())
            yield f"edition {report.edition.id}: {counts}"


def bad(report: Report) -> dict[str, int]:
    """Deliveries that did not end well, by word."""
    states = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.IN_DOUBT)
    return {
        state.value.replace("_", " "): report.states[state]
        for state in states
        if report.states[state]
    }


def look(mailer: Mailer, tx: Transaction) -> Status:
    """How things stand now."""
    now = mailer.clock()
    due: list[Planned] = []
    overdue: list[Planned] = []
    for calendar in mailer.calendars(tx):
        missed = [step.planned for step in calendar.due(now) if step.do is not Do.SKIP]
        overdue += [one for one in missed if now - one.cutoff >= OVERDUE]
        ahead = [one for one in calendar.upcoming(now, 8) if not one.occurrence.skipped]
        due += [one for one in ahead if one.kept is None or not one.kept.edition][:1]
    running = tx.editions.recent([EditionState.SENDING], MOST)
    ended = tx.editions.recent([EditionState.SENT], MOST)
    recent = [one for one in ended if one.finished_at and now - one.finished_at < RECENT]
    reports = [tx.outbox.report(one) for one in (*running, *recent)]
    return Status(
        worker=_clockwork(mailer, tx, now),
        due=tuple(sorted(due, key=lambda one: one.starts)),
        overdue=tuple(sorted(overdue, key=lambda one: one.starts)),
        scheduled=tuple(tx.editions.appointed([EditionState.SCHEDULED])),
        waiting=tuple(tx.editions.recent([EditionState.IN_REVIEW], MOST)),
        stranded=tuple(
            one
            for one in tx.editions.recent([EditionState.APPROVED, EditionState.DRAFT], MOST)
            if one.state is EditionState.APPROVED or (one.asked_at and not one.appointment)
        ),
        now=now,
        sending=tuple(_sending(tx, one) for one in reports[: len(running)]),
        stopped=tuple(tx.editions.recent([EditionState.PAUSED, EditionState.HELD], MOST)),
        held=tuple(tx.schedules.held()),
        failed=tuple(one for one in reports if bad(one)),
    )


def _sending(tx: Transaction, report: Report) -> Sending:
    queued = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.ON_WIRE)
    left = sum(report.states[state] for state in queued)
    return Sending(report, left, tx.queue.next_due(report.edition.id))


def _clockwork(mailer: Mailer, tx: Transaction, now: datetime) -> Clockwork:
    found = tx.leases.find(TICK)
    if found is None:
        return Clockwork(False, None)
    near = now - found.beaten_at < timedelta(seconds=mailer.settings.delivery.lease)
    alive = bool(found.holder) and not is_dead(found.holder) and near
    return Clockwork(alive, found.beaten_at)
