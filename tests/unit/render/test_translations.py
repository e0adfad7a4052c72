"""The words of a mail's frame, in the languages that have a file."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from mailer import config, languages
from mailer.config.sections import Press
from mailer.errors import ComposeError
from mailer.model.press_release import AssetKind
from mailer.notices import FIGURE_WORDS, Notice, NoticeKind, suggest_commands
from mailer.render import notices, translations
from mailer.render.views import KIND_NAMES

SHIPPED = (config.find_shipped_folder("templates"),)


def folder(root: Path, **files: str) -> Path:
    (root / "email/locale").mkdir(parents=True, exist_ok=True)
    for tag, text in files.items():
        (root / f"email/locale/{tag}.po").write_text(text, "utf-8")
    return root


PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "News"\nmsgstr "{}"\n'


def test_a_mail_can_be_framed_in_the_six_languages_of_the_united_nations() -> None:
    assert translations.list_languages(SHIPPED) == languages.UN_LANGUAGES


@pytest.mark.parametrize("tag", [tag for tag in languages.UN_LANGUAGES if tag != "en"])
def test_every_shipped_language_names_every_kind_of_article(tag: str) -> None:
    words = translations.load_translations(tag, SHIPPED)
    translated = {name: words.gettext(name) for name in KIND_NAMES.values()}
    same = {name for name, said in translated.items() if said == name}
    assert len(same) <= 1, f"{same} are not translated"


@pytest.mark.parametrize(
    ("tag", "frame"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en-GB", "en"), ("zh-Hant", "zh"), ("pt", ""), ("de", "")],
)
def test_a_reader_gets_the_nearest_frame_or_none(tag: str, frame: str) -> None:
    assert translations.choose_frame_language(tag, SHIPPED) == frame


def test_english_is_the_source() -> None:
    assert (
        translations.load_translations("en", SHIPPED).gettext("In this edition")
        == "In this edition"
    )


def test_the_organisations_words_come_before_ours(tmp_path: Path) -> None:
    own = folder(tmp_path, fr=PO.format("Nouvelles"), pt=PO.format("Notícias"))
    path = (own, *SHIPPED)
    assert translations.load_translations("fr", path).gettext("News") == "Nouvelles"
    assert translations.load_translations("ar", path).gettext("News") != "News"
    assert translations.choose_frame_language("pt-BR", path) == "pt"


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    own = folder(tmp_path, pt=PO.format("Notícias"))
    assert translations.load_translations("pt", (own,)).gettext("News") == "Notícias"
    folder(tmp_path, pt=PO.format("Novidades"))
    os.utime(own / "email/locale/pt.po", ns=(1, 1))
    assert translations.load_translations("pt", (own,)).gettext("News") == "Novidades"


@pytest.mark.parametrize("text", ['msgid "News\n', "News = Nouvelles\n"])
def test_a_file_that_is_not_in_order_is_named(tmp_path: Path, text: str) -> None:
    own = folder(tmp_path, pt=text)
    with pytest.raises(ComposeError, match=r"it is not a \.po file") as caught:
        translations.load_translations("pt", (own,))
    assert caught.value.where == f"{own}/email/locale/pt.po"


# ---- every word of the templates --------------------------------------------------------------

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def words() -> set[str | tuple[str, ...]]:
    """All msgids there are: those of the templates, and those that Python looks up."""
    sources: list[tuple[Path, Any]] = [(Path(str(notices.__file__)), "python")]
    sources += [
        (file, babel_extract)
        for file in sorted((SHIPPED[0] / "email").rglob("*.*"))
        if file.suffix in {".html", ".txt", ".css"}
    ]
    found: set[str | tuple[str, ...]] = set(KIND_NAMES.values())
    for source, method in sources:
        with source.open("rb") as lines:
            found |= {said for _, said, _, _ in extract(method, lines)}
    found |= {one.value for one in AssetKind} | {*Press().times} - {"UTC"}
    found |= {notices.DAY_AND_TIME, notices.FULL_MOMENT, *notices.LABELS, *FIGURE_WORDS}
    found |= set(notices.SENTENCES.values()) | {
        lead for pair in notices.LEADS.values() for lead in pair
    }
    for kind in NoticeKind:
        for edition in (0, 1):
            figures = dict.fromkeys(FIGURE_WORDS, 1)
            told = Notice(kind, "x", digest="x", edition=edition, figures=figures)
            found |= {what for what, _ in suggest_commands(told)}
    return found - {""}


@pytest.mark.parametrize("tag", [tag for tag in languages.UN_LANGUAGES if tag != "en"])
def test_every_word_is_translated_with_its_placeholders_and_none_is_left_over(tag: str) -> None:
    with (SHIPPED[0] / f"email/locale/{tag}.po").open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    entries = {one.id: one for one in catalog if one.id}
    assert set(entries) == words()
    for said, one in entries.items():
        forms = [one.string] if isinstance(one.string, str) else list(one.string or ())
        assert all(forms), said
        assert len(forms) == (catalog.num_plurals if isinstance(said, tuple) else 1), said
        wanted = set(PLACEHOLDER.findall(said if isinstance(said, str) else said[1]))
        for form in forms:
            held = set(PLACEHOLDER.findall(form))
            # A plural form for exactly one or two may say the count in a word.
            assert held <= wanted if len(forms) > 1 else held == wanted, form
