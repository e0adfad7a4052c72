"""Which notice is due for an edition, and when: pure functions of the edition and `now`.

A notice is due if an edition's state differs from the state that staff were last notified of. A
change that is reverted between two ticks sends none.
"""

from datetime import datetime, timedelta

from mailer.editions import SENT_BACK_REASON
from mailer.editions.reviews import TOO_LATE_REASON
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction
from mailer.notices.records import NoticeKind

_S = EditionState

NOTIFY_WITHIN = timedelta(days=1)
"""Maximum time after the end of an edition for its first notice. So the first worker of an office
sends no notices about editions that were sent by hand long ago."""

EDITING_PAUSE = timedelta(minutes=15)
"""Time between a change to an edition in review and the notice about it, since editors often make
several changes in a row."""

MAX_EDITIONS = 100
"""Maximum number of editions that are looked at, the oldest first."""

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

_APPROVED_STATES = {_S.APPROVED.value, _S.SCHEDULED.value}


def list_editions_to_notify(tx: Transaction, now: datetime) -> list[Edition]:
    """Return the editions of which staff should be notified now, the oldest first."""
    return [
        edition
        for edition in tx.editions.find_unnotified_editions(MAX_EDITIONS)
        if is_notice_due(edition, now)
    ]


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


def choose_notice_kind(edition: Edition, now: datetime) -> NoticeKind | None:
    """Choose the notice about an edition's new state, or None if staff need none."""
    if _is_too_old(edition, now):
        return None
    last_state = edition.last_notified_state
    if edition.state is _S.DRAFT:
        if last_state in _APPROVED_STATES:
            return NoticeKind.VOID
        return NoticeKind.LATE if edition.reason == TOO_LATE_REASON else None
    if edition.state is _S.IN_REVIEW and last_state in _APPROVED_STATES:
        return NoticeKind.VOID
    if edition.state is _S.ON_HOLD and edition.reason.startswith(SENT_BACK_REASON):
        return NoticeKind.SENT_BACK
    if edition.state is _S.SENDING and last_state == _S.IN_REVIEW:
        return NoticeKind.APPROVED  # and it started at once, as its time had come
    if edition.state in {_S.APPROVED, _S.SCHEDULED} and (
        last_state in _APPROVED_STATES or not edition.asked_at
    ):
        return None  # a rule or an informed person approved it, or only its time changed
    return _KINDS_BY_STATE.get(edition.state)


def _is_too_old(edition: Edition, now: datetime) -> bool:
    ended = edition.finished_at or edition.created_at
    is_over = edition.state is _S.SENT or not EDITION_TRANSITIONS[edition.state]
    return is_over and not edition.last_notified_state and now - ended > NOTIFY_WITHIN
