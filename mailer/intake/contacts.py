"""CSV files of media contacts: people, as ``table.py`` has them, with what a press office knows of
them. Spellings in use elsewhere are understood."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mailer.audience.contacts import FollowUp, Standing, Trust, check
from mailer.audience.rows import (
    ALIASES,
    Row,
    RowOutcome,
    RowResult,
    map_columns,
    plain,
    read,
    split,
    taken,
)
from mailer.errors import InputError
from mailer.intake.sheets import Line, opened, sheet, unsafe

COLUMNS: Mapping[str, str] = {
    "outlet": "outlet", "media": "outlet", "mediaoutlet": "outlet", "publication": "outlet",
    "organisation": "outlet", "organization": "outlet", "company": "outlet",
    "beat": "beats", "beats": "beats", "subjects": "beats",
    "trust": "trust", "trusted": "trust", "trustedwithembargoes": "trust", "embargo": "trust",
    "followup": "follow_up", "donotfollowup": "no_follow_up",
    "note": "note", "notes": "note",
}  # fmt: skip
"""What a header's letters say."""

_YES = {"yes", "y", "true", "1", "x", "trusted", "welcome"}
_NO = {"no", "n", "false", "0", "", "untrusted", "never"}


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A line's person, and what it says of them as a journalist: `says` names the columns that
    the file has, so that what it doesn't have stays as it is known."""

    row: Row
    standing: Standing
    says: frozenset[str]

    def over(self, known: Standing | None) -> Standing:
        """What is known, with what this line says over it."""
        if known is None:
            return self.standing
        return replace(known, **{name: getattr(self.standing, name) for name in self.says})


def rows(path: Path, topics: frozenset[str]) -> Iterator[ContactRow | RowResult]:
    """The file's lines, as they come; a bad one as the result that says why. Raises InputError for
    a file or header that can't be used."""
    with opened(path) as raw:
        found = sheet(path, raw)
        ours = {
            at: COLUMNS[plain(head)]
            for at, head in enumerate(found.header)
            if plain(head) in COLUMNS
        }
        others = ["" if at in ours else head for at, head in enumerate(found.header)]
        try:
            columns = map_columns(others, {})
        except InputError as error:
            raise InputError(error.what, where=f"{path}, line 1", hint=error.hint) from error
        for line in found.lines:
            fields = [unsafe(value) for value in line.fields]
            try:
                if line.problem:
                    raise InputError(line.problem)
                yield ContactRow(
                    read(line.number, taken(fields, columns), topics),
                    *_standing(line, fields, ours),
                )
            except InputError as error:
                why = f"{error.where}: {error.what}" if error.where else error.what
                address = ""
                with suppress(StopIteration, IndexError):
                    at = next(at for at, what in columns.items() if what.value == "address")
                    address = fields[at].strip()
                yield RowResult(line.number, RowOutcome.REFUSED, address, why)


def unnamed(path: Path) -> list[str]:
    """The file's columns that say nothing we know. Raises InputError for one that can't be read."""
    with opened(path) as raw:
        return [
            head
            for head in sheet(path, raw).header
            if head.strip() and plain(head) not in COLUMNS and plain(head) not in ALIASES
        ]


def _standing(
    line: Line, fields: list[str], ours: Mapping[int, str]
) -> tuple[Standing, frozenset[str]]:
    got = {name: fields[at].strip() for at, name in ours.items() if at < len(fields)}
    says = {name for name in got if name != "no_follow_up"}
    follow_up = FollowUp.WELCOME
    if "follow_up" in got:
        # An empty field says nothing against it.
        wanted = not got["follow_up"] or _flag(got["follow_up"], "follow_up")
        follow_up = FollowUp.WELCOME if wanted else FollowUp.NEVER
    if "no_follow_up" in got:
        says.add("follow_up")
        follow_up = (
            FollowUp.NEVER if _flag(got["no_follow_up"], "do not follow up") else FollowUp.WELCOME
        )
    trusted = _flag(got.get("trust", ""), "trust")
    standing = Standing(
        outlet=got.get("outlet", ""),
        beats=tuple(split(got.get("beats", ""))),
        trust=Trust.TRUSTED if trusted else Trust.UNTRUSTED,
        follow_up=follow_up,
        note=got.get("note", ""),
    )
    return check(standing), frozenset(says)


def _flag(value: str, where: str) -> bool:
    word = value.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InputError(f"{value!r} is neither yes nor no", where=where, hint="write yes or no")
