"""A digest's mail as a reader gets it: masthead, lead, contents, sections, and a shape for each
kind of story."""

import re
from typing import Any

import pytest
from lxml import html as lxml_html
from lxml.html import HtmlElement

from mailer import message
from mailer.config import Organisation
from mailer.intake.markup import to_html
from mailer.languages import UN_LANGUAGES
from mailer.message import extract_visible_text
from mailer.model.articles import Article, ArticleKind, Image
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Asset, AssetKind, Quote, Release
from mailer.render import colours, compose_edition
from mailer.render.checks import GMAIL_CLIP_BYTES
from tests.unit.render import factories
from tests.unit.samples import make_article, make_topic

TOPICS = (make_topic("health", en="Health"), make_topic("work", en="Work"))
PICTURE = Image("https://example.org/pier.jpg", "A pier", "Ana Diaz")
PDF = Asset(
    AssetKind.DOCUMENT, "Boats in figures", file="ab" * 32, name="boats.pdf", size=2_345_678
)
SHAPES: dict[ArticleKind, dict[str, Any]] = {
    ArticleKind.EVENT: {
        "event": EventDetails("2026-12-18T15:30", "Europe/London", "2026-12-18T18:30", "Old Hall")
    },
    ArticleKind.STATEMENT: {"release": Release(quotes=(Quote("We sail.", "Ana Diaz", "captain"),))},
    ArticleKind.OP_ED: {"byline": "Ben Roy"},
    ArticleKind.REPORT: {"release": Release(assets=(PDF,))},
    ArticleKind.PHOTO_STORY: {
        "image": PICTURE,
        "html": to_html("![Nets](https://example.org/nets.jpg)\n\n*Nets at dawn*"),
    },
    ArticleKind.NEWS: {"image": PICTURE},
}


def make_stories(count: int, topic: str = "health", **fields: Any) -> list[Article]:
    return [
        make_article(f"story-{number}", title=f"Title {number}", topics=(topic,), **fields)
        for number in range(count)
    ]


def compose_body(*articles: Article, **fields: Any) -> Any:
    manuscript = factories.make_manuscript(*articles, topics=TOPICS, **fields)
    bodies = compose_edition(manuscript, factories.make_settings(), to_html).bodies
    return next(body for body in bodies if body.language == manuscript.edition.language)


def compose_mail(*articles: Article, stories: int = -1, **fields: Any) -> HtmlElement:
    """Compose a digest, and return the mail of a reader who gets `stories`, by default all."""
    body = compose_body(*articles, **fields)
    visible_html = extract_visible_text(body.html, body.marker, body.stories & stories)
    return lxml_html.document_fromstring(visible_html)


