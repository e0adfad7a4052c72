"""A body rendered as a web page contains no recipient's personal values."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.message import (
    READING_PLACE_BITS,
    MarkCondition,
    MessageTemplate,
    Recipient,
    Slot,
    clean_header_text,
)
from mailer.model.editions import EditionBody
from tests.unit.message.factories import MARKER, PROFILE, RECIPIENT, make_body

SITE = "https://mail.example.org/"
PERSONAL = [slot for slot in Slot if slot not in {Slot.NUMBER, Slot.DAY, Slot.COUNTED_LINK}]

names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12).map(
    lambda name: f"Qz {name}"
)
addresses = st.from_regex(r"qz[a-z0-9.+-]{0,12}[a-z0-9]@[a-z]{1,8}\.example", fullmatch=True)
recipients = st.builds(
    Recipient,
    delivery_id=st.integers(1, 2**40),
    subscriber_id=st.integers(1, 2**40),
    address=addresses,
    name=names,
    stories=st.integers(1, 2**62 - 1),
)


def create_slot(slot: Slot) -> str:
    argument = "town|text|en|your town" if slot is Slot.FIELD else ""
    return message.create_slot(MARKER, slot, argument)


@st.composite
def draw_slot_html(draw: st.DrawFn) -> str:
    """Draw HTML with one slot, inside up to two marks; older bodies have slots outside marks."""
    content = create_slot(draw(st.sampled_from(PERSONAL)))
    for condition in draw(st.lists(st.sampled_from(MarkCondition), max_size=2)):
        bits = (
            READING_PLACE_BITS
            if condition in {MarkCondition.MAIL, MarkCondition.WEB}
            else draw(st.integers(1, 2**62 - 1))
        )
        content = (
            message.create_mark(MARKER, condition, bits) + content + message.create_end_mark(MARKER)
        )
    return draw(
        st.sampled_from([f'<a href="{content}">x</a>', f"<p>{content}</p>", f"\n{content}\n"])
    )


def list_tokens(template: MessageTemplate, recipient: Recipient) -> list[str]:
    profile = template.profile
    urls = [
        profile.create_unsubscribe_url(recipient),
        profile.create_preferences_url(recipient),
        profile.create_view_url(recipient.stories, template.body.language),
    ]
    return [url.rpartition("/")[2] for url in urls]


@given(recipients, st.lists(draw_slot_html(), min_size=1, max_size=6).map("".join))
def test_page_contains_no_personal_value(recipient: Recipient, content: str) -> None:
    body = replace(make_body(content, content, content), stories=recipient.stories)
    template = MessageTemplate(body, PROFILE)
    for page in (
        message.render_page(body, recipient.stories, PROFILE.base_url),
        message.render_heading(body),
        message.render_plain_text(body),
    ):
        assert recipient.name not in page
        assert recipient.address not in page
        assert "@" not in page
        assert MARKER not in page
        for token in list_tokens(template, recipient):
            assert token not in page
            assert token.rpartition(".")[2] not in page


def test_mail_of_same_body_contains_personal_values() -> None:
    content = "".join(f"{create_slot(slot)}\n" for slot in PERSONAL if slot != Slot.ACTION)
    content = (
        message.create_mark(MARKER, MarkCondition.MAIL, READING_PLACE_BITS)
        + content
        + message.create_end_mark(MARKER)
    )
    template = MessageTemplate(make_body(html=content), PROFILE)
    recipient = RECIPIENT._replace(name="Ana Qz")
    mail_html = template.render_html(recipient)
    assert all(token in mail_html for token in list_tokens(template, recipient))
    assert "Ana Qz" in mail_html
    assert recipient.address in mail_html
    assert message.render_page(template.body, 1, SITE) == ""


def make_old_body() -> EditionBody:
    """Make a body like those frozen before parts for mails existed."""
    links = "".join(
        f'<a href="{message.create_slot(MARKER, slot)}">{slot.name}</a>'
        for slot in (Slot.PREFERENCES, Slot.UNSUBSCRIBE, Slot.VIEW)
    )
    name = message.create_slot(MARKER, Slot.NAME, "friend & neighbour")
    address = message.create_slot(MARKER, Slot.ADDRESS)
    return make_body(
        subject=f"For {name}",
        text=f"{name}, {address}\n{message.create_slot(MARKER, Slot.UNSUBSCRIBE)}",
        html=f"<p>Dear {name}, you get this as {address}</p>{links}",
    )


def test_old_body_page_has_neutral_values_in_slots() -> None:
    assert message.render_page(make_old_body(), 1, SITE) == (
        "<p>Dear friend &amp; neighbour, you get this as …</p>"
        '<a href="https://mail.example.org/subscribe">PREFERENCES</a>'
        '<a href="https://mail.example.org/subscribe">UNSUBSCRIBE</a>'
        '<a href="https://mail.example.org/archive">VIEW</a>'
    )
    assert message.render_heading(make_old_body()) == "For friend & neighbour"
    assert message.render_plain_text(make_old_body()) == "friend & neighbour, …\n"


@pytest.mark.parametrize("site", ["https://mail.example.org", "https://www.example.org/mail/"])
def test_page_links_lead_to_public_pages(site: str) -> None:
    urls = re.findall('href="([^"]*)"', message.render_page(make_old_body(), 1, site))
    base = urlsplit(site).path.rstrip("/")
    assert {urlsplit(url).path for url in urls} == {f"{base}/subscribe", f"{base}/archive"}


def test_page_has_only_requested_stories() -> None:
    content = "".join(
        message.create_mark(MARKER, MarkCondition.ANY, 1 << bit)
        + f"<p>{bit}</p>"
        + message.create_end_mark(MARKER)
        for bit in range(3)
    )
    body = replace(make_body(html=content), stories=0b111)
    assert message.render_page(body, 0b101, SITE) == "<p>0</p><p>2</p>"


def test_page_heading_stays_on_one_line() -> None:
    assert message.render_heading(make_body(subject="One\r\nBcc: two")) == clean_header_text(
        "One Bcc: two"
    )
