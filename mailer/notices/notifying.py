"""Notify staff, through the same outbox as all mail.

The notice and the record that staff were notified are written in one transaction, so that no
notification is lost or sent twice.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer import editions
from mailer.actor import Actor
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.errors import ComposeError
from mailer.model.digests import Digest
from mailer.model.editions import Edition, EditionBody
from mailer.model.transaction import Transaction
from mailer.notices.building import build_edition_notice
from mailer.notices.due import choose_notice_kind, is_notice_due
from mailer.notices.recipients import StaffAddresses, choose_addresses
from mailer.notices.records import Notice, NoticeKind

NOTIFIED_EVENT = "notified"
"""The event that records a notice and its recipients."""


class NoticeComposer(Protocol):
    """Turns the record of a notice into its mail."""

    def compose_notice(self, notice: Notice, uid: str) -> EditionBody:
        """Compose a notice. `uid` identifies its mail. Raises ComposeError."""

    def preview_subject(self, edition: Edition) -> str:
        """Return the subject of an edition's mail for its first reader."""


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """A notice and the addresses that it is for. `compose_error` says that it can't be composed, as
    with a changed template: it is then not sent, since that must not stop the calendar."""

    notice: Notice
    addresses: tuple[str, ...]
    compose_error: str = ""


def notify_staff(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    composer: NoticeComposer,
    staff: StaffAddresses,
    now: datetime,
) -> NoticeResult | None:
    """Notify staff of the state of an edition, if they were last notified of another state. Returns
    None if no notice is due or the state needs none."""
    if not is_notice_due(edition, now):
        return None
    kind = choose_notice_kind(edition, now)
    tx.editions.mark_state_notified(edition)
    if kind is None:
        return None
    return _notify_of_edition(tx, actor, edition, kind, composer, staff, now)


def remind_approvers(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    composer: NoticeComposer,
    staff: StaffAddresses,
    now: datetime,
) -> NoticeResult:
    """Remind the approvers of an edition in review, and record the reminder."""
    tx.editions.record_reminder(edition, now)
    return _notify_of_edition(tx, actor, edition, NoticeKind.REMINDER, composer, staff, now)


def notify_of_occurrence(
    tx: Transaction,
    actor: Actor,
    digest: Digest,
    step: CalendarStep,
    composer: NoticeComposer,
    staff: StaffAddresses,
    now: datetime,
) -> NoticeResult | None:
    """Notify staff of an occurrence that was skipped or put on hold, and so has no edition. Returns
    None if the notice about another occurrence mentions it."""
    if step.is_quiet:
        return None
    kind = NoticeKind.ON_HOLD if step.action is OccurrenceAction.PUT_ON_HOLD else NoticeKind.SKIPPED
    notice = Notice(
        kind,
        digest.settings.name,
        digest=digest.settings.slug,
        send_at=step.planned.occurrence.moment,
        occurrence=f"{step.planned.original.rule_time:%Y-%m-%d %H:%M}",
        reason=step.reason,
    )
    addresses = choose_addresses(digest.settings.policy, staff, kind)
    result, _ = _queue_notice(tx, actor, notice, digest.settings.list, addresses, composer, now)
    return result


def _notify_of_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    kind: NoticeKind,
    composer: NoticeComposer,
    staff: StaffAddresses,
    now: datetime,
) -> NoticeResult:
    notice = build_edition_notice(tx, edition, kind, composer.preview_subject)
    addresses = choose_addresses(
        editions.get_policy(tx, edition), staff, kind, was_asked=edition.asked_at is not None
    )
    result, was_queued = _queue_notice(tx, actor, notice, edition.list, addresses, composer, now)
    if was_queued:
        detail = f"{kind.value}: {', '.join(addresses)}"
        tx.editions.add_event(edition, NOTIFIED_EVENT, detail, now, actor)
    return result


def _queue_notice(
    tx: Transaction,
    actor: Actor,
    notice: Notice,
    list_slug: str,
    addresses: tuple[str, ...],
    composer: NoticeComposer,
    now: datetime,
) -> tuple[NoticeResult, bool]:
    """Put a notice into the outbox, if it has recipients. Returns (result, was queued)."""
    if not addresses:
        return NoticeResult(notice, addresses), False
    uid = secrets.token_hex(8)
    try:
        body = composer.compose_notice(notice, uid)
    except ComposeError as error:
        return NoticeResult(notice, addresses, str(error)), False
    tx.notices.queue_notice(body, list_slug, addresses, now, actor, uid=uid)
    return NoticeResult(notice, addresses), True
