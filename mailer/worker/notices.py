"""Notices to staff, through the same outbox as all mail.

A notice is due if an edition's state differs from the state that staff were last notified of. The
notice and that record are written in one transaction, so that no notification is lost or sent
twice. A change that is reverted between two ticks sends none.
"""

from datetime import datetime, timedelta

from mailer import editions
from mailer.actor import DELIVERY, WORKER
from mailer.app import Mailer
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.errors import ComposeError
from mailer.log import Log
from mailer.model.deliveries import DeliveryState
from mailer.model.digests import Digest, DigestPolicy
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState
from mailer.model.editions import Edition
from mailer.notices import Notice, NoticeKind
from mailer.render.notices import compose_notice
from mailer.store import SqlTransaction
from mailer.store.outbox.notices import generate_uid

_S = EditionState

NOTIFY_WITHIN = timedelta(days=1)
"""Maximum time after the end of an edition for its first notice. So the first worker of an office
sends no notices about editions that were sent by hand long ago."""

CHECKED_EVENT = "checked"
"""The event that records the warnings from composing."""

TOO_LATE_REASON = "it was not approved before it was to be sent"
"""The reason recorded for an edition that returns to draft because its digest does not let it
wait."""

EDITING_PAUSE = timedelta(minutes=15)
"""Time between a change to an edition in review and the notice about it, since editors often make
several changes in a row."""

_KINDS_BY_STATE = {
    _S.IN_REVIEW: NoticeKind.REVIEW,
    _S.APPROVED: NoticeKind.APPROVED,
    _S.SCHEDULED: NoticeKind.APPROVED,
    _S.SENT: NoticeKind.SENT,
    _S.SKIPPED: NoticeKind.SKIPPED,
    _S.ON_HOLD: NoticeKind.ON_HOLD,
    _S.PAUSED: NoticeKind.PAUSED,
    _S.EXPIRED: NoticeKind.EXPIRED,
    _S.CANCELLED: NoticeKind.CANCELLED,
}

_PROGRAM_KEYS = {WORKER.key, DELIVERY.key}

_APPROVED_STATES = {_S.APPROVED.value, _S.SCHEDULED.value}

_KINDS_FOR_APPROVERS = {NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.LATE}

_KINDS_ENDING_REVIEW = {
    NoticeKind.SKIPPED,
    NoticeKind.EXPIRED,
    NoticeKind.CANCELLED,
    NoticeKind.ON_HOLD,
}
"""Kinds of notices after which there is nothing left to approve."""


