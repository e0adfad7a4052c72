"""Values of front matter, as YAML gives them -> fields of an article. Each raises InputError that
says what to write instead."""

import reprlib
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from mailer.articles import Image, Kind
from mailer.errors import InputError


def shown(value: Any) -> str:
    # YAML's aliases can make a value whose repr would fill the memory
    said = reprlib.repr(value)
    return said if len(said) <= 80 else f"{said[:80]}…"


def line(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return " ".join(str(value).split())
    raise InputError(f"{shown(value)} is not text", hint='put it in double quotes, as "…"')


def kind(value: Any) -> Kind:
    try:
        return Kind(str(value).strip().lower().replace("-", "_").replace(" ", "_"))
    except ValueError as error:
        raise InputError(
            f"the kind {value!r} is unknown", hint=f"use one of {', '.join(Kind)}"
        ) from error


def topics(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise InputError(f"{shown(value)} is not a list of topics", hint="write [one, another]")
    return tuple(value)


def image(value: Any) -> Image:
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict) or not set(value) <= {"url", "alt", "credit"}:
        raise InputError(f"{shown(value)} is not a picture", hint="give it url, alt and credit")
    return Image(
        line(value.get("url", "")), line(value.get("alt", "")), line(value.get("credit", ""))
    )


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise InputError(f"{shown(value)} is neither true nor false", hint="write true or false")


def moment(value: Any, zone: ZoneInfo) -> datetime:
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            found = value if value.tzinfo else value.replace(tzinfo=zone)
        elif isinstance(value, date):
            found = datetime.combine(value, time(), zone)
        else:
            raise ValueError(value)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", hint="write it as 2026-12-18 or 2026-12-18T09:00+00:00"
        ) from error
