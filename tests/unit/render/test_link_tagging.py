"""A digest's link tags stand in both parts of its mails, and in no link but a story's."""

import re
from datetime import datetime
from html import unescape

from mailer import message
from mailer.intake.markup import to_html
from mailer.model.editions import EditionBody, SendAppointment, SendDay
from mailer.render import compose_edition
from tests.unit.render import factories
from tests.unit.samples import NOW, make_article

OWN, OTHER = "https://www.example.org/boats?a=1#top", "https://elsewhere.example.org/nets"
TAGS = {"source": "newsletter", "campaign": "{digest}-{date}", "content": "{story}.{language}"}


def compose_body(**fields: object) -> EditionBody:
    articles = [
        make_article("boats", canonical_url=OWN, html=f'<p>See <a href="{OTHER}">nets</a>.</p>'),
        make_article("nets", html="<p>The nets dry.</p>"),
    ]
    manuscript = factories.make_manuscript(*articles, digest="weekly", **fields)
    return compose_edition(manuscript, factories.make_settings(), to_html).bodies[0]


def list_links(body: EditionBody) -> set[str]:
    """Return the web addresses of both parts, on the day of sending."""
    day = datetime.fromisoformat("2026-12-18T09:00")
    appointment = SendAppointment(NOW, day, "UTC")
    filled = message.fill_send_day(body, SendDay(appointment, None, NOW))
    html_links = {unescape(link) for link in re.findall(r'href="(https?:[^"]*)"', filled.html)}
    return html_links | set(re.findall(r"https?://[^\s>)]+", filled.text))


def test_tags_stand_in_the_addresses_of_stories_in_both_parts() -> None:
    tagged = "https://www.example.org/boats?a=1&" + "&".join(
        ["utm_source=newsletter", "utm_campaign=weekly-2026-12-18", "utm_content=boats.en#top"]
    )
    body = compose_body(link_tags=TAGS)
    plain_links = list_links(compose_body())
    assert list_links(body) == {tagged if link == OWN else link for link in plain_links}
    assert OWN in plain_links
    day = message.fill_send_day(body, SendDay(None, None, NOW))
    assert "utm_campaign=weekly-" in day.text
    assert "utm_source=newsletter" in body.text
    assert "utm_source=newsletter" in body.html


def test_tags_are_part_of_what_is_approved_and_off_by_default() -> None:
    assert "utm_" not in compose_body().html
    hashes = {
        compose_body(link_tags=tags).compute_hash()
        for tags in ({}, {"source": "one"}, {"source": "two"})
    }
    assert len(hashes) == 3
