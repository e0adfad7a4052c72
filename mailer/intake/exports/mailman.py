"""Read Mailman's lists of members.

``mailman members``, ``list_members --fullnames`` and Postorius write one line for each member: an
address, or ``Name <address>``.
"""

from collections.abc import Sequence

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


class MailmanFormat(ExportFormat):
    def __init__(self, header: Sequence[str], choices: ImportChoices) -> None:
        super().__init__(
            header or ["address"],
            choices,
            aliases=ALIASES | {"address": ImportColumn.ADDRESS},
            own_heads=frozenset({"deliverystatus"}),
            ignored_heads=frozenset(
                {"deliverymode", "moderationaction", "memberid", "listid", "role"}
            ),
        )

    def read_rows(self, line: CsvLine) -> list[ImportRow | RowResult]:
        values = assign_fields(line.fields, self.value_columns)
        status = normalise_header(self.get_value(line, "deliverystatus"))
        if status == "bybounces":
            values |= {
                ImportColumn.STATE: RowState.SUPPRESSED,
                ImportColumn.REASON: SuppressionReason.BOUNCE,
                ImportColumn.EVIDENCE: "disabled by bounces in Mailman",
            }
        elif status in {"byuser", "bymoderator", "unknown"}:
            raise RowSkipped(f"delivery is disabled in Mailman ({status.replace('by', 'by ')})")
        elif status not in {"", "enabled"}:
            raise InputError(f"{status!r} is not a delivery status of Mailman", where="status")
        self.take_state(line.fields, values)
        return parse_rows(line.number, values, self.rules)
