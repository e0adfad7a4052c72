"""Cut and encode a body of an edition once, and build messages from it."""

import html
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from mailer import addresses, tokens
from mailer.audience import unsubscribe_mail
from mailer.message.attachments import AttachedFile, encode_attachments
from mailer.message.field_slots import fill_field
from mailer.message.headers import (
    clean_header_text,
    clean_name,
    encode_quoted_printable,
    format_angled_header,
    format_mailbox_header,
    format_unstructured_header,
)
from mailer.message.message_profile import MessageProfile
from mailer.message.message_variant import (
    HeaderValue,
    MessageVariant,
    SharedOrIndex,
)
from mailer.message.personal_values import (
    LINK_PAGES,
    Link,
    Recipient,
    SlotValue,
    create_encoder,
)
from mailer.message.send_day import fill_send_day
from mailer.message.slots import Piece, Slot, choose_pieces, split_body
from mailer.model.editions import EditionBody

CACHED_MASKS = 512
"""The number of story masks whose joined static parts a template caches."""

MAX_TOKEN_LENGTH = 3 * 20 + 22
"""Maximum length of a token: three numbers of 64 bits, each followed by a dot, and the
signature."""


class MessageTemplate:
    """One body of an edition, cut and encoded once, for any number of messages.

    It caches the joined static parts for the last :data:`CACHED_MASKS` story masks, since the
    messages of people with the same stories differ only in their slots. Safe to use from several
    threads."""

    def __init__(
        self, body: EditionBody, profile: MessageProfile, files: Sequence[AttachedFile] = ()
    ) -> None:
        edition = profile.edition
        body = fill_send_day(body, profile.send_day or edition.get_send_day(edition.created_at))
        self.body = body
        self.profile = profile
        self._text = tuple(split_body(body.text, body.marker))
        self._html = tuple(split_body(body.html, body.marker))
        self._subject = tuple(split_body(body.subject, body.marker))
        self._boundary = b"=_" + body.marker.encode()
        self._mixed_boundary = b"=_mixed_" + body.marker.encode()
        self._files = encode_attachments(files, self._mixed_boundary)
        self.envelope_sender = profile.sender.envelope_sender
        self._domain = addresses.extract_wire_domain(profile.sender.address)
        self.get_variant = lru_cache(maxsize=CACHED_MASKS)(self._build_variant)
        self._bind_signing_key(tokens.get_signing_key(profile.keys))
        self._token_fields = f".{profile.list_id}.{profile.edition.id}".encode()
        self._from_fields = format_mailbox_header(
            "From", profile.sender.name, profile.sender.address
        )
        if profile.sender.reply_to:
            self._from_fields += format_mailbox_header("Reply-To", "", profile.sender.reply_to)
        self._common_header = self._build_common_header()

    def _bind_signing_key(self, key: bytes) -> None:
        """Sign the links of all further messages with this key. The links that all messages of a
        variant share are signed again."""
        self._links = {
            slot: Link.bind_key(
                key, self.profile.base_url, *self.profile.choose_link_target(page, purpose)
            )
            for slot, (page, purpose) in LINK_PAGES.items()
        }
        self._unsubscribe_site, self._sign_unsubscribe = self._links[Slot.UNSUBSCRIBE]
        self.get_variant.cache_clear()
        self._signing_key = key

    def _build_header_parts(self, stories: int) -> list[SharedOrIndex]:
        """Build the header, up to the fields that all messages share."""
        uid = self.profile.edition.uid.encode()
        subject = self._build_subject_field(stories)
        return [
            self._from_fields,
            HeaderValue.TO,
            subject or HeaderValue.SUBJECT,
            HeaderValue.DATE,
            b"Message-ID: <" + uid + b".",
            HeaderValue.DELIVERY_ID,
            b"@" + self._domain.encode() + b">\r\n",
            *_build_unsubscribe_field(self.profile),
        ]

    def _build_common_header(self) -> bytes:
        lines = [
            *self._build_kind_fields(),
            f"Content-Language: {self.body.language}\r\n".encode("ascii"),
            b"MIME-Version: 1.0\r\n",
        ]
        if self._files:
            lines += [
                _format_multipart_header(b"mixed", self._mixed_boundary),
                b"\r\n--" + self._mixed_boundary + b"\r\n",
            ]
        lines.append(_format_multipart_header(b"alternative", self._boundary))
        return b"".join(lines)

    def _build_kind_fields(self) -> tuple[bytes, ...]:
        profile = self.profile
        # RFC 8058 §3.1 requires an https link, as an eavesdropper could read and use an http link.
        one_click = _ONE_CLICK_FIELD if profile.base_url.startswith("https://") else b""
        if not profile.list_slug:
            return (
                (_AUTO_SUBMITTED_FIELD, one_click)
                if profile.offers_one_click_unsubscribe
                else (_AUTO_SUBMITTED_FIELD,)
            )
        list_domain = addresses.to_ascii_domain(profile.list_domain)
        list_id_value = f"{profile.list_slug}.{list_domain}".encode()
        return (
            format_angled_header("List-Id", profile.list_name, list_id_value),
            one_click,
            b"Precedence: bulk\r\n",
        )

    def _build_variant(self, stories: int) -> MessageVariant:
        parts = self._build_header_parts(stories)
        slots: list[SlotValue] = []
        fixed_bytes = bytearray(self._common_header)

        def add_part(subtype: bytes, body_pieces: tuple[Piece, ...], is_html: bool) -> None:
            nonlocal fixed_bytes
            fixed_bytes += b"\r\n--" + self._boundary + b"\r\nContent-Type: text/" + subtype
            fixed_bytes += b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            text = ""
            for content, argument in choose_pieces(body_pieces, stories):
                if content is Slot.VIEW and not self.profile.is_private:
                    # all recipients with these stories share this link
                    url = self.profile.create_view_url(stories, self.body.language)
                    text += html.escape(url) if is_html else url
                elif content is Slot.COUNTED_LINK:  # the same for all recipients
                    url = self.profile.create_counted_url(argument, self.body.language)
                    text += html.escape(url) if is_html else url
                elif isinstance(content, Slot):
                    fixed_bytes += encode_quoted_printable(text)
                    text = ""
                    # a link is the same in both parts
                    slot = SlotValue(content, argument, is_html and content not in LINK_PAGES)
                    if slot not in slots:
                        slots.append(slot)
                    parts.extend([bytes(fixed_bytes), len(HeaderValue) + slots.index(slot)])
                    fixed_bytes = bytearray()
                else:
                    text += content
            fixed_bytes += encode_quoted_printable(text)

        add_part(b"plain", self._text, False)
        add_part(b"html", self._html, True)
        fixed_bytes += b"\r\n--" + self._boundary + b"--\r\n"
        # All variants share the files.
        encoders = [create_encoder(slot, self._links) for slot in slots]
        return MessageVariant([*parts, bytes(fixed_bytes), self._files], encoders)

    def _build_subject_field(self, stories: int) -> bytes:
        chosen_pieces = tuple(choose_pieces(self._subject, stories))
        if any(isinstance(content, Slot) for content, _ in chosen_pieces):
            return b""
        return format_unstructured_header(
            "Subject", "".join(str(content) for content, _ in chosen_pieces)
        )

    def _create_value_getter(self, recipient: Recipient) -> Callable[[Slot, str], str]:
        profile = self.profile

        def get_value(slot: Slot, argument: str) -> str:
            match slot:
                case Slot.NAME:
                    return clean_name(recipient.name) or argument
                case Slot.ADDRESS:
                    return recipient.address
                case Slot.FIELD:
                    return fill_field(argument, recipient.fields)
                case Slot.UNSUBSCRIBE:
                    return profile.create_unsubscribe_url(recipient)
                case Slot.PREFERENCES:
                    return profile.create_preferences_url(recipient)
                case Slot.ACTION:
                    return profile.create_action_url(recipient)
                case Slot.EDITION_DECISION | Slot.KILL_DECISION:
                    return profile.create_decision_url(slot, recipient, argument)
                case Slot.COUNTED_LINK:
                    return profile.create_counted_url(argument, self.body.language)
                case Slot.VIEW if profile.is_private:
                    return profile.create_private_url(recipient)
                case Slot.VIEW:
                    return profile.create_view_url(recipient.stories, self.body.language)
            raise AssertionError(slot)

        return get_value

    def render_subject(self, recipient: Recipient) -> str:
        """Render the subject for this recipient."""
        return clean_header_text(self._fill_slots(self._subject, recipient, escape=False))

    def render_text(self, recipient: Recipient) -> str:
        """Render the text part for this recipient."""
        return self._fill_slots(self._text, recipient, escape=False)

    def render_html(self, recipient: Recipient) -> str:
        """Render the HTML part for this recipient."""
        return self._fill_slots(self._html, recipient, escape=True)

    def _fill_slots(
        self, body_pieces: tuple[Piece, ...], recipient: Recipient, *, escape: bool
    ) -> str:
        get_value = self._create_value_getter(recipient)
        parts: list[str] = []
        for content, argument in choose_pieces(body_pieces, recipient.stories):
            if isinstance(content, Slot):
                filled = get_value(content, argument)
                parts.append(html.escape(filled) if escape else filled)
            else:
                parts.append(content)
        return "".join(parts)

    def format_message_id(self, recipient: Recipient) -> str:
        """Format the Message-ID. It is the same for each attempt, so that a receiver can recognise
        a message that was sent twice."""
        uid = self.profile.edition.uid
        return f"<{uid}.{recipient.delivery_id}@{self._domain}>"

    def build_message(self, recipient: Recipient, now: datetime) -> bytes:
        """Build the whole message. Its lines end in CRLF, have at most 998 bytes, and never begin
        with a dot. Except for an internationalised local part, it is ASCII."""
        return b"".join(self.build_pieces(recipient, now))

    def build_pieces(self, recipient: Recipient, now: datetime) -> list[bytes]:
        """Build the message in a few pieces. The longest ones are shared with other messages. As
        long as they are not joined, a message needs little memory."""
        if (signing_key := tokens.get_signing_key(self.profile.keys)) is not self._signing_key:
            self._bind_signing_key(signing_key)
        delivery_id, subscriber_id, address, name, stories, _ = recipient
        variant = self.get_variant(stories)
        token_fields = b"%d%b" % (subscriber_id, self._token_fields)
        token = self._sign_unsubscribe(token_fields)
        unsubscribe_url = self._unsubscribe_site + token
        values = [
            format_mailbox_header("To", name, address),
            b"",
            _format_date_field(int(now.timestamp())),
            b"%d" % delivery_id,
            unsubscribe_url,
            token,
        ]
        if variant.has_personal_subject:
            subject = format_unstructured_header("Subject", self.render_subject(recipient))
            values[HeaderValue.SUBJECT] = subject
        values += [
            encode_value(recipient, token_fields, unsubscribe_url)
            for encode_value in variant.encoders
        ]
        return variant.fill_values(values)


