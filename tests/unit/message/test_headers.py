"""Any text in names, subjects and bodies arrives unchanged, and adds no header."""

import email
import email.policy
import re
from dataclasses import replace
from email.headerregistry import AddressHeader
from email.message import EmailMessage

import pytest
from hypothesis import assume, example, given

from mailer import message
from mailer.lines import holds_visible
from mailer.message import Slot, clean_header_text, encode_quoted_printable
from mailer.message.headers import clean_name
from tests.unit.message.factories import (
    MARKER,
    PROFILE,
    RECIPIENT,
    assert_well_formed,
    build_message,
    decode_phrase,
    find_field,
    get_part,
    make_body,
    normalise_text,
)
from tests.unit.samples import generate_texts


@given(generate_texts())
@example("=?utf-8?q?=41?=")
@example('"\\')
@example("\ud800")
@example("é" * 300)
def test_display_name_survives_and_adds_no_header(name: str) -> None:
    raw, parsed = build_message(recipient=RECIPIENT._replace(name=name))
    assert_well_formed(raw, parsed)
    header = parsed["To"]
    assert isinstance(header, AddressHeader)
    assert [mailbox.addr_spec for mailbox in header.addresses] == ["ana@example.org"]
    assert "Bcc" not in parsed
    expected = clean_header_text(name) if holds_visible(name) else ""
    assert decode_phrase(raw, "To") == expected if expected else b"<" not in find_field(raw, "To")
    is_one_word = find_field(raw, "To").count(b"=?utf-8?b?") <= 1
    if is_one_word:
        assert header.addresses[0].display_name == expected


@given(generate_texts())
@example("\0")
def test_sender_and_list_name_survive_encoding(name: str) -> None:
    raw, parsed = build_message(
        profile=replace(PROFILE, sender=replace(PROFILE.sender, name=name), list_name=name)
    )
    assert_well_formed(raw, parsed)
    assert find_field(raw, "List-Id").split()[-1] == b"<news.example.org>"
    assert [mailbox.addr_spec for mailbox in parsed["From"].addresses] == ["news@example.org"]
    if holds_visible(name):
        assert (
            decode_phrase(raw, "From") == decode_phrase(raw, "List-Id") == clean_header_text(name)
        )


@given(generate_texts())
@example("x" * 2000)
@example(" ".join(["word"] * 400))
@example("é" * 300)
@example("Ends with =?")
def test_subject_survives_encoding(subject: str) -> None:
    assume(MARKER not in subject)
    raw, parsed = build_message(make_body(subject=subject))
    assert_well_formed(raw, parsed)
    assert parsed["Subject"] == clean_header_text(subject)


@given(generate_texts(), generate_texts(4))
@example("", "\u200b")
def test_personal_subject_survives_encoding(before: str, name: str) -> None:
    assume(MARKER not in before)
    subject = before + message.create_slot(MARKER, Slot.NAME, "colleague")
    raw, parsed = build_message(make_body(subject=subject), recipient=RECIPIENT._replace(name=name))
    assert_well_formed(raw, parsed)
    assert parsed["Subject"] == clean_header_text(before + (clean_name(name) or "colleague"))


@given(generate_texts())
def test_clean_header_text_is_idempotent(value: str) -> None:
    cleaned_text = clean_header_text(value)
    assert clean_header_text(cleaned_text) == cleaned_text
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", cleaned_text)
    cleaned_text.encode()


def test_international_domains_are_sent_as_a_labels() -> None:
    raw, _ = build_message(
        recipient=RECIPIENT._replace(address="ana@bücher.example", name="Ana"),
        profile=replace(
            PROFILE,
            sender=replace(PROFILE.sender, address="news@büro.example"),
            list_domain="büro.example",
        ),
    )
    assert raw.isascii()
    assert find_field(raw, "To") == b"Ana <ana@xn--bcher-kva.example>\r\n"
    assert find_field(raw, "List-Id").split()[-1] == b"<news.xn--bro-hoa.example>"


def test_only_international_local_part_is_not_ascii() -> None:
    raw, parsed = build_message(
        recipient=RECIPIENT._replace(address="josé@example.org", name="José")
    )
    assert not raw.isascii()
    assert raw.replace("josé@".encode(), b"").isascii()
    assert b"--" in raw
    assert parsed["Subject"] == "The week"


@given(generate_texts())
@example("a" * 74 + " \n")
@example("a" * 75 + "\t\n")
@example("é" * 12 + " ")
@example("a" * 74 + "é")
def test_quoted_printable_segments_can_be_joined(text: str) -> None:
    segment = encode_quoted_printable(text)
    assert segment.isascii()
    assert not segment or segment.endswith(b"\r\n")
    assert all(len(line) <= 76 for line in segment.split(b"\r\n"))
    assert not any(line.endswith((b" ", b"\t")) for line in segment.split(b"\r\n"))
    parsed = email.message_from_bytes(
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + segment + segment,
        policy=email.policy.default,
    )
    assert isinstance(parsed, EmailMessage)
    assert parsed.get_content().replace("\r\n", "\n") == normalise_text(text) * 2


# ---- lines that begin with From ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "From Tuesday on, boats leave at six.\n",
        "Dear all,\nFrom Tuesday on, boats leave at six.\n",
        "From " + "x" * 200 + "\n",
        "From " + "Dakar to Saint-Louis and back " * 9,
        "Boats " * 12 + "From Dakar\n",
    ],
)
def test_body_line_beginning_with_from_is_encoded(text: str) -> None:
    raw, parsed = build_message(make_body(text=text, html=f"<p>\n{text}</p>\n"))
    body_lines = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert not [line for line in body_lines if line.startswith(b"From ")]
    assert_well_formed(raw, parsed)
    assert get_part(parsed, "plain") == normalise_text(text)
    assert text in get_part(parsed, "html")


@given(generate_texts())
def test_encoded_segment_never_begins_with_from(text: str) -> None:
    encoded = encode_quoted_printable(f"From {text}\nFrom {text}")
    assert not encoded.startswith(b"From ")
    assert b"\nFrom " not in encoded
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
