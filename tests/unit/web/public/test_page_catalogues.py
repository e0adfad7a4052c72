"""The translations of the public pages, and their templates in every language."""

import gettext
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from mailer import config, languages
from mailer.web.public.page_languages import LANGUAGES, get_own_name, load_catalogue
from mailer.web.public.page_templates import get_environment

WEB = Path(str(resources.files("mailer.web")))
TEMPLATES = WEB / "templates" / "public"
TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")

Msgid = str | tuple[str, ...]


def extract_msgids() -> set[Msgid]:
    """Return all msgids of the templates and of Python code."""
    sources: list[tuple[Path, Any]] = [(path, babel_extract) for path in TEMPLATES.rglob("*.*")]
    sources += [(path, "python") for path in (WEB / "public").rglob("*.py")]
    msgids: set[Msgid] = set()
    for source, method in sources:
        with source.open("rb") as file:
            msgids |= {msgid for _, msgid, _, _ in extract(method, file)}
    return msgids


def get_po_path(tag: str) -> Path:
    return WEB / "locale" / f"{tag}.po"


def read_catalogue(tag: str) -> Catalog:
    with get_po_path(tag).open("rb") as file:
        return read_po(file, abort_invalid=True)


def read_messages(tag: str) -> dict[Msgid, Message]:
    return {
        message.id if isinstance(message.id, str) else tuple(message.id): message
        for message in read_catalogue(tag)
        if message.id
    }


def list_forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def test_locale_folder_has_a_file_for_each_translated_language() -> None:
    assert {path.stem for path in (WEB / "locale").iterdir()} == {*TRANSLATED}


def test_extract_msgids_reads_templates_python_and_plurals() -> None:
    msgids = extract_msgids()
    assert "Choose what you get" in msgids
    assert any(msgid.startswith("I agree that") for msgid in msgids if isinstance(msgid, str))
    assert ("%(num)s week", "%(num)s weeks") in msgids


@pytest.mark.parametrize("tag", TRANSLATED)
def test_catalogue_translates_every_msgid_exactly_once(tag: str) -> None:
    messages = read_messages(tag)
    assert set(messages) == extract_msgids()
    assert get_po_path(tag).read_text("utf-8").count("\nmsgid ") == len(messages) + 1, (
        "a msgid is repeated"
    )
    assert not [message.id for message in messages.values() if message.fuzzy]
    assert not list(read_catalogue(tag).obsolete)
    for msgid, message in messages.items():
        assert all(form.strip() for form in list_forms(message)), msgid
        english = {msgid} if isinstance(msgid, str) else {*msgid}
        words_only = PLACEHOLDER.sub("", str(msgid))
        assert not english & {*list_forms(message)} or not re.search(r"\w", words_only), msgid


@pytest.mark.parametrize("tag", TRANSLATED)
def test_catalogue_keeps_the_placeholders_of_each_msgid(tag: str) -> None:
    """A form for exactly one number (none, one or two) may spell it as a word."""
    catalog = read_catalogue(tag)
    for msgid, message in read_messages(tag).items():
        english = {msgid} if isinstance(msgid, str) else {*msgid}
        placeholders = {name for form in english for name in PLACEHOLDER.findall(form)}
        for index, form in enumerate(list_forms(message)):
            form_placeholders = {*PLACEHOLDER.findall(form)}
            rest = PLACEHOLDER.sub("", form).replace("%%", "")
            assert "%" not in rest, form
            if isinstance(msgid, tuple) and len(list_numbers_of_form(catalog, index)) == 1:
                assert form_placeholders <= placeholders, form
            else:
                assert form_placeholders == placeholders, form


def list_numbers_of_form(catalog: Catalog, index: int) -> list[int]:
    """Return the numbers up to 1,000 that take this plural form."""
    rule = gettext.c2py(catalog.plural_expr)
    return [number for number in range(1001) if rule(number) == index]


@pytest.mark.parametrize("tag", TRANSLATED)
def test_catalogue_has_all_plural_forms_of_its_language(tag: str) -> None:
    catalog = read_catalogue(tag)
    assert str(catalog.locale) == tag
    assert catalog.num_plurals == get_plural(tag).num_plurals
    assert all(list_numbers_of_form(catalog, index) for index in range(catalog.num_plurals))
    for msgid, message in read_messages(tag).items():
        assert len(list_forms(message)) == (
            catalog.num_plurals if isinstance(msgid, tuple) else 1
        ), msgid


