"""The words of a mail's frame, in the languages that have a file."""

import os
from pathlib import Path

import pytest

from mailer import config, languages
from mailer.errors import ComposeError
from mailer.render import translations
from mailer.render.views import KIND_NAMES

SHIPPED = (config.shipped("templates"),)


def folder(root: Path, **files: str) -> Path:
    (root / "email/locale").mkdir(parents=True, exist_ok=True)
    for tag, text in files.items():
        (root / f"email/locale/{tag}.po").write_text(text, "utf-8")
    return root


PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "News"\nmsgstr "{}"\n'


def test_a_mail_can_be_framed_in_the_six_languages_of_the_united_nations() -> None:
    assert translations.available(SHIPPED) == languages.UN_LANGUAGES


@pytest.mark.parametrize("tag", [tag for tag in languages.UN_LANGUAGES if tag != "en"])
def test_every_shipped_language_names_every_kind_of_article(tag: str) -> None:
    words = translations.translations(tag, SHIPPED)
    translated = {name: words.gettext(name) for name in KIND_NAMES.values()}
    same = {name for name, said in translated.items() if said == name}
    assert len(same) <= 1, f"{same} are not translated"


@pytest.mark.parametrize(
    ("tag", "frame"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en-GB", "en"), ("zh-Hant", "zh"), ("pt", ""), ("de", "")],
)
def test_a_reader_gets_the_nearest_frame_or_none(tag: str, frame: str) -> None:
    assert translations.frame(tag, SHIPPED) == frame


def test_english_is_the_source() -> None:
    assert translations.translations("en", SHIPPED).gettext("In this edition") == "In this edition"


def test_the_organisations_words_come_before_ours(tmp_path: Path) -> None:
    own = folder(tmp_path, fr=PO.format("Nouvelles"), pt=PO.format("Notícias"))
    path = (own, *SHIPPED)
    assert translations.translations("fr", path).gettext("News") == "Nouvelles"
    assert translations.translations("ar", path).gettext("News") != "News"
    assert translations.frame("pt-BR", path) == "pt"


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    own = folder(tmp_path, pt=PO.format("Notícias"))
    assert translations.translations("pt", (own,)).gettext("News") == "Notícias"
    folder(tmp_path, pt=PO.format("Novidades"))
    os.utime(own / "email/locale/pt.po", ns=(1, 1))
    assert translations.translations("pt", (own,)).gettext("News") == "Novidades"


@pytest.mark.parametrize("text", ['msgid "News\n', "News = Nouvelles\n"])
def test_a_file_that_is_not_in_order_is_named(tmp_path: Path, text: str) -> None:
    own = folder(tmp_path, pt=text)
    with pytest.raises(ComposeError, match=r"it is not a \.po file") as caught:
        translations.translations("pt", (own,))
    assert caught.value.where == f"{own}/email/locale/pt.po"
