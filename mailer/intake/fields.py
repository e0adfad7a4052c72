"""Convert values of front matter, parsed from YAML, to fields of an article.

Each parser raises InputError with a hint that shows the right spelling."""

import reprlib
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from mailer.errors import InputError
from mailer.model.articles import ArticleKind, Image


def format_value(value: Any) -> str:
    # With YAML's aliases, the repr of a value could fill the memory.
    representation = reprlib.repr(value)
    return representation if len(representation) <= 80 else f"{representation[:80]}…"


def parse_line(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return " ".join(str(value).split())
    raise InputError(f"{format_value(value)} is not text", hint='put it in double quotes, as "…"')


def parse_kind(value: Any) -> ArticleKind:
    try:
        return ArticleKind(str(value).strip().lower().replace("-", "_").replace(" ", "_"))
    except ValueError as error:
        raise InputError(
            f"the kind {value!r} is unknown", hint=f"use one of {', '.join(ArticleKind)}"
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
    if not isinstance(value, dict) or not set(value) <= {"url", "alt", "credit"}:
        raise InputError(
            f"{format_value(value)} is not a picture", hint="write its url, alt and credit"
        )
    return Image(
        parse_line(value.get("url", "")),
        parse_line(value.get("alt", "")),
        parse_line(value.get("credit", "")),
    )


def parse_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise InputError(f"{format_value(value)} is neither true nor false", hint="write true or false")


def parse_moment(value: Any, zone: ZoneInfo) -> datetime:
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            parsed = value if value.tzinfo else value.replace(tzinfo=zone)
        elif isinstance(value, date):
            parsed = datetime.combine(value, time(), zone)
        else:
            raise ValueError(value)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", hint="write it as 2026-12-18 or 2026-12-18T09:00+00:00"
        ) from error
