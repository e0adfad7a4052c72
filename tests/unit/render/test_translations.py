"""Translations of a mail's frame."""

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
from mailer.model.deliveries import Exclusion
from mailer.model.press_release import AssetKind
from mailer.notices import FIGURE_WORDS, Notice, NoticeKind, suggest_commands
from mailer.render import notices, translations
from mailer.render.prose import DATELINE_PATTERN
from mailer.render.views import KIND_NAMES

SHIPPED = (config.find_shipped_folder("templates"),)


def make_template_folder(root: Path, **files: str) -> Path:
    (root / "email/locale").mkdir(parents=True, exist_ok=True)
    for tag, text in files.items():
        (root / f"email/locale/{tag}.po").write_text(text, "utf-8")
    return root


PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "News"\nmsgstr "{}"\n'


def test_frame_languages_are_six_un_languages() -> None:
    assert translations.list_languages(SHIPPED) == languages.UN_LANGUAGES


@pytest.mark.parametrize("tag", [tag for tag in languages.UN_LANGUAGES if tag != "en"])
def test_every_catalogue_translates_article_kinds(tag: str) -> None:
    words = translations.load_translations(tag, SHIPPED)
    translated = {name: words.gettext(name) for name in KIND_NAMES.values()}
    untranslated = {name for name, translation in translated.items() if translation == name}
    assert len(untranslated) <= 1, f"{untranslated} are not translated"


@pytest.mark.parametrize(
    ("tag", "frame"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en-GB", "en"), ("zh-Hant", "zh"), ("pt", ""), ("de", "")],
)
def test_frame_language_is_nearest_or_none(tag: str, frame: str) -> None:
    assert translations.choose_frame_language(tag, SHIPPED) == frame


def test_english_is_source_language() -> None:
    assert (
        translations.load_translations("en", SHIPPED).gettext("Also in this edition")
        == "Also in this edition"
    )


def test_own_catalogue_precedes_shipped_one(tmp_path: Path) -> None:
    own_folder = make_template_folder(tmp_path, fr=PO.format("Nouvelles"), pt=PO.format("Notícias"))
    path = (own_folder, *SHIPPED)
    assert translations.load_translations("fr", path).gettext("News") == "Nouvelles"
    assert translations.load_translations("ar", path).gettext("News") != "News"
    assert translations.choose_frame_language("pt-BR", path) == "pt"


def test_changed_catalogue_is_read_again(tmp_path: Path) -> None:
    own_folder = make_template_folder(tmp_path, pt=PO.format("Notícias"))
    assert translations.load_translations("pt", (own_folder,)).gettext("News") == "Notícias"
    make_template_folder(tmp_path, pt=PO.format("Novidades"))
    os.utime(own_folder / "email/locale/pt.po", ns=(1, 1))
    assert translations.load_translations("pt", (own_folder,)).gettext("News") == "Novidades"


@pytest.mark.parametrize("text", ['msgid "News\n', "News = Nouvelles\n"])
def test_invalid_catalogue_is_named(tmp_path: Path, text: str) -> None:
    own_folder = make_template_folder(tmp_path, pt=text)
    with pytest.raises(ComposeError, match=r"the file is not a \.po file") as caught:
        translations.load_translations("pt", (own_folder,))
    assert caught.value.where == f"{own_folder}/email/locale/pt.po"


# ---- completeness of catalogues ---------------------------------------------------------------

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def list_msgids() -> set[str | tuple[str, ...]]:
    """Return all msgids: those of the templates, and those that Python looks up."""
    sources: list[tuple[Path, Any]] = [(Path(str(notices.__file__)), "python")]
    sources += [
        (file, babel_extract)
        for file in sorted((SHIPPED[0] / "email").rglob("*.*"))
        if file.suffix in {".html", ".txt", ".css"}
    ]
    msgids: set[str | tuple[str, ...]] = set(KIND_NAMES.values())
    for source, method in sources:
        with source.open("rb") as lines:
            msgids |= {msgid for _, msgid, _, _ in extract(method, lines)}
    msgids.add(DATELINE_PATTERN)
    msgids |= {kind.value for kind in AssetKind} | {*Press().times} - {"UTC"}
    msgids |= {notices.DAY_AND_TIME, notices.FULL_MOMENT, *notices.LABELS, *FIGURE_WORDS}
    msgids |= set(notices.SENTENCES.values()) | {
        lead for pair in notices.LEADS.values() for lead in pair
    }
    msgids |= {notices.DEFAULT_BUTTON, *notices.BUTTONS.values()}
    msgids |= {reason.value for reason in Exclusion}
    for kind in NoticeKind:
        for edition in (0, 1):
            figures = dict.fromkeys(FIGURE_WORDS, 1)
            notice = Notice(kind, "x", digest="x", edition=edition, figures=figures, story="x")
            msgids |= {msgid for msgid, _ in suggest_commands(notice)}
    return msgids - {""}


@pytest.mark.parametrize("tag", [tag for tag in languages.UN_LANGUAGES if tag != "en"])
def test_every_catalogue_is_complete_with_placeholders(tag: str) -> None:
    with (SHIPPED[0] / f"email/locale/{tag}.po").open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    entries = {entry.id: entry for entry in catalog if entry.id}
    assert set(entries) == list_msgids()
    for msgid, entry in entries.items():
        forms = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
        assert all(forms), msgid
        assert len(forms) == (catalog.num_plurals if isinstance(msgid, tuple) else 1), msgid
        placeholders = set(PLACEHOLDER.findall(msgid if isinstance(msgid, str) else msgid[1]))
        for form in forms:
            form_placeholders = set(PLACEHOLDER.findall(form))
            # A plural form for exactly one or two may write the count in words.
            assert (
                form_placeholders <= placeholders
                if len(forms) > 1
                else form_placeholders == placeholders
            ), form
