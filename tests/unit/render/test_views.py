"""Views that templates see: plain data in reading order."""

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


def make_view(
    article: Article, *, bits: int = 1, section: str = "", language: str = "en"
) -> StoryView:
    return views.build_story_view(
        article,
        bits=bits,
        number=PersonalField("z", Slot.NUMBER, "0"),
        section=section,
        topics=TOPICS,
        language=language,
        kind_name="News",
        settings=SETTINGS,
        release=build_release_view(article, (), SETTINGS, language, "en"),
    )


# ---- order ------------------------------------------------------------------------------------

stories = st.lists(
    st.tuples(st.sampled_from([f"s{n}" for n in range(12)]), st.sampled_from(["", "a", "b", "c"])),
    unique_by=lambda pair: pair[0],
    max_size=10,
).map(lambda pairs: [make_story(slug, topics=(t,) if t else ()) for slug, t in pairs])


def get_section(story: Story) -> str:
    return story.topics[0] if story.topics else ""


@given(stories)
def test_stories_are_grouped_by_topic_after_the_first(given_stories: list[Story]) -> None:
    grouped = views.group_stories(given_stories)
    assert sorted(story.slug for story in grouped) == sorted(story.slug for story in given_stories)
    assert grouped[:1] == tuple(given_stories[:1])
    sections = [get_section(story) for story in grouped[1:]]
    section_order = list(dict.fromkeys(get_section(story) for story in given_stories[1:]))
    assert list(dict.fromkeys(sections)) == section_order
    assert sections == sorted(sections, key=section_order.index)
    for section in section_order:
        slugs = [story.slug for story in grouped[1:] if get_section(story) == section]
        assert slugs == [story.slug for story in given_stories[1:] if get_section(story) == section]


@given(stories)
def test_group_stories_is_idempotent(given_stories: list[Story]) -> None:
    grouped = views.group_stories(given_stories)
    assert views.group_stories(grouped) == grouped


@given(stories)
def test_every_story_but_the_lead_is_in_one_section(given_stories: list[Story]) -> None:
    views_of_stories = [
        make_view(story.articles[0], bits=1 << bit, section=get_section(story))
        for bit, story in enumerate(views.group_stories(given_stories))
    ]
    sections = views.build_sections(views_of_stories)
    assert [story for section in sections for story in section.stories] == views_of_stories[1:]
    assert len({section.slug for section in sections}) == len(sections)
    for section in sections:
        assert section.bits == sum(story.bits for story in section.stories)


# ---- a story ----------------------------------------------------------------------------------


def test_story_view_is_in_readers_language() -> None:
    image = Image("https://example.org/b.jpg", "A boat", "Ana")
    story_view = make_view(
        make_article(image=image, language="ar"), section="health", language="fr"
    )
    assert (story_view.topic, story_view.topic_slug) == ("Santé", "health")
    assert (story_view.language, story_view.dir, story_view.foreign) == ("ar", "rtl", True)
    assert story_view.image
    assert story_view.image.alt == "A boat"


@pytest.mark.parametrize(
    ("story_language", "mail_language", "foreign"),
    [("en", "en", False), ("en-GB", "en", False), ("fr", "en", True)],
)
def test_story_view_is_foreign_in_another_language(
    story_language: str, mail_language: str, foreign: bool
) -> None:
    assert (
        make_view(make_article(language=story_language), language=mail_language).foreign is foreign
    )


def test_story_view_date_is_in_office_zone() -> None:
    settings = Settings(defaults=DefaultsSection(time_zone="Asia/Tokyo"))
    article = make_article()
    unchanged = dataclasses.replace(make_view(article), published=article.published)
    assert unchanged.published == article.published
    story_view = views.build_story_view(
        article,
        bits=1,
        number=PersonalField("z", Slot.NUMBER, "0"),
        section="",
        topics={},
        language="en",
        kind_name="News",
        settings=settings,
        release=build_release_view(article, (), settings, "en", "en"),
    )
    assert (story_view.published.hour, article.published.hour) == (18, 9)


@pytest.mark.parametrize(
    ("canonical", "base", "url"),
    [
        ("https://example.org/relief", "https://m.example.org", "https://example.org/relief"),
        ("", "https://m.example.org", "https://m.example.org/stories/storm-relief/en"),
        ("", "https://m.example.org/", "https://m.example.org/stories/storm-relief/en"),
    ],
)
def test_story_url_is_canonical_or_own_page(canonical: str, base: str, url: str) -> None:
    settings = Settings(web=Web(base_url=base))
    assert views.build_story_url(settings, make_article(canonical_url=canonical)) == url


def test_teaser_is_summary_or_first_paragraph() -> None:
    assert views.build_teaser(make_article(summary="In short")) == "In short"
    assert views.build_teaser(make_article(html="<p>One <b>two</b></p><p>three</p>")) == "One two"


@given(st.lists(st.text("abcde", min_size=1, max_size=20), min_size=1, max_size=80))
def test_long_teaser_is_cut_between_words(words: Sequence[str]) -> None:
    text = " ".join(words)
    teaser = views.build_teaser(make_article(html=f"<p>{text}</p>"))
    if len(text) <= views.TEASER_LENGTH:
        assert teaser == text
    else:
        assert len(teaser) <= views.TEASER_LENGTH + 1
        assert teaser.endswith("…")
        assert (text + " ").startswith(teaser.removesuffix("…") + " ")


# ---- the organisation -------------------------------------------------------------------------


def test_organisation_view_has_accent_for_dark_mode() -> None:
    address = "1 Quay Road\n\n  Geneva \n"
    settings = Settings(organisation=Organisation(name="Office", postal_address=address))
    organisation_view = views.build_organisation_view(settings)
    assert organisation_view.postal_lines == ("1 Quay Road", "Geneva")
    assert organisation_view.logo_alt == "Office"
    assert (
        colours.compute_contrast(organisation_view.accent_dark, colours.DARK_BACKGROUND)
        >= colours.MIN_CONTRAST
    )


@pytest.mark.parametrize(
    "frozen_view",
    [make_view(make_article()), views.build_organisation_view(SETTINGS)],
    ids=["story", "organisation"],
)
def test_views_are_immutable(frozen_view: Any) -> None:
    for field in dataclasses.fields(frozen_view):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(frozen_view, field.name, "other")
