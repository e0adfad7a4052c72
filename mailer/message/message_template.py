"""Cut and encode a body of an edition once, and build messages from it."""

import html
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from mailer import addresses, tokens
from mailer.audience import unsubscribe_mail
from mailer.audience.links import LinkPurpose
from mailer.message.attachments import AttachedFile, encode_attachments
from mailer.message.headers import (
    clean_header_text,
    clean_name,
    encode_quoted_printable,
    format_angled_header,
    format_mailbox_header,
    format_unstructured_header,
)
from mailer.message.message_profile import MessageProfile, Recipient
from mailer.message.send_day import fill_send_day
from mailer.message.slots import Piece, Slot, choose_pieces, split_body
from mailer.model.editions import EditionBody

CACHED_MASKS = 512
"""The number of story masks whose joined static parts a template caches."""

MAX_TOKEN_LENGTH = 3 * 20 + 22
"""Maximum length of a token: three numbers of 64 bits, each followed by a dot, and the
signature."""


class _SlotPositions(NamedTuple):
    """A slot, and the indexes of the pieces that it fills for each recipient."""

    slot: Slot
    argument: str
    is_html: bool
    positions: tuple[int, ...]


class _MaskVariant(NamedTuple):
    """The part of the message, from the Subject on, that recipients with the same stories share.

    `pieces` are in order, with empty strings at `slot_positions`. `subject` is empty if it is
    personal."""

    subject: bytes
    pieces: list[bytes]
    slot_positions: tuple[_SlotPositions, ...]


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
        self._token_fields = f".{profile.list_id}.{profile.edition.id}"
        self._from_fields = format_mailbox_header(
            "From", profile.sender.name, profile.sender.address
        )
        if profile.sender.reply_to:
            self._from_fields += format_mailbox_header("Reply-To", "", profile.sender.reply_to)
        uid = profile.edition.uid.replace("%", "%%")
        domain = self._domain.replace("%", "%%")
        self._per_recipient_fields = f"Message-ID: <{uid}.%d@{domain}>\r\n"
        self._per_recipient_fields += _build_unsubscribe_field(profile)
        self._common_header = self._build_common_header()

    def _bind_signing_key(self, key: bytes) -> None:
        """Sign the links of all further messages with this key. The links that all messages of a
        variant share are signed again."""
        site = self.profile.base_url.rstrip("/")

        def bind_link(page: str, purpose: LinkPurpose) -> tuple[str, Callable[[str], str]]:
            path, purpose = self.profile.choose_link_target(page, purpose)
            return f"{site}/{path}/", tokens.get_signer(key, purpose).sign_body

        self._unsubscribe_link = bind_link("u", LinkPurpose.UNSUBSCRIBE)
        self._preferences_link = bind_link("p", LinkPurpose.PREFERENCES)
        self._action_link = bind_link("c", LinkPurpose.CONFIRM)
        self._advance_link = bind_link("e", LinkPurpose.ADVANCE)
        self.get_variant.cache_clear()
        self._signing_key = key

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

    def _build_variant(self, stories: int) -> _MaskVariant:
        pieces: list[bytes] = []
        positions_by_slot: dict[tuple[Slot, str, bool], list[int]] = {}
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
                elif isinstance(content, Slot):
                    fixed_bytes += encode_quoted_printable(text)
                    text = ""
                    pieces.append(bytes(fixed_bytes))
                    # a link is the same in both parts
                    slot_key = content, argument, is_html and content not in _LINK_SLOTS
                    positions_by_slot.setdefault(slot_key, []).append(len(pieces))
                    pieces.append(b"")
                    fixed_bytes = bytearray()
                else:
                    text += content
            fixed_bytes += encode_quoted_printable(text)

        add_part(b"plain", self._text, False)
        add_part(b"html", self._html, True)
        fixed_bytes += b"\r\n--" + self._boundary + b"--\r\n"
        pieces.append(bytes(fixed_bytes))
        if self._files:  # a separate piece, which all variants share
            pieces.append(self._files)
        slot_positions = tuple(
            _SlotPositions(*slot_key, tuple(positions))
            for slot_key, positions in positions_by_slot.items()
        )
        return _MaskVariant(self._build_subject_field(stories), pieces, slot_positions)

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
                case Slot.UNSUBSCRIBE:
                    return profile.create_unsubscribe_url(recipient)
                case Slot.PREFERENCES:
                    return profile.create_preferences_url(recipient)
                case Slot.ACTION:
                    return profile.create_action_url(recipient)
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
        """Build the message in pieces, most of which are shared with other messages. As long as
        they are not joined, a message needs little memory."""
        if (signing_key := tokens.get_signing_key(self.profile.keys)) is not self._signing_key:
            self._bind_signing_key(signing_key)
        subject, pieces, slot_positions = self.get_variant(recipient.stories)
        token_fields = f"{recipient.subscriber_id}{self._token_fields}"
        site, sign_token = self._unsubscribe_link
        token = sign_token(token_fields)
        unsubscribe_url = site + token
        message_pieces = pieces.copy()
        for slot, argument, is_html, positions in slot_positions:
            if slot is Slot.UNSUBSCRIBE:
                filled = unsubscribe_url
            elif slot is Slot.PREFERENCES:
                site, sign_token = self._preferences_link
                filled = site + sign_token(token_fields)
            elif slot is Slot.VIEW:
                site, sign_token = self._advance_link
                filled = site + sign_token(token_fields)
            elif slot is Slot.ACTION:
                site, sign_token = self._action_link
                filled = site + sign_token(str(recipient.subscriber_id))
            else:
                filled = recipient.address
                if slot is Slot.NAME:
                    filled = clean_name(recipient.name) or argument
                if is_html:
                    filled = html.escape(filled)
            encoded = encode_quoted_printable(filled)
            for position in positions:
                message_pieces[position] = encoded
        per_recipient_fields = self._per_recipient_fields % (
            recipient.delivery_id,
            unsubscribe_url,
            token,
        )
        message_pieces[0] = b"".join(
            (
                self._from_fields,
                format_mailbox_header("To", recipient.name, recipient.address),
                subject or format_unstructured_header("Subject", self.render_subject(recipient)),
                _format_date_field(int(now.timestamp())),
                per_recipient_fields.encode(),
                message_pieces[0],
            )
        )
        return message_pieces


