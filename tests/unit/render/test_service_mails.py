"""Service mails (confirmation, already subscribed, new address, welcome) in every language, with
any names of lists, and with faulty templates."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from lxml import html as lxml_html

from mailer import config, languages, message
from mailer.audience import links
from mailer.audience.signup.service_mails import ServiceMail
from mailer.config import DefaultsSection, Organisation, Paths, RetentionSection, Settings
from mailer.languages import UN_LANGUAGES
from mailer.message import MessageProfile, Slot, clean_header_text
from mailer.model.edition_states import EditionKind
from mailer.model.editions import EditionBody
from mailer.model.lists import MailingList, Visibility
from mailer.model.signup import ServiceMailKind
from mailer.render.service_mails import REQUIRED_SLOTS, compose_service_mail
from tests.unit.message.factories import (
    KEY,
    PROFILE,
    RECIPIENT,
    assert_well_formed,
    build_message,
    get_part,
)
from tests.unit.samples import NOW, generate_texts

KINDS = (
    ServiceMailKind.CONFIRM,
    ServiceMailKind.ALREADY_SUBSCRIBED,
    ServiceMailKind.NEW_ADDRESS,
    ServiceMailKind.WELCOME,
)
HOSTILE = '<script>alert(1)</script>\r\nBcc: all@example.org\n\n{{ 7 * 7 }} "&amp;'


def make_settings(language: str = "en", **organisation: Any) -> Settings:
    defaults = {
        "name": "Example Office",
        "postal_address": "1 Quay Road\nLondon",
        "website": "https://www.example.org/",
    }
    return Settings(
        organisation=Organisation(**defaults | organisation),
        defaults=DefaultsSection(language=language),
    )


def make_list(name: str, slug: str = "news", description: str = "") -> MailingList:
    return MailingList(1, slug, name, description, "en", Visibility.PUBLIC, NOW)


NEWS = make_list("News of the week", description="What we have published, each Monday.")
PRESS = make_list("Press releases", "press")


def make_service_mail(
    kind: ServiceMailKind = ServiceMailKind.CONFIRM,
    language: str = "en",
    lists: Sequence[MailingList] = (NEWS,),
) -> ServiceMail:
    mail_lists = () if kind is ServiceMailKind.NEW_ADDRESS else tuple(lists)
    return ServiceMail(kind, language, mail_lists, "news")


def make_profile(mail_kind: ServiceMailKind) -> MessageProfile:
    """Make the profile of the edition that service mails of this kind belong to."""
    kind = EditionKind.WELCOME if mail_kind is ServiceMailKind.WELCOME else EditionKind.SERVICE
    return replace(PROFILE, list_slug="", edition=replace(PROFILE.edition, kind=kind))


def get_html_text(body: EditionBody) -> str:
    """Return the text of the HTML part on one line."""
    root = lxml_html.document_fromstring(body.html)
    return " ".join(root.find("body").text_content().split())


def get_text(body: EditionBody) -> str:
    """Return the text part on one line."""
    return " ".join(body.text.split())


# ---- every kind, every language ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_service_mail_is_composed_in_every_kind_and_language(
    language: str, kind: ServiceMailKind
) -> None:
    body = compose_service_mail(make_service_mail(kind, language, (NEWS, PRESS)), make_settings())
    assert (body.language, body.stories) == (language, 1)
    root = lxml_html.document_fromstring(body.html)
    assert (root.get("lang"), root.get("dir")) == (language, languages.get_direction(language))
    for part in (body.subject, body.text, body.html):
        assert not re.search(r"\{\{|\}\}|\{%|%\}|%\(|\bNone\b", part)
    for slot in (Slot.ADDRESS, *REQUIRED_SLOTS[kind]):
        for part in (body.text, body.html):
            assert message.create_slot(body.marker, slot) in part
    for text in (get_text(body), get_html_text(body)):
        assert "Example Office" in text
        assert (NEWS.name in text and PRESS.name in text) is (
            kind is not ServiceMailKind.NEW_ADDRESS
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", [tag for tag in UN_LANGUAGES if tag != "en"])
def test_service_mail_is_fully_translated(language: str, kind: ServiceMailKind) -> None:
    blank_settings = make_settings(name="—", postal_address="", website="")
    english = compose_service_mail(make_service_mail(kind, "en", (make_list("·"),)), blank_settings)
    translated = compose_service_mail(
        make_service_mail(kind, language, (make_list("·"),)), blank_settings
    )
    for line in filter(str.strip, english.text.splitlines()):
        if re.search(r"[a-z]{3}", line) and english.marker not in line:
            assert line not in translated.text


@pytest.mark.parametrize("language", UN_LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_service_mail_has_one_button(language: str, kind: ServiceMailKind) -> None:
    body = compose_service_mail(make_service_mail(kind, language), make_settings())
    root = lxml_html.document_fromstring(body.html)
    (button,) = root.xpath("//td[contains(concat(' ', @class, ' '), ' button ')]/a")
    assert button.get("href") == message.create_slot(body.marker, REQUIRED_SLOTS[kind][0])
    assert button.text_content().strip() in body.text
    assert len(root.xpath("//h1")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_service_mail_has_no_images_or_tracking(kind: ServiceMailKind) -> None:
    body = compose_service_mail(make_service_mail(kind), make_settings())
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//img | //script | //link")
    assert "url(" not in body.html
    plain_links = {address for address in root.xpath("//a/@href") if body.marker not in address}
    assert plain_links == {"https://www.example.org/"}


def test_service_mail_before_confirmation_has_no_personal_links() -> None:
    """A person who has not confirmed is on no list, and has no preferences page."""
    for kind in (ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS):
        body = compose_service_mail(make_service_mail(kind), make_settings())
        for slot in (Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.VIEW, Slot.NAME):
            assert message.create_slot(body.marker, slot) not in body.text + body.html


# ---- words ------------------------------------------------------------------------------------


def test_service_mail_says_when_sign_up_is_forgotten() -> None:
    for days, phrase in ((1, "after 1 day."), (7, "after 7 days."), (30, "after 30 days.")):
        office_settings = make_settings().model_copy(
            update={"retention": RetentionSection(unconfirmed_days=days)}
        )
        body = compose_service_mail(make_service_mail(), office_settings)
        for text in (get_text(body), get_html_text(body)):
            assert f"If this was not you, do nothing: the sign-up is forgotten {phrase}" in text


@pytest.mark.parametrize(
    ("language", "days", "phrase"),
    [
        ("ru", 1, "через 1 день"),
        ("ru", 3, "через 3 дня"),
        ("ru", 7, "через 7 дней"),
        ("ar", 2, "بعد يومين"),
        ("ar", 7, "بعد 7 أيام"),
        ("ar", 14, "بعد 14 يومًا"),
        ("zh", 7, "在 7 天后"),
    ],
)
def test_service_mail_days_use_plural_forms(language: str, days: int, phrase: str) -> None:
    office_settings = make_settings().model_copy(
        update={"retention": RetentionSection(unconfirmed_days=days)}
    )
    for kind in (ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS):
        body = compose_service_mail(make_service_mail(kind, language), office_settings)
        assert phrase in get_text(body)
        assert phrase in get_html_text(body)


@pytest.mark.parametrize(
    ("language", "lists", "subject"),
    [
        ("en", (NEWS,), "Please confirm your subscription: News of the week"),
        ("en", (NEWS, PRESS), "Please confirm your subscription: News of the week and Press"),
        ("fr", (NEWS, PRESS), "Veuillez confirmer votre inscription : News of the week et Press"),
        (
            "en",
            (NEWS, make_list("x" * 50, "x")),
            "Please confirm your subscription: Example Office",
        ),
    ],
)
def test_service_mail_subject_names_lists_or_office(
    language: str, lists: tuple[MailingList, ...], subject: str
) -> None:
    body = compose_service_mail(
        make_service_mail(ServiceMailKind.CONFIRM, language, lists), make_settings()
    )
    assert body.subject.startswith(subject)


@pytest.mark.parametrize(
    ("requested", "default", "language"),
    [
        ("fr", "en", "fr"),
        ("fr-CA", "en", "fr"),
        ("pt", "es", "es"),
        ("pt", "de", "en"),
        ("", "ru", "ru"),
    ],
)
def test_service_mail_language_falls_back_to_office(
    requested: str, default: str, language: str
) -> None:
    assert (
        compose_service_mail(make_service_mail(language=requested), make_settings(default)).language
        == language
    )


# ---- on the wire ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_service_mail_message_is_auto_generated(language: str, kind: ServiceMailKind) -> None:
    body = compose_service_mail(make_service_mail(kind, language), make_settings())
    raw, parsed = build_message(body, RECIPIENT, make_profile(kind))
    assert_well_formed(raw, parsed)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in head
    list_headers = {name for name in parsed if name.startswith("List-") or name == "Precedence"}
    expected = (
        {"List-Unsubscribe", "List-Unsubscribe-Post"} if kind is ServiceMailKind.WELCOME else set()
    )
    assert list_headers == expected
    assert parsed["Subject"] == body.subject
    text = get_part(parsed, "plain")
    assert body.marker not in text + get_part(parsed, "html")
    assert RECIPIENT.address in text
    if Slot.ACTION in REQUIRED_SLOTS[kind]:
        (token,) = set(re.findall(r"https://mail\.example\.org/c/(\S+)", text))
        assert links.verify_confirmation_link(KEY, token) == RECIPIENT.subscriber_id


@given(generate_texts(6))
@example("\ud800")
@example("\0\x1b")
@example(HOSTILE)
@example("<!--" + message.create_marker("0" * 64) + " any 1-->")
def test_service_mail_with_any_list_name_adds_no_header(text: str) -> None:
    assume(clean_header_text(text))
    body = compose_service_mail(
        make_service_mail(lists=(make_list(text, description=text),)), make_settings()
    )
    raw, parsed = build_message(body, profile=make_profile(ServiceMailKind.CONFIRM))
    assert_well_formed(raw, parsed)
    assert "Bcc" not in parsed
    assert parsed["Subject"] == f"Please confirm your subscription: {clean_header_text(text)}"
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//script")
    assert root.xpath("string(//strong)") == clean_header_text(text)


# ---- faulty settings and templates ------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_service_mail_needs_no_postal_address_or_readable_accent(kind: ServiceMailKind) -> None:
    body = compose_service_mail(
        make_service_mail(kind), make_settings(postal_address="", website="", accent="#ffee88")
    )
    assert "#ffee88" not in body.html
    assert Organisation().accent in body.html


def copy_templates(folder: Path) -> Settings:
    shutil.copytree(config.find_shipped_folder("templates"), folder / "own")
    return make_settings().model_copy(update={"paths": Paths(templates=folder / "own")})


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("email/layout.html", "{% block content %}", "{% blok content %}"),
        ("email/service.html", "service.lists", "service.listen"),
        ("email/confirm/subject.txt", "service.name", "service.nam"),
        ("email/confirm/body.txt", "{{ links.action }}", "(press the button)"),
        ("email/confirm/body.html", "links.action", '"https://www.example.org/"'),
        ("email/locale/fr.po", 'msgid "Use this address"', "msgid Use this address"),
    ],
)
def test_service_mail_with_broken_templates_uses_shipped_ones(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    settings_with_templates = copy_templates(tmp_path)
    template_file = tmp_path / "own" / file
    text = template_file.read_text("utf-8")
    assert old in text
    template_file.write_text(text.replace(old, new), "utf-8")
    service_mail = make_service_mail(language="fr")
    assert compose_service_mail(service_mail, settings_with_templates) == compose_service_mail(
        service_mail, make_settings()
    )


def test_service_mail_uses_own_templates(tmp_path: Path) -> None:
    settings_with_templates = copy_templates(tmp_path)
    (tmp_path / "own/email/welcome/subject.txt").write_text("Hello from {{ organisation.name }}")
    assert (
        compose_service_mail(
            make_service_mail(ServiceMailKind.WELCOME), settings_with_templates
        ).subject
        == "Hello from Example Office"
    )


def test_service_mail_is_deterministic_and_marker_depends_on_content() -> None:
    first = compose_service_mail(make_service_mail(), make_settings())
    assert compose_service_mail(make_service_mail(), make_settings()) == first
    others = [
        compose_service_mail(make_service_mail(lists=(make_list("Other"),)), make_settings()),
        compose_service_mail(
            make_service_mail(ServiceMailKind.ALREADY_SUBSCRIBED), make_settings()
        ),
        compose_service_mail(make_service_mail(language="fr"), make_settings()),
        compose_service_mail(make_service_mail(), make_settings(name="Another Office")),
    ]
    assert len({first.marker, *(body.marker for body in others)}) == 5
