"""Parsing the rows of a table of people. `mailer/intake` reads the file.

A row without a valid address is refused. Any other value that can't be read is left out of its row
and reported. ``decisions.py`` decides about each row.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from mailer import addresses, languages, zones
from mailer.audience.imports.address_cells import AddressInCell, split_addresses, trim_invisible
from mailer.audience.imports.columns import ImportColumn
from mailer.audience.imports.dates import DateOrder, parse_date
from mailer.audience.imports.state_words import is_nothing
from mailer.audience.imports.topic_names import TopicNames
from mailer.audience.lists import check_line
from mailer.audience.reader_fields import parse_day_of_file, parse_value
from mailer.audience.subscribers import check_name, check_tag
from mailer.errors import InputError, NextStep
from mailer.model.imports import ImportRow, OmittedValue, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency
from mailer.model.reader_fields import NO_FIELDS, ReaderFields
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason

_Word = TypeVar("_Word", bound=StrEnum)
_Value = TypeVar("_Value")
_Default = TypeVar("_Default")


class RowSkipped(Exception):
    """Raised for a readable row that must not be imported. The message is the reason."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """The facts that the reading of a file's rows depends on: the topics, the state of people whose
    row states none, the order of day and month, which is None if the file has dates in both orders,
    and the office's own fields."""

    topics: TopicNames = field(default_factory=lambda: TopicNames({}))
    default_state: RowState = RowState.ACTIVE
    date_order: DateOrder | None = None
    fields: ReaderFields = field(default_factory=lambda: NO_FIELDS)


_NO_TEXTS: Mapping[str, str] = {}

_EFFECTS = {
    ImportColumn.JOINED: "; a new member counts as joined on the day of the import",
    ImportColumn.LEFT: "; the day of leaving is unknown",
    ImportColumn.PAUSED_UNTIL: "; the mails are not paused",
}
"""The effects of leaving out a date, by its column."""

_HAN = re.compile("[\u3400-\u9fff]+")
"""Chinese writing, in which the family name stands first, without a space."""

_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=[;,|]|$)|([^;,|]*))(?:[;,|]|$)')


def split_values(value: str) -> list[str]:
    """Split a field at semicolons, commas and bars. A value in double quotes may contain these
    separators, as in Mailchimp's tags and in the result of :func:`join_values`."""
    if '"' not in value:
        return list(_split_at_separators(value))
    parts = (
        quoted.replace('""', '"') if quoted else bare.strip()
        for quoted, bare in _PART.findall(value)
    )
    return [part for part in parts if part]


@lru_cache(maxsize=4096)
def _split_at_separators(value: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, re.split("[;,|]", value)) if part)


def join_values(values: Sequence[str]) -> str:
    """Join values into one field. :func:`split_values` reverses this."""
    return ";".join(
        '"' + value.replace('"', '""') + '"' if re.search('[";,|]', value) else value
        for value in values
    )


def parse_rows(
    line: int,
    fields: Mapping[ImportColumn, str],
    rules: RowRules,
    *,
    tags: Sequence[str] | None = None,
    field_texts: Mapping[str, str] = _NO_TEXTS,
) -> list[ImportRow | RowResult]:
    """Parse the row on a `line` into one person for each address in the row. `tags` are given if
    the file has its own notation for tags. `field_texts` are the texts of the office's own fields.

    If a row has several addresses, an invalid address among them gives a refusal. Raises InputError
    if the only address is invalid, or if the row's state is unknown."""
    for column, value in fields.items():
        if "\n" in value and "@" in value and _contains_lines(column, value):
            raise InputError("a field contains the lines after it", hint="is a quote left open?")
    cells = split_addresses(fields.get(ImportColumn.ADDRESS, ""))
    row = _parse_fields(line, fields, rules, tags)
    row = _add_own_fields(row, field_texts, rules)
    if len(cells) == 1:
        return [_complete_row(row, cells[0], row.person.name or cells[0].name)]
    rows: list[ImportRow | RowResult] = []
    for cell in cells:
        try:
            rows.append(_complete_row(row, cell, cell.name))
        except InputError as error:
            message = describe_row_error(error)
            rows.append(RowResult(line, RowOutcome.REFUSED, cell.address, message))
    return rows


