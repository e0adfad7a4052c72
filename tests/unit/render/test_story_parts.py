"""The parts of a story that depend on its kind, and the short forms of titles and teasers."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from mailer.config import Settings, Web
from mailer.intake.markup import to_html
from mailer.model.articles import ArticleKind, Image
from mailer.model.event_details import EventDetails
from mailer.render import colours
from mailer.render.calendar_file import build_calendar_file
from mailer.render.story_parts import (
    BRIEF_LENGTH,
    ImageView,
    build_event_view,
    list_pictures,
    shorten_teaser,
    shorten_title,
)
from tests.unit.samples import make_article

SETTINGS = Settings(home=Path("/nowhere"), web=Web(base_url="https://mail.example.org"))


@pytest.mark.parametrize(
    ("title", "language", "short_title"),
    [
        ("Boats again", "en", "Boats again"),
        ("The first seven days: a handbook by those who lived them", "en", "The first seven days"),
        ("Opinion: count what comes after arrival", "en", "Count what comes after arrival"),
        (
            "Relief supplies reach the islands of the north",
            "en",
            "Relief supplies reach the islands…",
        ),
        ("Relief supplies: they reach the coast", "en", "They reach the coast"),
        ("المساعدات تصل إلى الساحل الشمالي في الفجر", "ar", "المساعدات تصل إلى الساحل الشمالي…"),
        ("港口城镇在十二月十八日的夜晚一起点灯", "zh", "港口城镇在十二月十八日的夜晚…"),
    ],
)
def test_short_title_has_three_to_five_words(title: str, language: str, short_title: str) -> None:
    assert shorten_title(title, language) == short_title


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=20))
def test_short_title_is_never_longer_than_five_words(words: list[str]) -> None:
    assert 1 <= len(shorten_title(" ".join(words), "en").split()) <= 5


def test_brief_ends_after_a_sentence_or_a_clause() -> None:
    first = "Three towns have opened their old harbours to new boats and new crews."
    assert shorten_teaser(f"{first} {'More follows here. ' * 8}", "en").startswith(first)
    assert shorten_teaser(f"{first} {'More follows here. ' * 8}", "en").endswith("here.")
    clause = "The head of the office asks for services that people can rely on at any hour, and for"
    brief = shorten_teaser(f"{clause} {'longer words ' * 20}", "en")
    assert brief == clause.removesuffix(", and for") + "…"


@given(st.text(min_size=1, max_size=600), st.sampled_from(["en", "ar", "zh"]))
def test_brief_is_never_longer_than_two_lines(teaser: str, language: str) -> None:
    limit = BRIEF_LENGTH // 2 if language == "zh" else BRIEF_LENGTH
    assert len(shorten_teaser(teaser, language)) <= max(limit + 1, len(" ".join(teaser.split())))


# ---- photo stories ------------------------------------------------------------------------------

PHOTO_STORY = """\
![Boats](https://example.org/1.jpg)

*Boats at dawn*

Words between.

![Nets](https://example.org/2.jpg)

No caption, but *one* word in italics.

![Boats](https://example.org/1.jpg)
"""


def test_photo_story_lists_its_pictures_once_with_captions() -> None:
    image = Image("https://example.org/0.jpg", "A pier", "Ana Diaz")
    html = to_html(PHOTO_STORY)
    article = make_article(kind=ArticleKind.PHOTO_STORY, image=image, body=PHOTO_STORY, html=html)
    pictures = [
        ("https://example.org/0.jpg", "A pier", "Ana Diaz", ""),
        ("https://example.org/1.jpg", "Boats", "", "Boats at dawn"),
        ("https://example.org/2.jpg", "Nets", "", ""),
    ]
    assert list_pictures(article, "", {}) == tuple(
        ImageView(*picture, small_url=picture[0]) for picture in pictures
    )


def test_other_kinds_list_no_pictures() -> None:
    assert list_pictures(make_article(html=to_html(PHOTO_STORY)), "", {}) == ()


# ---- events -------------------------------------------------------------------------------------


def make_event(**fields: Any) -> EventDetails:
    return EventDetails(**{"starts": "2026-12-18T15:30", "zone": "Europe/London"} | fields)


def test_event_view_names_the_city_only_of_another_zone() -> None:
    for zone, city in (("Europe/London", ""), ("Europe/Zurich", "Zurich")):
        article = make_article(kind=ArticleKind.EVENT, event=make_event(zone=zone))
        view = build_event_view(article, SETTINGS, "en", is_public=True)
        assert view is not None
        assert (view.zone, view.start.hour, view.end) == (city, 15, None)


def test_event_of_a_private_edition_has_no_calendar_file() -> None:
    article = make_article(kind=ArticleKind.EVENT, event=make_event(ends="2026-12-18T18:30"))
    public_view = build_event_view(article, SETTINGS, "en", is_public=True)
    private_view = build_event_view(article, SETTINGS, "en", is_public=False)
    assert public_view
    assert private_view
    url = f"https://mail.example.org/stories/{article.slug}/en/event.ics"
    assert (public_view.calendar_url, private_view.calendar_url) == (url, "")


def test_one_whole_day_has_no_end() -> None:
    article = make_article(kind=ArticleKind.EVENT, event=make_event(starts="2026-12-18"))
    view = build_event_view(article, SETTINGS, "en", is_public=True)
    assert view
    assert (view.whole_day, view.end) == (True, None)


@pytest.mark.parametrize(
    ("details", "dtstart", "dtend"),
    [
        (make_event(ends="2026-12-18T18:30"), "20261218T153000Z", "20261218T183000Z"),
        (make_event(starts="2026-07-01T15:30"), "20260701T143000Z", ""),
        (make_event(starts="2026-12-18", ends="2026-12-19"), "20261218", "20261220"),
    ],
)
def test_calendar_file_can_be_read_back(details: EventDetails, dtstart: str, dtend: str) -> None:
    content = build_calendar_file(
        EventDetails(details.starts, details.zone, details.ends, "Old Hall, Quay; left door"),
        slug="boats",
        title="Boats, again\nand again",
        summary="In short",
        address="https://mail.example.org/stories/boats/en",
        changed_at=datetime(2026, 12, 1, 9, tzinfo=UTC),
    )
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    lines = content.decode().replace("\r\n ", "").split("\r\n")
    times = dict(re.split("[;:]", line, maxsplit=1) for line in lines if line.startswith("DT"))
    assert times["DTSTART"].removeprefix("VALUE=DATE:") == dtstart
    assert times.get("DTEND", "").removeprefix("VALUE=DATE:") == dtend
    assert (str(event["location"]), str(event["uid"])) == (
        "Old Hall, Quay; left door",
        "boats@mail.example.org",
    )
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))


# ---- colours ------------------------------------------------------------------------------------

colour_codes = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(colour_codes.filter(colours.is_readable))
def test_accent_is_readable_on_its_band_in_light_and_dark(accent: str) -> None:
    dark_accent = colours.find_lighter_tint(accent)
    for colour, background in (
        (accent, colours.LIGHT_BACKGROUND),
        (dark_accent, colours.DARK_BACKGROUND),
    ):
        band = colours.find_band(colour, background)
        assert colours.compute_contrast(colour, band) >= colours.MIN_CONTRAST
