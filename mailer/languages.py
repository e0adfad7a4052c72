"""Language tags (BCP 47), the direction of their script and their names.

Babel knows; here we only decide how strict to be: a tag must name a language that CLDR has.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from mailer.errors import InputError

if TYPE_CHECKING:
    from babel import Locale

_TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
"""Babel would also take POSIX names such as en@euro and en.UTF-8: those are no tags."""

UN_LANGUAGES = ("ar", "en", "es", "fr", "ru", "zh")


@lru_cache(maxsize=256)
def get_locale(tag: str) -> "Locale":
    """Babel's locale for a tag such as ``fr`` or ``pt-BR``. Raises InputError."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise InputError(
            f"{tag!r} is not a language tag",
            hint="use a BCP 47 tag such as en, fr, ar or pt-BR",
        ) from error


def get_format_locale(tag: str) -> "Locale":
    """By which dates and times are written for readers of `tag`: English that names no country as
    the United Nations write it, the day before the month and by 24 hours."""
    return get_locale("en-GB" if tag == "en" else tag)


@lru_cache(maxsize=1024)
def normalise_tag(tag: str) -> str:
    """The canonical spelling: ``EN-gb`` becomes ``en-GB``. Raises InputError."""
    tag = tag.strip()
    if not _TAG.fullmatch(tag):
        raise InputError(
            f"{tag!r} is not a language tag", hint="use a BCP 47 tag such as en, fr, ar or pt-BR"
        )
    return str(get_locale(tag)).replace("_", "-")


def get_direction(tag: str) -> str:
    """``rtl`` for Arabic, Hebrew, Persian, Urdu …, else ``ltr``: also for Mongolian script, which
    CLDR gives as top to bottom, and HTML's ``dir`` has no word for."""
    return "rtl" if get_locale(tag).text_direction == "rtl" else "ltr"


def is_rtl(tag: str) -> bool:
    return get_direction(tag) == "rtl"


def get_base_language(tag: str) -> str:
    """The language without region or script: ``pt`` of ``pt-BR``."""
    return tag.partition("-")[0]


def choose_language(language: str, available: tuple[str, ...] | list[str], default: str) -> str:
    """The best of `available` for a reader of `wanted`: the same tag, then the same language,
    then `default`, which need not be available."""
    if language in available:
        return language
    for tag in available:
        if get_base_language(tag) == get_base_language(language):
            return tag
    return default


def choose_text(texts: Mapping[str, str], language: str) -> tuple[str, str]:
    """What is said in several languages, for a reader of `wanted`, and in which of them it is: the
    first where there is none for them. That is empty where nobody knows."""
    tag = choose_language(language, list(texts), next(iter(texts), ""))
    return texts.get(tag, ""), tag


@lru_cache(maxsize=1024)
def get_language_name(tag: str, *, in_language: str = "en") -> str:
    """The language's name, for people: ``name("ar") == "Arabic"``."""
    return str(get_locale(tag).get_display_name(get_locale(in_language)) or tag)


@cache
def list_country_codes() -> frozenset[str]:
    """Return the ISO 3166-1 alpha-2 codes that CLDR lists. Loading them takes 40 ms."""
    territories = map(str, get_locale("en").territories)
    codes = {code for code in territories if len(code) == 2 and code.isalpha()}
    return frozenset(codes - {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})
