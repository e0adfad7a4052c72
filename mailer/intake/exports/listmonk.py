"""Read listmonk's export: one CSV file of subscribers.

Columns: uuid, email, name, attributes (JSON), status, created_at, updated_at. `status` is the
person's status on the whole installation. The file does not say which lists a person has left.
"""

import json
from collections.abc import Sequence

from mailer.audience.imports.columns import ImportColumn, assign_fields, normalise_header
from mailer.audience.imports.rows import RowSkipped, parse_rows, split_values
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine
from mailer.intake.exports.export_format import ExportFormat
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow, RowResult, RowState
from mailer.model.suppressions import SuppressionReason

_ATTRIBUTES = {
    "language": ImportColumn.LANGUAGE,
    "lang": ImportColumn.LANGUAGE,
    "locale": ImportColumn.LANGUAGE,
    "country": ImportColumn.COUNTRY,
    "countrycode": ImportColumn.COUNTRY,
    "timezone": ImportColumn.TIME_ZONE,
}


class ListmonkFormat(ExportFormat):
    def __init__(self, header: Sequence[str], choices: ImportChoices) -> None:
        if "status" not in map(normalise_header, header):
            raise InputError(
                "the file is not listmonk's: it has no column 'status'",
                where="line 1",
                hint="export subscribers as CSV in listmonk, or import the file as plain CSV",
            )
        super().__init__(
            header,
            choices,
            aliases={"email": ImportColumn.ADDRESS, "name": ImportColumn.NAME},
            own_heads=frozenset({"status", "attributes", "createdat"}),
            ignored_heads=frozenset({"uuid", "updatedat"}),
        )

    def read_rows(self, line: CsvLine) -> list[ImportRow | RowResult]:
        values = assign_fields(line.fields, self.value_columns)
        status = self.get_value(line, "status").lower()
        if status == "disabled":
            raise RowSkipped("disabled in listmonk")
        if status == "blocklisted":
            values |= {
                ImportColumn.STATE: RowState.SUPPRESSED,
                ImportColumn.REASON: SuppressionReason.MANUAL,
                ImportColumn.EVIDENCE: "blocklisted in listmonk",
            }
        elif status != "enabled":
            raise InputError(f"{status!r} is not a status of listmonk", where="status")
        if ImportColumn.JOINED not in values:
            values[ImportColumn.JOINED] = self.get_value(line, "createdat")
        self.take_state(line.fields, values)
        field_texts = self.read_field_texts(line.fields)
        tags = self._take_attributes(values, field_texts, self.get_value(line, "attributes"))
        if ImportColumn.TAGS in values:
            tags = [*tags, *split_values(values[ImportColumn.TAGS])]
        return parse_rows(line.number, values, self.rules, tags=tags, field_texts=field_texts)

    def _take_attributes(
        self, values: dict[ImportColumn, str], field_texts: dict[str, str], text: str
    ) -> list[str]:
        """Add the values of a JSON object to `values` and `field_texts`, and return its tags.

        Raises InputError if `text` is not a JSON object."""
        try:
            attributes = json.loads(text) if text else {}
        except ValueError as error:
            raise InputError(f"not JSON: {error}", where="attributes") from error
        if not isinstance(attributes, dict):
            raise InputError("not a JSON object", where="attributes")
        tags: list[str] = []
        for key, value in attributes.items():
            column = _ATTRIBUTES.get(normalise_header(key))
            if column and isinstance(value, str):
                values[column] = values.get(column) or value
            elif key == "tags" and isinstance(value, list):
                tags += [str(tag) for tag in value if str(tag).strip()]
            elif key in self.rules.fields and isinstance(value, str | int | float):
                field_texts[key] = field_texts.get(key) or str(value)
            elif value not in (None, "", [], {}):
                self.passed_over[f"attributes.{key}"] += 1
        return tags
