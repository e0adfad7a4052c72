"""Checks that every mail must pass to be composed."""

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


def make_page(inside: str = "", attributes: str = 'lang="en" dir="ltr"') -> str:
    link = f'<a href="{LINK}">Unsubscribe</a>'
    return f"<!DOCTYPE html>\n<html {attributes}><body>{inside}{link}</body></html>"


GOOD = EditionBody("en", "The week", f"Hello\n\n{LINK}\n", make_page(), MARKER, stories=1)


def make_settings(**organisation: Any) -> Settings:
    organisation_settings = Organisation(**{"postal_address": "1 Quay Road"} | organisation)
    return Settings(organisation=organisation_settings)


def test_good_mail_passes_checks_without_warning() -> None:
    assert checks.check_reader_mail(GOOD, "email/digest") == []
    checks.check_organisation(make_settings())


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
def test_mail_with_allowed_html_passes_checks(inside: str) -> None:
    assert checks.check_reader_mail(replace(GOOD, html=make_page(inside)), "email/digest") == []


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ('<a href="/about">x</a>', "the link '/about' is not absolute"),
        ('<a href="//example.org/">x</a>', "is not absolute"),
        ('<a href="javascript:x()">x</a>', "is not absolute"),
        ('<a href="https://[x">x</a>', "is not absolute"),
        ('<a href="#nowhere">x</a>', "has no target in the mail"),
        ('<a href="#a\'&quot;">x</a>', "has no target in the mail"),
        ('<img src="https://example.org/b.jpg">', "has no alt text"),
        ('<img src="b.jpg" alt="">', "has no absolute address"),
        ('<img src="data:image/png;base64,xx" alt="">', "has no absolute address"),
        ('<img src="cid:logo" alt="">', "has no absolute address"),
        ("<table><tr><td>x</td></tr></table>", "a table has no role"),
    ],
)
def test_mail_with_inaccessible_html_is_refused(inside: str, problem: str) -> None:
    with pytest.raises(ComposeError) as caught:
        checks.check_reader_mail(replace(GOOD, html=make_page(inside)), "email/digest")
    assert problem in caught.value.message
    assert caught.value.where == "email/digest/body.html"


@pytest.mark.parametrize("attributes", ["", 'lang="en"', 'dir="rtl"', 'lang="" dir=""'])
def test_mail_without_language_or_direction_is_refused(attributes: str) -> None:
    with pytest.raises(ComposeError, match="no lang or no dir"):
        checks.check_reader_mail(
            replace(GOOD, html=make_page(attributes=attributes)), "email/digest"
        )


@pytest.mark.parametrize("part", ["text", "html"])
def test_mail_without_unsubscribe_link_is_refused(part: str) -> None:
    body = replace(GOOD, **{part: getattr(GOOD, part).replace(LINK, "https://example.org/")})
    with pytest.raises(
        ComposeError, match=f"body.{part.replace('text', 'txt')}: the mail has no unsub"
    ):
        checks.check_reader_mail(body, "email/digest")


@pytest.mark.parametrize("part", ["text", "html"])
def test_mail_with_unsubscribe_link_only_on_web_is_refused(part: str) -> None:
    hidden = (
        message.create_mark(MARKER, MarkCondition.WEB, message.READING_PLACE_BITS)
        + LINK
        + message.create_end_mark(MARKER)
    )
    body = replace(GOOD, **{part: getattr(GOOD, part).replace(LINK, hidden)})
    with pytest.raises(ComposeError, match="the mail has no unsubscribe link"):
        checks.check_reader_mail(body, "email/digest")


def test_notice_needs_all_checks_but_unsubscribe_link() -> None:
    notice_body = replace(
        GOOD, text="Hello\n", html=make_page().replace(LINK, "https://example.org/")
    )
    checks.check_mail_structure(notice_body, "email/notice")
    for invalid_body, problem in (
        (replace(notice_body, subject=" "), "subject is empty"),
        (replace(notice_body, text=LINK[:-1]), "broken"),
        (replace(notice_body, html=make_page("<table></table>")), "no role"),
    ):
        with pytest.raises(ComposeError, match=problem):
            checks.check_mail_structure(invalid_body, "email/notice")


@pytest.mark.parametrize(
    ("part", "file"), [("subject", "subject.txt"), ("text", "body.txt"), ("html", "body.html")]
)
@pytest.mark.parametrize("broken", [LINK.upper(), LINK[:-1], LINK[:10]])
def test_mail_with_broken_slot_names_file(part: str, file: str, broken: str) -> None:
    body = replace(GOOD, **{part: getattr(GOOD, part) + broken})
    with pytest.raises(ComposeError, match=r"broken, so a personal field can't be") as caught:
        checks.check_reader_mail(body, "email/digest")
    assert caught.value.where == f"email/digest/{file}"


def test_mail_without_subject_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"subject\.txt: the subject is empty"):
        checks.check_reader_mail(replace(GOOD, subject=" "), "email/digest")


def test_mail_larger_than_gmail_limit_gives_warning() -> None:
    long_body = replace(GOOD, html=make_page("x" * checks.GMAIL_CLIP_BYTES))
    (warning,) = checks.check_reader_mail(long_body, "email/digest")
    assert warning.startswith("email/digest (en): 100 KB of HTML; Gmail cuts off after 100 KB")


@pytest.mark.parametrize("address", ["", " \n "])
def test_organisation_without_postal_address_is_refused(address: str) -> None:
    with pytest.raises(ComposeError, match=r"config/mailer\.toml: organisation\.postal_address"):
        checks.check_organisation(make_settings(postal_address=address))


def test_organisation_with_pale_accent_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"accent #ffcc00 has a contrast of 1\.5 on white"):
        checks.check_organisation(make_settings(accent="#ffcc00"))
