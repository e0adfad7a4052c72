"""The mails that tell staff what happens: in every language, whatever people wrote, and whatever is
wrong with the settings."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from lxml import html as lxml_html

from mailer import config, languages, message
from mailer.config import DefaultsSection, Organisation, Paths, Settings
from mailer.editions import EditionBody
from mailer.languages import UN_LANGUAGES
from mailer.message import clean_header_text
from mailer.notices import Notice, NoticeKind, suggest_commands
from mailer.render.notices import compose_notice
from tests.unit.message.factories import (
    PROFILE,
    RECIPIENT,
    assert_well_formed,
    build_message,
    decode_phrase,
    get_part,
)
from tests.unit.samples import generate_texts

AT = datetime(2026, 12, 17, 9, 0, tzinfo=UTC)
UID = "5f1d2c"
HOSTILE = '<script>alert(1)</script>\r\nBcc: all@example.org\n\n{{ 7 * 7 }} "&amp;'


def office(language: str = "en", zone: str = "Europe/London", **organisation: Any) -> Settings:
    ours = {
        "name": "Example Office",
        "postal_address": "1 Quay Road\nLondon",
        "website": "https://www.example.org/",
    }
    return Settings(
        organisation=Organisation(**ours | organisation),
        defaults=DefaultsSection(language=language, time_zone=zone),
    )


def notice(kind: NoticeKind = NoticeKind.REVIEW, **fields: Any) -> Notice:
    full: dict[str, Any] = {
        "name": "International Migrants Day",
        "digest": "migrants-day",
        "edition": 12,
        "send_at": AT,
        "reason": "the picture was changed",
        "actor": "Amina",
        "comment": "Good to go",
        "content_hash": "4be1c09d22fa" + "0" * 52,
        "stories": ("Ten towns open their doors", "Paper promises"),
        "subject": "Ten towns open their doors, and more",
        "readers": 1210,
    }
    return Notice(kind, **full | fields)


def composed(
    language: str = "en", kind: NoticeKind = NoticeKind.REVIEW, **fields: Any
) -> EditionBody:
    return compose_notice(notice(kind, **fields), UID, office(language))


def read(body: EditionBody) -> str:
    """The text of the HTML part, on one line."""
    root = lxml_html.document_fromstring(body.html)
    return " ".join(root.find("body").text_content().split())


# ---- every kind, every language ---------------------------------------------------------------


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_every_kind_is_composed_in_every_language(language: str, kind: NoticeKind) -> None:
    figures = {"sent": 1203, "failed": 5, "in doubt": 2} if kind is NoticeKind.SENT else {}
    body = composed(language, kind, figures=figures)
    assert (body.language, body.stories) == (language, 1)
    for one in (body.subject, body.text, body.html):
        assert "International Migrants Day" in one
        assert message.count_slots_and_marks(one, body.marker) == 0
        assert body.marker not in one
        assert not re.search(r"\{\{|\}\}|\{%|%\}|%\(|\bNone\b", one)
    root = lxml_html.document_fromstring(body.html)
    assert (root.get("lang"), root.get("dir")) == (language, languages.get_direction(language))
    for _, command in suggest_commands(notice(kind, figures=figures)):
        assert f"\n    {command}\n" in body.text
        assert command in root.xpath("//code[ancestor::td[@dir='ltr']]/text()")
    for shown in (body.text, read(body)):
        for said in ("the picture was changed", "Amina", "Good to go", "Paper promises"):
            assert said in shown


def test_a_notice_has_no_link_of_a_list() -> None:
    body = composed()
    links = lxml_html.document_fromstring(body.html).xpath("//a/@href")
    assert links == ["https://www.example.org/"]
    why = "You get this because you are named in the settings of Example Office’s mailer."
    assert why in read(body)
    assert why in " ".join(body.text.split())
    assert "nsubscribe" not in body.text + body.html


@pytest.mark.parametrize("language", ["pt", "de", "fr-CA", "en-GB", "xx"])
def test_an_office_without_a_frame_of_its_own_gets_the_nearest_or_english(language: str) -> None:
    assert composed(language).language == ("fr" if language == "fr-CA" else "en")


# ---- subjects and figures ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "subject"),
    [
        (NoticeKind.REVIEW, {}, "Approve by Thu 17 Dec 09:00: The week"),
        (NoticeKind.REVIEW, {"send_at": None}, "Approve: The week"),
        (NoticeKind.REMINDER, {}, "Still to approve by Thu 17 Dec 09:00: The week"),
        (NoticeKind.VOID, {}, "Approve again by Thu 17 Dec 09:00: The week"),
        (NoticeKind.APPROVED, {}, "Approved for Thu 17 Dec 09:00: The week"),
        (NoticeKind.LATE, {}, "Not approved in time: The week"),
        (NoticeKind.SENT, {}, "Sent: The week"),
        (
            NoticeKind.SENT,
            {"figures": {"sent": 1203, "failed": 7}},
            "Sent: The week (1,203 of 1,210)",
        ),
        (NoticeKind.SENT, {"figures": {"sent": 1210, "failed": 0}}, "Sent: The week (1,210)"),
        (NoticeKind.SENT, {"figures": {"sent": 0}, "readers": 0}, "Sent: The week"),
        (NoticeKind.PAUSED, {"figures": {"sent": 600}}, "Paused: The week (600 of 1,210)"),
        (NoticeKind.ON_HOLD, {}, "Held: The week"),
    ],
)
def test_a_subject_leads_with_what_is_wanted(
    kind: NoticeKind, fields: dict[str, Any], subject: str
) -> None:
    assert composed(kind=kind, name="The week", **fields).subject == subject


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 1, "It has been sent to 1 reader."),
        ("en", 1210, "It has been sent to all 1,210 readers."),
        ("ru", 21, "Выпуск отправлен 21 получателю."),
        ("ru", 22, "Выпуск отправлен всем 22 получателям."),
        ("ar", 2, "أُرسل العدد إلى قارئَين اثنين."),
    ],
)
def test_counts_are_said_in_each_languages_plurals(language: str, count: int, said: str) -> None:
    body = composed(language, NoticeKind.SENT, figures={"sent": count}, readers=0)
    assert said in body.text
    assert said in read(body)


def test_figures_are_words_and_numbers_of_the_language() -> None:
    body = composed("fr", NoticeKind.SENT, figures={"sent": 1203, "failed": 7, "odd": 0})
    assert "\n    1 203  Envoyés\n        7  En échec\n        0  Odd\n" in body.text.replace(
        "\u202f", " "
    )


# ---- moments ----------------------------------------------------------------------------------


def test_a_moment_is_shown_in_the_offices_zone_and_in_utc() -> None:
    at = datetime(2026, 12, 16, 20, 30, tzinfo=UTC)
    body = compose_notice(notice(send_at=at), UID, office(zone="Asia/Tokyo"))
    for one in (body.text, read(body)):
        assert "Thursday 17 December 2026, 05:30 (Japan Standard Time)" in one
        assert "Wed 16 Dec 20:30 UTC" in one
    assert body.subject.startswith("Approve by Thu 17 Dec 05:30")


def test_in_an_office_at_utc_a_moment_is_shown_once() -> None:
    body = compose_notice(notice(), UID, office(zone="UTC"))
    assert body.text.count("09:00") == 2  # the lead says it too
    assert "09:00 (Coordinated Universal Time)" in body.text


# ---- what people wrote ------------------------------------------------------------------------


def hostile(said: str) -> EditionBody:
    fields = {"name": said, "reason": said, "actor": said, "comment": said, "subject": said}
    return composed(kind=NoticeKind.SENT, stories=(said,), figures={said: 1}, **fields)


def test_what_people_wrote_is_text_on_one_line() -> None:
    body = hostile(HOSTILE)
    line = clean_header_text(HOSTILE)
    assert body.subject == f"Sent: {line}"
    assert "<script" not in body.html
    assert "49" not in body.text
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//script")
    assert root.xpath("string(//h1)") == line
    assert read(body).count(line) == 8
    assert "\nBcc:" not in body.text


@given(generate_texts(6))
@example("\ud800")
@example("\0\x1b")
@example("<!--" + message.create_marker("0" * 64) + " any 1-->")
def test_whatever_people_wrote_arrives_and_adds_no_header(said: str) -> None:
    assume(clean_header_text(said))
    body = hostile(said)
    raw, parsed = build_message(body, profile=sheet())
    assert_well_formed(raw, parsed)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count(b"\r") == raw.count(b"\r\n")
    assert parsed["Subject"] == f"Sent: {clean_header_text(said)}"
    assert "Bcc" not in parsed
    assert decode_phrase(raw, "From") == "Example Office"
    assert message.count_slots_and_marks(body.html, body.marker) == 0


def sheet() -> message.MessageProfile:
    return replace(PROFILE, list_slug="", list_name="", list_id=0)


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_a_notice_on_the_wire_is_no_lists_mail(language: str) -> None:
    body = composed(language)
    raw, parsed = build_message(body, RECIPIENT, sheet())
    assert_well_formed(raw, parsed)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Subject"] == body.subject
    assert not [name for name in parsed if name.startswith("List-") or name == "Precedence"]
    assert get_part(parsed, "plain") == body.text


# ---- when settings are not in order -----------------------------------------------------------


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_needs_no_postal_address(kind: NoticeKind) -> None:
    body = compose_notice(notice(kind), UID, office(postal_address="", website=""))
    assert '<strong dir="auto">Example Office</strong>' in re.sub(r' style="[^"]*"', "", body.html)


def test_a_pale_accent_gives_way_to_the_default_one() -> None:
    body = compose_notice(notice(), UID, office(accent="#ffee88"))
    assert "#ffee88" not in body.html
    assert Organisation().accent in body.html


def own_templates(folder: Path) -> Settings:
    shutil.copytree(config.find_shipped_folder("templates"), folder / "own")
    return office("fr").model_copy(update={"paths": Paths(templates=folder / "own")})


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("email/layout.html", "{% block content %}", "{% blok content %}"),
        ("email/notice/body.txt", "notice.said", "notice.sade"),
        ("email/notice/body.html", 'role="table"', ""),
        ("email/locale/fr.po", 'msgid "Sent"', "msgid Sent"),
        ("email/locale/fr.po", "le %(moment)s", "le %(heure)s"),
        ("email/locale/fr.po", "'à' HH:mm (zzzz)", "'à' HH:mm (zzzzzzzz)"),
    ],
)
def test_an_office_whose_templates_are_broken_is_told_in_the_shipped_ones(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    ours = own_templates(tmp_path)
    broken = tmp_path / "own" / file
    text = broken.read_text("utf-8")
    assert old in text
    broken.write_text(text.replace(old, new), "utf-8")
    told = notice(NoticeKind.APPROVED, figures={"sent": 1})
    assert compose_notice(told, UID, ours) == compose_notice(told, UID, office("fr"))


def test_an_offices_own_words_are_used(tmp_path: Path) -> None:
    ours = own_templates(tmp_path)
    (tmp_path / "own/email/notice/subject.txt").write_text("À vous : {{ notice.name }}", "utf-8")
    assert compose_notice(notice(), UID, ours).subject == "À vous : International Migrants Day"


# ---- its marker -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{"name": "x"}, {"comment": "x"}, {"figures": {"sent": 1}}, {"edition": 3}]
)
def test_another_notice_has_another_marker(fields: dict[str, Any]) -> None:
    assert composed(**fields).marker != composed().marker


def test_the_same_notice_gives_the_same_bytes() -> None:
    assert composed() == composed()
    assert compose_notice(notice(), "another", office()).marker != composed().marker
