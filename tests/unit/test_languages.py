"""A language tag is one that CLDR knows, in one spelling."""

import re

import pytest
from babel.localedata import locale_identifiers
from hypothesis import example, given
from hypothesis import strategies as st

from mailer import languages
from mailer.errors import InputError

tags = st.sampled_from(sorted(locale_identifiers())).map(lambda name: name.replace("_", "-"))


@given(tags)
@example("mn-Mong")  # which is written from top to bottom
def test_tag_normalisation_is_idempotent_for_cldr(tag: str) -> None:
    normal = languages.normalise_tag(tag)
    assert languages.normalise_tag(normal) == normal
    assert languages.normalise_tag(f" {tag.upper()} ".replace("-", "_")) == normal
    assert languages.get_direction(normal) in {"ltr", "rtl"}
    assert languages.get_language_name(normal)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("EN-gb", "en-GB"),
        ("pt_br", "pt-BR"),
        ("FR", "fr"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("ku-arab", "ku-Arab"),
        ("KU_Arab_tr", "ku-Arab-TR"),
        ("en-Latn", "en"),
        ("ar-latn", "ar-Latn"),
        ("ca-valencia", "ca-valencia"),
        ("de-1996", "de-1996"),
    ],
)
def test_language_tag_is_normalised(written: str, normal: str) -> None:
    assert languages.normalise_tag(written) == normal


@pytest.mark.parametrize(
    "tag",
    [
        "",
        " ",
        "xx",
        "english",
        "e",
        "en--GB",
        "en-GB-",
        "١",
        "fr\nBcc",
        "en@x",
        "en.UTF-8",
        "../en",
        "q1",
    ],
)
def test_invalid_language_tag_is_refused(tag: str) -> None:
    with pytest.raises(InputError, match=r"is not a language tag; use a BCP 47 tag"):
        languages.normalise_tag(tag)


@given(st.text())
def test_any_text_is_language_tag_or_refused(text: str) -> None:
    try:
        normal = languages.normalise_tag(text)
    except InputError:
        return
    assert normal.isascii()
    assert normal.isprintable()


@pytest.mark.parametrize("tag", ["ar", "he", "fa", "ur", "ar-EG", "ckb", "ku-Arab", "uz-Arab"])
def test_right_to_left_languages(tag: str) -> None:
    assert languages.is_rtl(tag)
    assert languages.get_direction(tag) == "rtl"


@pytest.mark.parametrize("tag", ["en", "fr", "zh", "ru", "es", "pt-BR"])
def test_left_to_right_languages(tag: str) -> None:
    assert not languages.is_rtl(tag)


@pytest.mark.parametrize(
    ("language", "available", "chosen"),
    [
        ("fr", ["en", "fr"], "fr"),
        ("fr-CA", ["en", "fr"], "fr"),
        ("fr", ["en", "fr-CA"], "fr-CA"),
        ("fr-CA", ["fr-BE", "fr-CA"], "fr-CA"),
        ("ru", ["en", "fr"], "es"),
        ("ru", [], "es"),
    ],
)
def test_language_choice_prefers_tag_then_language(
    language: str, available: list[str], chosen: str
) -> None:
    assert languages.choose_language(language, available, "es") == chosen


@given(st.sampled_from(languages.UN_LANGUAGES), st.lists(st.sampled_from(languages.UN_LANGUAGES)))
def test_language_choice_is_available_or_default(language: str, available: list[str]) -> None:
    chosen = languages.choose_language(language, available, "xx")
    assert chosen in available or (chosen == "xx" and language not in available)


def test_language_names_for_people() -> None:
    assert languages.get_language_name("ar") == "Arabic"
    assert languages.get_language_name("fr", in_language="fr") == "français"


def test_countries_are_iso_3166_codes() -> None:
    assert {"GB", "FR", "SS", "TL"} <= languages.list_country_codes()
    assert not {"EU", "UN", "ZZ", "UK", "gb"} & languages.list_country_codes()
    assert all(len(code) == 2 and code.isupper() for code in languages.list_country_codes())
    assert 240 < len(languages.list_country_codes()) < 260


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("FR", "fr"), ("en_gb", "en-GB"), ("French", "fr"), ("französisch", "fr"),
        ("Français", "fr"), ("русский", "ru"), ("العربية", "ar"), ("中文", "zh"),
        ("English (UK)", "en-GB"), ("Portuguese (Brazil)", "pt-BR"), ("SPANISH", "es"),
        ("deu", "de"), ("alemán", "de"),
    ],
)  # fmt: skip
def test_language_is_found_by_name_and_code(written: str, tag: str) -> None:
    assert languages.find_language(written) == tag


@pytest.mark.parametrize("written", ["", "Klingon", "Frenchish", "English UK"])
def test_language_that_is_unknown_is_refused(written: str) -> None:
    with pytest.raises(InputError, match=re.escape(repr(written))):
        languages.find_language(written)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("gb", "GB"), ("UK", "GB"), ("U.K.", "GB"), ("USA", "US"), ("U.S.A.", "US"),
        ("DEU", "DE"), ("United Kingdom", "GB"), ("Royaume-Uni", "GB"), ("Reino Unido", "GB"),
        ("Deutschland", "DE"), ("SUISSE", "CH"), ("Schweiz", "CH"), ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"), ("Россия", "RU"), ("مصر", "EG"), ("中国", "CN"),
        ("Holland", "NL"), ("Czech Republic", "CZ"), ("Türkiye", "TR"), ("Scotland", "GB"),
    ],
)  # fmt: skip
def test_country_is_found_by_name_and_code(written: str, code: str) -> None:
    assert languages.find_country(written) == code


@pytest.mark.parametrize("written", ["", "EU", "XX", "Atlantis"])
def test_country_that_is_unknown_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="is not a country"):
        languages.find_country(written)