@pytest.mark.parametrize(
    ("tag", "number", "text"),
    [
        ("ar", 1, "أسبوع واحد"),
        ("ar", 2, "أسبوعان"),
        ("ar", 4, "4\u00a0أسابيع"),
        ("ar", 12, "12\u00a0أسبوعًا"),
        ("ar", 100, "100\u00a0أسبوع"),
        ("ru", 1, "1\u00a0неделя"),
        ("ru", 4, "4\u00a0недели"),
        ("ru", 12, "12\u00a0недель"),
        ("ru", 21, "21\u00a0неделя"),
        ("fr", 0, "0\u00a0semaine"),
        ("fr", 2, "2\u00a0semaines"),
        ("zh", 8, "8\u00a0周"),
        ("en", 1, "1 week"),
        ("en", 8, "8 weeks"),
    ],
)
def test_ngettext_counts_as_each_language_does(tag: str, number: int, text: str) -> None:
    form = load_catalogue(tag).ngettext("%(num)s week", "%(num)s weeks", number)
    assert form % {"num": number} == text


# ---- typography ---------------------------------------------------------------------------------

QUOTES = {"ar": "«»", "es": "«»", "fr": "«»", "ru": "«»", "zh": "“”", "en": "“”"}


@pytest.mark.parametrize("tag", LANGUAGES)
def test_catalogue_uses_the_quotes_of_its_language(tag: str) -> None:
    all_forms = (
        [form for message in read_messages(tag).values() for form in list_forms(message)]
        if tag != "en"
        else [
            form
            for msgid in extract_msgids()
            for form in ([msgid] if isinstance(msgid, str) else msgid)
        ]
    )
    foreign_quotes = {*"\"'«»“”„‹›"} - {*QUOTES[tag]}
    for form in all_forms:
        assert not foreign_quotes & {*form}, form
        assert form.count(QUOTES[tag][0]) == form.count(QUOTES[tag][1]), form


def test_french_catalogue_has_no_break_spaces_before_punctuation() -> None:
    for message in read_messages("fr").values():
        for form in list_forms(message):
            assert not re.search(r"(?<!\u00a0)[:;?!»](?!\w)|«(?!\u00a0)", form), form


@pytest.mark.parametrize("tag", TRANSLATED)
@pytest.mark.parametrize(
    ("link_text", "spoken_text"),
    [
        ("Sign up", "Sign up for “%(list)s”"),
        ("Earlier editions", "Earlier editions of “%(list)s”"),
    ],
)
def test_aria_label_of_a_link_begins_with_its_text(
    tag: str, link_text: str, spoken_text: str
) -> None:
    """WCAG 2.5.3: people who speak to their device say the text that they see."""
    catalogue = load_catalogue(tag)
    assert catalogue.gettext(spoken_text).startswith(catalogue.gettext(link_text))


@pytest.mark.parametrize("tag", TRANSLATED)
def test_pages_and_mails_translate_shared_msgids_alike(tag: str) -> None:
    with (config.find_shipped_folder("templates") / f"email/locale/{tag}.po").open("rb") as file:
        mail_texts = {message.id: message.string for message in read_po(file) if message.id}
    shared_texts = {
        msgid: message.string
        for msgid, message in read_messages(tag).items()
        if msgid in mail_texts
    }
    assert {"Choose what you get", "Sign up", "Earlier editions"} <= {*shared_texts}
    assert shared_texts == {msgid: mail_texts[msgid] for msgid in shared_texts}


# ---- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_template_compiles_in_every_language(tag: str) -> None:
    for path in TEMPLATES.rglob("*.*"):
        get_environment(tag).get_template(str(path.relative_to(TEMPLATES)))


@pytest.mark.parametrize(
    ("tag", "name"), [("fr", "Français"), ("ru", "Русский"), ("ar", "العربية"), ("ka", "ქართული")]
)
def test_get_own_name_capitalises_as_menus_do(tag: str, name: str) -> None:
    assert get_own_name(tag) == name
    assert languages.get_language_name(tag, in_language=tag).casefold() == name.casefold()
