"""Parsing the rows of a table of people. `mailer/intake` reads the file.

A header names each column. Common spellings of other programs are understood; staff map other
headers by hand. ``decisions.py`` decides about each row.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TypeVar

from mailer import languages
from mailer.audience.lists import check_line
from mailer.audience.subscribers import check_person
from mailer.errors import InputError, NextStep
from mailer.model.imports import ImportRow, RowState
from mailer.model.lists import Frequency
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason

_Word = TypeVar("_Word", bound=StrEnum)


class ImportColumn(StrEnum):
    """The content of a column."""

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
    """The reason for a suppression, if the state is `suppressed`."""
    EVIDENCE = "evidence"
    """The way in which the person agreed, for the log of consent."""
    IGNORED = "ignored"


ALIASES = {
    "address": ImportColumn.ADDRESS,
    "email": ImportColumn.ADDRESS,
    "emailaddress": ImportColumn.ADDRESS,
    "mail": ImportColumn.ADDRESS,
    "name": ImportColumn.NAME,
    "fullname": ImportColumn.NAME,
    "language": ImportColumn.LANGUAGE,
    "lang": ImportColumn.LANGUAGE,
    "country": ImportColumn.COUNTRY,
    "countrycode": ImportColumn.COUNTRY,
    "timezone": ImportColumn.TIME_ZONE,
    "topics": ImportColumn.TOPICS,
    "topic": ImportColumn.TOPICS,
    "interests": ImportColumn.TOPICS,
    "tags": ImportColumn.TAGS,
    "joined": ImportColumn.JOINED,
    "joinedat": ImportColumn.JOINED,
    "subscribedat": ImportColumn.JOINED,
    "listlanguage": ImportColumn.LIST_LANGUAGE,
    "frequency": ImportColumn.FREQUENCY,
    "pauseduntil": ImportColumn.PAUSED_UNTIL,
    "state": ImportColumn.STATE,
    "left": ImportColumn.LEFT,
    "evidence": ImportColumn.EVIDENCE,
}


class RowSkipped(Exception):
    """Raised for a readable row that must not be imported. The message is the reason."""


def map_columns(
    header: Sequence[str],
    mapping: Mapping[str, str],
    aliases: Mapping[str, ImportColumn] = ALIASES,
) -> dict[int, ImportColumn]:
    """Map each column's index to its content, first by `mapping` (header -> column), then by
    `aliases`. Other columns are ignored.

    Raises InputError if no column holds addresses, if `mapping` names an unknown header or content,
    or if two columns have the same content."""
    column_by_header: dict[str, ImportColumn] = {}
    for head, column_name in mapping.items():
        if head not in header:
            raise InputError(
                f"there is no column {head!r}",
                where="line 1",
                hint=f"the file has {', '.join(map(repr, header))}",
            )
        try:
            column_by_header[head] = ImportColumn(column_name)
        except ValueError as error:
            raise InputError(
                f"{column_name!r} is not the content of a column",
                where=f"{head}={column_name}",
                hint=f"use one of {', '.join(ImportColumn)}",
            ) from error
    columns: dict[int, ImportColumn] = {}
    for index, head in enumerate(header):
        alias = aliases.get(normalise_header(head))
        column = column_by_header.get(head) or (
            None if alias in column_by_header.values() else alias
        )
        if column is None or column is ImportColumn.IGNORED:
            continue
        if column in columns.values():
            raise InputError(
                f"two columns hold the {column}",
                where="line 1",
                hint="rename one of them, or map its header to its content",
                next_steps=[NextStep("map_column", content=column.value)],
            )
        columns[index] = column
    if ImportColumn.ADDRESS not in columns.values():
        raise InputError(
            "no column holds addresses",
            where="line 1",
            hint="name the column 'email', or map its header to its content",
            next_steps=[NextStep("map_column", content=ImportColumn.ADDRESS.value)],
        )
    return columns


def normalise_header(head: str) -> str:
    """Return a header's letters in lower case, without other signs, so that spellings compare
    equal."""
    return re.sub(r"[^a-z]", "", head.lower())


_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=[;,|]|$)|([^;,|]*))(?:[;,|]|$)')


def split_values(value: str) -> list[str]:
    """Split a field at semicolons, commas and bars. A value in double quotes may contain these
    separators, as in Mailchimp's tags and in the result of :func:`join_values`."""
    if '"' not in value:
        return [part.strip() for part in re.split(r"[;,|]", value) if part.strip()]
    parts = (
        quoted.replace('""', '"') if quoted else bare.strip()
        for quoted, bare in _PART.findall(value)
    )
    return [part for part in parts if part]


