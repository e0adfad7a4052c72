"""Whatever people write arrives as they wrote it; whoever reads gets their own stories."""

import email
import email.policy
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mailer import message, tokens
from mailer.editions import Body
from mailer.message import Ask, Letterhead, Recipient, Slot, Stencil, header_text
from tests.unit.samples import NOW, edition, texts

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


# ---- headers ----------------------------------------------------------------------------------


@given(texts())
@example("=?utf-8?q?=41?=")
@example('"\\')
@example("\ud800")
@example("é" * 300)
def test_any_display_name_arrives_and_adds_no_header(name: str) -> None:
    raw, parsed = sent(to=replace(EVERYONE, name=name))
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
    raw, parsed = sent(body(subject=subject), to=replace(EVERYONE, name=name))
    sound(raw, parsed)
    assert parsed["Subject"] == header_text(before + (header_text(name) or "colleague"))


@given(texts())
def test_header_text_is_settled_by_one_pass(value: str) -> None:
    once = header_text(value)
    assert header_text(once) == once
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", once)
    once.encode()


def test_one_click_unsubscribe_stands_on_a_single_raw_line_with_the_persons_token() -> None:
    long_base = replace(SHEET, base_url="https://mail.example.org/" + "office/" * 20)
    for sheet in (SHEET, long_base):
        raw, _ = sent(sheet=sheet)
        line = field(raw, "List-Unsubscribe")
        assert line.count(b"\r\n") == 1
        assert b"=?" not in line
        url = line.strip().removeprefix(b"<").removesuffix(b">").decode()
        assert url == sheet.unsubscribe_url(EVERYONE)
        assert url.startswith(sheet.base_url.rstrip("/") + "/u/")
        fields = tokens.verify(KEY, "unsubscribe", url.rpartition("/")[2])
        assert fields == ("41", "3", "7")


