"""The sandboxed Jinja2 environment of templates, and personal fields.

Templates see only plain data, and cannot change it. Personal values are unknown when a mail is
composed, so a template can only print a personal field or give it a default. A personal field in a
condition, a loop or a comparison raises ComposeError.
"""

import traceback
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2.filters import do_default
from markupsafe import Markup

from mailer import bidi, languages, message, text_breaks
from mailer.errors import ComposeError
from mailer.render import text_part, translations
from mailer.render.sandbox import BoundedSandbox, limit_rendering

PERSONAL_FIELD = "personal field"


class PersonalField:
    """A personal field in a template. Printing it gives its slot; every other use is an error."""

    __slots__ = ("_argument", "_marker", "_slot")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, marker: str, slot: message.Slot, argument: str = "") -> None:
        self._marker, self._slot, self._argument = marker, slot, argument

    def __str__(self) -> str:
        return message.create_slot(self._marker, self._slot, self._argument)

    __html__ = __str__

    def with_default(self, text: str) -> "PersonalField":
        """Return the field with `text` for people whose value is unknown."""
        if self._slot is message.Slot.DAY:  # the day of sending is always known
            return self
        if self._slot is message.Slot.FIELD:
            text = message.replace_default(self._argument, text)
        return PersonalField(self._marker, self._slot, text)

    def with_pattern(self, language: str, pattern: str) -> "PersonalField":
        """Return the field of the day of sending with another pattern. Raises TypeError for a field
        other than a date."""
        if self._slot is not message.Slot.DAY:
            raise TypeError(f"the personal field {self._slot.name.lower()!r} is not a date")
        zone = self._argument.split("|")[1]
        return PersonalField(
            self._marker, self._slot, message.build_day_argument(language, zone, pattern)
        )

    def _refuse(self, *_: object) -> NoReturn:
        raise ComposeError(
            f"the personal field {self._slot.name.lower()!r} is used to decide or to calculate",
            hint="templates can only print a personal field or give it a default: "
            "{{ recipient.name | default('colleague') }}",
        )

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __mul__ = __mod__ = __int__ = __float__ = _refuse


