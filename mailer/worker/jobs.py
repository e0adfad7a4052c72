"""The jobs of occurrences and editions.

Each job runs in the caller's transaction, reads the current state again, and does nothing if
another worker or a person has already acted.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mailer import digests, editions, embargoes, releases
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.digests import run_ups
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.digests.occurrences import build_appointment
from mailer.errors import (
    ApprovalVoid,
    ComposeError,
    ConcurrencyError,
    ConfigError,
    Embargoed,
    Refused,
)
from mailer.log import Log
from mailer.model.digests import ApprovalRule, Digest, WhenEmpty, WhenLate
from mailer.model.edition_states import OPEN_STATES, UNAPPROVED_STATES, EditionState
from mailer.model.editions import Edition
from mailer.model.schedules import OccurrenceState
from mailer.schedules.durations import format_duration
from mailer.store import SqlTransaction
from mailer.worker import notices

_MINUTE = timedelta(minutes=1)

_OCCURRENCE_STATES = {
    OccurrenceAction.ASSEMBLE: OccurrenceState.MADE,
    OccurrenceAction.SKIP: OccurrenceState.SKIPPED,
    OccurrenceAction.PUT_ON_HOLD: OccurrenceState.ON_HOLD,
}


def run_occurrence(
    mailer: Mailer, digest: Digest, step: CalendarStep, log: Log, tx: SqlTransaction
) -> None:
    """Handle an occurrence whose cut-off has come: make its edition, skip it, or put it on hold."""
    now = mailer.clock()
    rule_occurrence, slug = step.planned.original, digest.settings.slug
    occurrence_id = tx.schedules.claim_occurrence(
        slug,
        rule_occurrence.rule_time,
        rule_occurrence.zone,
        _OCCURRENCE_STATES[step.action],
        now,
        schedule_id=step.planned.schedule.id,
        reason=step.reason,
    )
    if occurrence_id is None:
        return
    local_time = f"{step.planned.occurrence.wall:%Y-%m-%dT%H:%M}"
    log.info(
        "occurrence",
        digest=slug,
        at=local_time,
        zone=rule_occurrence.zone,
        what=step.action.value,
        why=step.reason,
    )
    if step.action is not OccurrenceAction.ASSEMBLE:
        if not step.is_quiet:
            notices.notify_of_occurrence(mailer, tx, digest, step, log)
        return
    _expire_earlier_editions(tx, slug, now, log)
    calendar = mailer.build_calendar(tx, digest)
    edition, choice = digests.assemble_edition(
        tx,
        WORKER,
        slug,
        now,
        build_appointment(step.planned, digest.settings.policy.send_time),
        run_ups.count_editions_left(calendar, step.planned),
    )
    tx.schedules.attach_edition(occurrence_id, edition.id)
    log.info(
        "assembled",
        digest=slug,
        edition=edition.id,
        state=edition.state.value,
        stories=len(edition.stories),
        waiting=len(choice.waiting),
        other_kinds=len(choice.other_kinds),
        why=choice.too_few,
    )
    if edition.state is EditionState.DRAFT:
        _prepare_edition(mailer, tx, edition, log)


def _expire_earlier_editions(tx: SqlTransaction, slug: str, now: datetime, log: Log) -> None:
    """Expire unapproved editions of earlier occurrences, since their stories go into the new
    edition."""
    for earlier_edition in tx.editions.list_occurrence_editions(slug, UNAPPROVED_STATES):
        edition = editions.get_edition(tx, earlier_edition.id)
        if edition.state not in UNAPPROVED_STATES:
            continue
        reason = "it was not approved before the next edition took its stories"
        editions.expire_edition(tx, WORKER, edition, now, reason=reason)
        log.info("expired", digest=slug, edition=edition.id)


def update_send_time(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Recalculate the moment of an edition's send time, if the rules of its time zone have changed
    since the time was set."""
    edition = editions.get_edition(tx, edition_id)
    appointment = edition.appointment
    if edition.state not in OPEN_STATES or appointment is None:
        return
    current_appointment = editions.refresh_appointment(tx, appointment)
    if current_appointment != appointment:
        editions.set_send_time(tx, WORKER, edition, current_appointment, mailer.clock())
        moments = {
            "was": appointment.moment.isoformat(),
            "now": current_appointment.moment.isoformat(),
        }
        log.info("send time recalculated", edition=edition_id, **moments)


def update_embargo_end(mailer: Mailer, slug: str, log: Log, tx: SqlTransaction) -> None:
    """Recalculate the moment when an embargo ends, if the rules of its time zone have changed since
    it was set."""
    if embargo := embargoes.refresh_end(tx, WORKER, slug, mailer.clock()):
        log.info("embargo end recalculated", slug=slug, until=embargo.until.isoformat())


def queue_follow_ups(mailer: Mailer, log: Log, tx: SqlTransaction) -> None:
    """Add deliveries to corrections and kills for recipients of the release who are known only
    now."""
    for edition, added_count in releases.extend_releases(tx, WORKER, mailer.clock()):
        log.info("followed up", edition=edition.id, added=added_count)


