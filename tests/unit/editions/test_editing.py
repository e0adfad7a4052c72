"""Editions are made, arranged and edited before they are sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import editions
from mailer.actor import create_local_actor
from mailer.errors import BadTransition, InputError, NotFound
from mailer.model.edition_states import OPEN_STATES, InDoubtPolicy, Priority
from mailer.model.editions import MAX_STORIES, EditionEvent
from tests.actors import STAFF
from tests.unit.editions.fakes import (
    FakeEditionStore,
    S,
    make_edition_transaction,
    make_new_edition,
)
from tests.unit.samples import NOW, make_edition


def test_created_edition_has_canonical_form() -> None:
    made = editions.create_edition(
        make_edition_transaction(editions=FakeEditionStore(make_edition())),
        STAFF,
        make_new_edition(name=" A  statement ", language="EN-gb"),
        NOW,
    )
    assert (made.name, made.language, made.state) == ("A statement", "en-GB", S.DRAFT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stories": ()}, "an edition needs a story"),
        ({"stories": ("a", "b", "a")}, "a story is named twice"),
        ({"stories": tuple(f"s{n}" for n in range(63))}, "63 stories are more than 62"),
        ({"stories": ("a", "unknown")}, "there is no queued story 'unknown'"),
        ({"name": " "}, "name: it is empty"),
        ({"name": "a\x1bb"}, "name: it holds control characters"),
        ({"subject": "a\x1bb"}, "subject: it holds control characters"),
        ({"language": "english"}, "not a language tag"),
    ],
)
def test_invalid_edition_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        editions.create_edition(
            make_edition_transaction(editions=FakeEditionStore(make_edition())),
            STAFF,
            make_new_edition(**fields),
            NOW,
        )


def test_mask_of_sixty_two_stories_is_a_signed_64_bit_integer() -> None:
    assert (1 << MAX_STORIES) - 1 < 2**63
    slugs = tuple(f"s{number}" for number in range(MAX_STORIES))
    assert (
        editions.create_edition(
            make_edition_transaction(editions=FakeEditionStore(make_edition())),
            STAFF,
            make_new_edition(stories=slugs),
            NOW,
        ).stories
        == slugs
    )


def test_stories_left_out_go_back_and_new_ones_are_reserved() -> None:
    press = FakeEditionStore(make_edition(stories=("a", "b", "c")))
    arranged = editions.arrange_stories(
        make_edition_transaction(editions=press), STAFF, press.saved_edition, ["c", "d", "a"], NOW
    )
    assert arranged.stories == ("c", "d", "a")
    assert (press.released, press.reserved) == (["b"], ["d"])


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), st.data())
def test_ordering_puts_named_stories_first(there: list[str], data: st.DataObject) -> None:
    chosen_slugs = data.draw(st.permutations(there).flatmap(lambda p: st.just(p[: len(p) // 2])))
    ordered = editions.move_stories_first(make_edition(stories=tuple(there)), chosen_slugs)
    assert list(ordered[: len(chosen_slugs)]) == chosen_slugs
    assert list(ordered[len(chosen_slugs) :]) == [
        slug for slug in there if slug not in chosen_slugs
    ]


def test_ordering_by_missing_story_is_refused() -> None:
    with pytest.raises(InputError, match="edition 7 has no story 'z'; it has a, b"):
        editions.move_stories_first(make_edition(stories=("a", "b")), ["z"])


@pytest.mark.parametrize("state", OPEN_STATES)
def test_edit_puts_open_edition_back_to_draft(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    changes = {
        "subject": " New  words ",
        "in_doubt": InDoubtPolicy.KEEP_IN_DOUBT,
        "opening": {"FR": "Salut"},
    }
    edited = editions.edit_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        changes,
        NOW,
    )
    assert edited.state is S.DRAFT
    assert (edited.subject, edited.in_doubt) == ("New words", InDoubtPolicy.KEEP_IN_DOUBT)
    assert edited.opening == {"fr": "Salut"}
    detail = "in_doubt, opening, subject edited"
    assert press.recorded_events[0] == EditionEvent(NOW, "edited", "ana", detail, "local:ana")
    assert press.recorded_events[1:] == (
        [] if state is S.DRAFT else [EditionEvent(NOW, "draft", "ana", detail, "local:ana")]
    )


def test_lead_and_preheaders_are_edited_like_other_texts() -> None:
    press = FakeEditionStore(make_edition(stories=("a", "b", "c"), preheaders={"fr": "Trois"}))
    edited = editions.edit_edition(
        make_edition_transaction(editions=press),
        STAFF,
        press.saved_edition,
        {"lead": "c", "preheaders": {"EN": " Three  stories ", "fr": ""}},
        NOW,
    )
    assert edited.stories == ("c", "a", "b")
    assert edited.preheaders == {"en": "Three stories"}
    assert press.recorded_events[0].detail == "lead, preheaders edited"


def test_lead_that_the_edition_does_not_have_is_refused() -> None:
    press = FakeEditionStore(make_edition(stories=("a", "b")))
    with pytest.raises(InputError, match="edition 7 has no story 'z'; it has a, b"):
        editions.edit_edition(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, {"lead": "z"}, NOW
        )
    assert press.recorded_events == []


def test_edit_after_the_start_says_since_when_the_mails_are_frozen() -> None:
    press = FakeEditionStore(make_edition(state=S.SENDING, planned_at=NOW))
    with pytest.raises(BadTransition) as caught:
        editions.edit_edition(
            make_edition_transaction(editions=press),
            STAFF,
            press.saved_edition,
            {"preheaders": {"en": "Late"}},
            NOW,
        )
    assert caught.value.message == "edition 7 is sending, and can't be edited"
    assert (
        caught.value.hint == f"its mails are frozen since it started, at {NOW:%Y-%m-%d %H:%M} UTC"
    )


@pytest.mark.parametrize("state", sorted(set(S) - set(OPEN_STATES)))
def test_closed_edition_can_not_be_edited(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    with pytest.raises(BadTransition):
        editions.edit_edition(
            make_edition_transaction(editions=press),
            STAFF,
            press.saved_edition,
            {"name": "Other"},
            NOW,
        )
    with pytest.raises(BadTransition):
        editions.arrange_stories(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, ["a"], NOW
        )
    assert press.saved_edition == make_edition(state=state)


@pytest.mark.parametrize("state", [S.SENDING, S.PAUSED])
def test_rule_for_deliveries_in_doubt_changes_while_sending(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    edited = editions.edit_edition(
        make_edition_transaction(editions=press),
        STAFF,
        press.saved_edition,
        {"in_doubt": InDoubtPolicy.KEEP_IN_DOUBT},
        NOW,
    )
    assert (edited.state, edited.in_doubt) == (state, InDoubtPolicy.KEEP_IN_DOUBT)
    assert press.recorded_events[0].detail == "in doubt: hold"


def test_removed_opening_is_gone() -> None:
    press = FakeEditionStore(make_edition(opening={"en": "Hello"}))
    assert (
        editions.edit_edition(
            make_edition_transaction(editions=press),
            STAFF,
            press.saved_edition,
            {"opening": {"en": ""}},
            NOW,
        ).opening
        == {}
    )


def test_priority_can_be_changed_while_edition_is_open() -> None:
    press = FakeEditionStore(make_edition())
    made = editions.create_edition(
        make_edition_transaction(editions=press),
        STAFF,
        make_new_edition(priority=Priority.URGENT),
        NOW,
    )
    assert made.priority is Priority.URGENT
    edited = editions.edit_edition(
        make_edition_transaction(editions=press), STAFF, made, {"priority": Priority.LOW}, NOW
    )
    assert edited.priority is Priority.LOW


def test_creator_and_editors_are_authors_of_edition() -> None:
    press = FakeEditionStore(make_edition())
    made = editions.create_edition(
        make_edition_transaction(editions=press), create_local_actor("ana"), make_new_edition(), NOW
    )
    editions.edit_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ben"),
        made,
        {"name": "Other"},
        NOW,
    )
    editions.arrange_stories(
        make_edition_transaction(editions=press),
        create_local_actor("cleo"),
        press.saved_edition,
        ["b"],
        NOW,
    )
    assert press.find_author_keys(press.saved_edition) == {"local:ana", "local:ben", "local:cleo"}


def test_edition_is_found_by_its_number() -> None:
    assert (
        editions.get_edition(make_edition_transaction(editions=FakeEditionStore(make_edition())), 7)
        == make_edition()
    )
    with pytest.raises(NotFound, match="there is no edition 8"):
        editions.get_edition(make_edition_transaction(editions=FakeEditionStore(make_edition())), 8)
