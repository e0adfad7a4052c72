"""What other programs export -> rows: listmonk, Mailchimp and Mailman.

Nothing is guessed. A state that isn't known refuses its row, what can't be taken over is counted
under its name, and where a file doesn't say how its people stand, whoever imports it must.

listmonk
    One file of subscribers: uuid, email, name, attributes (JSON), status, created_at, updated_at.
    `status` is that of the person on the whole installation; who left one list isn't told.
Mailchimp
    A file for each state, which its name begins with: subscribed_, unsubscribed_, cleaned_ and
    nonsubscribed_. Names of columns stand in the account's language, but for those in capitals.
Mailman
    ``mailman members``, ``list_members --fullnames`` and Postorius write a line for each member: an
    address, or ``Name <address>``.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from mailer.audience.imports.rows import (
    ALIASES,
    ImportColumn,
    ImportRow,
    RowSkipped,
    RowState,
    assign_fields,
    map_columns,
    normalise_header,
    parse_row,
    split_values,
)
from mailer.audience.subscribers import check_person
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine, CsvTable, read_table, read_table_or_lines
from mailer.intake.table import FileOpener, RowFormat
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason


class ExportOrigin(StrEnum):
    """The programs whose exports are understood."""

    LISTMONK = "listmonk"
    MAILCHIMP = "mailchimp"
    MAILMAN = "mailman"


def create_export_opener(
    origin: ExportOrigin,
    mapping: Mapping[str, str],
    topics: frozenset[str],
    default_state: RowState | None,
) -> FileOpener:
    """A file that `origin` has written. `default` is how those stand of whom it doesn't say."""

    def open_export(path: Path, raw: IO[bytes]) -> tuple[CsvTable, RowFormat]:
        if origin is ExportOrigin.MAILMAN:
            csv_table = read_table_or_lines(path, raw)
            return csv_table, _MailmanFormat(
                csv_table.header, mapping, topics, default_state or RowState.ACTIVE
            )
        csv_table = read_table(path, raw)
        if origin is ExportOrigin.LISTMONK:
            return csv_table, _ListmonkFormat(
                csv_table.header, mapping, topics, default_state or RowState.ACTIVE
            )
        return csv_table, _MailchimpFormat(
            csv_table.header, mapping, topics, default_state, path.name
        )

    return open_export


class _ExportFormat:
    """What the formats share: `own` are columns that only this program has, by their names'
    letters; `left_out` those that it needs for itself."""

    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState,
        *,
        aliases: Mapping[str, ImportColumn],
        own_heads: frozenset[str],
        ignored_heads: frozenset[str] = frozenset(),
    ) -> None:
        own_heads -= {normalise_header(head) for head in mapping}
        self.columns = map_columns(header, mapping, aliases)
        self.topics = topics
        self.default_state = default_state
        self.own_columns = {
            normalise_header(head): index
            for index, head in enumerate(header)
            if normalise_header(head) in own_heads
        }
        self.passed_over: Counter[str] = Counter(
            {
                head: 0
                for index, head in enumerate(header)
                if head
                and head not in mapping
                and index not in self.columns
                and normalise_header(head) not in own_heads | ignored_heads
            }
        )
        self._address_index = next(
            index for index, column in self.columns.items() if column is ImportColumn.ADDRESS
        )

    def get_value(self, line: CsvLine, name: str) -> str:
        """A field of a column of its own."""
        index = self.own_columns.get(name, len(line.fields))
        return line.fields[index].strip() if index < len(line.fields) else ""

    def offer_value(
        self, values: dict[ImportColumn, str], column: ImportColumn, value: str, name: str
    ) -> None:
        """Take a value over where it can be; else count it."""
        if value and not values.get(column):
            if _fits_column(column, value):
                values[column] = value
            else:
                self.passed_over[f"{name} {value[:40]!r}"] += 1

    def get_address(self, line: CsvLine) -> str:
        return (
            line.fields[self._address_index].strip()
            if self._address_index < len(line.fields)
            else ""
        )


@lru_cache(maxsize=4096)
def _fits_column(column: ImportColumn, value: str) -> bool:
    try:
        field: dict[str, Any] = {column.value: value}
        check_person(replace(Person("a@example.org"), **field))
    except InputError:
        return False
    return True


# ---- listmonk ---------------------------------------------------------------------------------

_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?\d* ([+-]\d{4}) \S+")
_ATTRIBUTES = {
    "language": ImportColumn.LANGUAGE,
    "lang": ImportColumn.LANGUAGE,
    "locale": ImportColumn.LANGUAGE,
    "country": ImportColumn.COUNTRY,
    "countrycode": ImportColumn.COUNTRY,
    "timezone": ImportColumn.TIME_ZONE,
}