def review_draft(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Compose and check a draft that has a send time. Then ask for approval, or approve it if its
    digest needs no approval."""
    edition = editions.get_edition(tx, edition_id)
    if edition.state is EditionState.DRAFT and edition.appointment:
        _prepare_edition(mailer, tx, edition, log)


def _prepare_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition, log: Log) -> None:
    now = mailer.clock()
    if edition.digest:
        settings = digests.get_digest(tx, edition.digest).settings
        available = len(tx.editions.find_queued_slugs(edition.stories))
        if available < settings.fewest:
            reason = (
                f"only {available} of its stories are left, and this digest needs {settings.fewest}"
            )
            if settings.when_empty is WhenEmpty.PUT_ON_HOLD:
                edition = editions.put_on_hold(tx, WORKER, edition, now, reason=reason)
            else:
                edition = editions.skip_edition(tx, WORKER, edition, now, reason=reason)
            log.info("too few", edition=edition.id, state=edition.state.value, why=reason)
            return
    try:
        edition, composition = editions.compose_edition(tx, edition, mailer.renderer)
    except ComposeError as error:
        reason = f"it can't be composed: {error}"
        editions.put_on_hold(tx, WORKER, edition, now, reason=reason)
        log.error("on hold", edition=edition.id, why=reason)
        return
    if composition and composition.warnings:
        warnings_text = "; ".join(composition.warnings)
        tx.editions.add_event(edition, notices.CHECKED_EVENT, warnings_text, now, WORKER)
    if editions.get_policy(tx, edition).approval is ApprovalRule.NONE:
        rule = replace(WORKER, name=f"the rule of {edition.digest}")
        edition = editions.approve_edition(tx, rule, edition, mailer.renderer, now)
    else:
        edition = editions.request_approval(tx, WORKER, edition, now)
    log.info("ready", edition=edition.id, state=edition.state.value, hash=edition.content_hash[:12])


def needs_review_step(mailer: Mailer, tx: SqlTransaction, edition: Edition, now: datetime) -> bool:
    """Check whether an edition in review is late, or whether a reminder is due."""
    return _is_reminder_due(mailer, tx, edition, now) or _is_late(mailer, tx, edition, now)


def _is_late(mailer: Mailer, tx: SqlTransaction, edition: Edition, now: datetime) -> bool:
    """Check whether an edition's time has passed and its digest does not let it wait.

    If an edition was ready only after its time, for example because a person chose to send it at
    once, it is not late, since it could not have been approved earlier."""
    appointment, asked_at = edition.appointment, edition.asked_at
    if (
        appointment is None
        or appointment.own_moment > now
        or asked_at is None
        or asked_at >= appointment.own_moment
    ):
        return False
    return editions.get_policy(tx, edition).when_late is WhenLate.DRAFT


def _is_reminder_due(mailer: Mailer, tx: SqlTransaction, edition: Edition, now: datetime) -> bool:
    """Check whether a reminder is due. The last reminder comes at the send time."""
    appointment, reminded_at = edition.appointment, edition.reminded_at
    if appointment is None or reminded_at is None:
        return False
    intervals = (*editions.get_policy(tx, edition).reminders, timedelta())
    return any(reminded_at < appointment.moment - interval <= now for interval in intervals)


def check_review(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Remind the approvers of an edition in review, or return it to draft if it is too late."""
    edition = editions.get_edition(tx, edition_id)
    now = mailer.clock()
    if edition.state is not EditionState.IN_REVIEW:
        return
    if _is_late(mailer, tx, edition, now):
        reason = notices.TOO_LATE_REASON
        edition = editions.change_state(tx, WORKER, edition, EditionState.DRAFT, now, reason=reason)
        editions.set_send_time(tx, WORKER, edition, None, now)
        log.warning("late", edition=edition.id, why=reason)
    elif _is_reminder_due(mailer, tx, edition, now):
        tx.editions.record_reminder(edition, now)
        notices.remind_approvers(mailer, tx, edition, log)
        log.info("reminded", edition=edition.id)


def start_edition(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Start a scheduled edition whose time has come, which freezes its audience. If the edition is
    late by more than its digest's grace, counted from when it could first be sent, put it on hold
    instead."""
    edition = editions.get_edition(tx, edition_id)
    now = mailer.clock()
    appointment = edition.appointment
    if (
        edition.state is not EditionState.SCHEDULED
        or appointment is None
        or appointment.moment > now
    ):
        return
    approval = edition.approval
    earliest_start = (
        max(appointment.own_moment, approval.at) if approval else appointment.own_moment
    )
    if embargo_end := embargoes.find_last_end(tx, edition.stories):
        earliest_start = max(earliest_start, embargo_end)
    grace = editions.get_policy(tx, edition).grace
    if now - earliest_start >= grace + _MINUTE:
        lateness, allowed_lateness = format_duration(now - earliest_start), format_duration(grace)
        reason = f"it is {lateness} late; its grace is {allowed_lateness}"
        editions.put_on_hold(tx, WORKER, edition, now, reason=reason)
        log.warning("on hold", edition=edition.id, why=reason)
        return
    mailer.check_relays()
    try:
        edition, plan = editions.start_edition(tx, WORKER, edition, mailer.renderer, mailer.clock())
    except ApprovalVoid as error:
        editions.change_state(
            tx, WORKER, edition, EditionState.DRAFT, now, reason=str(error.message)
        )
        log.warning("approval void", edition=edition.id, why=error.message)
    except (ConfigError, ConcurrencyError, Embargoed):  # the next tick tries again
        raise
    except Refused as error:
        editions.put_on_hold(tx, WORKER, edition, now, reason=str(error))
        log.warning("on hold", edition=edition.id, why=str(error))
    else:
        log.info(
            "started",
            edition=edition.id,
            planned=plan.planned if plan else 0,
            left_out=sum(plan.excluded.values()) if plan else 0,
        )
