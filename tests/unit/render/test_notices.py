"""Notices to staff: in every language, with any text, and with faulty settings."""

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
from mailer.languages import UN_LANGUAGES
from mailer.message import clean_header_text
from mailer.model.editions import EditionBody
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


def make_settings(
    language: str = "en", zone: str = "Europe/London", **organisation: Any
) -> Settings:
    defaults = {
        "name": "Example Office",
        "postal_address": "1 Quay Road\nLondon",
        "website": "https://www.example.org/",
    }
    return Settings(
        organisation=Organisation(**defaults | organisation),
        defaults=DefaultsSection(language=language, time_zone=zone),
    )


def make_notice(kind: NoticeKind = NoticeKind.REVIEW, **fields: Any) -> Notice:
    defaults: dict[str, Any] = {
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
    return Notice(kind, **defaults | fields)


def compose(
    language: str = "en", kind: NoticeKind = NoticeKind.REVIEW, **fields: Any
) -> EditionBody:
    return compose_notice(make_notice(kind, **fields), UID, make_settings(language))


def get_html_text(body: EditionBody) -> str:
    """Return the text of the HTML part on one line."""
    root = lxml_html.document_fromstring(body.html)
    return " ".join(root.find("body").text_content().split())


# ---- every kind, every language ---------------------------------------------------------------


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_notice_is_composed_in_every_kind_and_language(language: str, kind: NoticeKind) -> None:
    figures = {"sent": 1203, "failed": 5, "in doubt": 2} if kind is NoticeKind.SENT else {}
    body = compose(language, kind, figures=figures)
    assert (body.language, body.stories) == (language, 1)
    for part in (body.subject, body.text, body.html):
        assert "International Migrants Day" in part
        assert message.count_slots_and_marks(part, body.marker) == 0
        assert body.marker not in part
        assert not re.search(r"\{\{|\}\}|\{%|%\}|%\(|\bNone\b", part)
    root = lxml_html.document_fromstring(body.html)
    assert (root.get("lang"), root.get("dir")) == (language, languages.get_direction(language))
    for _, command in suggest_commands(make_notice(kind, figures=figures)):
        assert f"\n    {command}\n" in body.text
        assert command in root.xpath("//code[ancestor::td[@dir='ltr']]/text()")
    for text in (body.text, get_html_text(body)):
        for phrase in ("the picture was changed", "Amina", "Good to go", "Paper promises"):
            assert phrase in text


def test_notice_has_no_list_links() -> None:
    body = compose()
    links = lxml_html.document_fromstring(body.html).xpath("//a/@href")
    assert links == ["https://www.example.org/"]
    reason = "You get this because you are named in the settings of Example Office’s mailer."
    assert reason in get_html_text(body)
    assert reason in " ".join(body.text.split())
    assert "nsubscribe" not in body.text + body.html


@pytest.mark.parametrize("language", ["pt", "de", "fr-CA", "en-GB", "sw"])
def test_notice_language_falls_back_to_nearest_or_english(language: str) -> None:
    assert compose(language).language == ("fr" if language == "fr-CA" else "en")


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
def test_notice_subject_leads_with_task_or_event(
    kind: NoticeKind, fields: dict[str, Any], subject: str
) -> None:
    assert compose(kind=kind, name="The week", **fields).subject == subject


@pytest.mark.parametrize(
    ("language", "count", "sentence"),
    [
        ("en", 1, "It has been sent to 1 reader."),
        ("en", 1210, "It has been sent to all 1,210 readers."),
        ("ru", 21, "Выпуск отправлен 21 получателю."),
        ("ru", 22, "Выпуск отправлен всем 22 получателям."),
        ("ar", 2, "أُرسل العدد إلى قارئَين اثنين."),
    ],
)
def test_notice_counts_use_plural_forms(language: str, count: int, sentence: str) -> None:
    body = compose(language, NoticeKind.SENT, figures={"sent": count}, readers=0)
    assert sentence in body.text
    assert sentence in get_html_text(body)


def test_notice_figures_are_localised() -> None:
    body = compose("fr", NoticeKind.SENT, figures={"sent": 1203, "failed": 7, "odd": 0})
    assert "\n    1 203  Envoyés\n        7  En échec\n        0  Odd\n" in body.text.replace(
        "\u202f", " "
    )


# ---- moments ----------------------------------------------------------------------------------


def test_notice_time_is_in_office_zone_and_utc() -> None:
    send_at = datetime(2026, 12, 16, 20, 30, tzinfo=UTC)
    body = compose_notice(make_notice(send_at=send_at), UID, make_settings(zone="Asia/Tokyo"))
    for text in (body.text, get_html_text(body)):
        assert "Thursday 17 December 2026, 05:30 (Japan Standard Time)" in text
        assert "Wed 16 Dec 20:30 UTC" in text
    assert body.subject.startswith("Approve by Thu 17 Dec 05:30")


def test_notice_time_in_utc_office_is_shown_once() -> None:
    body = compose_notice(make_notice(), UID, make_settings(zone="UTC"))
    assert body.text.count("09:00") == 2  # in the lead and in the facts
    assert "09:00 (Coordinated Universal Time)" in body.text


# ---- hostile text ----------------------------------------------------------------------------


def compose_hostile(text: str) -> EditionBody:
    fields = {"name": text, "reason": text, "actor": text, "comment": text, "subject": text}
    return compose(kind=NoticeKind.SENT, stories=(text,), figures={text: 1}, **fields)


def test_notice_hostile_text_is_escaped_on_one_line() -> None:
    body = compose_hostile(HOSTILE)
    line = clean_header_text(HOSTILE)
    assert body.subject == f"Sent: {line}"
    assert "<script" not in body.html
    assert "49" not in body.text
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//script")
    assert root.xpath("string(//h1)") == line
    assert get_html_text(body).count(line) == 8
    assert "\nBcc:" not in body.text


@given(generate_texts(6))
@example("\ud800")
@example("\0\x1b")
@example("<!--" + message.create_marker("0" * 64) + " any 1-->")
def test_notice_with_any_text_adds_no_header(text: str) -> None:
    assume(clean_header_text(text))
    body = compose_hostile(text)
    raw, parsed = build_message(body, profile=make_profile())
    assert_well_formed(raw, parsed)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count(b"\r") == raw.count(b"\r\n")
    assert parsed["Subject"] == f"Sent: {clean_header_text(text)}"
    assert "Bcc" not in parsed
    assert decode_phrase(raw, "From") == "Example Office"
    assert message.count_slots_and_marks(body.html, body.marker) == 0


def make_profile() -> message.MessageProfile:
    return replace(PROFILE, list_slug="", list_name="", list_id=0)


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_notice_message_has_no_list_headers(language: str) -> None:
    body = compose(language)
    raw, parsed = build_message(body, RECIPIENT, make_profile())
    assert_well_formed(raw, parsed)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Subject"] == body.subject
    assert not [name for name in parsed if name.startswith("List-") or name == "Precedence"]
    assert get_part(parsed, "plain") == body.text


# ---- faulty settings --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NoticeKind)
def test_notice_needs_no_postal_address(kind: NoticeKind) -> None:
    body = compose_notice(make_notice(kind), UID, make_settings(postal_address="", website=""))
    assert '<strong dir="auto">Example Office</strong>' in re.sub(r' style="[^"]*"', "", body.html)


def test_notice_with_pale_accent_uses_default() -> None:
    body = compose_notice(make_notice(), UID, make_settings(accent="#ffee88"))
    assert "#ffee88" not in body.html
    assert Organisation().accent in body.html


def copy_templates(folder: Path) -> Settings:
    shutil.copytree(config.find_shipped_folder("templates"), folder / "own")
    return make_settings("fr").model_copy(update={"paths": Paths(templates=folder / "own")})


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("email/layout.html", "{% block content %}", "{% blok content %}"),
        ("email/notice/body.txt", "notice.sentence", "notice.sentense"),
        ("email/notice/body.html", 'role="table"', ""),
        ("email/locale/fr.po", 'msgid "Sent"', "msgid Sent"),
        ("email/locale/fr.po", "le %(moment)s", "le %(heure)s"),
        ("email/locale/fr.po", "'à' HH:mm (zzzz)", "'à' HH:mm (zzzzzzzz)"),
    ],
)
def test_notice_with_broken_templates_uses_shipped_ones(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    settings_with_templates = copy_templates(tmp_path)
    template_file = tmp_path / "own" / file
    text = template_file.read_text("utf-8")
    assert old in text
    template_file.write_text(text.replace(old, new), "utf-8")
    approved_notice = make_notice(NoticeKind.APPROVED, figures={"sent": 1})
    assert compose_notice(approved_notice, UID, settings_with_templates) == compose_notice(
        approved_notice, UID, make_settings("fr")
    )


def test_notice_uses_own_templates(tmp_path: Path) -> None:
    settings_with_templates = copy_templates(tmp_path)
    (tmp_path / "own/email/notice/subject.txt").write_text("À vous : {{ notice.name }}", "utf-8")
    assert (
        compose_notice(make_notice(), UID, settings_with_templates).subject
        == "À vous : International Migrants Day"
    )


# ---- marker -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{"name": "x"}, {"comment": "x"}, {"figures": {"sent": 1}}, {"edition": 3}]
)
def test_notice_marker_depends_on_content(fields: dict[str, Any]) -> None:
    assert compose(**fields).marker != compose().marker


def test_notice_is_deterministic() -> None:
    assert compose() == compose()
    assert compose_notice(make_notice(), "another", make_settings()).marker != compose().marker