def _build_unsubscribe_field(profile: MessageProfile) -> list[SharedOrIndex]:
    """Build the List-Unsubscribe field (RFC 2369 §3.2) around the link and its token.

    The link comes first, since the leftmost URI is preferred (§2), then the address. The field is
    not folded, because Gmail did not show the link of a folded one. The address is left out if the
    line would be longer than 998 characters (RFC 5322 §2.1.1)."""
    if not profile.offers_one_click_unsubscribe:
        return []
    start, end = b"List-Unsubscribe: <", b">\r\n"
    if profile.offers_unsubscribe_address:
        middle = f">, <{unsubscribe_mail.build_mailto(profile.unsubscribe_address)}".encode()
        site_size = len(f"{profile.base_url.rstrip('/')}/u/")
        if len(start + middle + end) + site_size + 2 * MAX_TOKEN_LENGTH <= 1000:
            return [start, HeaderValue.UNSUBSCRIBE_URL, middle, HeaderValue.TOKEN, end]
    return [start, HeaderValue.UNSUBSCRIBE_URL, end]


def _format_multipart_header(kind: bytes, boundary: bytes) -> bytes:
    return b"Content-Type: multipart/" + kind + b';\r\n boundary="' + boundary + b'"\r\n'


_AUTO_SUBMITTED_FIELD = b"Auto-Submitted: auto-generated\r\n"
_ONE_CLICK_FIELD = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@lru_cache(maxsize=8)
def _format_date_field(second: int) -> bytes:
    moment = datetime.fromtimestamp(second, UTC)
    return f"Date: {format_datetime(moment)}\r\n".encode()
