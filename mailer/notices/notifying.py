"""Notify staff, through the same outbox as all mail.

The notice and the record that staff were notified are written in one transaction, so that no
notification is lost or sent twice.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from mailer import editions
from mailer.actor import Actor
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.errors import ComposeError
from mailer.message import Slot
from mailer.model.digests import Digest
from mailer.model.editions import MESSAGE_TYPE, Attachment, Edition, EditionBody
from mailer.model.releases import Kill
from mailer.model.transaction import Transaction
from mailer.notices.audience import format_audience
from mailer.notices.building import EditionPreview, build_edition_notice, build_kill_notice
from mailer.notices.due import choose_notice_kind, is_notice_due
from mailer.notices.recipients import StaffAddresses, choose_addresses, list_approvers
from mailer.notices.records import ASKING_KINDS, DecisionLink, Notice, NoticeKind
from mailer.staff_links import LIFETIME, build_link_fields

NOTIFIED_EVENT = "notified"
"""The event that records a notice and its recipients."""


AUDIENCE_EVENT = "audience"
"""The event that records the audience that approvers were told of."""


class NoticeComposer(EditionPreview, Protocol):
    """Turns the record of a notice into its mail."""

    def compose_notice(self, notice: Notice, uid: str) -> EditionBody:
        """Compose a notice. `uid` identifies its mail. Raises ComposeError."""


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


def find_asking_time(tx: Transaction, edition: Edition) -> datetime | None:
    """Return when people were last asked to approve an edition, or None if no one was asked."""
    asking = tuple(f"{kind.value}: " for kind in ASKING_KINDS)
    return max(
        (
            event.at
            for event in tx.editions.list_events(edition)
            if event.event_type == NOTIFIED_EVENT and event.detail.startswith(asking)
        ),
        default=None,
    )


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
    notice = build_edition_notice(tx, edition, kind, composer, now)
    policy = editions.get_policy(tx, edition)
    addresses = choose_addresses(policy, staff, kind, was_asked=edition.asked_at is not None)
    if kind is NoticeKind.SENT_BACK:
        authors = staff.directory.find_addresses(tx.editions.find_author_keys(edition))
        addresses = tuple(dict.fromkeys((*addresses, *authors)))
    approvers = list_approvers(policy, staff) if notice.mails else ()
    deciders = tuple(address for address in addresses if address in approvers)
    onlookers = tuple(address for address in addresses if address not in approvers)
    result = NoticeResult(notice, addresses)
    for recipients, link in ((deciders, _build_edition_link(edition, now)), (onlookers, None)):
        addressed, was_queued = _queue_notice(
            tx, actor, replace(notice, link=link), edition.list, recipients, composer, now
        )
        if addressed.compose_error:
            return replace(result, compose_error=addressed.compose_error)
        if was_queued:
            detail = f"{kind.value}: {', '.join(recipients)}"
            tx.editions.add_event(edition, NOTIFIED_EVENT, detail, now, actor)
    if notice.audience and addresses:
        detail = format_audience(notice.audience)
        tx.editions.add_event(edition, AUDIENCE_EVENT, detail, now, actor)
    return result


def _build_edition_link(edition: Edition, now: datetime) -> DecisionLink:
    moment = max(now, edition.appointment.moment) if edition.appointment else now
    fields = build_link_fields(edition.id, edition.content_hash, moment + LIFETIME)
    return DecisionLink(Slot.EDITION_DECISION, fields)


def notify_of_kill(
    tx: Transaction,
    actor: Actor,
    kill: Kill,
    title: str,
    list_slug: str,
    digest: str,
    composer: NoticeComposer,
    staff: StaffAddresses,
    now: datetime,
) -> NoticeResult | None:
    """Ask the approvers in the settings to confirm the kill of a release, once for each content.
    `digest` covers the request and the text, and `title` is the story's. Returns None if they have
    been asked with this digest, or if there are no approvers, who may be named later."""
    tx.lock_releases()
    current_kill = tx.releases.find_kill(kill.slug)
    if current_kill is None or current_kill.confirmed_at or not staff.approvers:
        return None
    if current_kill.notified_digest == digest:
        return None
    tx.releases.save_kill(replace(current_kill, notified_at=now, notified_digest=digest))
    fields = build_link_fields(kill.slug, digest, now + LIFETIME)
    notice = replace(build_kill_notice(kill, title), link=DecisionLink(Slot.KILL_DECISION, fields))
    result, _ = _queue_notice(tx, actor, notice, list_slug, staff.approvers, composer, now)
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
    files = _list_mail_files(notice)
    body = replace(
        body,
        attachments=tuple(
            Attachment(name, MESSAGE_TYPE, sha256(content).hexdigest(), len(content))
            for name, content in files.items()
        ),
    )
    contents = {sha256(content).hexdigest(): content for content in files.values()}
    tx.notices.queue_notice(body, list_slug, addresses, now, actor, uid=uid, files=contents)
    return NoticeResult(notice, addresses), True


def _list_mail_files(notice: Notice) -> dict[str, bytes]:
    """Return the mails that are attached to a notice, by file name."""
    return {
        f"edition-{notice.number or notice.edition}-{mail.language}.eml": mail.message
        for mail in notice.mails
    }
