"""The record of a notice about an edition: titles, figures, remarks, and who did it."""

from datetime import datetime
from typing import Protocol

from mailer.actor import DELIVERY, WORKER
from mailer.editions import find_approval_deadline, get_policy
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.releases import Kill
from mailer.model.transaction import Transaction
from mailer.notices.records import ASKING_KINDS, EditionMail, Notice, NoticeKind

_S = EditionState


class EditionPreview(Protocol):
    """Shows an edition before it is sent."""

    def build_mails(self, edition: Edition) -> tuple[EditionMail, ...]:
        """Return the mails of a composed edition, the one in its own language first."""

    def list_findings(self, edition: Edition) -> tuple[str, ...]:
        """Return what composing the edition finds, or why it can't be composed."""


_PROGRAM_KEYS = {WORKER.key, DELIVERY.key}


def build_edition_notice(
    tx: Transaction, edition: Edition, kind: NoticeKind, preview: EditionPreview, now: datetime
) -> Notice:
    """Build the notice of this kind about an edition, for recipients who may not decide. `preview`
    shows the mails of an edition in review."""
    approval = edition.approval
    is_asking = kind in ASKING_KINDS
    mails = preview.build_mails(edition) if is_asking and edition.state is _S.IN_REVIEW else ()
    policy = get_policy(tx, edition)
    return Notice(
        kind,
        edition.name,
        digest=edition.digest,
        edition=edition.id,
        number=edition.number,
        send_at=edition.appointment.moment if edition.appointment else None,
        reason=_find_change(tx, edition, kind) if is_asking else _find_reason(edition),
        actor=_find_actor(tx, edition, approval.approver if approval else ""),
        comment=approval.comment if approval else "",
        content_hash=edition.content_hash,
        subject=mails[0].subject if mails else "",
        stories=_list_titles(tx, edition) if mails else (),
        figures=_count_deliveries(tx, edition, kind),
        deadline=find_approval_deadline(edition, policy, now) if is_asking else None,
        findings=preview.list_findings(edition) if mails else (),
        audience=tx.outbox.count_audience(edition) if mails else None,
        mails=mails,
        is_started=edition.planned_at is not None,
        is_due=is_asking and edition.appointment is not None and edition.appointment.moment <= now,
    )


def _find_reason(edition: Edition) -> str:
    """Return the reason of the edition's state. That of an approval is its comment, which the
    notice has anyway."""
    approval = edition.approval
    return "" if approval and edition.reason == approval.comment else edition.reason


def build_kill_notice(kill: Kill, title: str) -> Notice:
    """Build the notice that asks for the second person of a kill. `title` is the story's."""
    return Notice(NoticeKind.KILL, title, reason=kill.reason, actor=kill.asked_by, story=kill.slug)


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


def _find_change(tx: Transaction, edition: Edition, kind: NoticeKind) -> str:
    """Return why approvers of an edition are asked again, or an empty string if they are asked for
    the first time."""
    details = [
        event.detail for event in tx.editions.list_events(edition) if event.event_type == _S.DRAFT
    ]
    if kind is NoticeKind.REMINDER or not (edition.last_notified_state and details and details[-1]):
        return ""
    introduction = "it has changed since you were asked: " if kind is NoticeKind.REVIEW else ""
    return introduction + details[-1]


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
