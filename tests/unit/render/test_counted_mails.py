"""Mails of a list that counts clicks: the body has the counted links, and its foot says so."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mailer.intake.markup import to_html
from mailer.languages import UN_LANGUAGES
from mailer.message import extract_visible_text, list_counted_links, render_page
from mailer.model.articles import ArticleKind
from mailer.model.edition_states import EditionRole
from mailer.model.event_details import EventDetails
from mailer.model.rendering import Composition
from mailer.render import compose_edition
from tests.unit.render import factories
from tests.unit.samples import make_article, make_mailing_list

COUNTING = replace(make_mailing_list(), counts_clicks=True)
FOOTERS = {
    "ar": "لكننا لا نسجل من فتحها",
    "en": "but never who opens them",
    "es": "pero no quién los abre",
    "fr": "mais non par qui",
    "ru": "но не кто их открывает",
    "zh": "但不统计由谁打开",
}


def compose(language: str = "en", *, counts: bool = True, **fields: Any) -> Composition:
    articles = [
        make_article(
            "boats",
            language=language,
            canonical_url="https://www.example.org/boats?a=1&b=2",
        ),
        make_article(
            "regatta",
            language=language,
            kind=ArticleKind.EVENT,
            canonical_url="https://www.example.org/regatta",
            event=EventDetails("2026-12-18T15:30", "Europe/London"),
        ),
    ]
    mailing_list = COUNTING if counts else make_mailing_list()
    manuscript = factories.make_manuscript(
        *articles, list=mailing_list, language=language, **fields
    )
    return compose_edition(manuscript, factories.make_settings(), to_html)


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_foot_says_that_clicks_are_counted(language: str) -> None:
    (body,) = compose(language).bodies
    for part in (body.html, body.text):
        visible = " ".join(extract_visible_text(part, body.marker, body.stories).split())
        assert FOOTERS[language] in visible
    (plain,) = compose(language, counts=False).bodies
    assert FOOTERS[language] not in " ".join((plain.html + plain.text).split())
    assert not list_counted_links(plain)


def test_every_link_of_a_story_is_counted_in_both_parts() -> None:
    (body,) = compose().bodies
    links = list_counted_links(body).values()
    assert {(link.story, link.url) for link in links} >= {
        ("boats", "https://www.example.org/boats?a=1&b=2"),
        ("regatta", "https://www.example.org/regatta"),
    }
    for part in (body.html, body.text):
        assert "https://www.example.org/boats" not in part
        assert "https://www.example.org/regatta" not in part
    calendar_links = [link for link in links if "event.ics" in link.url]
    assert {link.story for link in calendar_links} <= {"regatta"}


def test_links_by_which_readers_manage_their_mail_are_never_counted() -> None:
    (body,) = compose().bodies
    (plain,) = compose(counts=False).bodies
    for slot in "upv":
        pattern = rf"{body.marker}{slot}z"
        for part, plain_part in ((body.html, plain.html), (body.text, plain.text)):
            assert len(re.findall(pattern, part)) == len(re.findall(pattern, plain_part)) > 0


def test_counting_changes_the_hash_that_is_approved() -> None:
    assert compose().content_hash == compose().content_hash
    assert compose().content_hash != compose(counts=False).content_hash


def test_page_of_a_counted_edition_equals_that_of_an_uncounted_one() -> None:
    (body,), (plain,) = compose().bodies, compose(counts=False).bodies
    pages = [render_page(one, one.stories, "https://mail.example.org") for one in (body, plain)]
    assert pages[0] == pages[1]


def test_press_releases_are_never_counted() -> None:
    (body,) = compose(role=EditionRole.RELEASE, template="press-release").bodies
    assert not list_counted_links(body)
    assert FOOTERS["en"] not in " ".join((body.html + body.text).split())
