"""Links whose clicks are counted: wrapped when a body is composed, the same for all readers."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailer import message
from mailer.audience.links import ClickLink, verify_click_link
from mailer.message import MarkCondition, MessageTemplate, Slot, list_counted_links, wrap_links
from mailer.model.edition_states import EditionKind
from mailer.model.editions import EditionBody, SendDay
from tests.unit.message.factories import KEY, MARKER, PROFILE, RECIPIENT, make_body
from tests.unit.samples import NOW

SITE = "https://mail.example.org/r/"
BOATS, ROADS = "https://www.example.org/boats?a=1&b=2", "https://www.example.org/roads"
SLUGS = {1: "boats", 2: "roads"}


def mark(condition: MarkCondition, bits: int, inside: str) -> str:
    return message.create_mark(MARKER, condition, bits) + inside + message.create_end_mark(MARKER)


UNSUBSCRIBE = message.create_slot(MARKER, Slot.UNSUBSCRIBE)
FRAME_HTML = (
    f'<a href="https://www.example.org/">Office</a><a href="{UNSUBSCRIBE}">Unsubscribe</a>'
    '<a href="https://mail.example.org/archive">Earlier</a>'
)
STORY_HTML = (
    '<a class="x" href="https://www.example.org/boats?a=1&amp;b=2">Boats</a>'
    '<a href="mailto:ana@example.org">Ana</a><a href="#story">Contents</a>'
    '<img src="https://www.example.org/boat.jpg">'
    '<a href="https://www.example.org/plain">https://www.example.org/plain</a>'
)


def make_counted_body() -> EditionBody:
    html = FRAME_HTML + mark(MarkCondition.FIRST, 1, STORY_HTML)
    html += mark(MarkCondition.REST, 2, f'<a href="{ROADS}">Roads</a>')
    text = "Office\nhttps://www.example.org/\n" + mark(
        MarkCondition.FIRST, 1, f"Boats\n\n{BOATS}\n\nSee {ROADS} as well\n"
    )
    text += mark(MarkCondition.MAIL, 1, f"Unsubscribe\n{UNSUBSCRIBE}\nhttps://social.example\n")
    body = replace(make_body(text=text, html=html), stories=3)
    return wrap_links(body, SLUGS)


def test_only_links_of_stories_are_wrapped() -> None:
    body = make_counted_body()
    assert FRAME_HTML in body.html
    for left in (
        'href="mailto:ana@example.org"',
        'href="#story"',
        'src="https://www.example.org/boat.jpg"',
        'href="https://www.example.org/plain"',
    ):
        assert left in body.html
    assert "Office\nhttps://www.example.org/\n" in body.text
    assert f"See {ROADS} as well" in body.text
    assert "https://social.example" in body.text
    assert BOATS not in body.text


def test_links_of_a_body_have_story_target_and_number() -> None:
    links = list_counted_links(make_counted_body())
    assert [(link.story, link.url) for link in links.values()] == [
        ("boats", BOATS),
        ("roads", ROADS),
    ]
    assert list(links) == [1, 2]


def test_hash_of_an_approval_covers_targets() -> None:
    body = make_counted_body()
    (first, *_) = list_counted_links(body).values()
    changed = first._replace(url="https://elsewhere.example.org/")
    forged = replace(
        body,
        html=body.html.replace(
            first.format_argument().encode().hex(), changed.format_argument().encode().hex()
        ),
    )
    assert forged.html != body.html
    assert forged.compute_hash() != body.compute_hash()


def test_address_names_no_person_and_is_the_same_for_every_reader() -> None:
    body = make_counted_body()
    template = MessageTemplate(body, PROFILE)
    other = RECIPIENT._replace(
        delivery_id=91, subscriber_id=42, address="ben@example.org", stories=3
    )
    own = find_addresses(template.render_html(RECIPIENT), template.render_text(RECIPIENT))
    other_addresses = find_addresses(template.render_html(other), template.render_text(other))
    assert len(own) == 1
    assert own < other_addresses
    edition_id = PROFILE.edition.id
    links = {verify_click_link(KEY, url.removeprefix(SITE)) for url in other_addresses}
    assert links == {ClickLink(edition_id, "en", 1), ClickLink(edition_id, "en", 2)}


def find_addresses(*texts: str) -> set[str]:
    return {url for text in texts for url in re.findall(rf"{SITE}[\w.-]+", text)}


def test_message_holds_the_addresses_in_both_parts() -> None:
    body = make_counted_body()
    recipient = RECIPIENT._replace(stories=3)
    template = MessageTemplate(body, PROFILE)
    raw = template.build_message(recipient, PROFILE.edition.created_at).decode()
    unfolded = raw.replace("=\r\n", "")
    assert unfolded.count(SITE) == 3
    assert f"{MARKER}{Slot.COUNTED_LINK}" not in raw


def test_pages_and_plain_texts_lead_to_the_targets_themselves() -> None:
    body = make_counted_body()
    page = message.render_page(body, 3, PROFILE.base_url)
    assert 'href="https://www.example.org/boats?a=1&amp;b=2"' in page
    assert SITE not in page
    assert BOATS in message.render_plain_text(body)


@pytest.mark.parametrize("kind", [EditionKind.TEST, EditionKind.WELCOME])
def test_mail_that_is_no_mailing_counts_nothing(kind: EditionKind) -> None:
    body = make_counted_body()
    edition = replace(PROFILE.edition, kind=kind)
    template = MessageTemplate(body, replace(PROFILE, edition=edition))
    text = template.render_text(RECIPIENT)
    assert BOATS in text
    assert SITE not in text + template.render_html(RECIPIENT)


@pytest.mark.parametrize("condition", [MarkCondition.MAIL, MarkCondition.WEB])
def test_part_for_a_place_of_reading_is_no_story(condition: MarkCondition) -> None:
    html = mark(condition, 1, f'<a href="{ROADS}">Roads</a>')
    body = wrap_links(make_body(html=html), SLUGS)
    assert body.html == html


DAY = message.create_slot(MARKER, Slot.DAY, message.build_day_argument("en", "UTC", "yyyy-MM-dd"))
DAY_OF_SENDING = SendDay(None, datetime(2026, 12, 18, 9, tzinfo=UTC), NOW)


def test_address_with_the_day_of_sending_is_counted_as_a_whole() -> None:
    url = f"{ROADS}?utm_campaign=weekly-{DAY}&a=1#top"
    html = mark(MarkCondition.FIRST, 1, f'<a href="{url.replace("&", "&amp;")}">Roads</a>')
    text = mark(MarkCondition.FIRST, 1, f"Roads\n{url}\nMore")
    body = wrap_links(make_body(text=text, html=html), SLUGS)
    template = MessageTemplate(body, PROFILE)
    in_html, in_text = template.render_html(RECIPIENT), template.render_text(RECIPIENT)
    (address,) = find_addresses(in_html, in_text)
    assert f'href="{address}"' in in_html
    assert f"\n{address}\n" in in_text
    filled = message.fill_send_day(body, DAY_OF_SENDING)
    (link,) = list_counted_links(filled).values()
    assert link.url == f"{ROADS}?utm_campaign=weekly-2026-12-18&a=1#top"
    page = message.render_page(body, 1, PROFILE.base_url, DAY_OF_SENDING)
    assert f'href="{link.url.replace("&", "&amp;")}"' in page


def test_address_with_a_value_of_its_reader_is_not_counted() -> None:
    name = message.create_slot(MARKER, Slot.NAME, "reader")
    html = mark(MarkCondition.FIRST, 1, f'<a href="{ROADS}?for={name}">Roads</a>')
    text = mark(MarkCondition.FIRST, 1, f"{ROADS}?for={name}\n{name} {ROADS}\n")
    body = wrap_links(make_body(text=text, html=html), SLUGS)
    assert (body.html, body.text) == (html, text)


@pytest.mark.parametrize(
    "text",
    [
        "https://www.example.org/plain",
        "<b>https://www.example.org/plain</b>",
        ' <span class="a"><b> www.example.org/plain</b></span>',
        "example.org",
        "News.Example.org/plain?a=1&amp;b=2",
        "<i>example.org:8080/</i>",
    ],
)
def test_link_whose_text_is_an_address_is_not_counted(text: str) -> None:
    html = mark(MarkCondition.FIRST, 1, f'<a href="{ROADS}">{text}</a>')
    assert wrap_links(make_body(html=html), SLUGS).html == html


@pytest.mark.parametrize("text", ["<b>Boats</b>", "See example.org for more", "", "<br>Boats"])
def test_link_with_a_text_in_words_is_counted(text: str) -> None:
    html = mark(MarkCondition.FIRST, 1, f'<a href="{ROADS}">{text}</a><a href="{BOATS}">B</a>')
    links = list_counted_links(wrap_links(make_body(html=html), SLUGS))
    assert [link.url for link in links.values()] == [ROADS, BOATS]
