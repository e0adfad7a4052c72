"""One step of an occurrence or an edition. Each runs in a transaction that its caller opens, looks
at how things stand there, and does nothing when somebody was quicker."""

from datetime import datetime, timedelta

from mailer import digests, editions, embargoes
from mailer.app import Mailer
from mailer.app import follow_up as late
from mailer.digests import ApprovalRule, Digest, WhenEmpty, WhenLate
from mailer.digests.calendar import Do, Step
from mailer.digests.occurrences import appointment
from mailer.editions import OPEN, UNAPPROVED, Edition, EditionState
from mailer.errors import ApprovalVoid, ComposeError, ConfigError, Embargoed, Refused
from mailer.log import Log
from mailer.schedules.records import OccurrenceState, spell_duration
from mailer.store import Transaction
from mailer.worker import telling

_MINUTE = timedelta(minutes=1)

WORKER = "worker"
"""Who acts, in the events of editions."""

_BECOMES = {
    Do.ASSEMBLE: OccurrenceState.MADE,
    Do.SKIP: OccurrenceState.SKIPPED,
    Do.HOLD: OccurrenceState.HELD,
}


def occur(mailer: Mailer, digest: Digest, step: Step, log: Log, tx: Transaction) -> None:
    """An occurrence whose cut-off has come: make its edition, or skip or hold it."""
    now = mailer.clock()
    one, slug = step.planned.rule, digest.order.slug
    number = tx.schedules.take(
        slug,
        one.named,
        one.zone,
        _BECOMES[step.do],
        now,
        schedule=step.planned.schedule.id,
        reason=step.reason,
    )
    if number is None:
        return
    at = f"{step.planned.occurrence.wall:%Y-%m-%dT%H:%M}"
    log.info("occurrence", digest=slug, at=at, zone=one.zone, what=step.do.value, why=step.reason)
    if step.do is not Do.ASSEMBLE:
        if not step.quiet:
            telling.tell_of_occurrence(mailer, tx, digest, step, log)
        return
    _expire_earlier(tx, slug, now, log)
    edition, choice = digests.assemble(
        tx.digests, slug, now, appointment(step.planned, digest.order.policy.send_time)
    )
    tx.schedules.attach(number, edition.id)
    log.info(
        "assembled",
        digest=slug,
        edition=edition.id,
        state=edition.state.value,
        stories=len(edition.stories),
        waiting=len(choice.waiting),
        why=choice.too_few,
    )
    if edition.state is EditionState.DRAFT:
        _ready(mailer, tx, edition, log)


def _expire_earlier(tx: Transaction, slug: str, now: datetime, log: Log) -> None:
    """Editions of earlier occurrences that nobody has approved: their stories go into this one."""
    for found in tx.editions.of_occurrences(slug, UNAPPROVED):
        edition = editions.get(tx.editions, found.id)
        if edition.state not in UNAPPROVED:
            continue
        reason = "nobody approved it before the next edition was assembled, which has its stories"
        editions.expire(tx.editions, edition, now, reason=reason)
        log.info("expired", digest=slug, edition=edition.id)


