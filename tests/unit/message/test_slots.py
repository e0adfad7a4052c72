"""Marks and slots: each reader gets the parts for their stories, and a broken word is detected."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.editions import EditionBody
from mailer.message import MarkCondition, MessageTemplate, Slot, clean_header_text
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
    """A part for some of the readers; `inside` are texts, numbers and further parts."""

    ask: MarkCondition
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
                out += (
                    message.create_mark(MARKER, ask, bits)
                    + written(inside)
                    + message.create_end_mark(MARKER)
                )
            case int(bit):
                out += message.create_slot(MARKER, Slot.NUMBER, str(bit))
            case str(text):
                out += text
    return out


def oracle(pieces: Sequence[Piece], mine: Sequence[int], *, web: bool = False) -> str:
    """What somebody who gets the stories `mine`, in order, should read."""
    asked: dict[MarkCondition, Sequence[int]] = {
        MarkCondition.MAIL: [] if web else [0],
        MarkCondition.WEB: [0] if web else [],
        MarkCondition.ANY: mine,
        MarkCondition.FIRST: mine[:1],
        MarkCondition.REST: mine[1:],
        MarkCondition.CONTENTS: mine if len(mine) > 5 else [],
    }
    out = ""
    for piece in pieces:
        match piece:
            case Part(ask, stories, inside):
                out += oracle(inside, mine, web=web) if stories & set(asked[ask]) else ""
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
            st.sampled_from(MarkCondition),
            st.frozensets(st.sampled_from(BITS), min_size=1),
            st.lists(inner, max_size=3).map(tuple),
        ),
        max_leaves=8,
    ),
    max_size=6,
)


@given(pieces, st.sets(st.sampled_from(BITS)).map(sorted))
def test_each_reader_gets_the_parts_for_their_stories(
    given_pieces: list[Piece], mine: list[int]
) -> None:
    said = written(given_pieces)
    to = RECIPIENT._replace(stories=sum(1 << bit for bit in mine))
    raw, parsed = build_message(make_body(said, said, said), recipient=to)
    assert_well_formed(raw, parsed)
    expected = oracle(given_pieces, mine)
    assert get_part(parsed, "plain") == get_part(parsed, "html") == expected
    assert parsed["Subject"] == clean_header_text(expected)
    assert MARKER.encode() not in raw.replace(b"=_" + MARKER.encode(), b"")


@given(pieces, st.sets(st.sampled_from(BITS)).map(sorted))
def test_a_page_has_the_parts_for_the_web_and_a_mail_those_for_mails(
    given_pieces: list[Piece], mine: list[int]
) -> None:
    said, bits = written(given_pieces), sum(1 << bit for bit in mine)
    made = EditionBody("en", said, said, said, MARKER, stories=bits)
    assert message.render_page(made, bits, "") == message.render_plain_text(made)
    assert message.render_page(made, bits, "") == oracle(given_pieces, mine, web=True)
    assert message.render_heading(made) == clean_header_text(oracle(given_pieces, mine, web=True))
    assert message.extract_visible_text(said, MARKER, bits) == oracle(given_pieces, mine)


def test_the_sixty_second_story_is_a_story_like_any_other() -> None:
    said = written([Part(MarkCondition.ANY, frozenset({61}), ("last",)), 61])
    assert (
        MessageTemplate(make_body(text=said), PROFILE).render_text(
            RECIPIENT._replace(stories=1 << 61)
        )
        == "last1"
    )


@given(pieces)
def test_marks_and_slots_are_counted(given_pieces: list[Piece]) -> None:
    said = written(given_pieces)
    comments = said.count("<!--")
    slots = len(re.findall(rf"(?<!<!--){MARKER}", said))
    assert message.count_slots_and_marks(said, MARKER) == comments + slots


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
def test_a_broken_slot_or_mark_is_detected(broken: str) -> None:
    with pytest.raises(ValueError, match=r"slot|mark|part"):
        message.count_slots_and_marks(f"Dear {broken}, hello", MARKER)


def test_a_part_for_the_web_prints_no_slot_in_a_mail() -> None:
    said = written([Part(MarkCondition.WEB, frozenset({0}), (SLOT,))])
    assert message.find_printed_slots(said, MARKER, 1) == frozenset()
    assert message.find_printed_slots(said + SLOT, MARKER, 1) == {Slot.NAME}


@given(st.text(), st.integers(0, 2**62 - 1), st.sampled_from(Slot), st.sampled_from(MarkCondition))
def test_slots_and_marks_pass_html_and_urls_untouched(
    default: str, bits: int, slot: Slot, ask: MarkCondition
) -> None:
    assert re.fullmatch("[0-9a-z]+", message.create_slot(MARKER, slot, default))
    assert re.fullmatch(r"<!--[0-9a-z ]+-->", message.create_mark(MARKER, ask, bits))
