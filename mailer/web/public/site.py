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
from mailer.web.public.forms import Form
from mailer.web.public.writer import Writer

LANGUAGES = languages.UN_LANGUAGES
"""The languages that pages are in."""

LONGEST_TAG = 35
"""Characters of a language's tag (RFC 5646 §4.4.1): what is longer is none that we know."""

Page = Callable[..., Response]


class Site:
    """The office's public pages. Safe to use from several threads."""

    def __init__(self, mailer: Mailer, app: FastAPI, log: Log) -> None:
        self.mailer = mailer
        self.app = app
        self.log = log
        self.settings = mailer.settings
        ours = self.settings.defaults.language
        self._default = languages.choose(ours, LANGUAGES, "en")
        self.writer = Writer(mailer.store, self.settings.web.threads)
        self._organisation = views.organisation(self.settings)

    # ---- routes ---------------------------------------------------------------------------------

    def get(self, path: str, page: Page | Callable[..., Awaitable[Response]]) -> None:
        """`page(request, **parts of the path)` answers GET and HEAD of `path`."""
        self.app.add_api_route(path, page, methods=["GET", "HEAD"], response_model=None)

    def post(self, path: str, page: Page, fields: Sequence[str] = ()) -> None:
        """`page(request, form, tx=…, **parts of the path)` answers POST, within a transaction.
        `fields` are those that the form has, for the description of the routes."""

        async def answer(request: Request) -> Response:
            form = Form(await request.body())
            return await self.write(page, request, form, **request.path_params)

        names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
        text = {"type": "string"}
        body = {"type": "object", "properties": dict.fromkeys(fields, text)}
        self.app.add_api_route(
            path,
            answer,
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

    async def write(self, page: Page, *given: Any, **named: Any) -> Response:
        """The answer of `page(…, tx=…)`, whose transaction is committed by then."""
        return await self.writer.write(lambda tx: page(*given, tx=tx, **named))

    # ---- pages ----------------------------------------------------------------------------------

    def page(
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
        chosen = self.language(request, language)
        text = (
            environment(chosen)
            .get_template(template)
            .render(self._frame(request, chosen) | context)
        )
        return HTMLResponse(text, status_code=status, headers=dict(headers or {}))

    def _frame(self, request: Request, language: str) -> dict[str, Any]:
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        return {
            "organisation": self._organisation,
            "language": language,
            "dir": languages.direction(language),
            "others": [
                (
                    tag,
                    own_name(tag),
                    "?" + urlencode([*query, ("lang", tag)]),
                )
                for tag in LANGUAGES
            ]
            if request.method in {"GET", "HEAD"}
            else [],
            "asked": _choose(request.query_params.get("lang", "")[: LONGEST_TAG + 1]),
        }

    def refusal(self, request: Request) -> Response:
        """The same for every link that is no good: forged, cut, expired, of another page, or of
        somebody who is no longer there."""
        return self.page(request, "bad-link.html", status=404)

    def too_many(self, request: Request, language: str) -> Response:
        """Somebody has asked for more than strangers may."""
        return self.page(
            request, "too-many.html", language=language, status=429, headers={"Retry-After": "3600"}
        )

    def language(self, request: Request, known: str = "") -> str:
        """The language to answer in."""
        asked = request.query_params.get("lang", "")
        for tag in (asked, known, *accepted(request)):
            if tag and len(tag) <= LONGEST_TAG and (found := _choose(tag)):
                return found
        return self._default

    def words(self, language: str) -> gettext.NullTranslations:
        return catalogue(language)

    def wording(self, language: str) -> Wording:
        """What people agree to, as it stands above the button that says so."""
        said = self.words(language).gettext(
            "I agree that %(organisation)s may send me the emails that I have chosen here. I can "
            "stop them at any time with the link at the foot of each email."
        )
        return Wording(language, said % {"organisation": self.settings.organisation.name})

    @property
    def today(self) -> date:
        return self.day(self.mailer.clock())

    def day(self, moment: datetime) -> date:
        """A moment's date by the office's clock."""
        return moment.astimezone(ZoneInfo(self.settings.defaults.time_zone)).date()

    def url(self, path: str) -> str:
        """The whole address of a page."""
        return f"{self.settings.web.base_url.rstrip('/')}{path}"


@lru_cache(maxsize=512)
def _choose(tag: str) -> str:
    try:
        return languages.choose(languages.normalise(tag), LANGUAGES, "")
    except InputError:
        return ""


def accepted(request: Request) -> tuple[str, ...]:
    """The languages that a browser takes, the most wanted first."""
    # Cut before it is kept: a stranger says how long it is.
    return _accepted(request.headers.get("accept-language", "")[:400])


@lru_cache(maxsize=512)
def _accepted(header: str) -> tuple[str, ...]:
    """The tags of an Accept-Language field (RFC 9110 §12.5.4), the most wanted first."""
    found: list[tuple[float, str]] = []
    for one in header.split(","):
        tag, _, weight = one.strip().partition(";")
        try:
            share = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if 0 < share <= 1 and tag != "*":
            found.append((share, tag.strip()))
    return tuple(tag for _, tag in sorted(found, key=lambda one: -one[0]))


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> gettext.NullTranslations:
    """The words of the pages in this language."""
    if language == "en":
        return gettext.NullTranslations()
    file = resources.files("mailer.web") / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates, in memory: the same for all languages."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if known := self._code.get(bucket.key):
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


def prepare() -> None:
    """Compile the templates, and read the words of all languages: half a second, which the first
    readers would else wait for, each for himself."""
    folder = resources.files("mailer.web") / "templates" / "public"
    names = [one.name for one in folder.iterdir() if one.name.endswith(".html")]
    for language in LANGUAGES:
        for name in names:
            environment(language).get_template(name)


@lru_cache(maxsize=len(LANGUAGES))
def environment(language: str) -> jinja2.Environment:
    """Templates in one language: nothing is printed unescaped, and a name that isn't there is an
    error."""
    folder = resources.files("mailer.web") / "templates" / "public"

    def load(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_compiled,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    locale = languages.written(language)

    def on_date(value: date | datetime, style: str = "full") -> str:
        return str(format_date(value, style, locale=locale))

    env.filters["date"] = on_date
    env.filters["number"] = lambda value: str(format_decimal(value, locale=locale))
    env.filters["with"] = _query
    env.globals["language_name"] = own_name
    env.globals["direction"] = languages.direction
    return env


def _query(pairs: dict[str, object], **more: object) -> str:
    """A query (``q=boats&page=2``) of these pairs and more, without those that are None."""
    found = {key: value for key, value in (pairs | more).items() if value is not None}
    return urlencode(found)


@lru_cache(maxsize=256)
def own_name(tag: str) -> str:
    """What a language calls itself, as it stands in a menu: ``Français``, where CLDR's name for
    running text is ``français``."""
    name = languages.name(tag, in_language=tag)
    return name[:1].title() + name[1:]


def house_style(mailer: Mailer) -> str:
    """The style sheet that has the office's colour, for light and for dark."""
    accent = mailer.settings.organisation.accent
    if not colours.readable(accent):
        accent = type(mailer.settings.organisation)().accent
    dark = colours.lightened(accent)
    return (
        f":root {{ --accent: {accent}; --on-accent: #ffffff }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --accent: {dark}; --on-accent: #1c1f24 }} }}\n"
    )


def at(moment: datetime) -> str:
    """``2026-12-18T09:00:00+00:00``, for machines."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