def notify_staff(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Notify staff of the state of an edition, if they were last notified of another state."""
    edition = editions.get_edition(tx, edition_id)
    if not is_notice_due(edition, mailer.clock()):
        return
    kind = None if _is_too_old(edition, mailer.clock()) else _choose_kind(edition)
    tx.editions.mark_state_notified(edition)
    if kind is None:
        return
    addresses = _notify_for_edition(
        mailer, tx, _build_notice(mailer, tx, edition, kind), edition, log
    )
    log.info("notified", edition=edition.id, notice=kind.value, people=len(addresses))


def _is_too_old(edition: Edition, now: datetime) -> bool:
    ended = edition.finished_at or edition.created_at
    is_over = edition.state is _S.SENT or not EDITION_TRANSITIONS[edition.state]
    return is_over and not edition.last_notified_state and now - ended > NOTIFY_WITHIN


def is_notice_due(edition: Edition, now: datetime) -> bool:
    """Check whether staff should be notified of an edition now."""
    if edition.state is _S.DRAFT and edition.appointment:
        return False  # the next job changes the state, and staff are notified of that change
    if edition.last_notified_state != edition.state:
        return True
    if edition.state is not _S.IN_REVIEW or edition.last_notified_hash == edition.content_hash:
        return False
    is_sent_soon = (
        edition.appointment is not None and edition.appointment.moment - now < EDITING_PAUSE
    )
    return is_sent_soon or edition.asked_at is None or now - edition.asked_at >= EDITING_PAUSE


def _choose_kind(edition: Edition) -> NoticeKind | None:
    last_state = edition.last_notified_state
    if edition.state is _S.DRAFT:
        if last_state in _APPROVED_STATES:
            return NoticeKind.VOID
        return NoticeKind.LATE if edition.reason == TOO_LATE_REASON else None
    if edition.state is _S.IN_REVIEW and last_state in _APPROVED_STATES:
        return NoticeKind.VOID
    if edition.state is _S.SENDING and last_state == _S.IN_REVIEW:
        return NoticeKind.APPROVED  # and it started at once, as its time had come
    if edition.state in {_S.APPROVED, _S.SCHEDULED} and (
        last_state in _APPROVED_STATES or not edition.asked_at
    ):
        return None  # a rule or an informed person approved it, or only its time changed
    return _KINDS_BY_STATE.get(edition.state)


def remind_approvers(mailer: Mailer, tx: SqlTransaction, edition: Edition, log: Log) -> None:
    """Remind the approvers of an edition in review."""
    kind = NoticeKind.REMINDER
    _notify_for_edition(mailer, tx, _build_notice(mailer, tx, edition, kind), edition, log)


def notify_of_occurrence(
    mailer: Mailer, tx: SqlTransaction, digest: Digest, step: CalendarStep, log: Log
) -> None:
    """Notify staff of an occurrence that was skipped or put on hold, and so has no edition."""
    kind = NoticeKind.ON_HOLD if step.action is OccurrenceAction.PUT_ON_HOLD else NoticeKind.SKIPPED
    notice = Notice(
        kind,
        digest.settings.name,
        digest=digest.settings.slug,
        send_at=step.planned.occurrence.moment,
        occurrence=f"{step.planned.original.rule_time:%Y-%m-%d %H:%M}",
        reason=step.reason,
    )
    addresses = _choose_addresses(mailer, digest.settings.policy, kind)
    _queue_notice(mailer, tx, notice, digest.settings.list, addresses, log)


def _build_notice(mailer: Mailer, tx: SqlTransaction, edition: Edition, kind: NoticeKind) -> Notice:
    approval = edition.approval
    figures: dict[str, int] = {}
    if edition.planned_at and kind is not NoticeKind.APPROVED:
        report = tx.outbox.build_report(edition)
        figures = {
            state.value.replace("_", " "): report.states[state]
            for state in DeliveryState
            if report.states[state] or state is DeliveryState.SENT
        }
    titles: list[str] = []
    subject = ""
    asks_approval = kind in {NoticeKind.REVIEW, NoticeKind.VOID, NoticeKind.REMINDER}
    if asks_approval and edition.state is _S.IN_REVIEW:
        subject = mailer.preview_edition(tx, edition).subject
        story_bits = tx.editions.fetch_story_bits(edition)
        edition_stories = tx.editions.load_manuscript(edition).stories
        for story in sorted(
            edition_stories,
            key=lambda manuscript_story: story_bits.get(manuscript_story.slug, len(story_bits)),
        ):
            article = (
                story.find_translation(edition.language, edition.language) or story.articles[0]
            )
            titles.append(article.title)
    reason = edition.reason
    if kind in {NoticeKind.REVIEW, NoticeKind.VOID}:
        reason = _collect_remarks(tx, edition, kind)
    return Notice(
        kind,
        edition.name,
        digest=edition.digest,
        edition=edition.id,
        send_at=edition.appointment.moment if edition.appointment else None,
        reason=reason,
        actor=_find_actor(tx, edition, approval.approver if approval else ""),
        comment=approval.comment if approval else "",
        content_hash=edition.content_hash,
        stories=tuple(titles),
        subject=subject,
        figures=figures,
    )


def _collect_remarks(tx: SqlTransaction, edition: Edition, kind: NoticeKind) -> str:
    """Return remarks for approvers of an edition in review: why they are asked again, and the
    warnings of the latest composing since the edition was last a draft."""
    events = tx.editions.list_events(edition)
    draft_positions = [
        position for position, event in enumerate(events) if event.event_type == _S.DRAFT
    ]
    changed = (
        events[draft_positions[-1]].detail
        if edition.last_notified_state and draft_positions
        else ""
    )
    warnings = [
        event.detail
        for event in events[draft_positions[-1] if draft_positions else 0 :]
        if event.event_type == CHECKED_EVENT
    ]
    introduction = "it has changed since you were asked: " if kind is NoticeKind.REVIEW else ""
    remarks = [introduction + changed] if changed else []
    return "; ".join((*remarks, *warnings[-1:]))


def _find_actor(tx: SqlTransaction, edition: Edition, approver: str) -> str:
    """Return the name of the person who changed the edition to its present state, or an empty
    string if a program did."""
    if edition.state in {_S.APPROVED, _S.SCHEDULED, _S.SENDING}:
        return approver
    matching_events = [
        event for event in tx.editions.list_events(edition) if event.event_type == edition.state
    ]
    if not matching_events or matching_events[-1].actor_key in _PROGRAM_KEYS:
        return ""
    return matching_events[-1].actor


def _notify_for_edition(
    mailer: Mailer, tx: SqlTransaction, notice: Notice, edition: Edition, log: Log
) -> tuple[str, ...]:
    was_asked = edition.asked_at is not None
    addresses = _choose_addresses(
        mailer, editions.get_policy(tx, edition), notice.kind, was_asked=was_asked
    )
    if _queue_notice(mailer, tx, notice, edition.list, addresses, log) is not None:
        detail = f"{notice.kind.value}: {', '.join(addresses)}"
        tx.editions.add_event(edition, "notified", detail, mailer.clock(), WORKER)
    return addresses


def _queue_notice(
    mailer: Mailer,
    tx: SqlTransaction,
    notice: Notice,
    list_slug: str,
    addresses: tuple[str, ...],
    log: Log,
) -> Edition | None:
    """Put a notice into the outbox. If the notice can't be composed because of a changed template,
    log the error, since that must not stop the calendar."""
    if not addresses:
        return None
    uid = generate_uid()
    try:
        body = compose_notice(notice, uid, mailer.settings)
    except ComposeError as error:
        log.error("notice", kind=notice.kind.value, edition=notice.edition, error=str(error))
        return None
    return tx.notices.queue_notice(body, list_slug, addresses, mailer.clock(), uid=uid)


def _choose_addresses(
    mailer: Mailer, policy: DigestPolicy, kind: NoticeKind, *, was_asked: bool = False
) -> tuple[str, ...]:
    """Return the addresses to notify: the digest's own, otherwise those in the settings. If only
    approvers or only watchers are named, they get every notice. People who were asked to approve
    are also notified when there is nothing left to approve, and people who were notified of an
    approval also when it is void."""
    notice_settings = mailer.settings.notices
    approvers = policy.approvers or notice_settings.approvers
    watchers = policy.watchers or notice_settings.watchers
    if kind in {NoticeKind.APPROVED, NoticeKind.VOID} or (
        was_asked and kind in _KINDS_ENDING_REVIEW
    ):
        return tuple(dict.fromkeys((*approvers, *watchers)))
    if kind in _KINDS_FOR_APPROVERS:
        return approvers or watchers
    return watchers or approvers