def _build_unsubscribe_field(profile: MessageProfile) -> str:
    """Build the List-Unsubscribe field (RFC 2369 §3.2), to be filled with the link and its token.

    The link comes first, since the leftmost URI is preferred (§2), then the address. The field is
    not folded, because Gmail did not show the link of a folded one. The address is left out if the
    line would be longer than 998 characters (RFC 5322 §2.1.1)."""
    # "%.0s" consumes a value and prints nothing, so every field takes the same two values.
    if not profile.offers_one_click_unsubscribe:
        return "%.0s%.0s"
    if profile.offers_unsubscribe_address:
        mailto = unsubscribe_mail.build_mailto(profile.unsubscribe_address).replace("%", "%%")
        field = f"List-Unsubscribe: <%s>, <{mailto}%s>\r\n"
        token = "0" * MAX_TOKEN_LENGTH
        if len(field % (f"{profile.base_url.rstrip('/')}/u/{token}", token)) <= 1000:
            return field
    return "List-Unsubscribe: <%s>\r\n%.0s"


def _format_multipart_header(kind: bytes, boundary: bytes) -> bytes:
    return b"Content-Type: multipart/" + kind + b';\r\n boundary="' + boundary + b'"\r\n'


_AUTO_SUBMITTED_FIELD = b"Auto-Submitted: auto-generated\r\n"
_ONE_CLICK_FIELD = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_LINK_SLOTS = frozenset({Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.ACTION, Slot.VIEW})


@lru_cache(maxsize=8)
def _format_date_field(second: int) -> bytes:
    moment = datetime.fromtimestamp(second, UTC)
    return f"Date: {format_datetime(moment)}\r\n".encode()
