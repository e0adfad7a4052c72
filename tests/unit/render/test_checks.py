"""What every mail must be, or it isn't composed."""

from dataclasses import replace
from typing import Any

import pytest

from mailer import message
from mailer.config import Organisation, Settings
from mailer.errors import ComposeError
from mailer.message import MarkCondition, Slot
from mailer.model.editions import EditionBody
from mailer.render import checks

MARKER = message.create_marker("0123456789abcdef" * 4)
LINK = message.create_slot(MARKER, Slot.UNSUBSCRIBE)


def page(inside: str = "", attributes: str = 'lang="en" dir="ltr"') -> str:
    link = f'<a href="{LINK}">Unsubscribe</a>'
    return f"<!DOCTYPE html>\n<html {attributes}><body>{inside}{link}</body></html>"


GOOD = EditionBody("en", "The week", f"Hello\n\n{LINK}\n", page(), MARKER, stories=1)


def settings(**organisation: Any) -> Settings:
    ours = Organisation(**{"postal_address": "1 Quay Road"} | organisation)
    return Settings(organisation=ours)


def test_a_good_mail_passes_without_a_word() -> None:
    assert checks.check_reader_mail(GOOD, "email/digest") == []
    checks.check_organisation(settings())


@pytest.mark.parametrize(
    "inside",
    [
        '<a href="https://example.org/">x</a>',
        '<a href="http://example.org/">x</a>',
        '<a href="mailto:a@b.org">x</a>',
        '<a href="tel:+44">x</a>',
        '<a href="#s"></a><h2 id="s">x</h2>',
        '<a href="#s"></a><a name="s" href="https://example.org/">x</a>',
        '<img src="https://example.org/b.jpg" alt="">',
        '<table role="presentation"><tr><td>x</td></tr></table>',
        '<table role="table"><tr><td>x</td></tr></table>',
        message.create_mark(MARKER, MarkCondition.ANY, 1) + "x" + message.create_end_mark(MARKER),
    ],
)
def test_what_may_stand_in_a_mail(inside: str) -> None:
    assert checks.check_reader_mail(replace(GOOD, html=page(inside)), "email/digest") == []


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ('<a href="/about">x</a>', "the link '/about' is not absolute"),
        ('<a href="//example.org/">x</a>', "is not absolute"),
        ('<a href="javascript:x()">x</a>', "is not absolute"),
        ('<a href="https://[x">x</a>', "is not absolute"),
        ('<a href="#nowhere">x</a>', "leads to no place in the mail"),
        ('<a href="#a\'&quot;">x</a>', "leads to no place in the mail"),
        ('<img src="https://example.org/b.jpg">', "has no alt text"),
        ('<img src="b.jpg" alt="">', "has no absolute address"),
        ('<img src="data:image/png;base64,xx" alt="">', "has no absolute address"),
        ('<img src="cid:logo" alt="">', "has no absolute address"),
        ("<table><tr><td>x</td></tr></table>", "a table has no role"),
    ],
)
def test_what_may_not_stand_in_a_mail(inside: str, says: str) -> None:
    with pytest.raises(ComposeError) as caught:
        checks.check_reader_mail(replace(GOOD, html=page(inside)), "email/digest")
    assert says in caught.value.message
    assert caught.value.where == "email/digest/body.html"


@pytest.mark.parametrize("attributes", ["", 'lang="en"', 'dir="rtl"', 'lang="" dir=""'])
def test_a_mail_says_its_language_and_direction(attributes: str) -> None:
    with pytest.raises(ComposeError, match="no lang or no dir"):
        checks.check_reader_mail(replace(GOOD, html=page(attributes=attributes)), "email/digest")


@pytest.mark.parametrize("part", ["text", "html"])
def test_both_parts_have_an_unsubscribe_link(part: str) -> None:
    body = replace(GOOD, **{part: getattr(GOOD, part).replace(LINK, "https://example.org/")})
    with pytest.raises(ComposeError, match=f"body.{part.replace('text', 'txt')}: it has no unsub"):
        checks.check_reader_mail(body, "email/digest")


@pytest.mark.parametrize("part", ["text", "html"])
def test_a_link_that_only_the_web_has_is_none(part: str) -> None:
    hidden = (
        message.create_mark(MARKER, MarkCondition.WEB, message.READING_PLACE_BITS)
        + LINK
        + message.create_end_mark(MARKER)
    )
    body = replace(GOOD, **{part: getattr(GOOD, part).replace(LINK, hidden)})
    with pytest.raises(ComposeError, match="it has no unsubscribe link"):
        checks.check_reader_mail(body, "email/digest")


def test_a_notice_needs_no_unsubscribe_link_but_all_else() -> None:
    told = replace(GOOD, text="Hello\n", html=page().replace(LINK, "https://example.org/"))
    checks.check_mail_structure(told, "email/notice")
    for wrong, says in (
        (replace(told, subject=" "), "subject is empty"),
        (replace(told, text=LINK[:-1]), "broken"),
        (replace(told, html=page("<table></table>")), "no role"),
    ):
        with pytest.raises(ComposeError, match=says):
            checks.check_mail_structure(wrong, "email/notice")


@pytest.mark.parametrize(
    ("part", "file"), [("subject", "subject.txt"), ("text", "body.txt"), ("html", "body.html")]
)
@pytest.mark.parametrize("broken", [LINK.upper(), LINK[:-1], LINK[:10]])
def test_a_broken_slot_is_named_by_its_file(part: str, file: str, broken: str) -> None:
    body = replace(GOOD, **{part: getattr(GOOD, part) + broken})
    with pytest.raises(ComposeError, match=r"broken, so a personal field can't be") as caught:
        checks.check_reader_mail(body, "email/digest")
    assert caught.value.where == f"email/digest/{file}"


def test_a_mail_has_a_subject() -> None:
    with pytest.raises(ComposeError, match=r"subject\.txt: the subject is empty"):
        checks.check_reader_mail(replace(GOOD, subject=" "), "email/digest")


def test_a_mail_that_gmail_would_cut_off_is_warned_of() -> None:
    long = replace(GOOD, html=page("x" * checks.GMAIL_CLIP_BYTES))
    (warning,) = checks.check_reader_mail(long, "email/digest")
    assert warning.startswith("email/digest (en): 100 KB of HTML; Gmail cuts off after 100 KB")


@pytest.mark.parametrize("address", ["", " \n "])
def test_an_office_without_an_address_can_not_mail(address: str) -> None:
    with pytest.raises(ComposeError, match=r"config/mailer\.toml: organisation\.postal_address"):
        checks.check_organisation(settings(postal_address=address))


def test_an_accent_that_can_not_be_read_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"accent #ffcc00 has a contrast of 1\.5 on white"):
        checks.check_organisation(settings(accent="#ffcc00"))
