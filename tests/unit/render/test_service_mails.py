"""The mails that ask for confirmation, answer who is known already, and welcome: in every language,
whatever the office has called its lists, and whatever is wrong with its templates."""

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
from mailer.audience.lists import MailingList, Visibility
from mailer.audience.signup.confirmations import ServiceMailKind
from mailer.audience.signup.service_mails import ServiceMail
from mailer.config import DefaultsSection, Organisation, Paths, RetentionSection, Settings
from mailer.editions import EditionBody, EditionKind
from mailer.languages import UN_LANGUAGES
from mailer.message import MessageProfile, Slot, clean_header_text
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

ANSWERS = (
    ServiceMailKind.CONFIRM,
    ServiceMailKind.ALREADY_SUBSCRIBED,
    ServiceMailKind.NEW_ADDRESS,
    ServiceMailKind.WELCOME,
)
HOSTILE = '<script>alert(1)</script>\r\nBcc: all@example.org\n\n{{ 7 * 7 }} "&amp;'


def office(language: str = "en", **organisation: Any) -> Settings:
    ours = {
        "name": "Example Office",
        "postal_address": "1 Quay Road\nLondon",
        "website": "https://www.example.org/",
    }
    return Settings(
        organisation=Organisation(**ours | organisation),
        defaults=DefaultsSection(language=language),
    )


def named(name: str, slug: str = "news", description: str = "") -> MailingList:
    return MailingList(1, slug, name, description, "en", Visibility.PUBLIC, NOW)


NEWS = named("News of the week", description="What we have published, each Monday.")
PRESS = named("Press releases", "press")


def letter(
    answer: ServiceMailKind = ServiceMailKind.CONFIRM,
    language: str = "en",
    lists: Sequence[MailingList] = (NEWS,),
) -> ServiceMail:
    about = () if answer is ServiceMailKind.NEW_ADDRESS else tuple(lists)
    return ServiceMail(answer, language, about, "news")


def sheet(answer: ServiceMailKind) -> MessageProfile:
    """As the office makes it for this letter's edition."""
    kind = EditionKind.WELCOME if answer is ServiceMailKind.WELCOME else EditionKind.SERVICE
    return replace(PROFILE, list_slug="", edition=replace(PROFILE.edition, kind=kind))


def read(body: EditionBody) -> str:
    """The text of the HTML part, on one line."""
    root = lxml_html.document_fromstring(body.html)
    return " ".join(root.find("body").text_content().split())


def words(body: EditionBody) -> str:
    """The text part, on one line."""
    return " ".join(body.text.split())


# ---- every letter, every language -------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_every_letter_is_composed_in_every_language(language: str, answer: ServiceMailKind) -> None:
    body = compose_service_mail(letter(answer, language, (NEWS, PRESS)), office())
    assert (body.language, body.stories) == (language, 1)
    root = lxml_html.document_fromstring(body.html)
    assert (root.get("lang"), root.get("dir")) == (language, languages.get_direction(language))
    for one in (body.subject, body.text, body.html):
        assert not re.search(r"\{\{|\}\}|\{%|%\}|%\(|\bNone\b", one)
    for slot in (Slot.ADDRESS, *REQUIRED_SLOTS[answer]):
        for one in (body.text, body.html):
            assert message.create_slot(body.marker, slot) in one
    for shown in (words(body), read(body)):
        assert "Example Office" in shown
        assert (NEWS.name in shown and PRESS.name in shown) is (
            answer is not ServiceMailKind.NEW_ADDRESS
        )


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("language", [tag for tag in UN_LANGUAGES if tag != "en"])
def test_nothing_of_a_letter_is_left_in_english(language: str, answer: ServiceMailKind) -> None:
    ours = office(name="—", postal_address="", website="")
    english = compose_service_mail(letter(answer, "en", (named("·"),)), ours)
    other = compose_service_mail(letter(answer, language, (named("·"),)), ours)
    for line in filter(str.strip, english.text.splitlines()):
        if re.search(r"[a-z]{3}", line) and english.marker not in line:
            assert line not in other.text


