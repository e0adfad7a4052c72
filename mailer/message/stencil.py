"""A body of an edition, cut and encoded once, and the messages made from it."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from mailer import tokens
from mailer.audience import addresses, by_mail
from mailer.audience.links import Purpose
from mailer.editions import Body, Edition, Kind
from mailer.message.attachments import AttachedFile, attached
from mailer.message.headers import angled, header_text, mailbox, quoted_printable, unstructured
from mailer.message.slots import Piece, Slot, choose, cut

CACHED_MASKS = 512
LONGEST_TOKEN = 3 * 20 + 22
"""Three numbers of 64 bits, each with a dot, and the signature."""


class Recipient(NamedTuple):
    """Whom a message is for: a delivery row's personal fields. `stories` is the mask. Of a service
    mail that asks for confirmation, `subscriber_id` is the number of what is to be confirmed."""

    delivery_id: int
    subscriber_id: int
    address: str
    name: str
    stories: int


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages of an edition share: who sends, the list, where links lead.

    Without a `list_slug` it is no list's: such a message says that nobody typed it
    (``Auto-Submitted``, RFC 3834 §5) and has none of a list's fields, but for the way out of the
    list that a welcome has.

    `key` signs links, `list_number` is the list's record. Where somebody reads what is sent to
    `unsubscribe_address`, a list's messages offer it too. Raises nothing: it is checked before."""

    sender_name: str
    sender_address: str
    reply_to: str
    list_slug: str
    list_name: str
    list_number: int
    base_url: str
    key: bytes
    edition: Edition
    unsubscribe_address: str = ""

    def unsubscribe_url(self, recipient: Recipient) -> str:
        return self._url("u", "unsubscribe", self._of(recipient))

    def preferences_url(self, recipient: Recipient) -> str:
        return self._url("p", "preferences", self._of(recipient))

    def action_url(self, recipient: Recipient) -> str:
        return self._url("c", Purpose.CONFIRM, str(recipient.subscriber_id))

    def view_url(self, stories: int, language: str) -> str:
        """Of an edition that anybody may be shown."""
        return self._url("v", "view", f"{self.edition.id}.{language}.{stories:x}")

    def private_url(self, recipient: Recipient) -> str:
        """The page of an advance copy, which is its reader's alone."""
        return self._url("e", Purpose.ADVANCE, self._of(recipient))

    @property
    def is_private(self) -> bool:
        """Whether its page is each reader's own: its story was embargoed when it was composed."""
        return self.edition.embargo_until is not None

    @property
    def leaves_by_click(self) -> bool:
        """Whether its messages name the link by which a mail provider takes a reader off the list
        (RFC 8058)."""
        return bool(self.list_slug) or self.edition.kind is Kind.WELCOME

    def _of(self, recipient: Recipient) -> str:
        return f"{recipient.subscriber_id}.{self.list_number}.{self.edition.id}"

    def _url(self, page: str, purpose: str, body: str) -> str:
        token = tokens.signer(self.key, purpose).sign(body)
        return f"{self.base_url.rstrip('/')}/{page}/{token}"


class _Hole(NamedTuple):
    """What is filled for each recipient, and at which places of a form."""

    slot: Slot
    argument: str
    is_html: bool
    places: tuple[int, ...]


class _Form(NamedTuple):
    """A message for everybody with the same stories, from the Subject on: `pieces` in their order,
    empty where `holes` are. `subject` is empty where it is personal."""

    subject: bytes
    pieces: list[bytes]
    holes: tuple[_Hole, ...]


