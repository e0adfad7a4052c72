"""Convert values of front matter to fields of an article.

A value is text as it was written, or a list or table of values (``front_matter.py``). Each parser
raises InputError with a hint that shows the right spelling."""

import re
import reprlib
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from mailer.errors import InputError
from mailer.model.articles import ArticleKind, Image

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

_MOMENT = re.compile(
    r"""
    (\d{4})-(\d{1,2})-(\d{1,2})
    (?: [Tt ][ ]*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?
        (?: [ ]*([Zz]|[+-]\d{2}(?::?\d{2})?) )?
    )?
    """,
    re.VERBOSE | re.ASCII,
)


def format_value(value: Any) -> str:
    representation = reprlib.repr(value)
    return representation if len(representation) <= 80 else f"{representation[:80]}…"


def parse_line(value: Any) -> str:
    """Return a text as one line."""
    if isinstance(value, str):
        return " ".join(value.split())
    raise InputError(f"{format_value(value)} is not text", hint='put it in double quotes, as "…"')


def parse_kind(value: Any) -> ArticleKind:
    try:
        return ArticleKind(str(value).strip().lower().replace("-", "_").replace(" ", "_"))
    except ValueError as error:
        raise InputError(
            f"the kind {format_value(value)} is unknown",
            hint=f"use one of {', '.join(ArticleKind)}",
        ) from error


def parse_topics(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(topic, str) and topic for topic in value):
        raise InputError(
            f"{format_value(value)} is not a list of topics", hint="write [one, another]"
        )
    return tuple(value)


def parse_image(value: Any) -> Image:
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict) or not set(value) <= {"file", "url", "alt", "credit", "caption"}:
        raise InputError(
            f"{format_value(value)} is not a picture",
            hint="write its file or url, alt, credit and caption",
        )
    if "file" in value and "url" in value:
        raise InputError("a picture is either a file or at a url", hint="remove one of them")
    return Image(
        *(
            parse_line(value.get(key, ""))
            for key in ("file" if "file" in value else "url", "alt", "credit", "caption")
        )
    )


def parse_pictures(value: Any) -> tuple[Image, ...]:
    """Return the pictures of a photo story, from a list in which each is written like `image`."""
    if not isinstance(value, list):
        raise InputError(
            f"{format_value(value)} is not a list of pictures",
            hint="begin each with - and give it file, alt, caption and credit",
        )
    return tuple(map(parse_image, value))


def parse_flag(value: Any) -> bool:
    flag = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if flag is None:
        raise InputError(
            f"{format_value(value)} is neither true nor false", hint="write true or false"
        )
    return flag


def parse_moment(value: Any, zone: ZoneInfo) -> datetime:
    """Return the moment of a date, with or without a time and an offset, in UTC.

    A date without a time is the beginning of its day in `zone`, and a time without an offset is in
    `zone`. The order is year, month, day: no other order is read, as it would be a guess."""
    try:
        match = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError("it must begin with year, month and day")
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        if offset := match[7]:
            moment = datetime.fromisoformat(f"{moment:%Y-%m-%dT%H:%M:%S}{offset.upper()}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{format_value(value)} is not a date ({error})",
            hint="write it as 2026-12-18 or 2026-12-18T09:00+00:00",
        ) from error