class _ListmonkFormat(_ExportFormat):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState,
    ) -> None:
        if "status" not in map(normalise_header, header):
            raise InputError(
                "it is not listmonk's: it has no column 'status'",
                where="line 1",
                hint="export subscribers as CSV there, or leave --from out",
            )
        super().__init__(
            header,
            mapping,
            topics,
            default_state,
            aliases={"email": ImportColumn.ADDRESS, "name": ImportColumn.NAME},
            own_heads=frozenset({"status", "attributes", "createdat"}),
            ignored_heads=frozenset({"uuid", "updatedat"}),
        )

    def read_row(self, line: CsvLine) -> ImportRow:
        values = assign_fields(line.fields, self.columns)
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
            raise InputError(f"{status!r} is no status of listmonk's", where="status")
        if ImportColumn.JOINED not in values:
            values[ImportColumn.JOINED] = _GO_TIME.sub(
                r"\1T\2\3\4", self.get_value(line, "createdat")
            )
        tags = self._take_attributes(values, self.get_value(line, "attributes"))
        if ImportColumn.TAGS in values:
            tags = [*tags, *split_values(values[ImportColumn.TAGS])]
        return parse_row(
            line.number, values, self.topics, tags=tags, default_state=self.default_state
        )

    def _take_attributes(self, values: dict[ImportColumn, str], text: str) -> list[str]:
        """Take over what an object in JSON tells; the tags in it."""
        try:
            attributes = json.loads(text) if text else {}
        except ValueError as error:
            raise InputError(f"not JSON: {error}", where="attributes") from error
        if not isinstance(attributes, dict):
            raise InputError("it is no object in JSON", where="attributes")
        tags: list[str] = []
        for key, value in attributes.items():
            column = _ATTRIBUTES.get(normalise_header(key))
            if column and isinstance(value, str):
                self.offer_value(values, column, value, f"attributes.{key}")
            elif key == "tags" and isinstance(value, list):
                tags += [str(tag) for tag in value if str(tag).strip()]
            elif value not in (None, "", [], {}):
                self.passed_over[f"attributes.{key}"] += 1
        return tags


# ---- Mailchimp --------------------------------------------------------------------------------

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


class _MailchimpFormat(_ExportFormat):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState | None,
        file_name: str,
    ) -> None:
        file_state = next(
            (
                state
                for prefix, state in _STATE_BY_FILE_PREFIX.items()
                if file_name.startswith(prefix)
            ),
            None,
        )
        if default_state and file_state and default_state is not file_state:
            raise InputError(
                f"by its name the file is of those who are {file_state}, and --state says {default_state}",
                hint="leave --state out, or give the file another name",
            )
        if (
            default_state is None
            and file_state is None
            and "status" not in map(normalise_header, header)
        ):
            raise InputError(
                "nothing says whether these people are subscribed",
                hint="keep the name that Mailchimp gave the file (subscribed_…, unsubscribed_…, "
                "cleaned_…), or say it with --state",
            )
        super().__init__(
            header,
            mapping,
            topics,
            default_state or file_state or RowState.PENDING,
            aliases={
                "emailaddress": ImportColumn.ADDRESS,
                "email": ImportColumn.ADDRESS,
                "name": ImportColumn.NAME,
                "fullname": ImportColumn.NAME,
                "tags": ImportColumn.TAGS,
            },
            own_heads=frozenset(
                {
                    "firstname", "fname", "lastname", "lname", "optintime", "optinip",
                    "confirmtime", "confirmip", "unsubtime", "unsubreason", "unsubreasonother",
                    "cleantime", "status", "cc", "timezone", "language",
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

    def read_row(self, line: CsvLine) -> ImportRow:
        values = assign_fields(line.fields, self.columns)
        if not values.get(ImportColumn.NAME):
            first = self.get_value(line, "firstname") or self.get_value(line, "fname")
            last = self.get_value(line, "lastname") or self.get_value(line, "lname")
            values[ImportColumn.NAME] = f"{first} {last}".strip()
        for column, name in (
            (ImportColumn.COUNTRY, "cc"),
            (ImportColumn.TIME_ZONE, "timezone"),
            (ImportColumn.LANGUAGE, "language"),
        ):
            self.offer_value(values, column, self.get_value(line, name), name.upper())
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
        return parse_row(line.number, values, self.topics, default_state=self.default_state)

    def _take_state(self, line: CsvLine, values: dict[ImportColumn, str]) -> None:
        status = self.get_value(line, "status").lower()
        if status and status not in _STATE_BY_STATUS:
            raise InputError(f"{status!r} is no status of Mailchimp's", where="status")
        unsubscribed_at, cleaned_at = (
            self.get_value(line, "unsubtime"),
            self.get_value(line, "cleantime"),
        )
        state = _STATE_BY_STATUS[status] if status else self.default_state
        if cleaned_at:
            state = RowState.SUPPRESSED
        elif unsubscribed_at and state is RowState.ACTIVE:
            state = RowState.UNSUBSCRIBED
        if state is RowState.PENDING:
            raise RowSkipped("never subscribed, by what Mailchimp says")
        values[ImportColumn.STATE] = state
        if state is RowState.SUPPRESSED:
            values[ImportColumn.REASON] = SuppressionReason.BOUNCE
            values[ImportColumn.EVIDENCE] = f"cleaned by Mailchimp {cleaned_at}".strip()
        elif state is RowState.UNSUBSCRIBED:
            values[ImportColumn.LEFT] = unsubscribed_at
            values[ImportColumn.EVIDENCE] = self.get_value(
                line, "unsubreasonother"
            ) or self.get_value(line, "unsubreason")


# ---- Mailman ----------------------------------------------------------------------------------

_NAMED_ADDRESS = re.compile(r"(.*?)\s*<([^<>\s]+)>")


class _MailmanFormat(_ExportFormat):
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
            raise InputError(f"{status!r} is no delivery status of Mailman's", where="status")
        return parse_row(line.number, values, self.topics, default_state=self.default_state)


def _strip_quotes(name: str) -> str:
    """A display name as people read it (RFC 5322 §3.2.4)."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
