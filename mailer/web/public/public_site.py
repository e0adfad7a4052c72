"""What all public pages share: how one is made, in which language, and what is said when a link or
a request is no good.

A page's words are in its template, in English; ``locale/LANGUAGE.po`` has the others. Its language
is the one that the address asks for (``?lang=fr``), else the reader's own where a link says who
they are, else the best of what the browser accepts, else the office's.
"""

import gettext
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import resources
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2.bccache import Bucket

from mailer import languages
from mailer.app import Mailer
from mailer.audience.consent import Wording
from mailer.errors import InputError
from mailer.log import Log
from mailer.render import colours, views
from mailer.web.public.batched_writes import PageWriter
from mailer.web.public.forms import SubmittedForm

LANGUAGES = languages.UN_LANGUAGES
"""The languages that pages are in."""

MAX_TAG_LENGTH = 35
"""Characters of a language's tag (RFC 5646 §4.4.1): what is longer is none that we know."""

PageHandler = Callable[..., Response]


class PublicSite:
    """The office's public pages. Safe to use from several threads."""

    def __init__(self, mailer: Mailer, app: FastAPI, log: Log) -> None:
        self.mailer = mailer
        self.app = app
        self.log = log
        self.settings = mailer.settings
        default_language = self.settings.defaults.language
        self._default_language = languages.choose_language(default_language, LANGUAGES, "en")
        self.writer = PageWriter(mailer.store, self.settings.web.threads)
        self._organisation = views.build_organisation_view(self.settings)

    # ---- routes ---------------------------------------------------------------------------------

    def add_get_route(
        self, path: str, handler: PageHandler | Callable[..., Awaitable[Response]]
    ) -> None:
        """`page(request, **parts of the path)` answers GET and HEAD of `path`."""
        self.app.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None)

    def add_post_route(self, path: str, handler: PageHandler, fields: Sequence[str] = ()) -> None:
        """`page(request, form, tx=…, **parts of the path)` answers POST, within a transaction.
        `fields` are those that the form has, for the description of the routes."""

        async def answer_post(request: Request) -> Response:
            form = SubmittedForm(await request.body())
            return await self.write_and_answer(handler, request, form, **request.path_params)

        names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
        text = {"type": "string"}
        body = {"type": "object", "properties": dict.fromkeys(fields, text)}
        self.app.add_api_route(
            path,
            answer_post,
            methods=["POST"],
            response_model=None,
            operation_id=f"post {path}",
            openapi_extra={
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": text} for name in names
                ],
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": body}}},
            },
        )

    async def write_and_answer(
        self, handler: PageHandler, *arguments: Any, **keywords: Any
    ) -> Response:
        """The answer of `page(…, tx=…)`, whose transaction is committed by then."""
        return await self.writer.run_in_transaction(
            lambda tx: handler(*arguments, tx=tx, **keywords)
        )

    # ---- pages ----------------------------------------------------------------------------------

    def render_page(
        self,
        request: Request,
        template: str,
        *,
        language: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page in the reader's language; `language` is what is known of it."""
        page_language = self.choose_language(request, language)
        text = (
            get_environment(page_language)
            .get_template(template)
            .render(self._build_frame_context(request, page_language) | context)
        )
        return HTMLResponse(text, status_code=status, headers=dict(headers or {}))

    def _build_frame_context(self, request: Request, language: str) -> dict[str, Any]:
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        return {
            "organisation": self._organisation,
            "language": language,
            "dir": languages.get_direction(language),
            "others": [
                (
                    tag,
                    get_own_name(tag),
                    "?" + urlencode([*query, ("lang", tag)]),
                )
                for tag in LANGUAGES
            ]
            if request.method in {"GET", "HEAD"}
            else [],
            "asked": _choose_page_language(
                request.query_params.get("lang", "")[: MAX_TAG_LENGTH + 1]
            ),
        }

    def refuse_link(self, request: Request) -> Response:
        """The same for every link that is no good: forged, cut, expired, of another page, or of
        somebody who is no longer there."""
        return self.render_page(request, "bad-link.html", status=404)

    def refuse_too_many(self, request: Request, language: str) -> Response:
        """Somebody has asked for more than strangers may."""
        return self.render_page(
            request, "too-many.html", language=language, status=429, headers={"Retry-After": "3600"}
        )

    def choose_language(self, request: Request, reader_language: str = "") -> str:
        """The language to answer in."""
        requested_tag = request.query_params.get("lang", "")
        for tag in (requested_tag, reader_language, *list_accepted_languages(request)):
            if tag and len(tag) <= MAX_TAG_LENGTH and (page_language := _choose_page_language(tag)):
                return page_language
        return self._default_language

    def get_catalogue(self, language: str) -> gettext.NullTranslations:
        return load_catalogue(language)

    def build_wording(self, language: str) -> Wording:
        """What people agree to, as it stands above the button that says so."""
        agreement = self.get_catalogue(language).gettext(
            "I agree that %(organisation)s may send me the emails that I have chosen here. I can "
            "stop them at any time with the link at the foot of each email."
        )
        return Wording(language, agreement % {"organisation": self.settings.organisation.name})

    @property
    def today(self) -> date:
        return self.to_office_date(self.mailer.clock())

    def to_office_date(self, moment: datetime) -> date:
        """A moment's date by the office's clock."""
        return moment.astimezone(ZoneInfo(self.settings.defaults.time_zone)).date()

    def build_url(self, path: str) -> str:
        """The whole address of a page."""
        return f"{self.settings.web.base_url.rstrip('/')}{path}"


@lru_cache(maxsize=512)
def _choose_page_language(tag: str) -> str:
    try:
        return languages.choose_language(languages.normalise_tag(tag), LANGUAGES, "")
    except InputError:
        return ""


def list_accepted_languages(request: Request) -> tuple[str, ...]:
    """The languages that a browser takes, the most wanted first."""
    # Cut before it is kept: a stranger says how long it is.
    return _parse_accept_language(request.headers.get("accept-language", "")[:400])


@lru_cache(maxsize=512)
def _parse_accept_language(header: str) -> tuple[str, ...]:
    """The tags of an Accept-Language field (RFC 9110 §12.5.4), the most wanted first."""
    weighted_tags: list[tuple[float, str]] = []
    for item in header.split(","):
        tag, _, weight = item.strip().partition(";")
        try:
            share = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if 0 < share <= 1 and tag != "*":
            weighted_tags.append((share, tag.strip()))
    return tuple(tag for _, tag in sorted(weighted_tags, key=lambda weighted_tag: -weighted_tag[0]))


@lru_cache(maxsize=len(LANGUAGES))
def load_catalogue(language: str) -> gettext.NullTranslations:
    """The words of the pages in this language."""
    if language == "en":
        return gettext.NullTranslations()
    file = resources.files("mailer.web") / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _TemplateBytecodeCache(jinja2.BytecodeCache):
    """Compiled templates, in memory: the same for all languages."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bytecode := self._code.get(bucket.key):
            bucket.bytecode_from_string(bytecode)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_bytecode_cache = _TemplateBytecodeCache()


def compile_templates() -> None:
    """Compile the templates, and read the words of all languages: half a second, which the first
    readers would else wait for, each for himself."""
    folder = resources.files("mailer.web") / "templates" / "public"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".html")]
    for language in LANGUAGES:
        for name in names:
            get_environment(language).get_template(name)


@lru_cache(maxsize=len(LANGUAGES))
def get_environment(language: str) -> jinja2.Environment:
    """Templates in one language: nothing is printed unescaped, and a name that isn't there is an
    error."""
    folder = resources.files("mailer.web") / "templates" / "public"

    def load_template(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(load_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_bytecode_cache,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(load_catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    locale = languages.get_format_locale(language)

    def format_date_value(value: date | datetime, style: str = "full") -> str:
        return str(format_date(value, style, locale=locale))

    env.filters["date"] = format_date_value
    env.filters["number"] = lambda value: str(format_decimal(value, locale=locale))
    env.filters["with"] = _build_query
    env.globals["language_name"] = get_own_name
    env.globals["direction"] = languages.get_direction
    return env


def _build_query(pairs: dict[str, object], **changes: object) -> str:
    """A query (``q=boats&page=2``) of these pairs and more, without those that are None."""
    query_pairs = {key: value for key, value in (pairs | changes).items() if value is not None}
    return urlencode(query_pairs)


@lru_cache(maxsize=256)
def get_own_name(tag: str) -> str:
    """What a language calls itself, as it stands in a menu: ``Français``, where CLDR's name for
    running text is ``français``."""
    name = languages.get_language_name(tag, in_language=tag)
    return name[:1].title() + name[1:]


def build_house_style(mailer: Mailer) -> str:
    """The style sheet that has the office's colour, for light and for dark."""
    accent = mailer.settings.organisation.accent
    if not colours.is_readable(accent):
        accent = type(mailer.settings.organisation)().accent
    dark_accent = colours.find_lighter_tint(accent)
    return (
        f":root {{ --accent: {accent}; --on-accent: #ffffff }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --accent: {dark_accent}; --on-accent: #1c1f24 }} }}\n"
    )


def format_moment(moment: datetime) -> str:
    """``2026-12-18T09:00:00+00:00``, for machines."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