def test_every_message_carries_what_bulk_mail_must() -> None:
    raw, parsed = sent(sheet=replace(SHEET, reply_to="press@example.org"))
    sound(raw, parsed)
    assert field(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click\r\n"
    assert field(raw, "List-Id") == b"News of the week <news.example.org>\r\n"
    assert field(raw, "Precedence") == b"bulk\r\n"
    assert field(raw, "Content-Language") == b"en\r\n"
    assert field(raw, "MIME-Version") == b"1.0\r\n"
    assert field(raw, "Reply-To") == b"press@example.org\r\n"
    assert field(raw, "From") == b"Example Office <news@example.org>\r\n"
    assert field(raw, "To") == b"ana@example.org\r\n"
    assert field(raw, "Date") == b"Fri, 18 Dec 2026 09:30:00 +0000\r\n"
    assert field(raw, "Message-ID") == b"<5f1d2c.90@example.org>\r\n"
    assert parsed.get_content_type() == "multipart/alternative"
    kinds = [one.get_content_type() for one in parsed.iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_a_message_sent_again_keeps_its_id() -> None:
    stencil = Stencil(body(), SHEET)
    later = NOW.replace(year=2027)
    first, second = stencil.message(EVERYONE, NOW), stencil.message(EVERYONE, later)
    assert field(first, "Message-ID") == field(second, "Message-ID")
    assert field(first, "Date") != field(second, "Date")


def test_without_a_reply_address_there_is_no_such_field() -> None:
    _, parsed = sent()
    assert parsed["Reply-To"] is None


def test_international_domains_go_out_as_a_labels() -> None:
    raw, _ = sent(
        to=replace(EVERYONE, address="ana@bücher.example", name="Ana"),
        sheet=replace(SHEET, sender_address="news@büro.example"),
    )
    assert raw.isascii()
    assert field(raw, "To") == b"Ana <ana@xn--bcher-kva.example>\r\n"
    assert field(raw, "List-Id").split()[-1] == b"<news.xn--bro-hoa.example>"


def test_an_international_local_part_is_the_only_thing_that_is_not_ascii() -> None:
    raw, parsed = sent(to=replace(EVERYONE, address="josé@example.org", name="José"))
    assert not raw.isascii()
    assert raw.replace("josé@".encode(), b"").isascii()
    assert b"--" in raw
    assert parsed["Subject"] == "The week"


# ---- bodies -----------------------------------------------------------------------------------


@given(texts(), texts())
@example("é" * 1000, "=" * 1000)
@example(".\r\n.\r..\n", "a \n\t\n")
@example("", "")
@example(" ", "\n")
def test_any_body_arrives(text: str, markup: str) -> None:
    assume(MARKER not in text + markup)
    raw, parsed = sent(body(text=text, html=markup))
    sound(raw, parsed)
    assert part(parsed, "plain") == as_read(text)
    assert part(parsed, "html") == as_read(markup)


@given(texts(4), texts(4), texts(6), texts(3))
def test_slots_are_filled_in_both_parts_and_escaped_in_html(
    before: str, after: str, name: str, fallback: str
) -> None:
    fallback = as_read(fallback)
    assume(MARKER not in before + after + name + fallback)
    slot = message.slot(MARKER, Slot.NAME, fallback)
    raw, parsed = sent(
        body(text=before + slot + after, html=before + slot + after),
        to=replace(EVERYONE, name=name),
    )
    sound(raw, parsed)
    said = header_text(name) or fallback
    # each piece is written by itself, so a CR before a slot and an LF in it are two line ends
    pieces = [as_read(piece) for piece in (before, said, after)]
    assert part(parsed, "plain") == "".join(pieces)
    pieces[1] = as_read(html.escape(said))
    assert part(parsed, "html") == "".join(pieces)


@given(texts())
def test_quoted_printable_segments_join(text: str) -> None:
    segment = message.quoted_printable(text)
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


def test_each_slot_prints_what_it_says() -> None:
    said = "\n".join(
        message.slot(MARKER, slot)
        for slot in (Slot.NAME, Slot.ADDRESS, Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.VIEW)
    )
    to = replace(EVERYONE, name="Ana & Bo", stories=0b101)
    _, parsed = sent(body(text=said, html=said), to=to)
    name, address, unsubscribe, preferences, view = part(parsed, "plain").splitlines()
    assert (name, address) == ("Ana & Bo", "ana@example.org")
    assert unsubscribe == SHEET.unsubscribe_url(to)
    assert tokens.verify(KEY, "preferences", preferences.rpartition("/p/")[2]) == ("41", "3", "7")
    assert tokens.verify(KEY, "view", view.rpartition("/v/")[2]) == ("7", "en", "5")
    assert part(parsed, "html").splitlines()[0] == "Ana &amp; Bo"


def test_what_is_shown_is_what_is_sent() -> None:
    said = f"Dear {message.slot(MARKER, Slot.NAME, 'friend')}"
    stencil = Stencil(body(said, said, said), SHEET)
    to = replace(EVERYONE, name="<Ana>")
    parsed = email.message_from_bytes(stencil.message(to, NOW), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert stencil.subject(to) == parsed["Subject"] == "Dear <Ana>"
    assert stencil.text(to) == part(parsed, "plain") == "Dear <Ana>"
    assert stencil.html(to) == part(parsed, "html") == "Dear &lt;Ana&gt;"
    assert stencil.text(EVERYONE) == "Dear friend"


# ---- marks ------------------------------------------------------------------------------------

BITS = range(8)


@dataclass(frozen=True)
class Part:
    """A part for some of the readers; `inside` are texts, numbers and further parts."""

    ask: Ask
    stories: frozenset[int]
    inside: tuple["str | int | Part", ...]


Piece = str | int | Part


def written(pieces: Sequence[Piece]) -> str:
    """As composing writes them."""
    out = ""
    for piece in pieces:
        match piece:
            case Part(ask, stories, inside):
                bits = sum(1 << bit for bit in stories)
                out += message.mark(MARKER, ask, bits) + written(inside) + message.end(MARKER)
            case int(bit):
                out += message.slot(MARKER, Slot.NUMBER, str(bit))
            case str(text):
                out += text
    return out


def oracle(pieces: Sequence[Piece], mine: Sequence[int]) -> str:
    """What somebody who gets the stories `mine`, in order, should read."""
    asked: dict[Ask, Sequence[int]] = {
        Ask.ANY: mine,
        Ask.FIRST: mine[:1],
        Ask.REST: mine[1:],
        Ask.CONTENTS: mine if len(mine) > 5 else [],
    }
    out = ""
    for piece in pieces:
        match piece:
            case Part(ask, stories, inside):
                out += oracle(inside, mine) if stories & set(asked[ask]) else ""
            case int(bit):
                out += str(len([story for story in mine if story <= bit]))
            case str(text):
                out += text
    return out


plain_pieces = st.one_of(st.sampled_from(["one ", "deux, ", "三\n", "<td>"]), st.sampled_from(BITS))
pieces = st.lists(
    st.recursive(
        plain_pieces,
        lambda inner: st.builds(
            Part,
            st.sampled_from(Ask),
            st.frozensets(st.sampled_from(BITS), min_size=1),
            st.lists(inner, max_size=3).map(tuple),
        ),
        max_leaves=8,
    ),
    max_size=6,
)


@settings(max_examples=100)
@given(pieces, st.sets(st.sampled_from(BITS)).map(sorted))
def test_each_reader_gets_the_parts_for_their_stories(
    given_pieces: list[Piece], mine: list[int]
) -> None:
    said = written(given_pieces)
    to = replace(EVERYONE, stories=sum(1 << bit for bit in mine))
    raw, parsed = sent(body(said, said, said), to=to)
    sound(raw, parsed)
    expected = oracle(given_pieces, mine)
    assert part(parsed, "plain") == part(parsed, "html") == expected
    assert parsed["Subject"] == header_text(expected)
    assert MARKER.encode() not in raw.replace(b"=_" + MARKER.encode(), b"")


def test_the_sixty_second_story_is_a_story_like_any_other() -> None:
    said = written([Part(Ask.ANY, frozenset({61}), ("last",)), 61])
    assert Stencil(body(text=said), SHEET).text(replace(EVERYONE, stories=1 << 61)) == "last1"


def test_people_with_the_same_stories_share_all_but_their_slots() -> None:
    stencil = Stencil(body(), SHEET)
    assert stencil.parts(1) is stencil.parts(1)


@given(pieces)
def test_marks_and_slots_are_counted(given_pieces: list[Piece]) -> None:
    said = written(given_pieces)
    comments = said.count("<!--")
    slots = len(re.findall(rf"(?<!<!--){MARKER}", said))
    assert message.slots_and_marks(said, MARKER) == comments + slots


SLOT = message.slot(MARKER, Slot.NAME, "colleague")


@pytest.mark.parametrize(
    "broken",
    [
        SLOT.upper(),
        SLOT.title(),
        SLOT[:-1],
        SLOT[:20],
        SLOT[: len(MARKER)],
        SLOT[:12],
        SLOT[6:],
        SLOT.replace(MARKER, MARKER[:9] + "\n" + MARKER[9:]),
        SLOT.replace("n", "q"),
        message.mark(MARKER, Ask.ANY, 1).replace("any", "all") + message.end(MARKER),
        message.mark(MARKER, Ask.ANY, 1),
        message.end(MARKER),
        message.end(MARKER) + message.mark(MARKER, Ask.ANY, 1),
        message.mark(MARKER, Ask.ANY, 1) + message.end(MARKER) * 2,
    ],
)
def test_a_broken_slot_or_mark_is_detected(broken: str) -> None:
    with pytest.raises(ValueError, match=r"slot|mark|part"):
        message.slots_and_marks(f"Dear {broken}, hello", MARKER)


@given(st.text(), st.integers(0, 2**62 - 1), st.sampled_from(Slot), st.sampled_from(Ask))
def test_slots_and_marks_pass_html_and_urls_untouched(
    default: str, bits: int, slot: Slot, ask: Ask
) -> None:
    assert re.fullmatch("[0-9a-z]+", message.slot(MARKER, slot, default))
    assert re.fullmatch(r"<!--[0-9a-z ]+-->", message.mark(MARKER, ask, bits))