class Stencil:
    """One body of an edition, cut and encoded once, for any number of messages.

    Keeps the joined static parts of the last few hundred distinct masks: people who chose the same
    topics share all but their slots. Safe to use from several threads."""

    def __init__(
        self, body: Body, letterhead: Letterhead, files: Sequence[AttachedFile] = ()
    ) -> None:
        self.body = body
        self.letterhead = letterhead
        self._text = tuple(cut(body.text, body.marker))
        self._html = tuple(cut(body.html, body.marker))
        self._subject = tuple(cut(body.subject, body.marker))
        self._boundary = b"=_" + body.marker.encode()
        self._around = b"=_mixed_" + body.marker.encode()
        self._files = attached(files, self._around)
        self._domain = addresses.domain_of(letterhead.sender_address)
        site = letterhead.base_url.rstrip("/")
        self._unsubscribe = f"{site}/u/", tokens.signer(letterhead.key, "unsubscribe").sign
        self._preferences = f"{site}/p/", tokens.signer(letterhead.key, "preferences").sign
        self._action = f"{site}/c/", tokens.signer(letterhead.key, Purpose.CONFIRM).sign
        self._advance = f"{site}/e/", tokens.signer(letterhead.key, Purpose.ADVANCE).sign
        self._fields = f".{letterhead.list_number}.{letterhead.edition.id}"
        self._from = mailbox("From", letterhead.sender_name, letterhead.sender_address)
        if letterhead.reply_to:
            self._from += mailbox("Reply-To", "", letterhead.reply_to)
        uid = letterhead.edition.uid.replace("%", "%%")
        domain = self._domain.replace("%", "%%")
        self._ids = f"Message-ID: <{uid}.%d@{domain}>\r\n"
        self._ids += _ways_out(letterhead)
        self._head = self._common_head()
        self.form = lru_cache(maxsize=CACHED_MASKS)(self._make_form)

    def _common_head(self) -> bytes:
        lines = [
            *self._fields_of_kind(),
            f"Content-Language: {self.body.language}\r\n".encode("ascii"),
            b"MIME-Version: 1.0\r\n",
        ]
        if self._files:
            lines += [_multipart(b"mixed", self._around), b"\r\n--" + self._around + b"\r\n"]
        lines.append(_multipart(b"alternative", self._boundary))
        return b"".join(lines)

    def _fields_of_kind(self) -> tuple[bytes, ...]:
        sheet = self.letterhead
        # RFC 8058 §3.1 wants an https link: over http anybody on the way could read and use it.
        one_click = _ONE_CLICK if sheet.base_url.startswith("https://") else b""
        if not sheet.list_slug:
            return (_AUTOMATIC, one_click) if sheet.leaves_by_click else (_AUTOMATIC,)
        list_id = f"{sheet.list_slug}.{self._domain}".encode()
        return (
            angled("List-Id", sheet.list_name, list_id),
            one_click,
            b"Precedence: bulk\r\n",
        )

    def _make_form(self, stories: int) -> _Form:
        pieces: list[bytes] = []
        holes: dict[tuple[Slot, str, bool], list[int]] = {}
        fixed = bytearray(self._head)

        def part(kind: bytes, cut: tuple[Piece, ...], is_html: bool) -> None:
            nonlocal fixed
            fixed += b"\r\n--" + self._boundary + b"\r\nContent-Type: text/" + kind
            fixed += b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            text = ""
            for what, argument in choose(cut, stories):
                if (
                    what is Slot.VIEW and not self.letterhead.is_private
                ):  # the same for everybody with these stories
                    url = self.letterhead.view_url(stories, self.body.language)
                    text += html.escape(url) if is_html else url
                elif isinstance(what, Slot):
                    fixed += quoted_printable(text)
                    text = ""
                    pieces.append(bytes(fixed))
                    # a link is the same in both parts
                    hole = what, argument, is_html and what not in _LINKS
                    holes.setdefault(hole, []).append(len(pieces))
                    pieces.append(b"")
                    fixed = bytearray()
                else:
                    text += what
            fixed += quoted_printable(text)

        part(b"plain", self._text, False)
        part(b"html", self._html, True)
        fixed += b"\r\n--" + self._boundary + b"--\r\n"
        pieces.append(bytes(fixed))
        if self._files:  # a piece of its own: all forms share it
            pieces.append(self._files)
        where = tuple(_Hole(*hole, tuple(places)) for hole, places in holes.items())
        return _Form(self._subject_for(stories), pieces, where)

    def _subject_for(self, stories: int) -> bytes:
        chosen = tuple(choose(self._subject, stories))
        if any(isinstance(what, Slot) for what, _ in chosen):
            return b""
        return unstructured("Subject", "".join(str(what) for what, _ in chosen))

    def _values(self, recipient: Recipient) -> Callable[[Slot, str], str]:
        sheet = self.letterhead

        def value(slot: Slot, argument: str) -> str:
            match slot:
                case Slot.NAME:
                    return header_text(recipient.name) or argument
                case Slot.ADDRESS:
                    return recipient.address
                case Slot.UNSUBSCRIBE:
                    return sheet.unsubscribe_url(recipient)
                case Slot.PREFERENCES:
                    return sheet.preferences_url(recipient)
                case Slot.ACTION:
                    return sheet.action_url(recipient)
                case Slot.VIEW if sheet.is_private:
                    return sheet.private_url(recipient)
                case Slot.VIEW:
                    return sheet.view_url(recipient.stories, self.body.language)
            raise AssertionError(slot)

        return value

    def subject(self, recipient: Recipient) -> str:
        """The subject as this person reads it."""
        return header_text(self._fill(self._subject, recipient, escape=False))

    def text(self, recipient: Recipient) -> str:
        """The text part as this person reads it."""
        return self._fill(self._text, recipient, escape=False)

    def html(self, recipient: Recipient) -> str:
        """The HTML part as this person reads it."""
        return self._fill(self._html, recipient, escape=True)

    def _fill(self, cut: tuple[Piece, ...], recipient: Recipient, *, escape: bool) -> str:
        value = self._values(recipient)
        out: list[str] = []
        for what, argument in choose(cut, recipient.stories):
            if isinstance(what, Slot):
                filled = value(what, argument)
                out.append(html.escape(filled) if escape else filled)
            else:
                out.append(what)
        return "".join(out)

    def message_id(self, recipient: Recipient) -> str:
        """The same for each attempt, so that a receiver can tell a message sent twice."""
        uid = self.letterhead.edition.uid
        return f"<{uid}.{recipient.delivery_id}@{self._domain}>"

    def message(self, recipient: Recipient, now: datetime) -> bytes:
        """The whole message: CRLF line ends, no line over 998 bytes and none that begins with a
        dot, ASCII but for an internationalised local part."""
        return b"".join(self.pieces(recipient, now))

    def pieces(self, recipient: Recipient, now: datetime) -> list[bytes]:
        """The message in pieces, most of which it shares with others: not joined, it needs no room
        of its own on its way."""
        subject, pieces, holes = self.form(recipient.stories)
        fields = f"{recipient.subscriber_id}{self._fields}"
        site, sign = self._unsubscribe
        token = sign(fields)
        unsubscribe = site + token
        out = pieces.copy()
        for slot, argument, is_html, places in holes:
            if slot is Slot.UNSUBSCRIBE:
                filled = unsubscribe
            elif slot is Slot.PREFERENCES:
                site, sign = self._preferences
                filled = site + sign(fields)
            elif slot is Slot.VIEW:
                site, sign = self._advance
                filled = site + sign(fields)
            elif slot is Slot.ACTION:
                site, sign = self._action
                filled = site + sign(str(recipient.subscriber_id))
            else:
                filled = recipient.address
                if slot is Slot.NAME:
                    filled = header_text(recipient.name) or argument
                if is_html:
                    filled = html.escape(filled)
            encoded = quoted_printable(filled)
            for place in places:
                out[place] = encoded
        head = self._ids % (recipient.delivery_id, unsubscribe, token)
        out[0] = b"".join(
            (
                self._from,
                mailbox("To", recipient.name, recipient.address),
                subject or unstructured("Subject", self.subject(recipient)),
                _date(int(now.timestamp())),
                head.encode(),
                out[0],
            )
        )
        return out


