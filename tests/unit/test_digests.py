"""Choosing is a pure function: leads first, then the newest, and nothing that is not due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import digests
from mailer.articles import ArticleState, Story
from mailer.digests import Digest, Order, WhenEmpty
from mailer.editions import MOST_STORIES, Edition, EditionState, NewEdition
from mailer.errors import InputError, NotFound
from tests.unit.samples import DAY, NOW, article, edition, story

ORDER = Order(slug="weekly", name="The week", list="news")


class Desk:
    """Digests and what they made, in memory."""

    def __init__(self, *found: Story) -> None:
        self.kept: list[Digest] = []
        self.found = list(found)
        self.reserved: list[tuple[int, tuple[str, ...]]] = []

    def digests(self) -> list[Digest]:
        return self.kept

    def add(self, order: Order, now: datetime) -> Digest:
        self.kept.append(Digest(len(self.kept) + 1, order, now, now))
        return self.kept[-1]

    def edit(self, digest: Digest, order: Order, now: datetime) -> Digest:
        changed = replace(digest, order=order, updated_at=now)
        self.kept[self.kept.index(digest)] = changed
        return changed

    def candidates(self, digest: Digest) -> list[Story]:
        return self.found

    def reserve(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved.append((edition.id, tuple(slugs)))

    def create_edition(self, new: NewEdition, now: datetime) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        return edition(**fields | {"opening": {}, "created_at": now})


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
                    article(
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
def orders(draw: st.DrawFn) -> Order:
    most = draw(st.integers(1, 12))
    topics = tuple(draw(st.sets(st.sampled_from(TOPICS))))
    return replace(ORDER, most=most, fewest=draw(st.integers(1, most)), topics=topics)


@given(orders(), candidates())
def test_a_choice_is_all_that_is_due_cut_at_the_most(order: Order, found: list[Story]) -> None:
    due = {
        one.slug
        for one in found
        if any(a.state is ArticleState.QUEUED and a.published <= NOW for a in one.articles)
        and (not order.topics or set(order.topics) & set(one.topics))
    }
    choice = digests.choose(order, found, NOW)
    chosen = choice.stories + choice.waiting
    assert set(slugs(chosen)) == due
    assert len(chosen) == len(due)
    assert len(choice.stories) == min(order.most, len(due))
    assert bool(choice.too_few) == (len(due) < order.fewest)


@given(orders(), candidates())
def test_leads_come_first_then_the_newest(order: Order, found: list[Story]) -> None:
    choice = digests.choose(order, found, NOW)
    chosen = choice.stories + choice.waiting
    keys = [(not one.lead, -one.published.timestamp(), one.slug) for one in chosen]
    assert keys == sorted(keys)


@given(orders(), candidates(), st.randoms())
def test_a_choice_depends_on_nothing_but_what_is_there(
    order: Order, found: list[Story], random: Any
) -> None:
    before = list(found)
    choice = digests.choose(order, found, NOW)
    assert found == before
    random.shuffle(found)
    assert digests.choose(order, found, NOW) == choice


@given(orders(), candidates())
def test_no_article_that_is_withdrawn_or_not_yet_published_comes_along(
    order: Order, found: list[Story]
) -> None:
    for one in digests.choose(order, found, NOW).stories:
        assert one.articles
        for each in one.articles:
            assert each.state is ArticleState.QUEUED
            assert each.published <= NOW


def test_a_story_of_tomorrow_waits_for_tomorrow() -> None:
    found = [story("today", published=NOW), story("tomorrow", published=NOW + DAY)]
    assert slugs(digests.choose(ORDER, found, NOW).stories) == ["today"]
    assert slugs(digests.choose(ORDER, found, NOW + DAY).stories) == ["tomorrow", "today"]


def test_a_translation_that_forgot_its_topics_takes_the_story_from_nobody() -> None:
    late = article("storm", language="fr", topics=("health",), published=NOW + DAY)
    found = [Story("storm", (article("storm"), article("storm", language="es")))]
    order = replace(ORDER, topics=("health",))
    assert digests.choose(order, found, NOW).stories == ()
    found = [Story("storm", (article("storm"), late))]
    (chosen,) = digests.choose(order, found, NOW).stories
    assert chosen.languages == ("en",)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (0, "no new story, and this digest wants at least 3"),
        (2, "only 2 new, and this digest wants at least 3"),
        (3, ""),
    ],
)
def test_too_few_stories_are_said_in_words(there: int, said: str) -> None:
    found = [story(f"s{number}") for number in range(there)]
    assert digests.choose(replace(ORDER, fewest=3), found, NOW).too_few == said


# ---- orders -----------------------------------------------------------------------------------


@given(st.integers(-1, 70), st.integers(-1, 70))
def test_an_edition_can_hold_from_one_to_sixty_two_stories(fewest: int, most: int) -> None:
    order = replace(ORDER, fewest=fewest, most=most)
    if 1 <= fewest <= most <= MOST_STORIES:
        assert digests.check(order) == order
    else:
        with pytest.raises(InputError, match="is not possible"):
            digests.check(order)


@pytest.mark.parametrize(
    ("fields", "where"),
    [({"slug": "The week"}, "name"), ({"name": " "}, "name"), ({"subject": "a\0b"}, "subject")],
)
def test_an_order_that_can_not_be_names_its_field(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        digests.check(replace(ORDER, **fields))
    assert caught.value.where == where


def test_a_digest_is_added_once_and_edited() -> None:
    desk = Desk()
    added = digests.add(desk, replace(ORDER, language="EN-gb", topics=("a", "b", "a")), NOW)
    assert (added.order.language, added.order.topics) == ("en-GB", ("a", "b"))
    with pytest.raises(InputError, match="there is a digest 'weekly' already"):
        digests.add(desk, ORDER, NOW)
    assert digests.edit(desk, "weekly", {}, NOW + DAY) is added
    edited = digests.edit(desk, "weekly", {"most": 5}, NOW + DAY)
    assert (edited.order.most, edited.updated_at) == (5, NOW + DAY)
    with pytest.raises(NotFound, match="there is no digest 'daily'"):
        digests.get(desk, "daily")


# ---- assembling -------------------------------------------------------------------------------


def test_an_edition_is_made_as_ordered_and_reserves_its_stories() -> None:
    desk = Desk(story("a", published=NOW - DAY), story("b", published=NOW), story("c", lead=True))
    order = replace(ORDER, most=2, segment="donors", subject="Hi", language="fr", template="digest")
    digests.add(desk, order, NOW)
    made, choice = digests.assemble(desk, "weekly", NOW)
    assert made.state is EditionState.DRAFT
    assert made.stories == ("c", "b")
    assert slugs(choice.waiting) == ["a"]
    assert (made.digest, made.list, made.segment) == ("weekly", "news", "donors")
    assert (made.subject, made.language, made.name) == ("Hi", "fr", "The week")
    assert desk.reserved == [(made.id, ("c", "b"))]


@pytest.mark.parametrize(
    ("rule", "state", "kept"),
    [(WhenEmpty.SKIP, EditionState.SKIPPED, ()), (WhenEmpty.HOLD, EditionState.HELD, ("a",))],
)
def test_too_few_stories_are_skipped_or_held_with_the_reason(
    rule: WhenEmpty, state: EditionState, kept: tuple[str, ...]
) -> None:
    desk = Desk(story("a"))
    digests.add(desk, replace(ORDER, fewest=2, when_empty=rule), NOW)
    made, _ = digests.assemble(desk, "weekly", NOW)
    assert (made.state, made.stories) == (state, kept)
    assert made.reason == "only 1 new, and this digest wants at least 2"
    assert desk.reserved == ([(made.id, kept)] if kept else [])
