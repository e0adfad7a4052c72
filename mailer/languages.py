"""Language tags (BCP 47), the direction of their script and their names.

The data is Babel's. This module decides only how strict the check of tags is: a tag must name a
language in CLDR.
"""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from mailer.errors import InputError

if TYPE_CHECKING:
    from babel import Locale

_TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
"""Babel would also accept POSIX names such as en@euro and en.UTF-8, which are not tags."""

NAMING_LANGUAGES = ("en", "fr", "es", "ar", "ru", "zh", "de", "pt", "it")
"""Languages in which the names of languages and countries are understood."""

_OTHER_COUNTRY_NAMES = {
    "britain": "GB", "greatbritain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "northernireland": "GB", "unitedkingdomofgreatbritainandnorthernireland": "GB",
    "unitedstatesofamerica": "US", "holland": "NL", "czechrepublic": "CZ", "ivorycoast": "CI",
    "uae": "AE", "ksa": "SA", "drc": "CD", "drcongo": "CD", "burma": "MM", "swaziland": "SZ",
    "capeverde": "CV", "macedonia": "MK", "thenetherlands": "NL", "russianfederation": "RU",
    "republicofkorea": "KR", "vietnam": "VN", "syrianarabrepublic": "SY", "viet nam": "VN",
    "republicofmoldova": "MD", "islamicrepublicofiran": "IR", "unitedrepublicoftanzania": "TZ",
    "turkey": "TR", "turkiye": "TR", "palestine": "PS", "brd": "DE",
}  # fmt: skip
"""Names in use that CLDR does not list as a country's first name."""

UN_LANGUAGES = ("ar", "en", "es", "fr", "ru", "zh")


@lru_cache(maxsize=256)
def get_locale(tag: str) -> "Locale":
    """Return Babel's locale for a tag such as ``fr`` or ``pt-BR``. Raises InputError."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise InputError(
            f"{tag!r} is not a language tag",
            hint="use a BCP 47 tag such as en, fr, ar or pt-BR",
        ) from error


def get_format_locale(tag: str) -> "Locale":
    """Return the locale that formats dates and times for readers of `tag`.

    English without a country is formatted as the United Nations write it: the day before the month,
    and 24 hours."""
    return get_locale("en-GB" if tag == "en" else tag)


@lru_cache(maxsize=1024)
def normalise_tag(tag: str) -> str:
    """Return the canonical spelling of a tag: ``EN-gb`` becomes ``en-GB``. Raises InputError.

    Babel leaves out scripts and variants that CLDR does not describe; they are kept, except the
    script in which the language is usually written: ``ku-Arab``, but ``en`` for ``en-Latn``."""
    tag = tag.strip()
    if not _TAG.fullmatch(tag):
        raise InputError(
            f"{tag!r} is not a language tag", hint="use a BCP 47 tag such as en, fr, ar or pt-BR"
        )
    locale = get_locale(tag)
    language, *subtags = str(locale).split("_")
    if not locale.script and (script := _find_script(tag)):
        subtags = [script, *subtags] if script != _find_usual_script(language) else subtags
    if not locale.variant:
        subtags += map(str.lower, _find_variants(tag))
    return "-".join([language, *subtags])


def _find_script(tag: str) -> str:
    """Return the script that a tag names, such as ``Arab``, or an empty string."""
    subtags = tag.replace("_", "-").split("-")[1:]
    return next((part.title() for part in subtags if len(part) == 4 and part.isalpha()), "")


def _find_usual_script(language: str) -> str:
    """Return the script in which most texts of a language are written, or an empty string."""
    from babel.core import get_global

    return _find_script(get_global("likely_subtags").get(language, ""))


def _find_variants(tag: str) -> list[str]:
    """Return the variants that a tag names, such as ``valencia`` (RFC 5646 §2.2.5)."""
    subtags = tag.replace("_", "-").split("-")[1:]
    return [part for part in subtags if len(part) > 4 or (len(part) == 4 and part[0].isdigit())]


_RTL_SCRIPTS = frozenset({"Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Syrc", "Thaa"})
"""Scripts of living languages that run from right to left."""


def get_direction(tag: str) -> str:
    """Return ``rtl`` for Arabic, Hebrew, Persian, Urdu …, and ``ltr`` for other languages.

    Mongolian script gets ``ltr``: in CLDR it runs from top to bottom, which HTML's ``dir`` cannot
    express."""
    # The Unicode data lacks some languages in some scripts, such as ku-Arab.
    if script := _find_script(tag):
        return "rtl" if script in _RTL_SCRIPTS else "ltr"
    return "rtl" if get_locale(tag).text_direction == "rtl" else "ltr"


def is_rtl(tag: str) -> bool:
    return get_direction(tag) == "rtl"


def get_base_language(tag: str) -> str:
    """Return the language without region or script: ``pt`` for ``pt-BR``."""
    return tag.partition("-")[0]


def choose_language(language: str, available: tuple[str, ...] | list[str], default: str) -> str:
    """Choose from `available` for a reader of `language`: the same tag, otherwise the same language
    with another region, otherwise `default`, which need not be available."""
    if language in available:
        return language
    for tag in available:
        if get_base_language(tag) == get_base_language(language):
            return tag
    return default


def choose_text(texts: Mapping[str, str], language: str) -> tuple[str, str]:
    """Choose a text for a reader of `language`, or the first text if none is in that language.

    Returns (text, its language); both are empty if there are no texts."""
    tag = choose_language(language, list(texts), next(iter(texts), ""))
    return texts.get(tag, ""), tag


@lru_cache(maxsize=1024)
def get_language_name(tag: str, *, in_language: str = "en") -> str:
    """Return the language's name: ``get_language_name("ar") == "Arabic"``."""
    return str(get_locale(tag).get_display_name(get_locale(in_language)) or tag)


