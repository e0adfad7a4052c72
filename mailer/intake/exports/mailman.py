"""Read Mailman's lists of members.

``mailman members``, ``list_members --fullnames`` and Postorius write one line for each member: an
address, or ``Name <address>``.
"""

import re
from collections.abc import Mapping

from mailer.audience.imports.rows import (
    ALIASES,
    ImportColumn,
    RowSkipped,
    assign_fields,
    normalise_header,
    parse_row,
)
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine
from mailer.intake.exports.export_format import ExportFormat
from mailer.model.imports import ImportRow, RowState
from mailer.model.suppressions import SuppressionReason

_NAMED_ADDRESS = re.compile(r"(.*?)\s*<([^<>\s]+)>")


class MailmanFormat(ExportFormat):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState,
    ) -> None:
        self._is_address_list = not header
        super().__init__(
            header or ["address"],
            mapping,
            topics,
            default_state,
            aliases=ALIASES | {"displayname": ImportColumn.NAME, "realname": ImportColumn.NAME},
            own_heads=frozenset({"deliverystatus"}),
            ignored_heads=frozenset(
                {"deliverymode", "moderationaction", "memberid", "listid", "role"}
            ),
        )

    def read_row(self, line: CsvLine) -> ImportRow:
        values = assign_fields(line.fields, self.columns)
        if self._is_address_list and (match := _NAMED_ADDRESS.fullmatch(line.fields[0])):
            values = {ImportColumn.NAME: _strip_quotes(match[1]), ImportColumn.ADDRESS: match[2]}
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
        return parse_row(line.number, values, self.topics, default_state=self.default_state)


def _strip_quotes(name: str) -> str:
    """Return a display name without its quotes and escapes (RFC 5322 §3.2.4)."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
