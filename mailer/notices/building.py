"""The record of a notice about an edition: titles, figures, remarks, and who did it."""

from collections.abc import Callable

from mailer.actor import DELIVERY, WORKER
from mailer.editions.reviews import CHECKED_EVENT
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction
from mailer.notices.records import Notice, NoticeKind

_S = EditionState

_PROGRAM_KEYS = {WORKER.key, DELIVERY.key}


def build_edition_notice(
    tx: Transaction,
    edition: Edition,
    kind: NoticeKind,
    preview_subject: Callable[[Edition], str],
) -> Notice:
    """Build the notice of this kind about an edition. `preview_subject` returns the subject of the
    edition's mail for its first reader."""
    approval = edition.approval
    asks_approval = kind in {NoticeKind.REVIEW, NoticeKind.VOID, NoticeKind.REMINDER}
    shows_stories = asks_approval and edition.state is _S.IN_REVIEW
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
        subject=preview_subject(edition) if shows_stories else "",
        stories=_list_titles(tx, edition) if shows_stories else (),
        figures=_count_deliveries(tx, edition, kind),
    )


def _count_deliveries(tx: Transaction, edition: Edition, kind: NoticeKind) -> dict[str, int]:
    if not edition.planned_at or kind is NoticeKind.APPROVED:
        return {}
    report = tx.outbox.build_report(edition)
    return {
        state.value.replace("_", " "): report.states[state]
        for state in DeliveryState
        if report.states[state] or state is DeliveryState.SENT
    }


def _list_titles(tx: Transaction, edition: Edition) -> tuple[str, ...]:
    """Return the titles of the stories in their order, in the edition's language if they are
    translated."""
    story_bits = tx.editions.fetch_story_bits(edition)
    stories = sorted(
        tx.editions.load_manuscript(edition).stories,
        key=lambda story: story_bits.get(story.slug, len(story_bits)),
    )
    return tuple(
        (story.find_translation(edition.language, edition.language) or story.articles[0]).title
        for story in stories
    )


def _collect_remarks(tx: Transaction, edition: Edition, kind: NoticeKind) -> str:
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


def _find_actor(tx: Transaction, edition: Edition, approver: str) -> str:
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