def read_text(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def list_texts(mail: HtmlElement, class_name: str) -> list[str]:
    return [read_text(element) for element in mail.find_class(class_name)]


def find_position(mail: HtmlElement, class_name: str) -> int:
    return list(mail.iter()).index(mail.find_class(class_name)[0])


# ---- masthead, lead and contents ----------------------------------------------------------------


def test_masthead_has_office_edition_number_and_browser_link() -> None:
    mail = compose_mail(*make_stories(1), name="The week", number=51)
    assert list_texts(mail, "wordmark") == ["Example Office"]
    (title,) = mail.find_class("title")
    assert read_text(title.find(".//h1")) == "The week"
    line = read_text(title.find(".//p"))
    assert re.search(r"· Edition 51 · View in browser$", line), line


def test_edition_without_a_number_prints_none() -> None:
    assert "Edition" not in compose_mail(*make_stories(1), name="The week").text_content()


def test_lead_stands_before_contents_and_opening_before_the_lead() -> None:
    mail = compose_mail(*make_stories(8, image=PICTURE), opening={"en": "Good morning."})
    positions = [
        find_position(mail, name) for name in ("title", "opening", "photo", "big", "contents")
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize(("count", "lists_contents"), [(6, False), (7, True)])
def test_contents_are_listed_from_seven_stories(count: int, lists_contents: bool) -> None:
    mail = compose_mail(*make_stories(8), stories=(1 << count) - 1)
    assert bool(mail.find_class("contents")) is lists_contents
    entries = list_texts(mail, "entry")
    assert entries == [f"Title {number}" for number in range(1, count)] * lists_contents


def test_contents_lead_to_the_stories_of_the_same_mail() -> None:
    mail = compose_mail(*make_stories(9))
    targets = {element.get("id") for element in mail.iter("a")}
    for entry in mail.find_class("entry"):
        assert entry.find("a").get("href").removeprefix("#") in targets


def test_digest_has_one_button() -> None:
    articles = [
        make_article(f"story-{kind}", kind=kind, topics=("health",), **fields)
        for kind, fields in SHAPES.items()
    ]
    assert len(compose_mail(*articles).find_class("button")) == 1


def test_preheader_has_the_colour_of_text() -> None:
    """Spam filters count words in the colour of their background (SpamAssassin's
    HTML_FONT_LOW_CONTRAST)."""
    (preheader,) = compose_mail(*make_stories(1)).find_class("preheader")
    colour = re.search(r"(?<![-\w])color: *(#[0-9a-f]{6})", preheader.get("style"))
    assert colour
    contrast = colours.compute_contrast(colour[1], colours.LIGHT_BACKGROUND)
    assert contrast >= colours.MIN_CONTRAST


# ---- sections -----------------------------------------------------------------------------------


def test_section_of_several_stories_has_a_heading_and_a_single_story_a_kicker() -> None:
    articles = [*make_stories(3), make_article("job", title="A job", topics=("work",))]
    mail = compose_mail(*articles)
    assert list_texts(mail, "section-name") == ["Health"]
    assert list_texts(mail, "kicker") == ["Health", "Work"], "those of the lead and the single one"


@pytest.mark.parametrize("stories", range(1, 16))
def test_no_story_has_two_labels_for_any_reader(stories: int) -> None:
    articles = [
        make_article(f"story-{number}", title=f"Title {number}", topics=(topic,))
        for number, topic in enumerate(("health", "health", "work", "health"))
    ]
    mail = compose_mail(*articles, stories=stories)
    kickers = mail.find_class("kicker")
    headings = list_texts(mail, "section-name")
    assert len(headings) == len({*headings})
    labelled = len(kickers) - 1  # the lead always has its own
    in_sections = stories.bit_count() - 1 - labelled
    assert labelled >= 0
    assert in_sections == 0 or (headings and in_sections >= 2 * len(headings))


def test_stories_without_topic_stand_under_more_stories_or_alone() -> None:
    articles = make_stories(3)
    untopical = [make_article(f"x-{number}", topics=()) for number in range(2)]
    assert "More stories" in list_texts(compose_mail(*articles, *untopical), "section-name")
    assert list_texts(compose_mail(*articles, untopical[0]), "section-name") == ["Health"]


# ---- kinds --------------------------------------------------------------------------------------


def compose_item(kind: ArticleKind, **fields: Any) -> HtmlElement:
    """Compose a digest in which the second story is of this kind."""
    article = make_article(
        "second", kind=kind, title="Second", topics=("work",), **SHAPES[kind] | fields
    )
    return compose_mail(*make_stories(1), article)


def test_news_has_its_picture_beside_the_text() -> None:
    mail = compose_item(ArticleKind.NEWS)
    (picture,) = mail.find_class("thumb")
    assert (picture.get("width"), picture.get("alt")) == ("180", "A pier")
    assert not mail.find_class("photo")


def test_event_has_a_date_block_place_and_calendar_link() -> None:
    mail = compose_item(ArticleKind.EVENT)
    (block,) = mail.find_class("day-block")
    assert read_text(block).split() == ["Dec", "18", "Fri"]
    (facts,) = list_texts(mail, "meta")
    assert facts == "15:30–18:30 · Old HallAdd to calendar"
    (link,) = [link for link in mail.iter("a") if read_text(link) == "Add to calendar"]
    assert link.get("href").endswith("/stories/second/en/event.ics")
    assert link.get("aria-label") == "Add to calendar: Second"


def test_event_of_several_days_names_both() -> None:
    days = EventDetails("2026-12-18", "Europe/London", "2026-12-20", "Old Hall")
    (facts,) = list_texts(compose_item(ArticleKind.EVENT, event=days), "meta")
    assert facts.startswith("Friday 18 December 2026 – Sunday 20 December 2026 · Old Hall")


def test_statement_shows_its_quote_and_speaker() -> None:
    mail = compose_item(ArticleKind.STATEMENT)
    assert list_texts(mail, "quotation") == ["“We sail.”"]
    assert list_texts(mail, "meta") == ["Ana Diaz, captain"]
    assert list_texts(mail, "source") == ["Second"]


def test_opinion_is_named_as_one_with_its_author_and_portrait() -> None:
    mail = compose_item(ArticleKind.OP_ED, image=PICTURE)
    assert list_texts(mail, "meta") == ["Opinion · Ben Roy"]
    assert [picture.get("width") for picture in mail.find_class("portrait")] == ["120"]


def test_photo_story_shows_wide_pictures_with_captions() -> None:
    mail = compose_item(ArticleKind.PHOTO_STORY)
    assert [picture.get("src") for picture in mail.find_class("photo")] == [
        "https://example.org/pier.jpg",
        "https://example.org/nets.jpg",
    ]
    assert list_texts(mail, "credit") == ["Ana Diaz", "Nets at dawn"]


def test_report_links_its_document_with_type_and_size() -> None:
    mail = compose_item(ArticleKind.REPORT)
    assert list_texts(mail, "meta") == ["Boats in figures (PDF, 2.3 MB)"]
    (link,) = [link for link in mail.iter("a") if read_text(link) == "Boats in figures"]
    assert link.get("href").endswith(f"/press/second/files/{'ab' * 8}/boats.pdf")


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_kind_leads_a_mail_in_both_directions(kind: ArticleKind, language: str) -> None:
    article = make_article("lead", kind=kind, language=language, topics=("work",), **SHAPES[kind])
    mail = compose_mail(article, language=language)
    assert len(mail.find_class("big")) == 1
    assert mail.get("dir") == ("rtl" if language == "ar" else "ltr")
    for mixed in mail.xpath("//*[@lang='en']"):
        assert language == "en", read_text(mixed)


def test_text_part_has_the_facts_of_every_kind() -> None:
    articles = [
        make_article(f"story-{kind}", kind=kind, topics=("health",), **fields)
        for kind, fields in SHAPES.items()
    ]
    body = compose_body(make_article("lead", topics=("health",)), *articles, number=51)
    text = extract_visible_text(body.text, body.marker, body.stories)
    for words in (
        "· Edition 51\n",
        "Friday 18 December 2026, 15:30–18:30, Old Hall\n",
        "Add to calendar\nhttp",
        "“We sail.”\n— Ana Diaz, captain\n",
        "Opinion · Ben Roy\n",
        "Boats in figures (2.3 MB)\nhttp",
    ):
        assert words in text, words
    assert max(map(len, text.splitlines())) <= 100
    assert "\n\n\n" not in text.partition("-" * 72)[0]


# ---- weight, settings ---------------------------------------------------------------------------


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_mail_of_twenty_illustrated_stories_is_not_clipped(language: str) -> None:
    summary = "Boats came in at dawn, and the harbour was open for everyone who had waited. " * 3
    articles = [
        make_article(
            f"story-{number}",
            language=language,
            title="Relief reaches the coast after a long night of waiting at the pier",
            summary=summary,
            topics=(("health", "work")[number % 2],),
            image=PICTURE,
        )
        for number in range(20)
    ]
    body = compose_body(*articles, language=language)
    sent_html = extract_visible_text(body.html, body.marker, body.stories)
    assert len(sent_html.encode()) < GMAIL_CLIP_BYTES * 0.9


def test_footer_names_social_accounts_in_words() -> None:
    organisation = Organisation(
        name="Office",
        postal_address="1 Quay Road",
        social={"Mastodon": "https://social.example.org/@office"},
    )
    settings = factories.make_settings().model_copy(update={"organisation": organisation})
    manuscript = factories.make_manuscript(*make_stories(1))
    (body,) = compose_edition(manuscript, settings, to_html).bodies
    (line,) = lxml_html.document_fromstring(body.html).find_class("social")
    assert [(link.get("href"), read_text(link)) for link in line.iter("a")] == [
        ("https://social.example.org/@office", "Mastodon")
    ]
    assert "Mastodon\nhttps://social.example.org/@office" in body.text


def test_web_page_of_a_digest_has_no_personal_link_in_its_masthead() -> None:
    body = compose_body(*make_stories(1))
    page = message.render_page(body, body.stories, "https://mail.example.org")
    (title,) = lxml_html.document_fromstring(page).find_class("title")
    assert not list(title.iter("a"))
