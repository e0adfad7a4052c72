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

from mailer.audience.rows import (
    ALIASES,
    Column,
    Row,
    RowState,
    Skipped,
    map_columns,
    plain,
    read,
    split,
    taken,
)
from mailer.audience.subscribers import Person, check_person
from mailer.audience.suppressions import Reason
from mailer.errors import InputError
from mailer.intake.sheets import Line, Sheet, sheet, sheet_or_lines
from mailer.intake.table import Format, Opens


class Origin(StrEnum):
    """The programs whose exports are understood."""

    LISTMONK = "listmonk"
    MAILCHIMP = "mailchimp"
    MAILMAN = "mailman"


def export(
    origin: Origin, mapping: Mapping[str, str], topics: frozenset[str], default: RowState | None
) -> Opens:
    """A file that `origin` has written. `default` is how those stand of whom it doesn't say."""

    def opens(path: Path, raw: IO[bytes]) -> tuple[Sheet, Format]:
        if origin is Origin.MAILMAN:
            found = sheet_or_lines(path, raw)
            return found, _Mailman(found.header, mapping, topics, default or RowState.ACTIVE)
        found = sheet(path, raw)
        if origin is Origin.LISTMONK:
            return found, _Listmonk(found.header, mapping, topics, default or RowState.ACTIVE)
        return found, _Mailchimp(found.header, mapping, topics, default, path.name)

    return opens


class _Export:
    """What the formats share: `own` are columns that only this program has, by their names'
    letters; `left_out` those that it needs for itself."""

    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default: RowState,
        *,
        aliases: Mapping[str, Column],
        own: frozenset[str],
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        own -= {plain(head) for head in mapping}
        self.columns = map_columns(header, mapping, aliases)
        self.topics = topics
        self.default = default
        self.own = {plain(head): at for at, head in enumerate(header) if plain(head) in own}
        self.passed_over: Counter[str] = Counter(
            {
                head: 0
                for at, head in enumerate(header)
                if head
                and head not in mapping
                and at not in self.columns
                and plain(head) not in own | left_out
            }
        )
        self._address = next(at for at, what in self.columns.items() if what is Column.ADDRESS)

    def value(self, line: Line, name: str) -> str:
        """A field of a column of its own."""
        at = self.own.get(name, len(line.fields))
        return line.fields[at].strip() if at < len(line.fields) else ""

    def offer(self, got: dict[Column, str], column: Column, value: str, name: str) -> None:
        """Take a value over where it can be; else count it."""
        if value and not got.get(column):
            if _fits(column, value):
                got[column] = value
            else:
                self.passed_over[f"{name} {value[:40]!r}"] += 1

    def address(self, line: Line) -> str:
        return line.fields[self._address].strip() if self._address < len(line.fields) else ""


@lru_cache(maxsize=4096)
def _fits(column: Column, value: str) -> bool:
    try:
        field: dict[str, Any] = {column.value: value}
        check_person(replace(Person("a@example.org"), **field))
    except InputError:
        return False
    return True


# ---- listmonk ---------------------------------------------------------------------------------

_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?\d* ([+-]\d{4}) \S+")
_ATTRIBUTES = {
    "language": Column.LANGUAGE,
    "lang": Column.LANGUAGE,
    "locale": Column.LANGUAGE,
    "country": Column.COUNTRY,
    "countrycode": Column.COUNTRY,
    "timezone": Column.TIME_ZONE,
}


class _Listmonk(_Export):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default: RowState,
    ) -> None:
        if "status" not in map(plain, header):
            raise InputError(
                "it is not listmonk's: it has no column 'status'",
                where="line 1",
                hint="export subscribers as CSV there, or leave --from out",
            )
        super().__init__(
            header,
            mapping,
            topics,
            default,
            aliases={"email": Column.ADDRESS, "name": Column.NAME},
            own=frozenset({"status", "attributes", "createdat"}),
            left_out=frozenset({"uuid", "updatedat"}),
        )

    def row(self, line: Line) -> Row:
        got = taken(line.fields, self.columns)
        status = self.value(line, "status").lower()
        if status == "disabled":
            raise Skipped("disabled in listmonk")
        if status == "blocklisted":
            got |= {
                Column.STATE: RowState.SUPPRESSED,
                Column.REASON: Reason.MANUAL,
                Column.EVIDENCE: "blocklisted in listmonk",
            }
        elif status != "enabled":
            raise InputError(f"{status!r} is no status of listmonk's", where="status")
        if Column.JOINED not in got:
            got[Column.JOINED] = _GO_TIME.sub(r"\1T\2\3\4", self.value(line, "createdat"))
        tags = self._attributes(got, self.value(line, "attributes"))
        if Column.TAGS in got:
            tags = [*tags, *split(got[Column.TAGS])]
        return read(line.number, got, self.topics, tags=tags, default=self.default)

    def _attributes(self, got: dict[Column, str], text: str) -> list[str]:
        """Take over what an object in JSON tells; the tags in it."""
        try:
            found = json.loads(text) if text else {}
        except ValueError as error:
            raise InputError(f"not JSON: {error}", where="attributes") from error
        if not isinstance(found, dict):
            raise InputError("it is no object in JSON", where="attributes")
        tags: list[str] = []
        for key, value in found.items():
            column = _ATTRIBUTES.get(plain(key))
            if column and isinstance(value, str):
                self.offer(got, column, value, f"attributes.{key}")
            elif key == "tags" and isinstance(value, list):
                tags += [str(one) for one in value if str(one).strip()]
            elif value not in (None, "", [], {}):
                self.passed_over[f"attributes.{key}"] += 1
        return tags


# ---- Mailchimp --------------------------------------------------------------------------------