def join_values(values: Sequence[str]) -> str:
    """Join values into one field. :func:`split_values` reverses this."""
    return ";".join(
        '"' + value.replace('"', '""') + '"' if re.search('[";,|]', value) else value
        for value in values
    )


def assign_fields(
    fields: Sequence[str], columns: Mapping[int, ImportColumn]
) -> dict[ImportColumn, str]:
    """Return a line's fields by their content. Fields that a short line lacks are left out."""
    return {
        column: fields[index].strip() for index, column in columns.items() if index < len(fields)
    }


def parse_row(
    line: int,
    fields: Mapping[ImportColumn, str],
    topics: frozenset[str],
    *,
    tags: Sequence[str] | None = None,
    default_state: RowState = RowState.ACTIVE,
) -> ImportRow:
    """Parse the row on a `line`. `tags` are passed in if the file has its own notation for tags.
    `default_state` is the state if the row gives none. Raises InputError naming the column."""
    for value in fields.values():
        if "\n" in value and "@" in value:
            raise InputError("a field contains the lines after it", hint="is a quote left open?")
    chosen = split_values(fields.get(ImportColumn.TOPICS, ""))
    unknown = [topic for topic in chosen if topic not in topics]
    if unknown:
        raise InputError(
            f"there is no topic {unknown[0]!r}",
            field="topics",
            next_steps=[NextStep("list_topics")],
        )
    person = check_person(
        Person(
            address=fields.get(ImportColumn.ADDRESS, ""),
            name=fields.get(ImportColumn.NAME, ""),
            language=_parse_language(fields, ImportColumn.LANGUAGE),
            country=fields.get(ImportColumn.COUNTRY, ""),
            time_zone=fields.get(ImportColumn.TIME_ZONE, ""),
            tags=tuple(split_values(fields.get(ImportColumn.TAGS, "")) if tags is None else tags),
        )
    )
    return ImportRow(
        line=line,
        person=person,
        topics=tuple(sorted(set(chosen))) or None,
        joined_at=_parse_moment(fields, ImportColumn.JOINED),
        language=_parse_language(fields, ImportColumn.LIST_LANGUAGE),
        frequency=_parse_word(fields, ImportColumn.FREQUENCY, Frequency, None),
        paused_until=_parse_moment(fields, ImportColumn.PAUSED_UNTIL),
        state=_parse_word(fields, ImportColumn.STATE, RowState, default_state),
        left_at=_parse_moment(fields, ImportColumn.LEFT),
        reason=_parse_word(
            fields, ImportColumn.REASON, SuppressionReason, SuppressionReason.MANUAL
        ),
        evidence=check_line(
            fields.get(ImportColumn.EVIDENCE, ""), ImportColumn.EVIDENCE, required=False
        ),
    )


_Default = TypeVar("_Default")


def _parse_word(
    fields: Mapping[ImportColumn, str], column: ImportColumn, words: type[_Word], default: _Default
) -> _Word | _Default:
    value = fields.get(column, "")
    if not value:
        return default
    try:
        return words(value.lower())
    except ValueError as error:
        raise InputError(
            f"{value!r} is not one of {', '.join(words)}",
            field=column.value,
            hint="if the column has another content, map its header to it or ignore the column",
            next_steps=[NextStep("map_column", content=ImportColumn.IGNORED.value)],
        ) from error


def _parse_language(fields: Mapping[ImportColumn, str], column: ImportColumn) -> str:
    value = fields.get(column, "")
    try:
        return languages.normalise_tag(value) if value else ""
    except InputError as error:
        raise InputError(error.message, field=column.value, hint=error.hint) from error


def _parse_moment(fields: Mapping[ImportColumn, str], column: ImportColumn) -> datetime | None:
    value = fields.get(column, "")
    if not value:
        return None
    try:
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", field=column.value, hint="write it as 2026-12-18"
        ) from error
