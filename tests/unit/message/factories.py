"""Make messages for tests, and check the rules that hold for every message."""

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

from mailer import message
from mailer.message import MessageProfile, MessageTemplate, Recipient
from mailer.model.editions import EditionBody
from mailer.model.senders import SenderIdentity
from tests.unit.samples import NOW, make_edition

KEY = bytes(range(32))
MARKER = message.create_marker("0123456789abcdef" * 4)
RECIPIENT = Recipient(
    delivery_id=90, subscriber_id=41, address="ana@example.org", name="", stories=1
)
PROFILE = MessageProfile(
    sender=SenderIdentity("Example Office", "news@example.org"),
    list_slug="news",
    list_name="News of the week",
    list_domain="example.org",
    list_id=3,
    base_url="https://mail.example.org",
    keys=KEY,
    edition=make_edition(),
)


def make_body(
    subject: str = "The week", text: str = "Hello\n", html: str = "<p>Hello</p>\n"
) -> EditionBody:
    return EditionBody("en", subject, text, html, MARKER, stories=1)


def build_message(
    message_body: EditionBody | None = None,
    recipient: Recipient = RECIPIENT,
    profile: MessageProfile = PROFILE,
) -> tuple[bytes, EmailMessage]:
    raw = MessageTemplate(message_body or make_body(), profile).build_message(recipient, NOW)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


def get_part(parsed: EmailMessage, subtype: str) -> str:
    body_part = parsed.get_body((subtype,))
    assert isinstance(body_part, EmailMessage)
    return str(body_part.get_content()).replace("\r\n", "\n")


def normalise_text(text: str) -> str:
    """Return a body's text with LF line ends, and a question mark for each lone surrogate."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode()


def find_field(raw: bytes, name: str) -> bytes:
    """Return the raw value of the field, which must occur exactly once."""
    head = raw.partition(b"\r\n\r\n")[0] + b"\r\n"
    fields = re.findall(rb"^%s: ((?:.*\r\n)(?:[ \t].*\r\n)*)" % name.encode(), head, re.MULTILINE)
    assert len(fields) == 1
    return bytes(fields[0])


def list_defects(parsed: EmailMessage) -> list[Any]:
    """List the parser's complaints about every part and header."""
    defects: list[Any] = []
    for part in parsed.walk():
        defects += part.defects
        for value in part.values():
            defects += getattr(value, "defects", ())
    return defects


def assert_well_formed(raw: bytes, parsed: EmailMessage) -> None:
    """Check the rules that hold for every message."""
    assert list_defects(parsed) == []
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


def decode_phrase(raw: bytes, name: str) -> str:
    """Decode a display name by RFC 2047, which drops the space between encoded words.

    CPython's policy.default keeps that space: https://github.com/python/cpython/issues/128110."""
    phrase = find_field(raw, name).decode("ascii")
    phrase = phrase[: phrase.rfind("<")].strip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return str(make_header(decode_header(re.sub(r"\r\n", "", phrase))))
