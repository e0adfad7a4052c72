"""Messages to test with, and what must hold of each."""

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

from mailer import message
from mailer.editions import Body
from mailer.message import Letterhead, Recipient, Stencil
from tests.unit.samples import NOW, edition

KEY = bytes(range(32))
MARKER = message.marker("0123456789abcdef" * 4)
EVERYONE = Recipient(
    delivery_id=90, subscriber_id=41, address="ana@example.org", name="", stories=1
)
SHEET = Letterhead(
    sender_name="Example Office",
    sender_address="news@example.org",
    reply_to="",
    list_slug="news",
    list_name="News of the week",
    list_number=3,
    base_url="https://mail.example.org",
    key=KEY,
    edition=edition(),
)


def body(subject: str = "The week", text: str = "Hello\n", html: str = "<p>Hello</p>\n") -> Body:
    return Body("en", subject, text, html, MARKER, stories=1)


def sent(
    what: Body | None = None, to: Recipient = EVERYONE, sheet: Letterhead = SHEET
) -> tuple[bytes, EmailMessage]:
    raw = Stencil(what or body(), sheet).message(to, NOW)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


def part(parsed: EmailMessage, kind: str) -> str:
    found = parsed.get_body((kind,))
    assert isinstance(found, EmailMessage)
    return str(found.get_content()).replace("\r\n", "\n")


def as_read(text: str) -> str:
    """A body's text with one kind of line end; what no encoding can carry is a question mark."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode()


def field(raw: bytes, name: str) -> bytes:
    """The one field of that name, as it stands on the wire."""
    head = raw.partition(b"\r\n\r\n")[0] + b"\r\n"
    found = re.findall(rb"^%s: ((?:.*\r\n)(?:[ \t].*\r\n)*)" % name.encode(), head, re.MULTILINE)
    assert len(found) == 1
    return bytes(found[0])


def defects(parsed: EmailMessage) -> list[Any]:
    """All that the parser complains of, in every part and header."""
    found: list[Any] = []
    for one in parsed.walk():
        found += one.defects
        for value in one.values():
            found += getattr(value, "defects", ())
    return found


def sound(raw: bytes, parsed: EmailMessage) -> None:
    """What must hold of every message."""
    assert defects(parsed) == []
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")
    assert raw.endswith(b"\r\n")
    head, _, rest = raw.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        assert line.strip(), "a blank continuation line would end the header for some parsers"
        assert len(line) <= 78 or line.startswith(b"List-Unsubscribe: <")
        assert len(line) <= 998
    assert max(map(len, rest.split(b"\r\n"))) <= 76


def phrase_of(raw: bytes, name: str) -> str:
    """A display name, decoded by RFC 2047: space between encoded words is no part of the text.
    (CPython's policy.default keeps it in a phrase, https://github.com/python/cpython/issues/128110.)"""
    said = field(raw, name).decode("ascii")
    said = said[: said.rfind("<")].strip()
    if said.startswith('"'):
        return re.sub(r"\\(.)", r"\1", said[1:-1])
    return str(make_header(decode_header(re.sub(r"\r\n", "", said))))
