"""Read Mailchimp's exports: one CSV file for each state.

The file's name begins with the state: subscribed_, unsubscribed_, cleaned_ or nonsubscribed_.
Column names are in the account's language, except for those in capitals.
"""

from collections.abc import Sequence
from dataclasses import replace

from mailer.audience.imports import state_words
from mailer.audience.imports.columns import (
    ALIASES,
    ImportColumn,
    assign_fields,
    normalise_header,
)
from mailer.audience.imports.rows import RowSkipped, parse_rows
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine
from mailer.intake.exports.export_format import ExportFormat
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow, RowResult, RowState
from mailer.model.suppressions import SuppressionReason

_STATE_BY_FILE_PREFIX = {
    "subscribed_": RowState.ACTIVE,
    "unsubscribed_": RowState.UNSUBSCRIBED,
    "cleaned_": RowState.SUPPRESSED,
    "nonsubscribed_": RowState.PENDING,
}
_STATE_BY_STATUS = {
    "subscribed": RowState.ACTIVE,
    "unsubscribed": RowState.UNSUBSCRIBED,
    "cleaned": RowState.SUPPRESSED,
    "nonsubscribed": RowState.PENDING,
    "transactional": RowState.PENDING,
    "pending": RowState.PENDING,
}


class MailchimpFormat(ExportFormat):
    def __init__(self, header: Sequence[str], choices: ImportChoices, file_name: str) -> None:
        default_state = choices.default_state
        file_state = next(
            (
                state
                for prefix, state in _STATE_BY_FILE_PREFIX.items()
                if file_name.lower().startswith(prefix)
            ),
            None,
        )
        if default_state and file_state and default_state is not file_state:
            raise InputError(
                f"the file's name says that its people are {file_state}, not {default_state}",
                field="state",
                value=default_state,
                hint="leave the state out, or give the file another name",
            )
        if (
            default_state is None
            and file_state is None
            and "status" not in map(normalise_header, header)
        ):
            raise InputError(
                "neither the file nor its name says whether its people are subscribed",
                field="state",
                hint="keep the name that Mailchimp gave the file (subscribed_…, unsubscribed_…, "
                "cleaned_…), or give the state",
            )
        super().__init__(
            header,
            replace(choices, default_state=default_state or file_state or RowState.PENDING),
            aliases=ALIASES,
            own_heads=frozenset(
                {
                    "optintime", "optinip", "confirmtime", "confirmip", "unsubtime",
                    "unsubreason", "unsubreasonother", "cleantime", "status", "cc", "timezone",
                    "language",
                }
            ),
            ignored_heads=frozenset(
                {
                    "memberrating", "latitude", "longitude", "gmtoff", "dstoff", "region",
                    "lastchanged", "leid", "euid", "notes", "unsubcampaigntitle",
                    "unsubcampaignid", "cleancampaigntitle", "cleancampaignid",
                }
            ),
        )  # fmt: skip

    def read_rows(self, line: CsvLine) -> list[ImportRow | RowResult]:
        values = assign_fields(line.fields, self.value_columns)
        for column, name in (
            (ImportColumn.COUNTRY, "cc"),
            (ImportColumn.TIME_ZONE, "timezone"),
            (ImportColumn.LANGUAGE, "language"),
        ):
            values[column] = values.get(column) or self.get_value(line, name)
        confirmed, opted_in = self.get_value(line, "confirmtime"), self.get_value(line, "optintime")
        values.setdefault(ImportColumn.JOINED, confirmed or opted_in)
        self._take_state(line, values)
        if not values.get(ImportColumn.EVIDENCE):
            values[ImportColumn.EVIDENCE] = "; ".join(
                f"{event} {moment}" + (f" from {client}" if client else "")
                for event, moment, client in (
                    ("opted in", opted_in, self.get_value(line, "optinip")),
                    ("confirmed", confirmed, self.get_value(line, "confirmip")),
                )
                if moment
            )
        self.take_state(line.fields, values)
        return parse_rows(
            line.number, values, self.rules, field_texts=self.read_field_texts(line.fields)
        )

    def _take_state(self, line: CsvLine, values: dict[ImportColumn, str]) -> None:
        status = self.get_value(line, "status").lower()
        if status and status not in _STATE_BY_STATUS:
            raise InputError(f"{status!r} is not a status of Mailchimp", where="status")
        unsubscribed_at, cleaned_at = (
            self.get_value(line, "unsubtime"),
            self.get_value(line, "cleantime"),
        )
        state = _STATE_BY_STATUS[status] if status else self.rules.default_state
        left_because = self.get_value(line, "unsubreason")
        is_complaint = state_words.is_complaint(left_because)
        if cleaned_at or is_complaint:
            state = RowState.SUPPRESSED
        elif unsubscribed_at and state is RowState.ACTIVE:
            state = RowState.UNSUBSCRIBED
        if state is RowState.PENDING:
            raise RowSkipped("never subscribed, according to Mailchimp")
        values[ImportColumn.STATE] = state
        if is_complaint:
            values[ImportColumn.REASON] = SuppressionReason.COMPLAINT
            values[ImportColumn.EVIDENCE] = f"{left_because} {unsubscribed_at}".strip()
        elif state is RowState.SUPPRESSED:
            values[ImportColumn.REASON] = SuppressionReason.BOUNCE
            values[ImportColumn.EVIDENCE] = f"cleaned by Mailchimp {cleaned_at}".strip()
        elif state is RowState.UNSUBSCRIBED:
            values[ImportColumn.LEFT] = unsubscribed_at
            values[ImportColumn.EVIDENCE] = self.get_value(line, "unsubreasonother") or left_because
