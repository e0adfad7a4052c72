"""Marks and slots: readers get the parts for their stories, and a broken slot is detected."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.message import MarkCondition, MessageTemplate, Slot, clean_header_text
from mailer.model.editions import EditionBody
from tests.unit.message.factories import (
    MARKER,
    PROFILE,
    RECIPIENT,
    assert_well_formed,
    build_message,
    get_part,
    make_body,
)

BITS = range(8)


@dataclass(frozen=True)
class Part:
    """A part for some readers; `content` are texts, story numbers and further parts."""

    condition: MarkCondition
    stories: frozenset[int]
    content: tuple["str | int | Part", ...]


Piece = str | int | Part


def write_pieces(pieces: Sequence[Piece]) -> str:
    """Write the pieces into a body as composing does."""
    result = ""
    for piece in pieces:
        match piece:
            case Part(condition, stories, content):
                bits = sum(1 << bit for bit in stories)
                result += (
                    message.create_mark(MARKER, condition, bits)
                    + write_pieces(content)
                    + message.create_end_mark(MARKER)
                )
            case int(bit):
                result += message.create_slot(MARKER, Slot.NUMBER, str(bit))
            case str(text):
                result += text
    return result


def render_expected(
    pieces: Sequence[Piece], reader_stories: Sequence[int], *, web: bool = False
) -> str:
    """Render what a reader of these stories, in order, should read: the oracle of the tests."""
    matching_stories: dict[MarkCondition, Sequence[int]] = {
        MarkCondition.MAIL: [] if web else [0],
        MarkCondition.WEB: [0] if web else [],
        MarkCondition.ANY: reader_stories,
        MarkCondition.FIRST: reader_stories[:1],
        MarkCondition.REST: reader_stories[1:],
        MarkCondition.SINGLE: reader_stories[1:],
        MarkCondition.SEVERAL: reader_stories[1:],
        MarkCondition.CONTENTS: reader_stories if len(reader_stories) > 6 else [],
    }
    counts = {
        MarkCondition.SINGLE: lambda count: count == 1,
        MarkCondition.SEVERAL: lambda count: count > 1,
    }
    result = ""
    for piece in pieces:
        match piece:
            case Part(condition, stories, content):
                result += (
                    render_expected(content, reader_stories, web=web)
                    if counts.get(condition, bool)(len(stories & {*matching_stories[condition]}))
                    else ""
                )
            case int(bit):
                result += str(len([story for story in reader_stories if story <= bit]))
            case str(text):
                result += text
    return result


plain_pieces = st.one_of(st.sampled_from(["one ", "deux, ", "三\n", "<td>"]), st.sampled_from(BITS))
pieces = st.lists(
    st.recursive(
        plain_pieces,
        lambda inner: st.builds(
            Part,
            st.sampled_from(MarkCondition),
            st.frozensets(st.sampled_from(BITS), min_size=1),
            st.lists(inner, max_size=3).map(tuple),
        ),
        max_leaves=8,
    ),
    max_size=6,
)


@given(pieces, st.sets(st.sampled_from(BITS)).map(sorted))
def test_reader_gets_parts_of_their_stories(
    drawn_pieces: list[Piece], reader_stories: list[int]
) -> None:
    text = write_pieces(drawn_pieces)
    recipient = RECIPIENT._replace(stories=sum(1 << bit for bit in reader_stories))
    raw, parsed = build_message(make_body(text, text, text), recipient=recipient)
    assert_well_formed(raw, parsed)
    expected = render_expected(drawn_pieces, reader_stories)
    assert get_part(parsed, "plain") == get_part(parsed, "html") == expected
    assert parsed["Subject"] == clean_header_text(expected)
    assert MARKER.encode() not in raw.replace(b"=_" + MARKER.encode(), b"")


@given(pieces, st.sets(st.sampled_from(BITS)).map(sorted))
def test_page_gets_web_parts_and_mail_gets_mail_parts(
    drawn_pieces: list[Piece], reader_stories: list[int]
) -> None:
    text, bits = write_pieces(drawn_pieces), sum(1 << bit for bit in reader_stories)
    body = EditionBody("en", text, text, text, MARKER, stories=bits)
    assert message.render_page(body, bits, "") == message.render_plain_text(body)
    assert message.render_page(body, bits, "") == render_expected(
        drawn_pieces, reader_stories, web=True
    )
    assert message.render_heading(body) == clean_header_text(
        render_expected(drawn_pieces, reader_stories, web=True)
    )
    assert message.extract_visible_text(text, MARKER, bits) == render_expected(
        drawn_pieces, reader_stories
    )


def test_62nd_story_works_like_any_other() -> None:
    text = write_pieces([Part(MarkCondition.ANY, frozenset({61}), ("last",)), 61])
    assert (
        MessageTemplate(make_body(text=text), PROFILE).render_text(
            RECIPIENT._replace(stories=1 << 61)
        )
        == "last1"
    )


@given(pieces)
def test_count_slots_and_marks_counts_every_one(drawn_pieces: list[Piece]) -> None:
    text = write_pieces(drawn_pieces)
    comments = text.count("<!--")
    slots = len(re.findall(rf"(?<!<!--){MARKER}", text))
    assert message.count_slots_and_marks(text, MARKER) == comments + slots


SLOT = message.create_slot(MARKER, Slot.NAME, "colleague")


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
        message.create_mark(MARKER, MarkCondition.ANY, 1).replace("any", "all")
        + message.create_end_mark(MARKER),
        message.create_mark(MARKER, MarkCondition.ANY, 1),
        message.create_end_mark(MARKER),
        message.create_end_mark(MARKER) + message.create_mark(MARKER, MarkCondition.ANY, 1),
        message.create_mark(MARKER, MarkCondition.ANY, 1) + message.create_end_mark(MARKER) * 2,
    ],
)
def test_broken_slot_or_mark_raises_error(broken: str) -> None:
    with pytest.raises(ValueError, match=r"slot|mark|part"):
        message.count_slots_and_marks(f"Dear {broken}, hello", MARKER)


def test_slot_in_web_part_is_not_printed_in_mail() -> None:
    text = write_pieces([Part(MarkCondition.WEB, frozenset({0}), (SLOT,))])
    assert message.find_printed_slots(text, MARKER, 1) == frozenset()
    assert message.find_printed_slots(text + SLOT, MARKER, 1) == {Slot.NAME}


@given(st.text(), st.integers(0, 2**62 - 1), st.sampled_from(Slot), st.sampled_from(MarkCondition))
def test_slots_and_marks_are_safe_in_html_and_urls(
    default: str, bits: int, slot: Slot, condition: MarkCondition
) -> None:
    assert re.fullmatch("[0-9a-z]+", message.create_slot(MARKER, slot, default))
    assert re.fullmatch(r"<!--[0-9a-z ]+-->", message.create_mark(MARKER, condition, bits))