class ConditionalParts:
    """The name ``when`` in templates, which marks parts that not every reader gets.

    ``{% call when.any(story.bits) %} … {% endcall %}`` is a part for readers who get one of these
    stories; ``{% call when.mail() %} … {% endcall %}`` is a part of mails only. ``message`` defines
    the conditions."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def _wrap_part(
        self, condition: message.MarkCondition, bits: int, caller: Callable[[], str]
    ) -> Markup:
        opening, closing = (
            message.create_mark(self._marker, condition, bits),
            message.create_end_mark(self._marker),
        )
        return Markup(opening + str(caller()) + closing)  # noqa: S704  (already escaped, or text)

    def any(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.ANY, bits, caller)

    def first(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.FIRST, bits, caller)

    def rest(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.REST, bits, caller)

    def single(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.SINGLE, bits, caller)

    def several(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.SEVERAL, bits, caller)

    def contents(self, bits: int, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.CONTENTS, bits, caller)

    def mail(self, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.MAIL, message.READING_PLACE_BITS, caller)

    def web(self, caller: Callable[[], str]) -> Markup:
        return self._wrap_part(message.MarkCondition.WEB, message.READING_PLACE_BITS, caller)


def _apply_default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    if isinstance(value, PersonalField):
        return value.with_default(str(default_value))
    return do_default(value, default_value, boolean)


def _truncate(value: Any, length: int = 255, killwords: bool = False, end: str = "…") -> str:
    """Shorten a text to `length` visible characters, as Jinja's filter does, but also in scripts
    that write no spaces."""
    text = str(value + "") if isinstance(value, PersonalField) else str(value)
    if not killwords:
        return text_breaks.shorten_text(text, length, end)
    clusters = text_breaks.split_clusters(text)
    return text if len(clusters) <= length else "".join(clusters[: length - len(end)]) + end


def _needs_autoescape(name: str | None) -> bool:
    return name is None or not name.endswith(".txt")


def get_environment(language: str, template_path: Sequence[Path]) -> jinja2.Environment:
    """Return the sandbox for one language, with its translations and date formats.

    The sandbox and its compiled templates are cached until a template file changes, since compiling
    is most of the work of composing."""
    return _build_environment(language, tuple(template_path), _list_file_stamps(template_path))


def _list_file_stamps(template_path: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return a stamp of all templates and catalogues, which changes if a file is edited, added or
    removed."""
    files = sorted(file for folder in template_path for file in folder.glob("email/**/*"))
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@lru_cache(maxsize=32)
def _build_environment(
    language: str, template_path: tuple[Path, ...], _file_stamps: object
) -> jinja2.Environment:
    env = BoundedSandbox(
        loader=jinja2.FileSystemLoader([str(folder) for folder in template_path]),
        undefined=jinja2.StrictUndefined,
        autoescape=_needs_autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(  # type: ignore[attr-defined]
        translations.load_translations(language, tuple(template_path)), newstyle=True
    )
    locale = languages.get_format_locale(language)

    def format_date_value(
        value: date | datetime | PersonalField, style: str = "full"
    ) -> str | PersonalField:
        if isinstance(value, PersonalField):
            return value.with_pattern(language, style)
        if not isinstance(value, date):
            raise TypeError(f"{value!r} is not a date")
        return str(format_date(value, style, locale=locale))

    def format_moment(value: datetime, style: str = "long") -> str:
        return str(format_datetime(value, style, locale=locale))

    env.filters["default"] = env.filters["d"] = _apply_default
    env.filters["date"] = format_date_value
    env.filters["clock"] = lambda value: f"{value:%H:%M}"
    env.filters["moment"] = format_moment
    env.filters["number"] = lambda value: str(format_decimal(value, locale=locale))
    env.filters["wrap"] = text_part.wrap_text
    direction = languages.get_direction(language)
    env.filters["isolated"] = lambda value: bidi.isolate_numbers(str(value), direction)
    env.filters["columns"] = lambda value: text_breaks.measure_columns(str(value))
    env.filters["truncate"] = _truncate
    env.filters["plain"] = text_part.to_plain_text
    env.wrap_filters()
    return env


def render_template(env: jinja2.Environment, template: str, context: dict[str, Any]) -> str:
    """Render a template of the folder ``email/``. Raises ComposeError with file and line."""
    try:
        with limit_rendering():
            return env.get_template(template).render(context)
    except Exception as error:
        raise _wrap_error(error, template, env) from error


def render_line(env: jinja2.Environment, source: str, where: str, context: dict[str, Any]) -> str:
    """Render a one-line template that staff wrote, such as a subject, as text.

    Raises ComposeError, which gives `where` as the place."""
    try:
        with limit_rendering():
            return env.overlay(autoescape=False).from_string(source).render(context)
    except Exception as error:
        raise _wrap_error(error, where, env) from error


_TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    ComposeError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
"""Errors that a faulty template or its data can raise. Other errors are bugs and are not caught."""


def _wrap_error(error: Exception, template: str, env: jinja2.Environment) -> Exception:
    if isinstance(error, jinja2.TemplateNotFound):
        return ComposeError(
            f"there is no template {error.name!r}",
            where=template,
            hint="use a template in templates/email/",
        )
    if isinstance(error, jinja2.TemplateSyntaxError):
        location = f"{error.name or template}, line {error.lineno}"
        return ComposeError(f"{error.message}", where=location, hint="fix the template")
    if not isinstance(error, _TEMPLATE_ERRORS):
        return error
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/email/" in frame.filename or frame.filename == "<template>"
    ]
    location = template
    if frames:
        file_path = Path(frames[-1].filename)
        template_name = (
            template
            if frames[-1].filename == "<template>"
            else "email/" + file_path.as_posix().rpartition("/email/")[2]
        )
        location = f"{template_name}, line {frames[-1].lineno}"
    if isinstance(error, ComposeError):
        return ComposeError(error.message, where=error.where or location, hint=error.hint)
    return ComposeError(f"{error}", where=location, hint="fix the template")
