"""A body as a page: for nobody in particular, whoever got it as a mail."""

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
PERSONAL = [slot for slot in Slot if slot is not Slot.NUMBER]

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


@st.composite
def printed(draw: st.DrawFn) -> str:
    """A slot, within any marks there are, or within none, as older bodies have it."""
    said = message.create_slot(MARKER, draw(st.sampled_from(PERSONAL)))
    for ask in draw(st.lists(st.sampled_from(MarkCondition), max_size=2)):
        bits = (
            READING_PLACE_BITS
            if ask in {MarkCondition.MAIL, MarkCondition.WEB}
            else draw(st.integers(1, 2**62 - 1))
        )
        said = message.create_mark(MARKER, ask, bits) + said + message.create_end_mark(MARKER)
    return draw(st.sampled_from([f'<a href="{said}">x</a>', f"<p>{said}</p>", f"\n{said}\n"]))


def tokens_of(stencil: MessageTemplate, to: Recipient) -> list[str]:
    sheet = stencil.profile
    urls = [
        sheet.create_unsubscribe_url(to),
        sheet.create_preferences_url(to),
        sheet.create_view_url(to.stories, stencil.body.language),
    ]
    return [url.rpartition("/")[2] for url in urls]


@given(recipients, st.lists(printed(), min_size=1, max_size=6).map("".join))
def test_nothing_of_any_recipient_is_in_the_page(to: Recipient, said: str) -> None:
    made = replace(make_body(said, said, said), stories=to.stories)
    stencil = MessageTemplate(made, PROFILE)
    for shown in (
        message.render_page(made, to.stories, PROFILE.base_url),
        message.render_heading(made),
        message.render_plain_text(made),
    ):
        assert to.name not in shown
        assert to.address not in shown
        assert "@" not in shown
        assert MARKER not in shown
        for token in tokens_of(stencil, to):
            assert token not in shown
            assert token.rpartition(".")[2] not in shown


def test_the_mail_of_the_same_body_has_all_of_it() -> None:
    said = "".join(
        f"{message.create_slot(MARKER, slot)}\n" for slot in PERSONAL if slot != Slot.ACTION
    )
    said = (
        message.create_mark(MARKER, MarkCondition.MAIL, READING_PLACE_BITS)
        + said
        + message.create_end_mark(MARKER)
    )
    stencil = MessageTemplate(make_body(html=said), PROFILE)
    to = RECIPIENT._replace(name="Ana Qz")
    held = stencil.render_html(to)
    assert all(token in held for token in tokens_of(stencil, to))
    assert "Ana Qz" in held
    assert to.address in held
    assert message.render_page(stencil.body, 1, SITE) == ""


def old() -> EditionBody:
    """A body as it was frozen before there were parts for mails."""
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


def test_older_bodies_get_something_neutral_for_what_is_personal() -> None:
    assert message.render_page(old(), 1, SITE) == (
        "<p>Dear friend &amp; neighbour, you get this as …</p>"
        '<a href="https://mail.example.org/subscribe">PREFERENCES</a>'
        '<a href="https://mail.example.org/subscribe">UNSUBSCRIBE</a>'
        '<a href="https://mail.example.org/archive">VIEW</a>'
    )
    assert message.render_heading(old()) == "For friend & neighbour"
    assert message.render_plain_text(old()) == "friend & neighbour, …\n"


@pytest.mark.parametrize("site", ["https://mail.example.org", "https://www.example.org/mail/"])
def test_links_of_a_page_lead_to_pages_that_anybody_may_open(site: str) -> None:
    found = re.findall('href="([^"]*)"', message.render_page(old(), 1, site))
    base = urlsplit(site).path.rstrip("/")
    assert {urlsplit(url).path for url in found} == {f"{base}/subscribe", f"{base}/archive"}


def test_a_page_has_the_stories_that_it_is_asked_for() -> None:
    said = "".join(
        message.create_mark(MARKER, MarkCondition.ANY, 1 << bit)
        + f"<p>{bit}</p>"
        + message.create_end_mark(MARKER)
        for bit in range(3)
    )
    made = replace(make_body(html=said), stories=0b111)
    assert message.render_page(made, 0b101, SITE) == "<p>0</p><p>2</p>"


def test_a_subject_stays_on_one_line() -> None:
    assert message.render_heading(make_body(subject="One\r\nBcc: two")) == clean_header_text(
        "One Bcc: two"
    )
