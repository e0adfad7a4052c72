"""Rows of a table of people, and what becomes of each: the rules of an import, without its I/O.

A header names each column; common spellings in use elsewhere are understood, others are mapped by
hand. Nobody who left a list or must not be mailed is brought back by a row.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum

from mailer import languages
from mailer.audience.subscribers import Person, check_person
from mailer.errors import InputError


class Column(StrEnum):
    ADDRESS = "address"
    NAME = "name"
    LANGUAGE = "language"
    COUNTRY = "country"
    TIME_ZONE = "time_zone"
    TOPICS = "topics"
    TAGS = "tags"
    JOINED = "joined"


ALIASES = {
    "address": Column.ADDRESS,
    "email": Column.ADDRESS,
    "emailaddress": Column.ADDRESS,
    "mail": Column.ADDRESS,
    "name": Column.NAME,
    "fullname": Column.NAME,
    "language": Column.LANGUAGE,
    "lang": Column.LANGUAGE,
    "country": Column.COUNTRY,
    "countrycode": Column.COUNTRY,
    "timezone": Column.TIME_ZONE,
    "topics": Column.TOPICS,
    "topic": Column.TOPICS,
    "interests": Column.TOPICS,
    "tags": Column.TAGS,
    "joined": Column.JOINED,
    "joinedat": Column.JOINED,
    "subscribedat": Column.JOINED,
}


class RowOutcome(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """One person from one line. `topics` is None when the file has no such column or the field is
    empty: what is known stays. `joined` is None when the row doesn't say."""

    line: int
    person: Person
    topics: tuple[str, ...] | None = None
    joined: datetime | None = None


@dataclass(frozen=True, slots=True)
class RowResult:
    line: int
    outcome: RowOutcome
    address: str
    reason: str = ""


def map_columns(header: Sequence[str], mapping: Mapping[str, str]) -> dict[int, Column]:
    """Which column holds what: `mapping` (header -> column) first, then known spellings.

    Columns that nothing names are passed over. Raises InputError when no column holds addresses,
    a mapping names nothing, or two columns hold the same."""
    wanted: dict[str, Column] = {}
    for head, column in mapping.items():
        if head not in header:
            raise InputError(
                f"there is no column {head!r}",
                where="line 1",
                hint=f"the file has {', '.join(map(repr, header))}",
            )
        try:
            wanted[head] = Column(column)
        except ValueError as error:
            raise InputError(
                f"{column!r} is nothing that a column can hold",
                where=f"--map {head}={column}",
                hint=f"use one of {', '.join(Column)}",
            ) from error
    columns: dict[int, Column] = {}
    for index, head in enumerate(header):
        found = wanted.get(head) or (
            None if ALIASES.get(_plain(head)) in wanted.values() else ALIASES.get(_plain(head))
        )
        if found is None:
            continue
        if found in columns.values():
            raise InputError(
                f"two columns hold the {found}",
                where="line 1",
                hint="rename one, or say which with --map HEADER=COLUMN",
            )
        columns[index] = found
    if Column.ADDRESS not in columns.values():
        raise InputError(
            "no column holds addresses",
            where="line 1",
            hint="name one 'email', or say which with --map HEADER=address",
        )
    return columns


def _plain(head: str) -> str:
    return re.sub(r"[^a-z]", "", head.lower())


def _split(value: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;,|]", value) if part.strip()]


def read(
    line: int, fields: Sequence[str], columns: Mapping[int, Column], topics: frozenset[str]
) -> Row:
    """The row that stands on `line`. Raises InputError naming the column."""
    got = {
        column: fields[index].strip() for index, column in columns.items() if index < len(fields)
    }
    if any("\n" in value and "@" in value for value in got.values()):
        raise InputError("a field swallows the lines after it", hint="is a quote left open?")
    chosen: Iterable[str] = _split(got.get(Column.TOPICS, ""))
    unknown = [topic for topic in chosen if topic not in topics]
    if unknown:
        raise InputError(
            f"there is no topic {unknown[0]!r}", where="topics", hint="see `mailer topic list`"
        )
    person = check_person(
        Person(
            address=got.get(Column.ADDRESS, ""),
            name=got.get(Column.NAME, ""),
            language=_language(got.get(Column.LANGUAGE, "")),
            country=got.get(Column.COUNTRY, ""),
            time_zone=got.get(Column.TIME_ZONE, ""),
            tags=tuple(_split(got.get(Column.TAGS, ""))),
        )
    )
    return Row(
        line=line,
        person=person,
        topics=tuple(sorted(set(chosen))) or None,
        joined=_moment(got.get(Column.JOINED, "")),
    )


def _language(value: str) -> str:
    try:
        return languages.normalise(value) if value else ""
    except InputError as error:
        raise InputError(error.what, where="language", hint=error.hint) from error


def _moment(value: str) -> datetime | None:
    if not value:
        return None
    try:
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InputError(
            f"{value!r} is not a date", where="joined", hint="write it as 2026-12-18"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