def keep_time(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """An edition whose zone has other rules than when it got its time: it is sent when clocks there
    show that time, as they go now."""
    edition = editions.get(tx.editions, number)
    when = edition.appointment
    if edition.state not in OPEN or when is None:
        return
    shown = mailer.by_the_clock(tx, when)
    if shown != when:
        editions.appoint(tx.editions, edition, shown, mailer.clock(), actor=WORKER)
        moments = {"was": when.moment.isoformat(), "now": shown.moment.isoformat()}
        log.info("time kept", edition=number, **moments)


def keep_embargo(mailer: Mailer, slug: str, log: Log, tx: Transaction) -> None:
    """An embargo whose zone has other rules than when it was written down ends when clocks there
    show its time, as they go now."""
    if kept := embargoes.keep_time(tx.embargoes, slug, mailer.clock()):
        log.info("embargo kept by the clock", slug=slug, until=kept.until.isoformat())


def follow_up(mailer: Mailer, log: Log, tx: Transaction) -> None:
    """Corrections and kills reach who turns out to have got what they are about."""
    for edition, count in late.follow_up(tx, mailer.clock()):
        log.info("followed up", edition=edition.id, added=count)


def review(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """A draft that has a time: compose and check it, and ask for approval, or let it go where
    nobody has to approve it."""
    edition = editions.get(tx.editions, number)
    if edition.state is EditionState.DRAFT and edition.appointment:
        _ready(mailer, tx, edition, log)


def _ready(mailer: Mailer, tx: Transaction, edition: Edition, log: Log) -> None:
    now = mailer.clock()
    if edition.digest:
        order = digests.get(tx.digests, edition.digest).order
        left = len(tx.editions.known_stories(edition.stories))
        if left < order.fewest:
            reason = f"only {left} of its stories are left, and this digest wants {order.fewest}"
            if order.when_empty is WhenEmpty.HOLD:
                edition = editions.hold(tx.editions, edition, now, reason=reason, actor=WORKER)
            else:
                edition = editions.skip(tx.editions, edition, now, reason=reason)
            log.info("too few", edition=edition.id, state=edition.state.value, why=reason)
            return
    try:
        edition, composition = mailer.composed(tx, edition)
    except ComposeError as error:
        reason = f"it can't be composed: {error}"
        editions.hold(tx.editions, edition, now, reason=reason, actor=WORKER)
        log.error("held", edition=edition.id, why=reason)
        return
    if composition and composition.warnings:
        said = "; ".join(composition.warnings)
        tx.editions.note(edition, telling.CHECKED, said, now, WORKER)
    if mailer.policy(tx, edition).approval is ApprovalRule.NONE:
        rule = f"the rule of {edition.digest}"
        edition = editions.approve(tx.editions, edition, rule, now)
    else:
        edition = editions.submit(tx.editions, edition, now, actor=WORKER)
    log.info("ready", edition=edition.id, state=edition.state.value, hash=edition.content_hash[:12])


def awaits_something(mailer: Mailer, tx: Transaction, edition: Edition, now: datetime) -> bool:
    """Whether its time has come, or that of a reminder."""
    return _remind_at(mailer, tx, edition, now) or _is_late(mailer, tx, edition, now)


def _is_late(mailer: Mailer, tx: Transaction, edition: Edition, now: datetime) -> bool:
    """Whether its time has gone by, and its digest lets it go by. One that was ready only after
    its time, as when somebody sends it at once, waits: nobody could have approved it before."""
    when, asked = edition.appointment, edition.asked_at
    if when is None or when.own_moment > now or asked is None or asked >= when.own_moment:
        return False
    return mailer.policy(tx, edition).when_late is WhenLate.DRAFT


def _remind_at(mailer: Mailer, tx: Transaction, edition: Edition, now: datetime) -> bool:
    """Whether a reminder is due. The last one is when it should be sent."""
    when, last = edition.appointment, edition.reminded_at
    if when is None or last is None:
        return False
    before = (*mailer.policy(tx, edition).reminders, timedelta())
    return any(last < when.moment - one <= now for one in before)


def wait(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """An edition in review: remind its approvers, or put it back to draft when it is too late."""
    edition = editions.get(tx.editions, number)
    now = mailer.clock()
    if edition.state is not EditionState.IN_REVIEW:
        return
    if _is_late(mailer, tx, edition, now):
        reason = telling.TOO_LATE
        tx.editions.set_state(edition, EditionState.DRAFT, now, reason=reason, actor=WORKER)
        editions.appoint(tx.editions, edition, None, now, actor=WORKER)
        log.warning("late", edition=edition.id, why=reason)
    elif _remind_at(mailer, tx, edition, now):
        tx.editions.reminded(edition, now)
        telling.remind(mailer, tx, edition, log)
        log.info("reminded", edition=edition.id)


def start(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """A scheduled edition whose time has come: freeze its audience. One that is later than its
    digest's grace, counted from when it could have gone, is held."""
    edition = editions.get(tx.editions, number)
    now = mailer.clock()
    when = edition.appointment
    if edition.state is not EditionState.SCHEDULED or when is None or when.moment > now:
        return
    given = edition.approval
    could = max(when.own_moment, given.at) if given else when.own_moment
    if free := embargoes.ends(tx.embargoes, edition.stories):
        could = max(could, free)
    grace = mailer.policy(tx, edition).grace
    if now - could >= grace + _MINUTE:
        late, most = spell_duration(now - could), spell_duration(grace)
        reason = f"it was to be sent {late} ago, and may be late by {most}"
        editions.hold(tx.editions, edition, now, reason=reason, actor=WORKER)
        log.warning("held", edition=edition.id, why=reason)
        return
    try:
        edition, plan = mailer.start(tx, edition)
    except ApprovalVoid as error:
        tx.editions.set_state(
            edition, EditionState.DRAFT, now, reason=str(error.what), actor=WORKER
        )
        log.warning("approval void", edition=edition.id, why=error.what)
    except (ConfigError, Embargoed):  # of the latter the next tick knows more
        raise
    except Refused as error:
        editions.hold(tx.editions, edition, now, reason=str(error), actor=WORKER)
        log.warning("held", edition=edition.id, why=str(error))
    else:
        log.info(
            "started",
            edition=edition.id,
            planned=plan.planned if plan else 0,
            left_out=sum(plan.excluded.values()) if plan else 0,
        )
