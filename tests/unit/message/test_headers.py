"""Whatever people write arrives as they wrote it, and adds no header."""

import email
import email.policy
import re
from dataclasses import replace
from email.headerregistry import AddressHeader
from email.message import EmailMessage

from hypothesis import assume, example, given

from mailer import message
from mailer.message import Slot, header_text, quoted_printable
from tests.unit.message.letters import (
    EVERYONE,
    MARKER,
    SHEET,
    as_read,
    body,
    field,
    phrase_of,
    sent,
    sound,
)
from tests.unit.samples import texts


@given(texts())
@example("=?utf-8?q?=41?=")
@example('"\\')
@example("\ud800")
@example("é" * 300)
def test_any_display_name_arrives_and_adds_no_header(name: str) -> None:
    raw, parsed = sent(to=EVERYONE._replace(name=name))
    sound(raw, parsed)
    header = parsed["To"]
    assert isinstance(header, AddressHeader)
    assert [one.addr_spec for one in header.addresses] == ["ana@example.org"]
    assert "Bcc" not in parsed
    expected = header_text(name)
    assert phrase_of(raw, "To") == expected if expected else b"<" not in field(raw, "To")
    one_word = field(raw, "To").count(b"=?utf-8?b?") <= 1
    if one_word:
        assert header.addresses[0].display_name == expected


@given(texts())
def test_any_sender_and_list_name_arrive(name: str) -> None:
    raw, parsed = sent(sheet=replace(SHEET, sender_name=name, list_name=name))
    sound(raw, parsed)
    assert field(raw, "List-Id").split()[-1] == b"<news.example.org>"
    assert [one.addr_spec for one in parsed["From"].addresses] == ["news@example.org"]
    if header_text(name):
        assert phrase_of(raw, "From") == phrase_of(raw, "List-Id") == header_text(name)


@given(texts())
@example("x" * 2000)
@example(" ".join(["word"] * 400))
@example("é" * 300)
@example("Ends with =?")
def test_any_subject_arrives(subject: str) -> None:
    assume(MARKER not in subject)
    raw, parsed = sent(body(subject=subject))
    sound(raw, parsed)
    assert parsed["Subject"] == header_text(subject)


@given(texts(), texts(4))
def test_a_personal_subject_arrives(before: str, name: str) -> None:
    assume(MARKER not in before)
    subject = before + message.slot(MARKER, Slot.NAME, "colleague")
    raw, parsed = sent(body(subject=subject), to=EVERYONE._replace(name=name))
    sound(raw, parsed)
    assert parsed["Subject"] == header_text(before + (header_text(name) or "colleague"))


@given(texts())
def test_header_text_is_settled_by_one_pass(value: str) -> None:
    once = header_text(value)
    assert header_text(once) == once
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", once)
    once.encode()


def test_international_domains_go_out_as_a_labels() -> None:
    raw, _ = sent(
        to=EVERYONE._replace(address="ana@bücher.example", name="Ana"),
        sheet=replace(SHEET, sender_address="news@büro.example"),
    )
    assert raw.isascii()
    assert field(raw, "To") == b"Ana <ana@xn--bcher-kva.example>\r\n"
    assert field(raw, "List-Id").split()[-1] == b"<news.xn--bro-hoa.example>"


def test_an_international_local_part_is_the_only_thing_that_is_not_ascii() -> None:
    raw, parsed = sent(to=EVERYONE._replace(address="josé@example.org", name="José"))
    assert not raw.isascii()
    assert raw.replace("josé@".encode(), b"").isascii()
    assert b"--" in raw
    assert parsed["Subject"] == "The week"


@given(texts())
@example("a" * 74 + " \n")
@example("a" * 75 + "\t\n")
@example("é" * 12 + " ")
@example("a" * 74 + "é")
def test_quoted_printable_segments_join(text: str) -> None:
    segment = quoted_printable(text)
    assert segment.isascii()
    assert not segment or segment.endswith(b"\r\n")
    assert all(len(line) <= 76 for line in segment.split(b"\r\n"))
    assert not any(line.endswith((b" ", b"\t")) for line in segment.split(b"\r\n"))
    whole = email.message_from_bytes(
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + segment + segment,
        policy=email.policy.default,
    )
    assert isinstance(whole, EmailMessage)
    assert whole.get_content().replace("\r\n", "\n") == as_read(text) * 2
