"""The import of people onto a list, a batch in a transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mailer.actor import Actor
from mailer.audience.imports.columns import ImportColumn
from mailer.audience.imports.number_map import NumberMap
from mailer.audience.imports.rows import describe_missing_date
from mailer.audience.lists import add_topic, check_open, get_list
from mailer.errors import InputError
from mailer.model.imports import ImportRow, OmittedValue, RowResult, RowState
from mailer.model.lists import MailingList
from mailer.model.subscribers import LawfulBasis
from mailer.model.transaction import Transaction

_LATEST_ZONE = timedelta(hours=14)

_PERSON_FIELDS = ("name", "language", "country", "time_zone")
_FIELDS = (*_PERSON_FIELDS, "topics", "joined", "list_language", "frequency", "paused_until")
"""The fields of which a file's first value for an address stays."""


class EarlierLines:
    """The addresses of a file's earlier lines. For each address, one number holds its first line
    and the fields that its lines fill, since a file may have millions of lines. `own_fields` are
    the names of the office's own fields in the file."""

    def __init__(self, own_fields: Iterable[str] = ()) -> None:
        self._numbers = NumberMap()
        self._own_fields = tuple(own_fields)
        self._fields = (*_FIELDS, *self._own_fields)

    def mark_row(self, row: ImportRow) -> ImportRow:
        """Return the row with the first line that has its address and the fields that such lines
        fill, and remember the row."""
        key = hash(row.person.address)
        number = self._numbers.find_number(key, row.line << len(self._fields))
        self._numbers.save_number(key, number | self._pack_stated_fields(row))
        first_line = number >> len(self._fields)
        if first_line == row.line:
            return row
        stated = frozenset(field for bit, field in enumerate(self._fields) if number >> bit & 1)
        return replace(row, first_line=first_line, stated_earlier=stated)

    def _pack_stated_fields(self, row: ImportRow) -> int:
        """Return a number with a bit for each field that a row of a member fills."""
        if row.state is not RowState.ACTIVE:
            return 0
        values = (
            *(getattr(row.person, field) for field in _PERSON_FIELDS),
            row.topics,
            row.joined_at,
            row.language,
            row.frequency,
            row.paused_until,
            *(row.person.fields.get(name) for name in self._own_fields),
        )
        return sum(1 << bit for bit, value in enumerate(values) if value)


def import_people(
    tx: Transaction,
    actor: Actor,
    rows: Sequence[ImportRow],
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str,
    basis: LawfulBasis | None,
    earlier_lines: EarlierLines | None = None,
    new_topics: Mapping[str, Mapping[str, str]] | None = None,
) -> list[RowResult]:
    """Import rows as ``decisions.py`` decides for each of them, and return their results in order.

    The log of consent records `source` and `basis`. `earlier_lines` are the lines of the file
    before these rows, which are added to them. If an earlier line has the same address, the result
    says so, the topics of both lines count, and of any other field the first value that is not
    empty. `new_topics` are names by language of topics to add if a row has them, by slug. Dates in
    the future are left out. Raises InputError for an empty source, and Refused if the list is
    closed."""
    check_open(get_list(tx, mailing_list.slug))
    source = source.strip()
    if not source:
        raise InputError(
            "an import must name its source",
            field="source",
            hint="give the place where these people agreed",
        )
    rows = [_omit_future_dates(row, now) for row in rows]
    if earlier_lines is not None:
        rows = [earlier_lines.mark_row(row) for row in rows]
    chosen_slugs = {slug for row in rows for slug in row.topics or ()}
    for slug, names in sorted((new_topics or {}).items()):
        if slug in chosen_slugs:
            add_topic(tx, actor, slug, names, now)
    results = tx.import_rows.import_people(actor, rows, mailing_list, source, now, basis)
    return [_note_duplicate(row, result) for row, result in zip(rows, results, strict=True)]


def _omit_future_dates(row: ImportRow, now: datetime) -> ImportRow:
    """Leave out the dates of joining and leaving that lie in the future, by more than the time
    zones differ."""
    latest = now + _LATEST_ZONE
    for field in ("joined_at", "left_at"):
        moment = getattr(row, field)
        if moment and moment > latest:
            column = ImportColumn(field.removesuffix("_at"))
            reason = f"the date lies in the future{describe_missing_date(column)}"
            omitted = OmittedValue(column, moment.isoformat(), reason)
            changes: dict[str, Any] = {field: None, "omitted": (*row.omitted, omitted)}
            row = replace(row, **changes)
    return row


def _note_duplicate(row: ImportRow, result: RowResult) -> RowResult:
    """Say in the reason of a result that an earlier line has the same address."""
    if not row.first_line:
        return result
    note = f"line {row.first_line} has the same address"
    return replace(result, reason=f"{note}; {result.reason}" if result.reason else note)
