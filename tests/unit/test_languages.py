"""A language tag is one that CLDR knows, in one spelling."""

import pytest
from babel.localedata import locale_identifiers
from hypothesis import example, given
from hypothesis import strategies as st

from mailer import languages
from mailer.errors import InputError

tags = st.sampled_from(sorted(locale_identifiers())).map(lambda name: name.replace("_", "-"))


@given(tags)
@example("mn-Mong")  # which is written from top to bottom
def test_every_language_that_cldr_knows_has_a_settled_spelling(tag: str) -> None:
    normal = languages.normalise_tag(tag)
    assert languages.normalise_tag(normal) == normal
    assert languages.normalise_tag(f" {tag.upper()} ".replace("-", "_")) == normal
    assert languages.get_direction(normal) in {"ltr", "rtl"}
    assert languages.get_language_name(normal)


@pytest.mark.parametrize(
    ("written", "normal"),
    [("EN-gb", "en-GB"), ("pt_br", "pt-BR"), ("FR", "fr"), ("zh-hans-cn", "zh-Hans-CN")],
)
def test_a_tag_is_spelt_in_one_way(written: str, normal: str) -> None:
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
def test_what_is_no_tag_is_refused_with_a_way_out(tag: str) -> None:
    with pytest.raises(InputError, match=r"is not a language tag; use a BCP 47 tag"):
        languages.normalise_tag(tag)


@given(st.text())
def test_any_text_is_a_tag_or_refused(text: str) -> None:
    try:
        normal = languages.normalise_tag(text)
    except InputError:
        return
    assert normal.isascii()
    assert normal.isprintable()


@pytest.mark.parametrize("tag", ["ar", "he", "fa", "ur", "ar-EG", "ckb"])
def test_some_languages_run_from_right_to_left(tag: str) -> None:
    assert languages.is_rtl(tag)
    assert languages.get_direction(tag) == "rtl"


@pytest.mark.parametrize("tag", ["en", "fr", "zh", "ru", "es", "pt-BR"])
def test_others_run_from_left_to_right(tag: str) -> None:
    assert not languages.is_rtl(tag)


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [
        ("fr", ["en", "fr"], "fr"),
        ("fr-CA", ["en", "fr"], "fr"),
        ("fr", ["en", "fr-CA"], "fr-CA"),
        ("fr-CA", ["fr-BE", "fr-CA"], "fr-CA"),
        ("ru", ["en", "fr"], "es"),
        ("ru", [], "es"),
    ],
)
def test_the_same_tag_is_best_then_the_same_language_then_the_default(
    wanted: str, available: list[str], chosen: str
) -> None:
    assert languages.choose_language(wanted, available, "es") == chosen


@given(st.sampled_from(languages.UN_LANGUAGES), st.lists(st.sampled_from(languages.UN_LANGUAGES)))
def test_a_choice_is_available_or_the_default(wanted: str, available: list[str]) -> None:
    chosen = languages.choose_language(wanted, available, "xx")
    assert chosen in available or (chosen == "xx" and wanted not in available)


def test_languages_have_names_for_people() -> None:
    assert languages.get_language_name("ar") == "Arabic"
    assert languages.get_language_name("fr", in_language="fr") == "français"


def test_countries_are_those_of_iso_3166() -> None:
    assert {"GB", "FR", "SS", "TL"} <= languages.list_country_codes()
    assert not {"EU", "UN", "ZZ", "UK", "gb"} & languages.list_country_codes()
    assert all(len(code) == 2 and code.isupper() for code in languages.list_country_codes())
    assert 240 < len(languages.list_country_codes()) < 260