_FILES = {
    "subscribed_": RowState.ACTIVE,
    "unsubscribed_": RowState.UNSUBSCRIBED,
    "cleaned_": RowState.SUPPRESSED,
    "nonsubscribed_": RowState.PENDING,
}
_STATUS = {
    "subscribed": RowState.ACTIVE,
    "unsubscribed": RowState.UNSUBSCRIBED,
    "cleaned": RowState.SUPPRESSED,
    "nonsubscribed": RowState.PENDING,
    "transactional": RowState.PENDING,
    "pending": RowState.PENDING,
}


class _Mailchimp(_Export):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default: RowState | None,
        name: str,
    ) -> None:
        told = next((state for start, state in _FILES.items() if name.startswith(start)), None)
        if default and told and default is not told:
            raise InputError(
                f"by its name the file is of those who are {told}, and --state says {default}",
                hint="leave --state out, or give the file another name",
            )
        if default is None and told is None and "status" not in map(plain, header):
            raise InputError(
                "nothing says whether these people are subscribed",
                hint="keep the name that Mailchimp gave the file (subscribed_…, unsubscribed_…, "
                "cleaned_…), or say it with --state",
            )
        super().__init__(
            header,
            mapping,
            topics,
            default or told or RowState.PENDING,
            aliases={
                "emailaddress": Column.ADDRESS,
                "email": Column.ADDRESS,
                "name": Column.NAME,
                "fullname": Column.NAME,
                "tags": Column.TAGS,
            },
            own=frozenset(
                {
                    "firstname", "fname", "lastname", "lname", "optintime", "optinip",
                    "confirmtime", "confirmip", "unsubtime", "unsubreason", "unsubreasonother",
                    "cleantime", "status", "cc", "timezone", "language",
                }
            ),
            left_out=frozenset(
                {
                    "memberrating", "latitude", "longitude", "gmtoff", "dstoff", "region",
                    "lastchanged", "leid", "euid", "notes", "unsubcampaigntitle",
                    "unsubcampaignid", "cleancampaigntitle", "cleancampaignid",
                }
            ),
        )  # fmt: skip

    def row(self, line: Line) -> Row:
        got = taken(line.fields, self.columns)
        if not got.get(Column.NAME):
            first = self.value(line, "firstname") or self.value(line, "fname")
            last = self.value(line, "lastname") or self.value(line, "lname")
            got[Column.NAME] = f"{first} {last}".strip()
        for column, name in (
            (Column.COUNTRY, "cc"),
            (Column.TIME_ZONE, "timezone"),
            (Column.LANGUAGE, "language"),
        ):
            self.offer(got, column, self.value(line, name), name.upper())
        confirmed, opted_in = self.value(line, "confirmtime"), self.value(line, "optintime")
        got.setdefault(Column.JOINED, confirmed or opted_in)
        self._state(line, got)
        if not got.get(Column.EVIDENCE):
            got[Column.EVIDENCE] = "; ".join(
                f"{what} {moment}" + (f" from {client}" if client else "")
                for what, moment, client in (
                    ("opted in", opted_in, self.value(line, "optinip")),
                    ("confirmed", confirmed, self.value(line, "confirmip")),
                )
                if moment
            )
        return read(line.number, got, self.topics, default=self.default)

    def _state(self, line: Line, got: dict[Column, str]) -> None:
        status = self.value(line, "status").lower()
        if status and status not in _STATUS:
            raise InputError(f"{status!r} is no status of Mailchimp's", where="status")
        left, cleaned = self.value(line, "unsubtime"), self.value(line, "cleantime")
        state = _STATUS[status] if status else self.default
        if cleaned:
            state = RowState.SUPPRESSED
        elif left and state is RowState.ACTIVE:
            state = RowState.UNSUBSCRIBED
        if state is RowState.PENDING:
            raise Skipped("never subscribed, by what Mailchimp says")
        got[Column.STATE] = state
        if state is RowState.SUPPRESSED:
            got[Column.REASON] = Reason.BOUNCE
            got[Column.EVIDENCE] = f"cleaned by Mailchimp {cleaned}".strip()
        elif state is RowState.UNSUBSCRIBED:
            got[Column.LEFT] = left
            got[Column.EVIDENCE] = self.value(line, "unsubreasonother") or self.value(
                line, "unsubreason"
            )


# ---- Mailman ----------------------------------------------------------------------------------

_NAMED = re.compile(r"(.*?)\s*<([^<>\s]+)>")


class _Mailman(_Export):
    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default: RowState,
    ) -> None:
        self._by_line = not header
        super().__init__(
            header or ["address"],
            mapping,
            topics,
            default,
            aliases=ALIASES | {"displayname": Column.NAME, "realname": Column.NAME},
            own=frozenset({"deliverystatus"}),
            left_out=frozenset({"deliverymode", "moderationaction", "memberid", "listid", "role"}),
        )

    def row(self, line: Line) -> Row:
        got = taken(line.fields, self.columns)
        if self._by_line and (found := _NAMED.fullmatch(line.fields[0])):
            got = {Column.NAME: _unquoted(found[1]), Column.ADDRESS: found[2]}
        status = plain(self.value(line, "deliverystatus"))
        if status == "bybounces":
            got |= {
                Column.STATE: RowState.SUPPRESSED,
                Column.REASON: Reason.BOUNCE,
                Column.EVIDENCE: "disabled by bounces in Mailman",
            }
        elif status in {"byuser", "bymoderator", "unknown"}:
            raise Skipped(f"delivery is disabled in Mailman ({status.replace('by', 'by ')})")
        elif status not in {"", "enabled"}:
            raise InputError(f"{status!r} is no delivery status of Mailman's", where="status")
        return read(line.number, got, self.topics, default=self.default)


def _unquoted(name: str) -> str:
    """A display name as people read it (RFC 5322 §3.2.4)."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
