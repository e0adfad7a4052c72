"""Messages keep every byte, whatever makes building them faster.

The digests were computed before the builder was made faster. A change to a digest is a change to
what readers get and to what staff approved: it needs a reason of its own.
"""

import hashlib
from dataclasses import replace

import pytest

from mailer import message
from mailer.message import AttachedFile, MarkCondition, MessageProfile, MessageTemplate, Slot
from mailer.model.edition_states import EditionKind
from mailer.model.editions import EditionBody
from tests.unit.message.factories import MARKER, PROFILE, RECIPIENT, make_body
from tests.unit.samples import DAY, NOW

ALL_SLOTS = [
    message.create_slot(MARKER, Slot.NAME, "Colleague & friend"),
    *(
        message.create_slot(MARKER, slot)
        for slot in (
            Slot.ADDRESS,
            Slot.UNSUBSCRIBE,
            Slot.PREFERENCES,
            Slot.VIEW,
            Slot.ACTION,
        )
    ),
]


def mark(condition: MarkCondition, stories: int, text: str) -> str:
    return message.create_mark(MARKER, condition, stories) + text + message.create_end_mark(MARKER)


def make_full_body(subject: str = "The week") -> EditionBody:
    """Make a body with every slot twice, parts for some stories, and awkward lines."""
    text = "Dear " + "\n".join(ALL_SLOTS) + "\n.dot\nFrom here = to there \n"
    text += mark(MarkCondition.ANY, 0b01, "First\n") + mark(MarkCondition.REST, 0b10, "Second\n")
    text += f"{message.create_slot(MARKER, Slot.NUMBER, '1')}. " + "é" * 200 + "\n"
    html = f"<p>{'<br>'.join(ALL_SLOTS)}</p>" + "<p>Long</p>" * 800
    html += mark(MarkCondition.FIRST, 0b10, "<p>Two</p>") + f"<a href={ALL_SLOTS[2]}>Leave</a>\n"
    return EditionBody("en", subject, text, html, MARKER, stories=0b11)


RECIPIENTS = [
    RECIPIENT._replace(
        delivery_id=number, subscriber_id=41 * 7**number, address=address, name=name, stories=mask
    )
    for number, (name, address, mask) in enumerate(
        [
            ("", "ana@example.org", 0b01),
            ("Ana", "ana@example.org", 0b10),
            ("Alder A. Anchor", "reader0000001@example1.org", 0b11),
            ("O'Neil-Smith", "a.b+c=d@example.org", 0b11),
            ("José Ångström", "jose@example.org", 0b01),
            ("José Ångström " * 9, "j@bücher.example", 0b11),
            ("مرحبا", "josé@example.org", 0b10),
            ("移民 🧑🏽‍🚒", "x" * 60 + "@example.org", 0b01),
            ('<Ana> "the" \\ & co', "ana@example.org", 0b11),
            (" \u200b ", "ana@example.org", 0b01),
            ("=?utf-8?q?=41?=", "%s%d%%@example.org", 0b01),
            ("Ana\r\nBcc: all@example.org", "ana@example.org", 0b01),
            ("A" * 80, "f" * 20 + "@" + "long." * 12 + "example.org", 0b01),
            ("é" * 15, ".dot@example.org", 0b11),
        ]
    )
]

PERSONAL_SUBJECT = f"For {ALL_SLOTS[0]}: the week in 100%"
LONG_SITE = "https://mail.example.org/" + "office/" * 8
FILES = [AttachedFile("notes.txt", "text/plain", b"Notes. " * 900)]


def make_kind_profile(kind: EditionKind) -> MessageProfile:
    return replace(PROFILE, list_slug="", edition=replace(PROFILE.edition, kind=kind))


ADVANCE_EDITION = replace(PROFILE.edition, embargo_until=NOW + DAY, uid="5f%d")
PROFILES = {
    "addresses": replace(
        PROFILE,
        sender=replace(PROFILE.sender, reply_to="press@example.org"),
        unsubscribe_address="leave@example.org",
    ),
    "long link": replace(PROFILE, base_url="https://mail.example.org/" + "office/" * 8),
    "awkward link": replace(PROFILE, base_url="http://mail.example.org/?a=%41&b="),
    "dotted link": replace(
        PROFILE,
        base_url=".example.org",
        sender=replace(PROFILE.sender, address="news@büro.example"),
        list_domain="xn--bro-hoa.example",
    ),
    "service mail": make_kind_profile(EditionKind.SERVICE),
    "welcome": make_kind_profile(EditionKind.WELCOME),
    "advance copy": replace(PROFILE, edition=ADVANCE_EDITION),
}
FILES = [AttachedFile("notes.txt", "text/plain", b"Notes. " * 900)]
TEMPLATES = {
    "every slot": MessageTemplate(make_full_body(), PROFILE),
    "no slot": MessageTemplate(make_body(), PROFILE),
    "attachment": MessageTemplate(make_full_body("100 % é"), PROFILE, FILES),
    "personal subject": MessageTemplate(
        make_full_body(f"For {ALL_SLOTS[0]}: the week in 100%"), PROFILE
    ),
    **{name: MessageTemplate(make_full_body(), profile) for name, profile in PROFILES.items()},
}
DIGESTS = {
    "every slot": "809cea84a0a80c5b",
    "no slot": "99d3ffc55e2b4cee",
    "attachment": "b573dfaba3f73776",
    "personal subject": "95172924fbd06e99",
    "addresses": "bcd676ad2d6d2119",
    "long link": "7d229c797c3b3080",
    "awkward link": "3e04d68ecd4ed1db",
    "dotted link": "a1d50c905b39f52a",
    "service mail": "42c90de3c9e46ea4",
    "welcome": "29528edcb9e98377",
    "advance copy": "6d18cce2bcbffa43",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_messages_keep_every_byte(name: str) -> None:
    digest = hashlib.sha256()
    for recipient in RECIPIENTS:
        digest.update(TEMPLATES[name].build_message(recipient, NOW) + b"\0")
    assert digest.hexdigest()[:16] == DIGESTS[name]