@cache
def list_country_codes() -> frozenset[str]:
    """Return the ISO 3166-1 alpha-2 codes that CLDR lists. Loading them takes 40 ms."""
    territories = map(str, get_locale("en").territories)
    codes = {code for code in territories if len(code) == 2 and code.isalpha()}
    return frozenset(codes - {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})


def _fold_word(text: str) -> str:
    """Return a word's letters in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalpha())


@cache
def _index_language_names() -> dict[str, str]:
    """Return the tags of languages by their names in several languages."""
    tags: dict[str, str] = {}
    for naming_language in NAMING_LANGUAGES:
        for code, name in get_locale(naming_language).languages.items():
            tags.setdefault(_fold_word(str(name)), str(code))
    return tags


@cache
def _index_country_names() -> dict[str, str]:
    """Return the codes of countries by their names in several languages, and by the other codes
    that are in use for them (ISO 3166-1 alpha-3; UK)."""
    from babel.core import get_global

    codes = {
        alias.lower(): targets[0]
        for alias, targets in get_global("territory_aliases").items()
        if len(targets) == 1 and alias.isalpha() and targets[0] in list_country_codes()
    }
    codes |= {_fold_word(name): code for name, code in _OTHER_COUNTRY_NAMES.items()}
    for naming_language in NAMING_LANGUAGES:
        for code, name in get_locale(naming_language).territories.items():
            if str(code) in list_country_codes():
                codes.setdefault(_fold_word(str(name)), str(code))
    return codes


@lru_cache(maxsize=4096)
def find_language(text: str) -> str:
    """Return the tag of a language that is given by a tag or code, or by its name in one of
    several languages, such as ``Französisch`` or ``English (UK)``.

    Raises InputError if no language is called this."""
    from babel.core import get_global

    text = text.strip()
    try:
        # Babel would add the country where most people speak the language: de-DE for deu.
        return normalise_tag(get_global("language_aliases").get(text.lower(), text))
    except InputError:
        name, _, region = text.partition("(")
        tag = _index_language_names().get(_fold_word(name))
        tags = [tag] if tag else []
        with suppress(InputError):
            if tag and region:
                tags.insert(0, f"{tag}-{find_country(region.rstrip().removesuffix(')'))}")
        for candidate in tags:
            with suppress(InputError):
                return normalise_tag(candidate)
        raise


@lru_cache(maxsize=4096)
def find_country(text: str, field: str = "country") -> str:
    """Return the ISO 3166-1 alpha-2 code of a country that is given by a code, such as ``UK`` or
    ``GBR``, or by its name in one of several languages. Raises InputError."""
    code = text.strip().upper()
    if code in list_country_codes():
        return code
    country = _index_country_names().get(_fold_word(text))
    if country is None:
        raise InputError(
            f"{text.strip()!r} is not a country",
            field=field,
            hint="use two letters as in ISO 3166, such as GB, or the country's name",
        )
    return country
