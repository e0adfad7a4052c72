"""A digest takes the kinds that it is told to, and a run-up spreads its stories over its days."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer import digests
from mailer.errors import InputError
from mailer.model.articles import ArticleKind, Story
from mailer.model.digests import DEFAULT_KINDS, DigestSettings
from tests.unit.samples import NOW, make_article, make_story

SETTINGS = DigestSettings(slug="weekly", name="The week", list="news")


def make_stories(count: int) -> list[Story]:
    return [
        make_story(f"boat-{number}", published=NOW - timedelta(hours=number + 1))
        for number in range(count)
    ]


def test_press_release_is_left_out_and_named_by_default() -> None:
    stories = [make_story("boats"), make_story("launch", kind=ArticleKind.PRESS_RELEASE, lead=True)]
    choice = digests.choose_stories(SETTINGS, stories, NOW)
    assert [story.slug for story in choice.stories] == ["boats"]
    assert [story.slug for story in choice.other_kinds] == ["launch"]
    settings = replace(SETTINGS, kinds=(*DEFAULT_KINDS, ArticleKind.PRESS_RELEASE))
    choice = digests.choose_stories(settings, stories, NOW)
    assert [story.slug for story in choice.stories] == ["launch", "boats"]


def test_release_with_a_translation_of_another_kind_is_a_release() -> None:
    release = make_article("launch", kind=ArticleKind.PRESS_RELEASE)
    translation = make_article("launch", language="fr", kind=ArticleKind.NEWS)
    choice = digests.choose_stories(SETTINGS, [Story("launch", (release, translation))], NOW)
    assert choice.stories == ()


def test_digest_of_no_kind_is_refused() -> None:
    with pytest.raises(InputError, match="at least one kind"):
        digests.check_settings(replace(SETTINGS, kinds=()))


@pytest.mark.parametrize(
    ("story_count", "days", "shares"),
    [(7, 6, [2, 1, 1, 1, 1, 1]), (6, 6, [1] * 6), (3, 6, [1, 1, 1, 0, 0, 0]), (9, 2, [5, 4])],
)
def test_run_up_spreads_stories_over_its_days(
    story_count: int, days: int, shares: list[int]
) -> None:
    stories = make_stories(story_count)
    counts = []
    for day in range(days):
        choice = digests.choose_stories(SETTINGS, stories, NOW, editions_left=days - day)
        counts.append(len(choice.stories))
        assert bool(choice.too_few) == (not choice.stories)
        stories = list(choice.waiting)
    assert counts == shares


def test_share_of_a_run_up_is_within_the_limits_of_the_digest() -> None:
    settings = replace(SETTINGS, fewest=2, most=3)
    assert len(digests.choose_stories(settings, make_stories(6), NOW, editions_left=6).stories) == 2
    assert len(digests.choose_stories(settings, make_stories(9), NOW, editions_left=2).stories) == 3