def _contains_lines(column: ImportColumn, value: str) -> bool:
    """Check whether a field has swallowed the lines after it. A cell of addresses may have several
    lines with one address each."""
    if column is not ImportColumn.ADDRESS:
        return True
    lines = re.split(r"[\n;,]", value)
    return any(line.strip() and "@" not in line for line in lines)


def describe_row_error(error: InputError) -> str:
    """Describe the error of a row in one sentence: the column, and the fault."""
    place = error.where or error.field
    return f"{place}: {error.message}" if place else error.message


def parse_row(
    line: int,
    fields: Mapping[ImportColumn, str],
    rules: RowRules,
    *,
    tags: Sequence[str] | None = None,
) -> ImportRow:
    """Parse a row with one address, as :func:`parse_rows` does."""
    (row,) = parse_rows(line, fields, rules, tags=tags)
    assert isinstance(row, ImportRow)
    return row


def _complete_row(row: ImportRow, cell: AddressInCell, name: str) -> ImportRow:
    """Return the row with the address and the name of one person."""
    person = row.person
    omitted = row.omitted
    try:
        checked_name = check_name(name)
    except InputError as error:
        checked_name = ""
        omitted = (*omitted, OmittedValue(ImportColumn.NAME, name, error.message))
    if person.name and not checked_name:
        reason = "the row has several addresses, and the name may belong to any of them"
        omitted = (*omitted, OmittedValue(ImportColumn.NAME, person.name, reason))
    return ImportRow(
        line=row.line,
        person=Person(
            addresses.normalise_address(cell.address),
            checked_name,
            person.language,
            person.country,
            person.time_zone,
            person.tags,
            person.fields,
        ),
        topics=row.topics,
        joined_at=row.joined_at,
        language=row.language,
        frequency=row.frequency,
        paused_until=row.paused_until,
        state=row.state,
        left_at=row.left_at,
        reason=row.reason,
        evidence=row.evidence,
        omitted=omitted,
        unknown_topics=row.unknown_topics,
    )


def _parse_fields(
    line: int,
    fields: Mapping[ImportColumn, str],
    rules: RowRules,
    tags: Sequence[str] | None,
) -> ImportRow:
    """Parse all fields but the address. Values that can't be read are left out."""
    omitted: list[OmittedValue] = []

    def parse_optional(
        column: ImportColumn, parse: Callable[[str], _Value], empty: _Value
    ) -> _Value:
        value = fields.get(column, "")
        if not value or not (value := trim_invisible(value)):
            return empty
        try:
            return parse(value)
        except InputError as error:
            reason = error.message + _EFFECTS.get(column, "")
            omitted.append(OmittedValue(column, value, reason))
            return empty

    def parse_moment(column: ImportColumn) -> datetime | None:
        return parse_optional(column, lambda value: _parse_moment(value, rules.date_order), None)

    topics = _parse_topics(fields.get(ImportColumn.TOPICS, ""), rules.topics, omitted)
    unknown_topics = () if topics else tuple(value.value for value in omitted)
    return ImportRow(
        line=line,
        person=Person(
            address="",
            name=_parse_name(fields, parse_optional),
            language=parse_optional(ImportColumn.LANGUAGE, languages.find_language, ""),
            country=parse_optional(ImportColumn.COUNTRY, languages.find_country, ""),
            time_zone=parse_optional(ImportColumn.TIME_ZONE, zones.find_zone_name, ""),
            tags=_parse_tags(
                split_values(fields.get(ImportColumn.TAGS, "")) if tags is None else tags, omitted
            ),
        ),
        topics=topics,
        joined_at=parse_moment(ImportColumn.JOINED),
        language=parse_optional(ImportColumn.LIST_LANGUAGE, languages.find_language, ""),
        frequency=parse_optional(
            ImportColumn.FREQUENCY, lambda value: _parse_word(value, Frequency), None
        ),
        paused_until=parse_moment(ImportColumn.PAUSED_UNTIL),
        state=_parse_state(fields.get(ImportColumn.STATE, ""), rules.default_state),
        left_at=parse_moment(ImportColumn.LEFT),
        reason=parse_optional(
            ImportColumn.REASON,
            lambda value: _parse_word(value, SuppressionReason),
            SuppressionReason.MANUAL,
        ),
        evidence=parse_optional(
            ImportColumn.EVIDENCE,
            lambda value: check_line(value, ImportColumn.EVIDENCE, required=False),
            "",
        ),
        omitted=tuple(omitted),
        unknown_topics=unknown_topics,
    )


