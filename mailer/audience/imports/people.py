"""The import of people onto a list, a batch in a transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mailer.actor import Actor
from mailer.audience.imports.number_map import NumberMap
from mailer.errors import InputError
from mailer.model.imports import ImportRow, OmittedValue, RowOutcome, RowResult
from mailer.model.lists import MailingList
from mailer.model.subscribers import LawfulBasis
from mailer.model.transaction import Transaction

_LATEST_ZONE = timedelta(hours=14)


def import_people(
    tx: Transaction,
    actor: Actor,
    rows: Sequence[ImportRow],
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str,
    basis: LawfulBasis | None,
    first_lines: NumberMap | None = None,
) -> list[RowResult]:
    """Import rows as ``decisions.py`` decides for each of them, and return their results in order.

    The log of consent records `source` and `basis`. If an earlier line has the same address, the
    result says so: `first_lines` has the first line of each address, by the hash of the address,
    and the lines of these rows are added. Dates in the future are left out. Raises InputError for
    an empty source."""
    source = source.strip()
    if not source:
        raise InputError(
            "an import must name its source",
            field="source",
            hint="give the place where these people agreed",
        )
    rows = [_omit_future_dates(row, now) for row in rows]
    results = tx.import_rows.import_people(actor, rows, mailing_list, source, now, basis)
    if first_lines is None:
        return results
    return [_note_duplicate(result, first_lines) for result in results]


def _omit_future_dates(row: ImportRow, now: datetime) -> ImportRow:
    """Leave out the dates of joining and leaving that lie in the future, by more than the time
    zones differ."""
    latest = now + _LATEST_ZONE
    for field in ("joined_at", "left_at"):
        moment = getattr(row, field)
        if moment and moment > latest:
            reason = "the date lies in the future"
            omitted = OmittedValue(field.removesuffix("_at"), moment.isoformat(), reason)
            changes: dict[str, Any] = {field: None, "omitted": (*row.omitted, omitted)}
            row = replace(row, **changes)
    return row


def _note_duplicate(result: RowResult, first_lines: NumberMap) -> RowResult:
    """Say in the reason of a result that an earlier line has the same address."""
    first_line = first_lines.add_number(hash(result.address), result.line)
    if first_line == result.line or result.outcome is RowOutcome.REFUSED:
        return result
    note = f"line {first_line} has the same address"
    return replace(result, reason=f"{result.reason}; {note}" if result.reason else note)
