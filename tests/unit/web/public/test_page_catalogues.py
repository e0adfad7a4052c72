"""The words of the public pages, in the languages that they are in."""

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
from mailer.web.public.public_site import LANGUAGES, get_environment, get_own_name, load_catalogue

WEB = Path(str(resources.files("mailer.web")))
TEMPLATES = WEB / "templates" / "public"
TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")

Said = str | tuple[str, ...]


def words() -> set[Said]:
    """All msgids there are: those of the templates, and those that Python looks up."""
    sources: list[tuple[Path, Any]] = [(file, babel_extract) for file in TEMPLATES.rglob("*.*")]
    sources += [(file, "python") for file in (WEB / "public").rglob("*.py")]
    found: set[Said] = set()
    for source, method in sources:
        with source.open("rb") as lines:
            found |= {said for _, said, _, _ in extract(method, lines)}
    return found


def file(tag: str) -> Path:
    return WEB / "locale" / f"{tag}.po"


def kept(tag: str) -> Catalog:
    with file(tag).open("rb") as lines:
        return read_po(lines, abort_invalid=True)


def entries(tag: str) -> dict[Said, Message]:
    return {
        one.id if isinstance(one.id, str) else tuple(one.id): one for one in kept(tag) if one.id
    }


def forms(one: Message) -> list[str]:
    return [one.string] if isinstance(one.string, str) else list(one.string or ())


def test_there_is_a_file_for_each_language_that_pages_are_in_but_english() -> None:
    assert {one.stem for one in (WEB / "locale").iterdir()} == {*TRANSLATED}


def test_the_extraction_finds_templates_python_and_plurals() -> None:
    found = words()
    assert "Choose what you get" in found
    assert any(said.startswith("I agree that") for said in found if isinstance(said, str))
    assert ("%(num)s week", "%(num)s weeks") in found


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_word_is_translated_once_and_none_is_left_over(tag: str) -> None:
    found = entries(tag)
    assert set(found) == words()
    assert file(tag).read_text("utf-8").count("\nmsgid ") == len(found) + 1, "one stands twice"
    assert not [one.id for one in found.values() if one.fuzzy]
    assert not list(kept(tag).obsolete)
    for said, one in found.items():
        assert all(form.strip() for form in forms(one)), said
        english = {said} if isinstance(said, str) else {*said}
        words_of = PLACEHOLDER.sub("", str(said))
        assert not english & {*forms(one)} or not re.search(r"\w", words_of), said


@pytest.mark.parametrize("tag", TRANSLATED)
def test_placeholders_are_the_same_but_where_a_form_is_for_one_number_alone(tag: str) -> None:
    """A form for exactly none, one or two may say the number in a word."""
    catalog = kept(tag)
    for said, one in entries(tag).items():
        english = {said} if isinstance(said, str) else {*said}
        wanted = {name for form in english for name in PLACEHOLDER.findall(form)}
        for index, form in enumerate(forms(one)):
            held = {*PLACEHOLDER.findall(form)}
            stray = PLACEHOLDER.sub("", form).replace("%%", "")
            assert "%" not in stray, form
            if isinstance(said, tuple) and len(numbers(catalog, index)) == 1:
                assert held <= wanted, form
            else:
                assert held == wanted, form


def numbers(catalog: Catalog, index: int) -> list[int]:
    """Those up to 1,000 that take this plural form."""
    rule = gettext.c2py(catalog.plural_expr)
    return [number for number in range(1001) if rule(number) == index]


@pytest.mark.parametrize("tag", TRANSLATED)
def test_each_language_has_all_its_plural_forms(tag: str) -> None:
    catalog = kept(tag)
    assert str(catalog.locale) == tag
    assert catalog.num_plurals == get_plural(tag).num_plurals
    assert all(numbers(catalog, index) for index in range(catalog.num_plurals))
    for said, one in entries(tag).items():
        assert len(forms(one)) == (catalog.num_plurals if isinstance(said, tuple) else 1), said


@pytest.mark.parametrize(
    ("tag", "number", "said"),
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
def test_numbers_are_counted_as_each_language_counts(tag: str, number: int, said: str) -> None:
    form = load_catalogue(tag).ngettext("%(num)s week", "%(num)s weeks", number)
    assert form % {"num": number} == said


# ---- how each language writes -------------------------------------------------------------------

QUOTES = {"ar": "«»", "es": "«»", "fr": "«»", "ru": "«»", "zh": "“”", "en": "“”"}


@pytest.mark.parametrize("tag", LANGUAGES)
def test_quotes_and_apostrophes_are_the_languages_own(tag: str) -> None:
    every = (
        [form for one in entries(tag).values() for form in forms(one)]
        if tag != "en"
        else [form for said in words() for form in ([said] if isinstance(said, str) else said)]
    )
    others = {*"\"'«»“”„‹›"} - {*QUOTES[tag]}
    for form in every:
        assert not others & {*form}, form
        assert form.count(QUOTES[tag][0]) == form.count(QUOTES[tag][1]), form


def test_french_keeps_its_marks_on_the_line_of_their_word() -> None:
    for one in entries("fr").values():
        for form in forms(one):
            assert not re.search(r"(?<!\u00a0)[:;?!»](?!\w)|«(?!\u00a0)", form), form


@pytest.mark.parametrize("tag", TRANSLATED)
@pytest.mark.parametrize(
    ("link", "spoken"),
    [
        ("Sign up", "Sign up for “%(list)s”"),
        ("Earlier editions", "Earlier editions of “%(list)s”"),
    ],
)
def test_what_is_read_out_for_a_link_begins_with_its_words(
    tag: str, link: str, spoken: str
) -> None:
    """WCAG 2.5.3: who speaks to their device says what they see."""
    words = load_catalogue(tag)
    assert words.gettext(spoken).startswith(words.gettext(link))


@pytest.mark.parametrize("tag", TRANSLATED)
def test_pages_call_things_by_the_names_that_mails_call_them_by(tag: str) -> None:
    with (config.find_shipped_folder("templates") / f"email/locale/{tag}.po").open("rb") as lines:
        theirs = {one.id: one.string for one in read_po(lines) if one.id}
    both = {said: one.string for said, one in entries(tag).items() if said in theirs}
    assert {"Choose what you get", "Sign up", "Earlier editions"} <= {*both}
    assert both == {said: theirs[said] for said in both}


# ---- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_template_can_be_read_in_every_language(tag: str) -> None:
    for one in TEMPLATES.rglob("*.*"):
        get_environment(tag).get_template(str(one.relative_to(TEMPLATES)))


@pytest.mark.parametrize(
    ("tag", "name"), [("fr", "Français"), ("ru", "Русский"), ("ar", "العربية"), ("ka", "ქართული")]
)
def test_a_language_calls_itself_as_menus_spell_it(tag: str, name: str) -> None:
    assert get_own_name(tag) == name
    assert languages.get_language_name(tag, in_language=tag).casefold() == name.casefold()
