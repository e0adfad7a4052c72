"""Choose the language of a page, and load its translations.

English stands in the templates; ``locale/LANGUAGE.po`` has the translations. A page is in the
language that its address names (``?lang=fr``); if it names none, in the language that its reader
chose, if a link identifies the reader; then in the best that the browser accepts; then in the
office's language (`PublicSite.choose_language`).
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
"""Characters of a language tag (RFC 5646 §4.4.1). A longer tag is no language that we know."""

MAX_ACCEPT_LANGUAGE_LENGTH = 400
"""Characters of an Accept-Language field that are read: its length is up to a stranger, and the
parsed field is cached."""


@lru_cache(maxsize=512)
def find_page_language(tag: str) -> str:
    """Return the language of the pages that fits `tag` best, or "" if no language fits."""
    try:
        return languages.choose_language(languages.normalise_tag(tag), LANGUAGES, "")
    except InputError:
        return ""


def get_requested_tag(request: Request) -> str:
    """Return the language that the address names (``?lang=fr``), or "".

    A tag that is too long is cut, so that it still is too long."""
    return request.query_params.get("lang", "")[: MAX_TAG_LENGTH + 1]


def choose_reading_language(
    request: Request, available_languages: tuple[str, ...], default_language: str
) -> str:
    """Return the language to show a text in: the one that the address names, the one that the
    browser prefers, or `default_language`. Texts may be in languages that no page is in."""
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
    """Return a language's name for itself, as it stands in a menu: ``Français``; CLDR's name, for
    running text, is ``français``."""
    name = languages.get_language_name(tag, in_language=tag)
    return name[:1].title() + name[1:]
