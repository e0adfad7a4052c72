"""Rows of a table of people -> what each says, without the I/O of reading it.

A header names each column; common spellings in use elsewhere are understood, others are mapped by
hand. What becomes of a row is decided in ``arrivals.py``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TypeVar

from mailer import languages
from mailer.audience.lists import Frequency, check_line
from mailer.audience.subscribers import Person, check_person
from mailer.audience.suppressions import Reason
from mailer.errors import InputError

_Word = TypeVar("_Word", bound=StrEnum)


class Column(StrEnum):
    """What a column can hold."""

    ADDRESS = "address"
    NAME = "name"
    LANGUAGE = "language"
    COUNTRY = "country"
    TIME_ZONE = "time_zone"
    TOPICS = "topics"
    TAGS = "tags"
    JOINED = "joined"
    LIST_LANGUAGE = "list_language"
    FREQUENCY = "frequency"
    PAUSED_UNTIL = "paused_until"
    STATE = "state"
    LEFT = "left"
    REASON = "reason"
    """Why nothing may be sent there, of one who is `suppressed`."""
    EVIDENCE = "evidence"
    """How they agreed, for the log of consent."""
    IGNORED = "ignored"


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
    "listlanguage": Column.LIST_LANGUAGE,
    "frequency": Column.FREQUENCY,
    "pauseduntil": Column.PAUSED_UNTIL,
    "state": Column.STATE,
    "left": Column.LEFT,
    "evidence": Column.EVIDENCE,
}


class RowState(StrEnum):
    """How somebody stands, as their row tells it."""

    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    """They left, and are to be remembered as having left."""
    PENDING = "pending"
    """They have not confirmed: nothing may be sent to them."""
    SUPPRESSED = "suppressed"
    """Nothing may be sent to their address, of any list."""


class RowOutcome(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT = "left"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """One person from one line. `topics` is None when the file has no such column or the field is
    empty: what is known stays. So it does for `joined`, `frequency` and `paused_until` when the row
    doesn't say, and for `language`, the one on the list, when it is empty."""

    line: int
    person: Person
    topics: tuple[str, ...] | None = None
    joined: datetime | None = None
    language: str = ""
    frequency: Frequency | None = None
    paused_until: datetime | None = None
    state: RowState = RowState.ACTIVE
    left: datetime | None = None
    reason: Reason = Reason.MANUAL
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class RowResult:
    line: int
    outcome: RowOutcome
    address: str
    reason: str = ""


class Skipped(Exception):
    """A row that can be read and is not to be brought in, with the reason."""


def map_columns(
    header: Sequence[str],
    mapping: Mapping[str, str],
    aliases: Mapping[str, Column] = ALIASES,
) -> dict[int, Column]:
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
        alias = aliases.get(plain(head))
        found = wanted.get(head) or (None if alias in wanted.values() else alias)
        if found is None or found is Column.IGNORED:
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


def plain(head: str) -> str:
    """A header's letters: spellings differ in case and signs only."""
    return re.sub(r"[^a-z]", "", head.lower())


_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=[;,|]|$)|([^;,|]*))(?:[;,|]|$)')


def split(value: str) -> list[str]:
    """A field that holds several values: between semicolons, commas or bars. One in double quotes
    may hold those itself, as Mailchimp writes its tags and :func:`join` does."""
    if '"' not in value:
        return [part.strip() for part in re.split(r"[;,|]", value) if part.strip()]
    found = (
        quoted.replace('""', '"') if quoted else bare.strip()
        for quoted, bare in _PART.findall(value)
    )
    return [part for part in found if part]


def join(values: Sequence[str]) -> str:
    """One field for several values; :func:`split` gives them back."""
    return ";".join(
        '"' + one.replace('"', '""') + '"' if re.search('[";,|]', one) else one for one in values
    )


def taken(fields: Sequence[str], columns: Mapping[int, Column]) -> dict[Column, str]:
    """The fields of a line by what they hold; where it is too short, they are missing."""
    return {
        column: fields[index].strip() for index, column in columns.items() if index < len(fields)
    }


def read(
    line: int,
    got: Mapping[Column, str],
    topics: frozenset[str],
    *,
    tags: Sequence[str] | None = None,
    default: RowState = RowState.ACTIVE,
) -> Row:
    """The row that stands on `line`. `tags` are given where the file writes them in a way of its
    own, `default` is how people stand whose row doesn't say. Raises InputError naming the
    column."""
    for value in got.values():
        if "\n" in value and "@" in value:
            raise InputError("a field swallows the lines after it", hint="is a quote left open?")
    chosen = split(got.get(Column.TOPICS, ""))
    unknown = [topic for topic in chosen if topic not in topics]
    if unknown:
        raise InputError(
            f"there is no topic {unknown[0]!r}", where="topics", hint="see `mailer topic list`"
        )
    person = check_person(
        Person(
            address=got.get(Column.ADDRESS, ""),
            name=got.get(Column.NAME, ""),
            language=_language(got, Column.LANGUAGE),
            country=got.get(Column.COUNTRY, ""),
            time_zone=got.get(Column.TIME_ZONE, ""),
            tags=tuple(split(got.get(Column.TAGS, "")) if tags is None else tags),
        )
    )
    return Row(
        line=line,
        person=person,
        topics=tuple(sorted(set(chosen))) or None,
        joined=_moment(got, Column.JOINED),
        language=_language(got, Column.LIST_LANGUAGE),
        frequency=_word(got, Column.FREQUENCY, Frequency, None),
        paused_until=_moment(got, Column.PAUSED_UNTIL),
        state=_word(got, Column.STATE, RowState, default),
        left=_moment(got, Column.LEFT),
        reason=_word(got, Column.REASON, Reason, Reason.MANUAL),
        evidence=check_line(got.get(Column.EVIDENCE, ""), Column.EVIDENCE, required=False),
    )


_Default = TypeVar("_Default")


def _word(
    got: Mapping[Column, str], column: Column, words: type[_Word], default: _Default
) -> _Word | _Default:
    value = got.get(column, "")
    if not value:
        return default
    try:
        return words(value.lower())
    except ValueError as error:
        raise InputError(
            f"{value!r} is none of {', '.join(words)}",
            where=column.value,
            hint=f"if the column holds something else, give --map HEADER={Column.IGNORED}",
        ) from error


def _language(got: Mapping[Column, str], column: Column) -> str:
    value = got.get(column, "")
    try:
        return languages.normalise(value) if value else ""
    except InputError as error:
        raise InputError(error.what, where=column.value, hint=error.hint) from error


def _moment(got: Mapping[Column, str], column: Column) -> datetime | None:
    value = got.get(column, "")
    if not value:
        return None
    try:
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", where=column.value, hint="write it as 2026-12-18"
        ) from error