@pytest.mark.parametrize("language", UN_LANGUAGES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_there_is_one_button_and_it_says_what_it_does(
    language: str, answer: ServiceMailKind
) -> None:
    body = compose_service_mail(letter(answer, language), office())
    root = lxml_html.document_fromstring(body.html)
    (button,) = root.xpath("//td[contains(concat(' ', @class, ' '), ' button ')]/a")
    assert button.get("href") == message.create_slot(body.marker, REQUIRED_SLOTS[answer][0])
    assert button.text_content().strip() in body.text
    assert len(root.xpath("//h1")) == 1


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_letter_fetches_nothing_and_counts_nobody(answer: ServiceMailKind) -> None:
    body = compose_service_mail(letter(answer), office())
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//img | //script | //link")
    assert "url(" not in body.html
    ours = {one for one in root.xpath("//a/@href") if body.marker not in one}
    assert ours == {"https://www.example.org/"}


def test_nothing_personal_can_be_left_by_a_letter_that_asks() -> None:
    """Whoever has not confirmed is on no list, and has no page."""
    for answer in (ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS):
        body = compose_service_mail(letter(answer), office())
        for slot in (Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.VIEW, Slot.NAME):
            assert message.create_slot(body.marker, slot) not in body.text + body.html


# ---- words ------------------------------------------------------------------------------------


def test_what_to_do_if_it_was_not_you_is_said_with_the_days_that_are_set() -> None:
    for days, said in ((1, "after 1 day."), (7, "after 7 days."), (30, "after 30 days.")):
        ours = office().model_copy(update={"retention": RetentionSection(unconfirmed_days=days)})
        body = compose_service_mail(letter(), ours)
        for shown in (words(body), read(body)):
            assert f"If this was not you, do nothing: the sign-up is forgotten {said}" in shown


@pytest.mark.parametrize(
    ("language", "days", "said"),
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
def test_days_are_said_in_each_languages_plurals(language: str, days: int, said: str) -> None:
    ours = office().model_copy(update={"retention": RetentionSection(unconfirmed_days=days)})
    for answer in (ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS):
        body = compose_service_mail(letter(answer, language), ours)
        assert said in words(body)
        assert said in read(body)


@pytest.mark.parametrize(
    ("language", "lists", "subject"),
    [
        ("en", (NEWS,), "Please confirm your subscription: News of the week"),
        ("en", (NEWS, PRESS), "Please confirm your subscription: News of the week and Press"),
        ("fr", (NEWS, PRESS), "Veuillez confirmer votre inscription : News of the week et Press"),
        ("en", (NEWS, named("x" * 50, "x")), "Please confirm your subscription: Example Office"),
    ],
)  # fmt: skip
def test_a_subject_names_the_lists_or_where_they_are_many_the_office(
    language: str, lists: tuple[MailingList, ...], subject: str
) -> None:
    body = compose_service_mail(letter(ServiceMailKind.CONFIRM, language, lists), office())
    assert body.subject.startswith(subject)


@pytest.mark.parametrize(
    ("asked", "ours", "language"),
    [
        ("fr", "en", "fr"),
        ("fr-CA", "en", "fr"),
        ("pt", "es", "es"),
        ("pt", "de", "en"),
        ("", "ru", "ru"),
    ],
)
def test_a_letter_is_in_the_language_asked_for_else_in_the_offices(
    asked: str, ours: str, language: str
) -> None:
    assert compose_service_mail(letter(language=asked), office(ours)).language == language


# ---- on the wire ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_a_letter_on_the_wire_says_that_nobody_typed_it(
    language: str, answer: ServiceMailKind
) -> None:
    body = compose_service_mail(letter(answer, language), office())
    raw, parsed = build_message(body, RECIPIENT, sheet(answer))
    assert_well_formed(raw, parsed)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in head
    of_list = {name for name in parsed if name.startswith("List-") or name == "Precedence"}
    expected = (
        {"List-Unsubscribe", "List-Unsubscribe-Post"}
        if answer is ServiceMailKind.WELCOME
        else set()
    )
    assert of_list == expected
    assert parsed["Subject"] == body.subject
    text = get_part(parsed, "plain")
    assert body.marker not in text + get_part(parsed, "html")
    assert RECIPIENT.address in text
    if Slot.ACTION in REQUIRED_SLOTS[answer]:
        (token,) = set(re.findall(r"https://mail\.example\.org/c/(\S+)", text))
        assert links.verify_confirmation_link(KEY, token) == RECIPIENT.subscriber_id


@given(generate_texts(6))
@example("\ud800")
@example("\0\x1b")
@example(HOSTILE)
@example("<!--" + message.create_marker("0" * 64) + " any 1-->")
def test_whatever_a_list_is_called_arrives_and_adds_no_header(said: str) -> None:
    assume(clean_header_text(said))
    body = compose_service_mail(letter(lists=(named(said, description=said),)), office())
    raw, parsed = build_message(body, profile=sheet(ServiceMailKind.CONFIRM))
    assert_well_formed(raw, parsed)
    assert "Bcc" not in parsed
    assert parsed["Subject"] == f"Please confirm your subscription: {clean_header_text(said)}"
    root = lxml_html.document_fromstring(body.html)
    assert not root.xpath("//script")
    assert root.xpath("string(//strong)") == clean_header_text(said)


# ---- when something is not in order -----------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_letter_needs_no_postal_address_and_no_readable_accent(answer: ServiceMailKind) -> None:
    body = compose_service_mail(
        letter(answer), office(postal_address="", website="", accent="#ffee88")
    )
    assert "#ffee88" not in body.html
    assert Organisation().accent in body.html


def own_templates(folder: Path) -> Settings:
    shutil.copytree(config.find_shipped_folder("templates"), folder / "own")
    return office().model_copy(update={"paths": Paths(templates=folder / "own")})


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
def test_where_the_offices_templates_are_broken_the_shipped_ones_serve(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    ours = own_templates(tmp_path)
    broken = tmp_path / "own" / file
    text = broken.read_text("utf-8")
    assert old in text
    broken.write_text(text.replace(old, new), "utf-8")
    wanted = letter(language="fr")
    assert compose_service_mail(wanted, ours) == compose_service_mail(wanted, office())


def test_an_offices_own_words_are_used(tmp_path: Path) -> None:
    ours = own_templates(tmp_path)
    (tmp_path / "own/email/welcome/subject.txt").write_text("Hello from {{ organisation.name }}")
    assert (
        compose_service_mail(letter(ServiceMailKind.WELCOME), ours).subject
        == "Hello from Example Office"
    )


def test_the_same_letter_gives_the_same_bytes_and_another_has_another_marker() -> None:
    first = compose_service_mail(letter(), office())
    assert compose_service_mail(letter(), office()) == first
    others = [
        compose_service_mail(letter(lists=(named("Other"),)), office()),
        compose_service_mail(letter(ServiceMailKind.ALREADY_SUBSCRIBED), office()),
        compose_service_mail(letter(language="fr"), office()),
        compose_service_mail(letter(), office(name="Another Office")),
    ]
    assert len({first.marker, *(one.marker for one in others)}) == 5
