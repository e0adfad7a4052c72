"""Choose the language of a page, and load its translations.

The templates are in English; ``locale/LANGUAGE.po`` has the translations. The language of a page is
the first of these (`PublicSite.choose_language`): the one that the address names (``?lang=fr``),
the one that the reader chose (if a link identifies the reader), the best one that the browser
accepts, and the office's.
"""

import gettext
import io
from functools import lru_cache
from importlib import resources

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

from mailer import languages
from mailer.errors import InputError

LANGUAGES = languages.UN_LANGUAGES
"""The languages of the public pages."""

MAX_TAG_LENGTH = 35
"""Maximum length of a language tag in characters (RFC 5646 §4.4.1). A longer tag is not a known
language."""

MAX_ACCEPT_LANGUAGE_LENGTH = 400
"""Maximum number of characters of an Accept-Language field that are read, since strangers choose
its length, and the parsed field is cached."""


@lru_cache(maxsize=512)
def find_page_language(tag: str) -> str:
    """Return the page language that fits `tag` best, or "" if none fits."""
    try:
        return languages.choose_language(languages.normalise_tag(tag), LANGUAGES, "")
    except InputError:
        return ""


def get_requested_tag(request: Request) -> str:
    """Return the language that the address names (``?lang=fr``), or "".

    A tag that is too long is cut, but stays longer than any valid tag."""
    return request.query_params.get("lang", "")[: MAX_TAG_LENGTH + 1]


def choose_reading_language(
    request: Request, available_languages: tuple[str, ...], default_language: str
) -> str:
    """Return the language in which to show a text: the one that the address names, otherwise the
    one that the browser prefers, otherwise `default_language`. Texts may be in languages that pages
    do not have."""
    for tag in (get_requested_tag(request), *list_accepted_languages(request)):
        if not tag:
            continue
        try:
            normal_tag = languages.normalise_tag(tag)
        except InputError:
            continue
        if language := languages.choose_language(normal_tag, available_languages, ""):
            return language
    return default_language


def list_accepted_languages(request: Request) -> tuple[str, ...]:
    """Return the languages that the browser accepts, the preferred one first."""
    header = request.headers.get("accept-language", "")
    return _parse_accept_language(header[:MAX_ACCEPT_LANGUAGE_LENGTH])


@lru_cache(maxsize=512)
def _parse_accept_language(header: str) -> tuple[str, ...]:
    """Return the tags of an Accept-Language field (RFC 9110 §12.5.4), the preferred one first."""
    weighted_tags: list[tuple[float, str]] = []
    for item in header.split(","):
        tag, _, parameter = item.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1 and tag != "*":
            weighted_tags.append((weight, tag.strip()))
    return tuple(tag for _, tag in sorted(weighted_tags, key=lambda weighted_tag: -weighted_tag[0]))


@lru_cache(maxsize=len(LANGUAGES))
def load_catalogue(language: str) -> gettext.NullTranslations:
    """Return the translations of the pages in this language."""
    if language == "en":
        return gettext.NullTranslations()
    file = resources.files("mailer.web") / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache(maxsize=256)
def get_own_name(tag: str) -> str:
    """Return a language's own name, capitalised for a menu: ``Français``. (CLDR has the form for
    running text, ``français``.)"""
    name = languages.get_language_name(tag, in_language=tag)
    return name[:1].title() + name[1:]