def _add_own_fields(row: ImportRow, field_texts: Mapping[str, str], rules: RowRules) -> ImportRow:
    """Return a row with the values of the office's own fields. Those that can't be read are left
    out."""
    values: dict[str, str] = {}
    omitted: list[OmittedValue] = []
    for name, text in field_texts.items():
        if not (text := trim_invisible(text)):
            continue
        try:
            values[name] = parse_value(
                rules.fields[name], text, lambda day: parse_day_of_file(day, rules.date_order)
            )
        except InputError as error:
            omitted.append(OmittedValue(name, text, error.message))
    if not (values or omitted):
        return row
    person = replace(row.person, fields=values)
    return replace(row, person=person, omitted=(*row.omitted, *omitted))


def describe_missing_date(column: ImportColumn) -> str:
    """Return what it means for a person that a date is left out, to follow the reason."""
    return _EFFECTS.get(column, "")


def _parse_name(
    fields: Mapping[ImportColumn, str],
    parse_optional: Callable[[ImportColumn, Callable[[str], str], str], str],
) -> str:
    """Return the name, or the first and the last name joined."""
    if name := parse_optional(ImportColumn.NAME, check_name, ""):
        return name
    first = parse_optional(ImportColumn.FIRST_NAME, check_name, "")
    last = parse_optional(ImportColumn.LAST_NAME, check_name, "")
    if first and last and _HAN.fullmatch(first + last):
        return last + first
    return f"{first} {last}".strip()


def _parse_topics(
    value: str, topics: TopicNames, omitted: list[OmittedValue]
) -> tuple[str, ...] | None:
    """Return the topics' slugs. None means that the row names no known topic, and so does not
    change the chosen topics."""
    value = trim_invisible(value)
    if not value:
        return None
    if slug := topics.find_slug(value):
        return (slug,)  # a name may contain a separator
    slugs: set[str] = set()
    unknown: list[str] = []
    for part in split_values(value):
        if slug := topics.find_slug(part) or topics.create_slug(part):
            slugs.add(slug)
        else:
            unknown.append(part)
    effect = "" if slugs else "; the row names no other topic"
    omitted += [
        OmittedValue(ImportColumn.TOPICS, part, f"there is no topic {part!r}{effect}")
        for part in unknown
    ]
    return tuple(sorted(slugs)) or None


def _parse_tags(tags: Sequence[str], omitted: list[OmittedValue]) -> tuple[str, ...]:
    valid_tags: set[str] = set()
    for tag in tags:
        try:
            valid_tags.add(check_tag(tag))
        except InputError as error:
            omitted.append(OmittedValue(ImportColumn.TAGS, tag, error.message))
    return tuple(sorted(valid_tags))


def _parse_state(value: str, default: RowState) -> RowState:
    """Return the state. Raises InputError for an unknown state, since it could mean that the person
    refuses mails."""
    if not value:
        return default
    try:
        return _parse_word(value, RowState)
    except InputError as error:
        raise InputError(
            error.message,
            field=ImportColumn.STATE.value,
            hint="if the column has another content, map its header to it or ignore the column",
            next_steps=[NextStep("map_column", content=ImportColumn.IGNORED.value)],
        ) from error


def _parse_word(value: str, words: type[_Word]) -> _Word:
    try:
        return words(value.lower())
    except ValueError as error:
        raise InputError(f"{value!r} is not one of {', '.join(words)}") from error


@lru_cache(maxsize=8192)
def _parse_moment(value: str, order: DateOrder | None) -> datetime | None:
    if is_nothing(value) or value == "0":
        return None
    moment = parse_date(value, order)
    if moment is None and parse_date(value, DateOrder.DAY_FIRST):
        raise InputError(f"{value!r} may have the day or the month first: the file has both")
    if moment is None:
        raise InputError(f"{value!r} is not a date", hint="write it as 2026-12-18")
    return moment
