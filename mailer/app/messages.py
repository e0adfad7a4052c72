"""Messages of an edition for its recipients, and for a preview: settings, files and records."""

from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions, outbox
from mailer.config import Settings
from mailer.errors import Refused
from mailer.message import AttachedFile, MessageProfile, MessageTemplate, Recipient
from mailer.message.senders import choose_identity
from mailer.model.edition_states import EditionKind
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import MailingList
from mailer.notices import EditionMail
from mailer.store import SqlTransaction
from mailer.tokens import LinkKeys

_LIST_KINDS = (EditionKind.MAILING, EditionKind.TEST)
"""Kinds of editions whose messages have the header fields of a list."""


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
        sender=edition.sender_identity or choose_identity(settings, edition.kind),
        list_slug=mailing_list.slug if edition.kind in _LIST_KINDS else "",
        list_name=mailing_list.name,
        list_domain=settings.list_domain,
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
    an edition that has not begun shows the day of its appointment, or of `now`. The messages of a
    repeat are those of the edition that it repeats, with their links and their day."""
    if edition.repeated_id is not None:
        edition = editions.get_edition(tx, edition.repeated_id)
    mailing_list = tx.editions.load_mailing_list(edition)
    profile = build_sender_profile(settings, edition, mailing_list, keys, now)
    if edition.planned_at:
        profile = replace(profile, send_day=editions.find_send_day(tx, edition, edition.planned_at))
    return {
        body.language: MessageTemplate(body, profile, _load_attachments(tx, body))
        for body in tx.editions.list_bodies(edition)
    }


def build_edition_mails(
    settings: Settings, tx: SqlTransaction, edition: Edition, keys: LinkKeys, now: datetime
) -> tuple[EditionMail, ...]:
    """Return the mails of a composed edition in every language, as a nameless reader who gets every
    story would get them. The one in the edition's own language is the first."""
    templates = build_message_templates(settings, tx, edition, keys, now)
    mails = []
    for language in sorted(templates, key=lambda tag: (tag != edition.language, tag)):
        template = templates[language]
        recipient = Recipient(0, 0, outbox.EXAMPLE_ADDRESS, "", template.body.stories)
        mails.append(
            EditionMail(
                language,
                template.render_subject(recipient),
                template.render_text(recipient),
                template.render_html(recipient),
                template.build_message(recipient, now),
            )
        )
    return tuple(mails)


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
    """Return a composed edition's mail as the subscriber with `address` would get it, in `language`
    or their own. Without an address, the mail is for a nameless reader who gets every story, in
    `language` or the edition's own language. Raises ComposeError, and Refused if the edition does
    not go to that address."""
    reader = outbox.find_reader(tx, edition, address, language)
    templates = build_message_templates(settings, tx, edition, keys, now)
    language = reader.language
    template = templates[language]
    recipient = Recipient(
        reader.delivery_id,
        reader.subscriber_id,
        reader.address or outbox.EXAMPLE_ADDRESS,
        reader.name,
        reader.stories,
        reader.fields,
    )
    return Preview(
        language=language,
        subject=template.render_subject(recipient),
        text=template.render_text(recipient),
        html=template.render_html(recipient),
        message=template.build_message(recipient, now),
    )
