"""The Jinja environments that render the public pages, one for each language.

Templates are in English, and call `gettext` to look up the translation. All values are escaped, and
a missing variable is an error.
"""

from datetime import date, datetime
from functools import lru_cache
from importlib import resources
from urllib.parse import urlencode

import jinja2
from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2.bccache import Bucket

from mailer import bidi, languages
from mailer.web.page_environment import create_page_environment
from mailer.web.public.page_languages import LANGUAGES, get_own_name, load_catalogue


class _TemplateBytecodeCache(jinja2.BytecodeCache):
    """Keeps compiled templates in memory, where the environments of all languages share them."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bytecode := self._code.get(bucket.key):
            bucket.bytecode_from_string(bytecode)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_bytecode_cache = _TemplateBytecodeCache()


def compile_templates() -> None:
    """Compile all templates and load the translations of all languages.

    This takes half a second, which the first readers would otherwise have to wait."""
    folder = resources.files("mailer.web") / "templates" / "public"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".html")]
    for language in LANGUAGES:
        for name in names:
            get_environment(language).get_template(name)


@lru_cache(maxsize=len(LANGUAGES))
def get_environment(language: str) -> jinja2.Environment:
    """Return the Jinja environment for one of the pages' languages."""
    env = create_page_environment(
        "public",
        auto_reload=False,
        bytecode_cache=_bytecode_cache,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(load_catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    locale = languages.get_format_locale(language)

    def format_date_value(value: date | datetime, style: str = "full") -> str:
        return str(format_date(value, style, locale=locale))

    env.filters["date"] = format_date_value
    env.filters["isolated"] = bidi.isolate_numbers
    env.filters["number"] = lambda value: str(format_decimal(value, locale=locale))
    env.filters["with"] = _build_query
    env.globals["language_name"] = get_own_name
    env.globals["direction"] = languages.get_direction
    return env


def _build_query(pairs: dict[str, object], **changes: object) -> str:
    """Return a query (``q=boats&page=2``) of `pairs` with `changes`, without values of None."""
    query_pairs = {key: value for key, value in (pairs | changes).items() if value is not None}
    return urlencode(query_pairs)