def _ways_out(sheet: Letterhead) -> str:
    """The field by which a list is left (RFC 2369 §3.2), to be filled with the link and its token:
    the link first, as the leftmost is preferred (§2), then the address. On one line: a folded one
    has hidden the link at Gmail. An address with which it would be longer than 998 characters
    (RFC 5322 §2.1.1) is left out."""
    # "%.0s" takes what is given and prints nothing of it: no message has to ask what it is.
    if not sheet.leaves_by_click:
        return "%.0s%.0s"
    if sheet.unsubscribe_address:
        mailto = by_mail.mailto(sheet.unsubscribe_address).replace("%", "%%")
        field = f"List-Unsubscribe: <%s>, <{mailto}%s>\r\n"
        token = "0" * LONGEST_TOKEN
        if len(field % (f"{sheet.base_url.rstrip('/')}/u/{token}", token)) <= 1000:
            return field
    return "List-Unsubscribe: <%s>\r\n%.0s"


def _multipart(kind: bytes, boundary: bytes) -> bytes:
    return b"Content-Type: multipart/" + kind + b';\r\n boundary="' + boundary + b'"\r\n'


_AUTOMATIC = b"Auto-Submitted: auto-generated\r\n"
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_LINKS = frozenset({Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.ACTION, Slot.VIEW})


@lru_cache(maxsize=8)
def _date(second: int) -> bytes:
    moment = datetime.fromtimestamp(second, UTC)
    return f"Date: {format_datetime(moment)}\r\n".encode()
