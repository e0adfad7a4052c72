"""What a template sees: plain data, in the order in which it is shown."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import DefaultsSection, Organisation, Settings, Web
from mailer.message import Slot
from mailer.model.articles import Article, Image, Story
from mailer.render import colours, views
from mailer.render.environment import PersonalField
from mailer.render.releases import build_release_view
from mailer.render.views import StoryView
from tests.unit.samples import make_article, make_story, make_topic

SETTINGS = Settings(home=Path("/nowhere"))
TOPICS = {"health": make_topic("health", en="Health", fr="Santé")}


def view(one: Article, *, bits: int = 1, section: str = "", language: str = "en") -> StoryView:
    return views.build_story_view(
        one,
        bits=bits,
        number=PersonalField("z", Slot.NUMBER, "0"),
        section=section,
        topics=TOPICS,
        language=language,
        kind_name="News",
        settings=SETTINGS,
        release=build_release_view(one, (), SETTINGS, language, "en"),
    )


# ---- order ------------------------------------------------------------------------------------

stories = st.lists(
    st.tuples(st.sampled_from([f"s{n}" for n in range(12)]), st.sampled_from(["", "a", "b", "c"])),
    unique_by=lambda pair: pair[0],
    max_size=10,
).map(lambda pairs: [make_story(slug, topics=(t,) if t else ()) for slug, t in pairs])


def section_of(one: Story) -> str:
    return one.topics[0] if one.topics else ""


@given(stories)
def test_stories_are_shown_by_topic_and_the_first_stays_first(found: list[Story]) -> None:
    shown = views.group_stories(found)
    assert sorted(one.slug for one in shown) == sorted(one.slug for one in found)
    assert shown[:1] == tuple(found[:1])
    order = [section_of(one) for one in shown[1:]]
    came = list(dict.fromkeys(section_of(one) for one in found[1:]))
    assert list(dict.fromkeys(order)) == came
    assert order == sorted(order, key=came.index)
    for section in came:
        kept = [one.slug for one in shown[1:] if section_of(one) == section]
        assert kept == [one.slug for one in found[1:] if section_of(one) == section]


@given(stories)
def test_ordering_twice_is_ordering_once(found: list[Story]) -> None:
    once = views.group_stories(found)
    assert views.group_stories(once) == once


@given(stories)
def test_every_story_but_the_lead_stands_in_one_section(found: list[Story]) -> None:
    seen = [
        view(one.articles[0], bits=1 << bit, section=section_of(one))
        for bit, one in enumerate(views.group_stories(found))
    ]
    sections = views.build_sections(seen)
    assert [one for section in sections for one in section.stories] == seen[1:]
    assert len({section.slug for section in sections}) == len(sections)
    for section in sections:
        assert section.bits == sum(one.bits for one in section.stories)


# ---- a story ----------------------------------------------------------------------------------


def test_a_story_is_seen_in_the_readers_words() -> None:
    image = Image("https://example.org/b.jpg", "A boat", "Ana")
    seen = view(make_article(image=image, language="ar"), section="health", language="fr")
    assert (seen.topic, seen.topic_slug) == ("Santé", "health")
    assert (seen.language, seen.dir, seen.foreign) == ("ar", "rtl", True)
    assert seen.image
    assert seen.image.alt == "A boat"


@pytest.mark.parametrize(
    ("mine", "mails", "foreign"), [("en", "en", False), ("en-GB", "en", False), ("fr", "en", True)]
)
def test_a_story_is_foreign_in_another_language_only(mine: str, mails: str, foreign: bool) -> None:
    assert view(make_article(language=mine), language=mails).foreign is foreign


def test_a_story_came_out_when_the_offices_clock_said() -> None:
    settings = Settings(defaults=DefaultsSection(time_zone="Asia/Tokyo"))
    made = make_article()
    seen = dataclasses.replace(view(made), published=made.published)
    assert seen.published == made.published
    shown = views.build_story_view(
        made,
        bits=1,
        number=PersonalField("z", Slot.NUMBER, "0"),
        section="",
        topics={},
        language="en",
        kind_name="News",
        settings=settings,
        release=build_release_view(made, (), settings, "en", "en"),
    )
    assert (shown.published.hour, made.published.hour) == (18, 9)


@pytest.mark.parametrize(
    ("canonical", "base", "url"),
    [
        ("https://example.org/relief", "https://m.example.org", "https://example.org/relief"),
        ("", "https://m.example.org", "https://m.example.org/stories/storm-relief/en"),
        ("", "https://m.example.org/", "https://m.example.org/stories/storm-relief/en"),
    ],
)
def test_a_story_is_read_where_it_came_out_or_on_our_own_page(
    canonical: str, base: str, url: str
) -> None:
    settings = Settings(web=Web(base_url=base))
    assert views.build_story_url(settings, make_article(canonical_url=canonical)) == url


def test_a_teaser_is_the_summary_or_the_beginning_of_the_text() -> None:
    assert views.build_teaser(make_article(summary="In short")) == "In short"
    assert views.build_teaser(make_article(html="<p>One <b>two</b></p><p>three</p>")) == "One two"


@given(st.lists(st.text("abcde", min_size=1, max_size=20), min_size=1, max_size=80))
def test_a_long_teaser_is_cut_between_words(words: Sequence[str]) -> None:
    text = " ".join(words)
    teaser = views.build_teaser(make_article(html=f"<p>{text}</p>"))
    if len(text) <= views.TEASER_LENGTH:
        assert teaser == text
    else:
        assert len(teaser) <= views.TEASER_LENGTH + 1
        assert teaser.endswith("…")
        assert (text + " ").startswith(teaser.removesuffix("…") + " ")


# ---- the organisation -------------------------------------------------------------------------


def test_the_organisation_is_seen_with_an_accent_for_the_night() -> None:
    address = "1 Quay Road\n\n  Geneva \n"
    settings = Settings(organisation=Organisation(name="Office", postal_address=address))
    seen = views.build_organisation_view(settings)
    assert seen.postal_lines == ("1 Quay Road", "Geneva")
    assert seen.logo_alt == "Office"
    assert (
        colours.compute_contrast(seen.accent_dark, colours.DARK_BACKGROUND) >= colours.MIN_CONTRAST
    )


@pytest.mark.parametrize(
    "seen",
    [view(make_article()), views.build_organisation_view(SETTINGS)],
    ids=["story", "organisation"],
)
def test_what_a_template_sees_can_not_be_written_to(seen: Any) -> None:
    for field in dataclasses.fields(seen):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(seen, field.name, "other")
