"""Choosing is a pure function: leads first, then the newest, and nothing that is not due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import digests
from mailer.model.articles import ArticleState, Story
from mailer.model.digests import DigestSettings, WhenEmpty
from mailer.model.edition_states import EditionState
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.digests.factories import SETTINGS, FakeDigestStore
from tests.unit.samples import DAY, NOW, make_article, make_story


def slugs(found: Sequence[Story]) -> list[str]:
    return [one.slug for one in found]


# ---- choosing ---------------------------------------------------------------------------------

TOPICS = ["health", "diaspora", "climate"]


@st.composite
def candidates(draw: st.DrawFn) -> list[Story]:
    names = draw(
        st.lists(
            st.sampled_from([f"s{number:02}" for number in range(20)]), unique=True, max_size=8
        )
    )
    found = []
    for slug in names:
        tongues = draw(st.lists(st.sampled_from(["en", "fr", "ar"]), min_size=1, unique=True))
        found.append(
            Story(
                slug,
                tuple(
                    make_article(
                        slug,
                        language=language,
                        published=NOW + timedelta(hours=draw(st.integers(-4, 2))),
                        state=draw(st.sampled_from(ArticleState)),
                        lead=draw(st.booleans()),
                        topics=tuple(draw(st.sets(st.sampled_from(TOPICS)))),
                    )
                    for language in tongues
                ),
            )
        )
    return found


@st.composite
def orders(draw: st.DrawFn) -> DigestSettings:
    most = draw(st.integers(1, 12))
    topics = tuple(draw(st.sets(st.sampled_from(TOPICS))))
    return replace(SETTINGS, most=most, fewest=draw(st.integers(1, most)), topics=topics)


@given(orders(), candidates())
def test_story_choice_takes_due_stories_up_to_limit(
    order: DigestSettings, found: list[Story]
) -> None:
    due = {
        one.slug
        for one in found
        if any(a.state is ArticleState.QUEUED and a.published <= NOW for a in one.articles)
        and (not order.topics or set(order.topics) & set(one.topics))
    }
    choice = digests.choose_stories(order, found, NOW)
    chosen = choice.stories + choice.waiting
    assert set(slugs(chosen)) == due
    assert len(chosen) == len(due)
    assert len(choice.stories) == min(order.most, len(due))
    assert bool(choice.too_few) == (len(due) < order.fewest)


@given(orders(), candidates())
def test_story_choice_puts_leads_then_newest_first(
    order: DigestSettings, found: list[Story]
) -> None:
    choice = digests.choose_stories(order, found, NOW)
    chosen = choice.stories + choice.waiting
    keys = [(not one.lead, -one.published.timestamp(), one.slug) for one in chosen]
    assert keys == sorted(keys)


@given(orders(), candidates(), st.randoms())
def test_story_choice_is_independent_of_order(
    order: DigestSettings, found: list[Story], random: Any
) -> None:
    before = list(found)
    choice = digests.choose_stories(order, found, NOW)
    assert found == before
    random.shuffle(found)
    assert digests.choose_stories(order, found, NOW) == choice


@given(orders(), candidates())
def test_story_choice_leaves_out_withdrawn_and_future_articles(
    order: DigestSettings, found: list[Story]
) -> None:
    for one in digests.choose_stories(order, found, NOW).stories:
        assert one.articles
        for each in one.articles:
            assert each.state is ArticleState.QUEUED
            assert each.published <= NOW


def test_future_story_waits_for_its_date() -> None:
    found = [make_story("today", published=NOW), make_story("tomorrow", published=NOW + DAY)]
    assert slugs(digests.choose_stories(SETTINGS, found, NOW).stories) == ["today"]
    assert slugs(digests.choose_stories(SETTINGS, found, NOW + DAY).stories) == [
        "tomorrow",
        "today",
    ]


def test_story_has_topics_of_all_translations() -> None:
    late = make_article("storm", language="fr", topics=("health",), published=NOW + DAY)
    found = [Story("storm", (make_article("storm"), make_article("storm", language="es")))]
    order = replace(SETTINGS, topics=("health",))
    assert digests.choose_stories(order, found, NOW).stories == ()
    found = [Story("storm", (make_article("storm"), late))]
    (chosen,) = digests.choose_stories(order, found, NOW).stories
    assert chosen.languages == ("en",)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (0, "no new story, and this digest needs at least 3"),
        (2, "only 2 new, and this digest needs at least 3"),
        (3, ""),
    ],
)
def test_too_few_stories_have_a_reason(there: int, said: str) -> None:
    found = [make_story(f"s{number}") for number in range(there)]
    assert digests.choose_stories(replace(SETTINGS, fewest=3), found, NOW).too_few == said


# ---- assembling -------------------------------------------------------------------------------


def test_assembled_edition_reserves_its_stories() -> None:
    desk = FakeDigestStore(
        make_story("a", published=NOW - DAY),
        make_story("b", published=NOW),
        make_story("c", lead=True),
    )
    order = replace(
        SETTINGS, most=2, segment="donors", subject="Hi", language="fr", template="digest"
    )
    digests.add_digest(make_transaction(digests=desk), STAFF, order, NOW)
    made, choice = digests.assemble_edition(make_transaction(digests=desk), STAFF, "weekly", NOW)
    assert made.state is EditionState.DRAFT
    assert made.stories == ("c", "b")
    assert slugs(choice.waiting) == ["a"]
    assert (made.digest, made.list, made.segment) == ("weekly", "news", "donors")
    assert (made.subject, made.language, made.name) == ("Hi", "fr", "The week")
    assert desk.reserved == [(made.id, ("c", "b"))]


@pytest.mark.parametrize(
    ("rule", "state", "kept"),
    [
        (WhenEmpty.SKIP, EditionState.SKIPPED, ()),
        (WhenEmpty.PUT_ON_HOLD, EditionState.ON_HOLD, ("a",)),
    ],
)
def test_edition_with_too_few_stories_is_skipped_or_held(
    rule: WhenEmpty, state: EditionState, kept: tuple[str, ...]
) -> None:
    desk = FakeDigestStore(make_story("a"))
    digests.add_digest(
        make_transaction(digests=desk), STAFF, replace(SETTINGS, fewest=2, when_empty=rule), NOW
    )
    made, _ = digests.assemble_edition(make_transaction(digests=desk), STAFF, "weekly", NOW)
    assert (made.state, made.stories) == (state, kept)
    assert made.reason == "only 1 new, and this digest needs at least 2"
    assert desk.reserved == ([(made.id, kept)] if kept else [])
