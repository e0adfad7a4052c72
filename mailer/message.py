"""A frozen body and a recipient -> the bytes of one MIME message.

This room owns *marks* and *slots*, and every encoding. Composing writes them into a body; delivery
reads them back; nothing else knows how they look.

- A **slot** is an opaque word that stands where something personal goes: a name, an address, a
  signed link. Opaque, because the inliner percent-encodes braces in URLs.
- A **mark** is an HTML comment that opens or closes a part that only some recipients get, by the
  bits of the stories that their topics let through. It passes the inliner untouched, between table
  rows too. Four questions can be asked of a recipient's stories:

  ``any``       does this person get one of these stories?
  ``first``     is the first story that this person gets one of these?
  ``rest``      is one of these among this person's stories after the first?
  ``contents``  the same as ``any``, for those who get more than five stories

Both begin with the body's *marker*, a word made from a hash of what people wrote, so that no text
can hold it. :class:`Stencil` encodes a body once, cuts it at marks and slots, and joins the pieces
for each recipient: quoted-printable segments join at soft line breaks (RFC 2045 §6.7 rule 5).
"""

import binascii
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from functools import lru_cache

from mailer import tokens
from mailer.audience import addresses
from mailer.editions import Body, Edition

CONTENTS_FROM = 6
"""How many stories a person must get to be given a table of contents."""

CACHED_MASKS = 512


class Ask(StrEnum):
    """What a mark asks of a recipient's stories."""

    ANY = "any"
    FIRST = "first"
    REST = "rest"
    CONTENTS = "contents"


class Slot(StrEnum):
    """What a slot holds. The value is the letter in its word: none is a hexadecimal digit."""

    NAME = "n"
    ADDRESS = "r"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    NUMBER = "k"


# ---- writing marks and slots: for composing ---------------------------------------------------


def marker(fingerprint: str) -> str:
    """The word that begins a body's marks and slots, from a SHA-256 in hex of its sources."""
    return f"z{fingerprint[:15]}"


def mark(marker: str, ask: Ask, stories: int) -> str:
    """Opens a part; :func:`end` closes it. Parts may nest: then all must hold."""
    return f"<!--{marker} {ask.value} {stories:x}-->"


def end(marker: str) -> str:
    return f"<!--{marker} end-->"


def slot(marker: str, slot: Slot, argument: str = "") -> str:
    """The word for a slot: `argument` is a default text, or a story's bit for a number."""
    return f"{marker}{slot.value}{argument.encode().hex()}z"


def _pattern(marker: str) -> re.Pattern[str]:
    return re.compile(
        rf"<!--{marker} (?P<ask>any|first|rest|contents) (?P<bits>[0-9a-f]+)-->"
        rf"|(?P<end><!--{marker} end-->)"
        rf"|{marker}(?P<slot>[nrupvk])(?P<argument>(?:[0-9a-f]{{2}})*)z"
    )


def slots_and_marks(text: str, marker: str) -> int:
    """How many there are in `text`. Raises ValueError when one is broken or left open, as when a
    filter has changed its case or cut it."""
    found = list(_pattern(marker).finditer(text))
    half, folded = len(marker) // 2, text.lower()
    if any(folded.count(part) != len(found) for part in (marker[:half], marker[half:])):
        raise ValueError("a slot or mark is broken")
    depth = 0
    for one in found:
        depth += bool(one["ask"]) - bool(one["end"])
        if depth < 0:
            raise ValueError("a part is closed that was not opened")
    if depth:
        raise ValueError("a part is opened and not closed")
    return len(found)


# ---- header values ----------------------------------------------------------------------------

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def header_text(value: str) -> str:
    """`value` as a header may hold it: no control characters, no lone surrogates, runs of spaces
    as one. What this gives survives the round trip through a mail parser."""
    return " ".join(_CONTROL.sub(" ", value).split())


