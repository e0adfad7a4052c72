"""A digest takes the kinds that it is told to, and a run-up spreads its stories over its days."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mailer import digests
from mailer.digests import run_ups
from mailer.digests.calendar import DigestCalendar
from mailer.errors import InputError
from mailer.model.articles import ArticleKind, Story
from mailer.model.digests import DEFAULT_KINDS, DigestSettings
from tests.unit.digests.calendar.strategies import (
    MADE,
    SKIPPED,
    make_blackout,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
)
from tests.unit.digests.calendar.strategies import (
    NOW as FRIDAY,
)
from tests.unit.digests.factories import FakeDigestStore
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


# ---- the editions of a run-up -------------------------------------------------------------------

RUN_UP = "migrants-day: each weekday from 7 days before, then on the day"


def make_run_up(text: str = RUN_UP, **fields: Any) -> DigestCalendar:
    return make_calendar(make_schedule(text), **fields)


def test_editions_left_of_a_run_up_count_down_to_the_day() -> None:
    calendar = make_run_up()
    planned = calendar.list_upcoming(FRIDAY, 7)
    assert [f"{one.occurrence.wall:%d %b}" for one in planned] == (
        ["11 Dec", "14 Dec", "15 Dec", "16 Dec", "17 Dec", "18 Dec", "13 Dec"]
    )
    counts = [run_ups.count_editions_left(calendar, one) for one in planned]
    assert counts[:6] == [6, 5, 4, 3, 2, 1]


def test_skipped_editions_of_a_run_up_take_no_share() -> None:
    row = make_saved_occurrence("2026-12-15 09:00", SKIPPED)
    calendar = make_run_up(rows=[row], blackouts=[make_blackout("2026-12-16", "2026-12-17")])
    planned = calendar.list_upcoming(FRIDAY, 1)[0]
    assert run_ups.count_editions_left(calendar, planned) == 3


def test_schedule_without_observance_leaves_one_edition() -> None:
    calendar = make_run_up("weekly on Tue and Thu")
    for planned in calendar.list_upcoming(FRIDAY, 4):
        assert run_ups.count_editions_left(calendar, planned) == 1


def test_run_up_that_is_not_spread_gives_all_stories_to_its_first_day() -> None:
    schedule = make_schedule(RUN_UP)
    whole = replace(schedule, settings=replace(schedule.settings, spread=False))
    calendar = make_calendar(whole)
    for planned in calendar.list_upcoming(FRIDAY, 6):
        assert run_ups.count_editions_left(calendar, planned) == 1
    choices = plan(calendar, 3, *make_stories(3))
    assert choices == [["boat-0", "boat-1", "boat-2"], [], []]
    assert run_ups.describe_sharing(whole.settings) == "each day takes all stories that are ready"
    assert run_ups.describe_sharing(schedule.settings) == "its stories are spread over its days"


@pytest.mark.parametrize("text", ["weekly on Tue and Thu", "on migrants-day", "2026-12-18"])
def test_schedule_of_single_days_is_no_run_up(text: str) -> None:
    assert run_ups.describe_sharing(make_schedule(text).settings) == ""


def plan(calendar: DigestCalendar, count: int, *stories: Story) -> list[list[str] | None]:
    tx: Any = SimpleNamespace(digests=FakeDigestStore(*stories))
    planned = calendar.list_upcoming(FRIDAY, count)
    return [
        None if choice is None else [story.slug for story in choice.stories]
        for choice in run_ups.plan_choices(tx, calendar, planned, NOW)
    ]


def test_planned_choices_of_a_run_up_run_no_story_twice() -> None:
    slugs = [f"boat-{number}" for number in range(7)]
    assert plan(make_run_up(), 6, *make_stories(7)) == [slugs[:2], *([slug] for slug in slugs[2:])]


def test_planned_choices_leave_out_skipped_and_made_editions() -> None:
    rows = [
        make_saved_occurrence("2026-12-11 09:00", MADE, edition_id=1),
        make_saved_occurrence("2026-12-14 09:00", SKIPPED),
    ]
    choices = plan(make_run_up(rows=rows), 6, *make_stories(4))
    days = make_run_up(rows=rows).list_upcoming(FRIDAY, 6)
    for planned, choice in zip(days, choices, strict=True):
        is_left_out = planned.occurrence.wall.day in {11, 14}
        assert (choice is None) == is_left_out
    assert sum(len(choice) for choice in choices if choice) == 4


def test_planned_edition_with_too_few_stories_keeps_them_for_the_next() -> None:
    calendar = make_run_up()
    settings = replace(calendar.digest.settings, fewest=3)
    calendar = replace(calendar, digest=replace(calendar.digest, settings=settings))
    tx: Any = SimpleNamespace(digests=FakeDigestStore(*make_stories(2)))
    choices = run_ups.plan_choices(tx, calendar, calendar.list_upcoming(FRIDAY, 3), NOW)
    assert [choice.too_few for choice in choices if choice] == (
        ["only 2 new, and this digest needs at least 3"] * 3
    )
