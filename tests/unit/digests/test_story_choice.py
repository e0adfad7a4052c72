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
from tests.fakes import OpenListStore, make_transaction
from tests.unit.digests.factories import SETTINGS, FakeDigestStore
from tests.unit.samples import DAY, NOW, make_article, make_mailing_list, make_story


def list_slugs(stories: Sequence[Story]) -> list[str]:
    return [story.slug for story in stories]


# ---- choosing ---------------------------------------------------------------------------------

TOPICS = ["health", "diaspora", "climate"]
OPEN_LISTS = OpenListStore(make_mailing_list("news"))


@st.composite
def draw_stories(draw: st.DrawFn) -> list[Story]:
    names = draw(
        st.lists(
            st.sampled_from([f"s{number:02}" for number in range(20)]), unique=True, max_size=8
        )
    )
    stories = []
    for slug in names:
        languages = draw(st.lists(st.sampled_from(["en", "fr", "ar"]), min_size=1, unique=True))
        stories.append(
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
                    for language in languages
                ),
            )
        )
    return stories


@st.composite
def draw_settings(draw: st.DrawFn) -> DigestSettings:
    most = draw(st.integers(1, 12))
    topics = tuple(draw(st.sets(st.sampled_from(TOPICS))))
    return replace(SETTINGS, most=most, fewest=draw(st.integers(1, most)), topics=topics)


@given(draw_settings(), draw_stories())
def test_story_choice_takes_due_stories_up_to_limit(
    settings: DigestSettings, stories: list[Story]
) -> None:
    due = {
        story.slug
        for story in stories
        if any(
            article.state is ArticleState.QUEUED and article.published <= NOW
            for article in story.articles
        )
        and (not settings.topics or set(settings.topics) & set(story.topics))
    }
    choice = digests.choose_stories(settings, stories, NOW)
    chosen = choice.stories + choice.waiting
    assert set(list_slugs(chosen)) == due
    assert len(chosen) == len(due)
    assert len(choice.stories) == min(settings.most, len(due))
    assert bool(choice.too_few) == (len(due) < settings.fewest)


@given(draw_settings(), draw_stories())
def test_story_choice_puts_leads_then_newest_first(
    settings: DigestSettings, stories: list[Story]
) -> None:
    choice = digests.choose_stories(settings, stories, NOW)
    chosen = choice.stories + choice.waiting
    keys = [(not story.lead, -story.published.timestamp(), story.slug) for story in chosen]
    assert keys == sorted(keys)


@given(draw_settings(), draw_stories(), st.randoms())
def test_story_choice_is_independent_of_order(
    settings: DigestSettings, stories: list[Story], random: Any
) -> None:
    before = list(stories)
    choice = digests.choose_stories(settings, stories, NOW)
    assert stories == before
    random.shuffle(stories)
    assert digests.choose_stories(settings, stories, NOW) == choice


@given(draw_settings(), draw_stories())
def test_story_choice_leaves_out_withdrawn_and_future_articles(
    settings: DigestSettings, stories: list[Story]
) -> None:
    for story in digests.choose_stories(settings, stories, NOW).stories:
        assert story.articles
        for article in story.articles:
            assert article.state is ArticleState.QUEUED
            assert article.published <= NOW


def test_future_story_waits_for_its_date() -> None:
    stories = [make_story("today", published=NOW), make_story("tomorrow", published=NOW + DAY)]
    assert list_slugs(digests.choose_stories(SETTINGS, stories, NOW).stories) == ["today"]
    assert list_slugs(digests.choose_stories(SETTINGS, stories, NOW + DAY).stories) == [
        "tomorrow",
        "today",
    ]


def test_story_has_topics_of_all_translations() -> None:
    late = make_article("storm", language="fr", topics=("health",), published=NOW + DAY)
    stories = [Story("storm", (make_article("storm"), make_article("storm", language="es")))]
    settings = replace(SETTINGS, topics=("health",))
    assert digests.choose_stories(settings, stories, NOW).stories == ()
    stories = [Story("storm", (make_article("storm"), late))]
    (chosen,) = digests.choose_stories(settings, stories, NOW).stories
    assert chosen.languages == ("en",)


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (0, "no new story, and this digest needs at least 3"),
        (2, "only 2 new, and this digest needs at least 3"),
        (3, ""),
    ],
)
def test_too_few_stories_have_a_reason(count: int, reason: str) -> None:
    stories = [make_story(f"s{number}") for number in range(count)]
    assert digests.choose_stories(replace(SETTINGS, fewest=3), stories, NOW).too_few == reason


# ---- assembling -------------------------------------------------------------------------------


def test_assembled_edition_reserves_its_stories() -> None:
    digest_store = FakeDigestStore(
        make_story("a", published=NOW - DAY),
        make_story("b", published=NOW),
        make_story("c", lead=True),
    )
    settings = replace(
        SETTINGS, most=2, segment="donors", subject="Hi", language="fr", template="digest"
    )
    digests.add_digest(make_transaction(digests=digest_store), STAFF, settings, NOW)
    edition, choice = digests.assemble_edition(
        make_transaction(digests=digest_store, lists=OPEN_LISTS), STAFF, "weekly", NOW
    )
    assert edition.state is EditionState.DRAFT
    assert edition.stories == ("c", "b")
    assert list_slugs(choice.waiting) == ["a"]
    assert (edition.digest, edition.list, edition.segment) == ("weekly", "news", "donors")
    assert (edition.subject, edition.language, edition.name) == ("Hi", "fr", "The week")
    assert digest_store.reserved == [(edition.id, ("c", "b"))]


@pytest.mark.parametrize(
    ("rule", "state", "story_slugs"),
    [
        (WhenEmpty.SKIP, EditionState.SKIPPED, ()),
        (WhenEmpty.PUT_ON_HOLD, EditionState.ON_HOLD, ("a",)),
    ],
)
def test_edition_with_too_few_stories_is_skipped_or_held(
    rule: WhenEmpty, state: EditionState, story_slugs: tuple[str, ...]
) -> None:
    digest_store = FakeDigestStore(make_story("a"))
    digests.add_digest(
        make_transaction(digests=digest_store, lists=OPEN_LISTS),
        STAFF,
        replace(SETTINGS, fewest=2, when_empty=rule),
        NOW,
    )
    edition, _ = digests.assemble_edition(
        make_transaction(digests=digest_store, lists=OPEN_LISTS), STAFF, "weekly", NOW
    )
    assert (edition.state, edition.stories) == (state, story_slugs)
    assert edition.reason == "only 1 new, and this digest needs at least 2"
    assert digest_store.reserved == ([(edition.id, story_slugs)] if story_slugs else [])