def _encoded_words(value: str, room: int) -> list[bytes]:
    """RFC 2047 words of at most 75 characters, the first of at most `room`; cut between
    characters, never within one."""
    words: list[bytes] = []
    chunk = b""
    most = max((min(room, 75) - 12) // 4 * 3, 6)
    for character in value:
        encoded = character.encode()
        if len(chunk) + len(encoded) > most:
            words.append(b"=?utf-8?b?" + binascii.b2a_base64(chunk, newline=False) + b"?=")
            chunk, most = b"", 45
        chunk += encoded
    words.append(b"=?utf-8?b?" + binascii.b2a_base64(chunk, newline=False) + b"?=")
    return words


def unstructured(name: str, value: str) -> bytes:
    """A whole header field with free text, such as Subject, folded (RFC 5322 §2.2.3), with CRLF."""
    value = header_text(value)
    head = f"{name}: ".encode("ascii")
    if value.isascii() and "=?" not in value:
        words = value.split(" ")
        if all(len(word) <= 60 for word in words):
            lines, line = [], head
            for number, word in enumerate(words):
                piece = word.encode() if number == 0 else b" " + word.encode()
                if len(line) + len(piece) > 76 and line != head:
                    lines.append(line)
                    line = b""
                line += piece
            return b"\r\n".join([*lines, line]) + b"\r\n"
    return head + b"\r\n ".join(_encoded_words(value, 76 - len(head))) + b"\r\n"


def angled(name: str, phrase: str, spec: bytes) -> bytes:
    """A whole header field: a phrase, then `spec` in angle brackets (RFC 5322 §3.4, RFC 2919 §3),
    with CRLF. The phrase is bare, quoted or encoded, as its characters ask."""
    head = f"{name}: ".encode("ascii")
    phrase = header_text(phrase)
    if not phrase:
        return head + b"<" + spec + b">\r\n"
    if phrase.isascii() and "=?" not in phrase and len(phrase) <= 60:
        said = phrase.encode()
        if not _ATOMS.fullmatch(phrase):
            said = b'"' + re.sub(rb'(["\\])', rb"\\\1", said) + b'"'
    else:
        said = b"\r\n ".join(_encoded_words(phrase, 76 - len(head)))
    last = len(said) - (said.rfind(b"\n") + 1)
    gap = b" " if len(head) + last + len(spec) + 3 <= 76 else b"\r\n "
    return head + said + gap + b"<" + spec + b">\r\n"


def mailbox(name: str, display_name: str, address: str) -> bytes:
    """A whole header field with one address and its display name, with CRLF."""
    spec = addresses.wire(address).encode()
    if not header_text(display_name):
        return f"{name}: ".encode("ascii") + spec + b"\r\n"
    return angled(name, display_name, spec)


# ---- bodies -----------------------------------------------------------------------------------


def quoted_printable(text: str) -> bytes:
    """`text` as a segment that can be joined to others: it begins at the start of a line and ends
    with a line break, a soft one where `text` has none. Lines are CRLF, at most 76 characters."""
    if not text:
        return b""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    encoded = binascii.b2a_qp(data, quotetabs=False, istext=True, header=False)
    if not encoded.endswith(b"\n"):
        start = encoded.rfind(b"\n") + 1
        if len(encoded) - start > 75:  # with its soft break the last line would be 77 long
            cut = start + 73
            cut -= {b"=": 1}.get(encoded[cut - 1 : cut], 0) or 2 * (encoded[cut - 2] == 0x3D)
            encoded = encoded[:cut] + b"=\n" + encoded[cut:]
        encoded += b"=\n"
    return encoded.replace(b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for: a delivery row's personal fields. `stories` is the mask."""

    delivery_id: int
    subscriber_id: int
    address: str
    name: str
    stories: int


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages of an edition share: who sends, the list, where links lead.

    `key` signs links, `list_number` is the list's record. Raises nothing: it is checked before."""

    sender_name: str
    sender_address: str
    reply_to: str
    list_slug: str
    list_name: str
    list_number: int
    base_url: str
    key: bytes
    edition: Edition

    def unsubscribe_url(self, recipient: Recipient) -> str:
        return self._url("u", "unsubscribe", recipient.subscriber_id, self.list_number)

    def preferences_url(self, recipient: Recipient) -> str:
        return self._url("p", "preferences", recipient.subscriber_id, self.list_number)

    def view_url(self, recipient: Recipient, language: str) -> str:
        return self._url("v", "view", self.edition.id, language, f"{recipient.stories:x}")

    def _url(self, page: str, purpose: str, *fields: int | str) -> str:
        if purpose != "view":
            fields = (*fields, self.edition.id)
        return f"{self.base_url.rstrip('/')}/{page}/{tokens.sign(self.key, purpose, *fields)}"


_Condition = tuple[Ask, int]
_Piece = tuple[tuple[_Condition, ...], str | Slot, str]
"""Conditions, then a text, or a slot with its argument."""

_Encoded = bytes | tuple[Slot, str, bool]
"""Ready bytes, or a slot with its argument and whether it stands in HTML."""


def _cut(text: str, marker: str) -> Iterator[_Piece]:
    conditions: list[_Condition] = []
    at = 0
    for found in _pattern(marker).finditer(text):
        if found.start() > at:
            yield tuple(conditions), text[at : found.start()], ""
        at = found.end()
        if found["ask"]:
            conditions.append((Ask(found["ask"]), int(found["bits"], 16)))
        elif found["end"]:
            conditions.pop()
        else:
            argument = bytes.fromhex(found["argument"]).decode()
            yield tuple(conditions), Slot(found["slot"]), argument
    if at < len(text):
        yield tuple(conditions), text[at:], ""


def _asked(stories: int) -> dict[Ask, int]:
    return {
        Ask.ANY: stories,
        Ask.FIRST: stories & -stories,
        Ask.REST: stories & (stories - 1) if stories else 0,
        Ask.CONTENTS: stories if stories.bit_count() >= CONTENTS_FROM else 0,
    }


def _choose(pieces: tuple[_Piece, ...], stories: int) -> Iterator[tuple[str | Slot, str]]:
    """What of `pieces` a person with these stories gets, numbers filled in."""
    asked = _asked(stories)
    for conditions, what, argument in pieces:
        if all(asked[ask] & bits for ask, bits in conditions):
            if what is Slot.NUMBER:
                below = stories & ((1 << int(argument) + 1) - 1)
                yield str(below.bit_count()), ""
            else:
                yield what, argument


def visible(text: str, marker: str, stories: int) -> str:
    """What of `text` a person with these stories sees, personal fields left empty."""
    pieces = _choose(tuple(_cut(text, marker)), stories)
    return "".join(what for what, _ in pieces if not isinstance(what, Slot))


class Stencil:
    """One body of an edition, cut and encoded once, for any number of messages.

    Keeps the joined static parts of the last few hundred distinct masks: people who chose the same
    topics share all but their slots. Safe to use from several threads."""

    def __init__(self, body: Body, letterhead: Letterhead) -> None:
        self.body = body
        self.letterhead = letterhead
        cut = {name: tuple(_cut(getattr(body, name), body.marker)) for name in ("text", "html")}
        self._text, self._html = cut["text"], cut["html"]
        self._subject = tuple(_cut(body.subject, body.marker))
        self._boundary = b"=_" + body.marker.encode()
        self._domain = addresses.domain_of(letterhead.sender_address)
        self._from = mailbox("From", letterhead.sender_name, letterhead.sender_address)
        if letterhead.reply_to:
            self._from += mailbox("Reply-To", "", letterhead.reply_to)
        self._head = self._common_head()
        self.parts = lru_cache(maxsize=CACHED_MASKS)(self._parts)

    def _common_head(self) -> bytes:
        sheet = self.letterhead
        list_id = f"{sheet.list_slug}.{self._domain}".encode()
        lines = [
            angled("List-Id", sheet.list_name, list_id),
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            b"Precedence: bulk\r\n",
            f"Content-Language: {self.body.language}\r\n".encode("ascii"),
            b"MIME-Version: 1.0\r\n",
            b'Content-Type: multipart/alternative;\r\n boundary="' + self._boundary + b'"\r\n',
        ]
        return b"".join(lines)

    def _parts(self, stories: int) -> tuple[bytes, tuple[_Encoded, ...]]:
        """The Subject field (empty where it is personal) and the rest of the message from the
        common headers on, in pieces."""
        subject = self._subject_for(stories)
        pieces: list[_Encoded] = []
        fixed = bytearray(self._head)

        def part(kind: bytes, cut: tuple[_Piece, ...], is_html: bool) -> None:
            nonlocal fixed
            fixed += b"\r\n--" + self._boundary + b"\r\nContent-Type: text/" + kind
            fixed += b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            text = ""
            for what, argument in _choose(cut, stories):
                if isinstance(what, Slot):
                    fixed += quoted_printable(text)
                    text = ""
                    pieces.append(bytes(fixed))
                    pieces.append((what, argument, is_html))
                    fixed = bytearray()
                else:
                    text += what
            fixed += quoted_printable(text)

        part(b"plain", self._text, False)
        part(b"html", self._html, True)
        fixed += b"\r\n--" + self._boundary + b"--\r\n"
        pieces.append(bytes(fixed))
        return subject, tuple(pieces)

    def _subject_for(self, stories: int) -> bytes:
        chosen = tuple(_choose(self._subject, stories))
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
                case Slot.VIEW:
                    return sheet.view_url(recipient, self.body.language)
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

    def _fill(self, cut: tuple[_Piece, ...], recipient: Recipient, *, escape: bool) -> str:
        value = self._values(recipient)
        out: list[str] = []
        for what, argument in _choose(cut, recipient.stories):
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
        """The whole message, CRLF line ends, ASCII but for an internationalised local part, ready
        for dot-stuffing."""
        subject, pieces = self.parts(recipient.stories)
        subject = subject or unstructured("Subject", self.subject(recipient))
        unsubscribe = self.letterhead.unsubscribe_url(recipient)
        out = [
            self._from,
            mailbox("To", recipient.name, recipient.address),
            subject,
            _date(int(now.timestamp())),
            f"Message-ID: {self.message_id(recipient)}\r\n"
            f"List-Unsubscribe: <{unsubscribe}>\r\n".encode(),
        ]
        value = self._values(recipient)
        for piece in pieces:
            if isinstance(piece, bytes):
                out.append(piece)
            else:
                slot, argument, is_html = piece
                filled = value(slot, argument)
                out.append(quoted_printable(html.escape(filled) if is_html else filled))
        return b"".join(out)


@lru_cache(maxsize=8)
def _date(second: int) -> bytes:
    moment = datetime.fromtimestamp(second, UTC)
    return f"Date: {format_datetime(moment)}\r\n".encode()
