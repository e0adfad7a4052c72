"""Messages of an edition for its recipients, and for a preview: settings, files and records."""

from dataclasses import dataclass, replace
from datetime import datetime

from mailer import addresses, outbox
from mailer.config import Settings
from mailer.errors import ComposeError, Refused
from mailer.message import AttachedFile, MessageProfile, MessageTemplate, Recipient
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import Edition, EditionBody, SendDay
from mailer.model.lists import MailingList
from mailer.store import SqlTransaction
from mailer.tokens import LinkKeys

EXAMPLE_ADDRESS = "nobody@example.org"
"""The address in a preview for no particular subscriber (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as one reader would get it: its parts, and the whole message."""

    language: str
    subject: str
    text: str
    html: str
    message: bytes


def build_sender_profile(
    settings: Settings,
    edition: Edition,
    mailing_list: MailingList,
    keys: LinkKeys,
    now: datetime | None = None,
) -> MessageProfile:
    """Return the data from the settings and the list that each message of an edition carries."""
    return MessageProfile(
        sender_name=settings.sender.name,
        sender_address=settings.sender.address,
        reply_to=settings.sender.reply_to,
        list_slug=mailing_list.slug if edition.kind is EditionKind.MAILING else "",
        list_name=mailing_list.name,
        list_id=mailing_list.id,
        base_url=settings.web.base_url,
        keys=keys,
        edition=edition,
        unsubscribe_address=settings.sender.unsubscribe_address,
        send_day=edition.get_send_day(now) if now else None,
    )


def build_message_templates(
    settings: Settings,
    tx: SqlTransaction,
    edition: Edition,
    keys: LinkKeys,
    now: datetime | None = None,
) -> dict[str, MessageTemplate]:
    """Return a message template for each of the edition's frozen bodies, by language. A preview of
    an edition that has not begun shows the day of its appointment, or of `now`."""
    mailing_list = tx.editions.load_mailing_list(edition)
    profile = build_sender_profile(settings, edition, mailing_list, keys, now)
    if edition.planned_at:
        begun_at = _find_last_start(tx, edition) or edition.planned_at
        send_day = SendDay(edition.appointment, begun_at, begun_at)
        profile = replace(profile, send_day=send_day)
    return {
        body.language: MessageTemplate(body, profile, _load_attachments(tx, body))
        for body in tx.editions.list_bodies(edition)
    }


def _find_last_start(tx: SqlTransaction, edition: Edition) -> datetime | None:
    """Return when sending began or was last resumed: mails that are resumed the next day have that
    day's date. It is on disk, so that all workers print the same day."""
    return max(
        (
            event.at
            for event in tx.editions.list_events(edition)
            if event.event_type == EditionState.SENDING.value
        ),
        default=None,
    )


def _load_attachments(tx: SqlTransaction, body: EditionBody) -> list[AttachedFile]:
    attached_files = []
    for attachment in body.attachments:
        content = tx.releases.read_content(attachment.sha256)
        if content is None:
            raise Refused(
                f"the file {attachment.name} is missing from the database",
                hint="add the release's file again, and compose the edition again",
            )
        attached_files.append(AttachedFile(attachment.name, attachment.media_type, content))
    return attached_files


def build_preview(
    settings: Settings,
    tx: SqlTransaction,
    edition: Edition,
    keys: LinkKeys,
    now: datetime,
    *,
    address: str = "",
    language: str = "",
) -> Preview:
    """Return a composed edition's mail as the subscriber with `address` would get it. Without an
    address, the mail is for a nameless reader who gets every story, in `language` or the edition's
    own language. Raises ComposeError, and Refused if the edition does not go to that address."""
    templates = build_message_templates(settings, tx, edition, keys, now)
    if not templates:
        raise ComposeError(
            f"edition {edition.id} is {edition.state} and was never composed",
            hint="only an edition with stories can be previewed",
        )
    if address:
        recipient, language = _find_recipient(tx, edition, address)
    else:
        language = language or edition.language
        if language not in templates:
            raise ComposeError(
                f"edition {edition.id} is not composed in {language}",
                hint=f"it is in {', '.join(templates)}",
            )
        recipient = Recipient(0, 0, EXAMPLE_ADDRESS, "", templates[language].body.stories)
    template = templates[language]
    return Preview(
        language=language,
        subject=template.render_subject(recipient),
        text=template.render_text(recipient),
        html=template.render_html(recipient),
        message=template.build_message(recipient, now),
    )


def _find_recipient(tx: SqlTransaction, edition: Edition, address: str) -> tuple[Recipient, str]:
    """Return the recipient with an address, and the language in which they get the edition."""
    address = addresses.normalise_address(address)
    status = tx.outbox.get_recipient_status(edition, address)
    if status.delivery:
        delivery = status.delivery
        return (
            Recipient(
                delivery.id,
                delivery.subscriber_id,
                delivery.address,
                delivery.name,
                delivery.stories,
            ),
            delivery.language,
        )
    if status.subscriber_id is None or not status.stories or not status.language:
        raise Refused(outbox.explain_outcome(tx, edition, address))
    subscriber = tx.subscribers.find_subscriber(address)
    assert subscriber is not None
    return Recipient(0, subscriber.id, address, subscriber.person.name, status.stories), (
        status.language
    )
