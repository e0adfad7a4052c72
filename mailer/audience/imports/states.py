"""The state of the people in a file: who left, bounced, complained, or never confirmed.

If a column seems to state this and is not understood, the file is refused, so that no import brings
back a person who left. ``state_words.py`` has the words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mailer.audience.imports import state_headers, state_words
from mailer.audience.imports.columns import STATE_COLUMNS, ImportColumn, normalise_header
from mailer.audience.imports.dates import is_plausible_date
from mailer.audience.imports.state_words import NAMED_STATES, StatedState
from mailer.counts import count_noun
from mailer.errors import InputError, NextStep

MAX_VALUES = 60
"""Maximum number of different values that are remembered for each column."""
SHOWN_VALUES = 5

_SIGNS = {
    ImportColumn.OPTED_OUT: state_words.LEFT,
    ImportColumn.LEFT: state_words.LEFT,
    ImportColumn.BOUNCED: state_words.BOUNCED,
    ImportColumn.COMPLAINED: state_words.COMPLAINED,
    ImportColumn.BLOCKED: state_words.BLOCKED,
    ImportColumn.DELETED: state_words.DELETED,
    ImportColumn.DISABLED: state_words.DISABLED,
}
"""The state of a person if such a column says yes, or has a date."""

_WISHES = {
    ImportColumn.OPTED_IN: state_words.LEFT,
    ImportColumn.CONFIRMED: state_words.PENDING,
}
"""The state of a person if such a column says no."""

_STATING_ACTIVE = (ImportColumn.STATE, ImportColumn.OPTED_IN)
"""Columns that say that a person gets mails. In any other column, "no" only means that the column
does not forbid mails."""

_REASONS = ("reason", "reasonother", "reasonenum", "grund")
"""Ends of headers. In a column with such a header, any text means yes."""

_OUTRANKED = {
    frozenset({"confirmed", "blacklisted"}): frozenset({"optedin", "bouncecount"}),
    frozenset({"emaildisabled"}): frozenset({"activesubscription", "expiry"}),
    frozenset({"emailsdisabled"}): frozenset({"canceldate"}),
}
"""Columns that say nothing about mails if the file has certain other columns: phpList counts the
bounces of people who still get mails, and Substack's subscription is a paid one."""

_DEACTIVATED = frozenset({"deactivated", "deaktivierung", "deaktiviert"})
_ACTIVATED = frozenset({"activated", "aktivierung", "aktiviert"})
"""CleverReach's dates of a confirmation and of leaving the list."""

_TEXT_COLUMNS = frozenset({ImportColumn.TAGS, ImportColumn.TOPICS})
"""Columns of words, of which one may be a state."""

_BREVO_DOUBLE_OPT_IN = "doubleoptin"
"""Brevo writes 1 for yes and 2 for no in this column."""
_SUBSTACK_SECTIONS = "receivingemailsfor"
"""Substack lists the sections that a person gets in this column."""
_MAILTRAIN_CODES = {"1": state_words.ACTIVE, "2": state_words.LEFT, "3": state_words.BOUNCED,
                    "4": state_words.COMPLAINED}  # fmt: skip


@dataclass(slots=True)
class _SeenValues:
    """The values of one column: how often each occurs, and on which line first."""

    head: str
    counts: dict[str, int] = field(default_factory=dict)
    first_lines: dict[str, int] = field(default_factory=dict)
    others: int = 0

    def has_room(self, value: str) -> bool:
        return value in self.counts or len(self.counts) < MAX_VALUES

    def add_value(self, value: str, line: int, limit: int = MAX_VALUES) -> None:
        if value in self.counts:
            self.counts[value] += 1
        elif len(self.counts) < limit:
            self.counts[value] = 1
            self.first_lines[value] = line
        else:
            self.others += 1

    def describe_values(self, values: Iterable[str]) -> str:
        listed = list(values)
        parts = [
            f"{value[:40]!r} ({count_noun(self.counts[value], 'row')}, first on line "
            f"{self.first_lines[value]})"
            for value in listed[:SHOWN_VALUES]
        ]
        if len(listed) > SHOWN_VALUES or self.others:
            parts.append("…")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class PersonState:
    """The state of one person, the columns that gave it, and the date on which they left."""

    state: StatedState
    evidence: str = ""
    left: str = ""


class StateReader:
    """Reads the state of each person from a file's columns.

    `own_words` are words of this file that staff explained, with the names of their states.
    :meth:`survey_line` sees each line first; :meth:`check_columns` refuses what is not understood;
    then :meth:`read_state` reads the lines."""

    def __init__(
        self,
        header: Sequence[str],
        columns: Mapping[int, ImportColumn],
        mapping: Mapping[str, str],
        own_words: Mapping[str, str] | None = None,
    ) -> None:
        heads = [normalise_header(head) for head in header]
        outranked = frozenset[str]().union(
            *(lesser for signature, lesser in _OUTRANKED.items() if signature <= set(heads))
        )
        self._header = header
        self._words = dict(state_words.STATE_WORDS)
        for word, name in (own_words or {}).items():
            self._words[normalise_header(word)] = _parse_state_name(word, name)
        self._codes = _MAILTRAIN_CODES if {"cid", "hashemail"} & set(heads) else {}
        self._columns = {
            index: column
            for index, column in columns.items()
            if column in STATE_COLUMNS
            and (heads[index] not in outranked or header[index] in mapping)
        }
        if _ACTIVATED & set(heads):
            self._columns |= {
                index: ImportColumn.OPTED_OUT
                for index in self._columns
                if heads[index] in _DEACTIVATED and header[index] not in mapping
            }
        self._mapped = frozenset(index for index in self._columns if header[index] in mapping)
        self._text_indexes = frozenset(
            index
            for index, column in columns.items()
            if column in _TEXT_COLUMNS and header[index] not in mapping
        )
        self._other_indexes = tuple(
            index
            for index, head in enumerate(heads)
            if head
            and index not in columns
            and header[index] not in mapping
            and head not in outranked
            and not state_headers.is_harmless(head)
        )
        self._seen = {
            index: _SeenValues(header[index])
            for index in (*self._columns, *self._other_indexes, *self._text_indexes)
        }
        self._line_count = 0
        self._coded: frozenset[int] = frozenset()
        self._blank_means_no: frozenset[int] = frozenset()
        self._blank_means_unknown = False

    @property
    def indexes(self) -> frozenset[int]:
        """The indexes of the columns that state the state of people."""
        return frozenset(self._columns)

    @property
    def has_statements(self) -> bool:
        """Check whether a column states the state of any person."""
        return any(self._seen[index].counts for index in self._columns)

    @property
    def needs_survey(self) -> bool:
        return bool(self._seen)

    def survey_line(self, fields: Sequence[str], line: int) -> None:
        """Remember the values of a line."""
        self._line_count += 1
        for index, seen in self._seen.items():
            if index >= len(fields) or not (value := fields[index].strip()):
                continue
            if index in self._text_indexes:
                for word in state_words.find_unmistakable_words(value):
                    seen.add_value(word, line)
            elif seen.has_room(value) or index in self._columns:
                seen.add_value(value, line)
            elif self._is_understood(index, value):
                seen.others += 1
            else:  # however late in the file it comes
                seen.add_value(value, line, limit=2 * MAX_VALUES)

    def check_columns(self) -> list[str]:
        """Check that every column that states people's state is understood.

        Returns a note about each of these columns. Raises InputError naming the columns and
        values that are not understood."""
        self._adopt_status_columns()
        self._coded = frozenset(
            index
            for index, column in self._columns.items()
            if column is ImportColumn.STATE and state_words.has_codes(self._seen[index].counts)
        )
        problems: list[str] = []
        unknown_heads: list[str] = []
        unknown_words: list[str] = []
        for index, seen in self._seen.items():
            unknown = [value for value in seen.counts if not self._is_understood(index, value)]
            if unknown and self._is_filled_with_yes(index):
                unknown = []
            if index in self._columns:
                if not unknown and not (seen.others and self._columns[index] in _WISHES):
                    continue
                kind = "is mapped to" if index in self._mapped else "looks like"
                problems.append(
                    f"the column {seen.head!r} {kind} {self._columns[index].value!r}, and these "
                    f"values are not understood: {seen.describe_values(unknown or seen.counts)}"
                )
                unknown_words += unknown[:1]
            elif unknown:
                problems.append(
                    f"the column {seen.head!r} looks as if it said who may be mailed: "
                    f"{seen.describe_values(seen.counts)}"
                )
            else:
                continue
            unknown_heads.append(seen.head)
        if problems:
            raise InputError(
                "; ".join(problems),
                where="line 1",
                field="",
                code="state_not_understood",
                hint="say what such a column means, or that it means nothing",
                next_steps=[
                    *(NextStep("map_state_column", header=head) for head in unknown_heads),
                    *(NextStep("explain_state_word", word=word) for word in unknown_words),
                    *(NextStep("ignore_column", header=head) for head in unknown_heads),
                ],
            )
        self._blank_means_no = frozenset(
            index
            for index, column in self._columns.items()
            if column in _WISHES and self._seen[index].counts
        )
        self._blank_means_unknown = any(
            self._read_value(index, column, value) is state_words.ACTIVE
            for index, column in self._columns.items()
            if column is ImportColumn.STATE
            for value in self._seen[index].counts
        )
        return [
            f"the column {seen.head!r} says who may be mailed "
            f"({self._columns[index].value}): {seen.describe_values(seen.counts)}"
            for index, seen in self._seen.items()
            if index in self._columns and seen.counts
        ]

    def _adopt_status_columns(self) -> None:
        """Treat a column as a status, whatever its header, if all its values are known words of
        states and at least one of them can only be about mails."""
        for index in self._other_indexes:
            seen = self._seen[index]
            words = [normalise_header(value) for value in seen.counts]
            if (
                not seen.others
                and all(
                    word in self._words or state_words.is_nothing(value)
                    for word, value in zip(words, seen.counts, strict=True)
                )
                and any(word in state_words.UNMISTAKABLE_WORDS for word in words)
            ):
                self._columns[index] = ImportColumn.STATE

    def _is_understood(self, index: int, value: str) -> bool:
        column = self._columns.get(index)
        if state_words.is_nothing(value):
            return True
        if column is not None:
            return self._read_value(index, column, value) is not None
        if index in self._text_indexes or state_words.is_unmistakable(value):
            return False
        header = self._header[index]
        head = normalise_header(header)
        if state_headers.is_state_head(head):
            return value == "0" and "bounce" in head
        if state_headers.is_negative_head(header):
            return not self._is_answer(value) or state_words.parse_yes(value) is False
        return not (state_headers.is_positive_head(header) and self._is_answer(value))

    def _is_answer(self, value: str) -> bool:
        """Check whether a value is a yes or no, a date, a number, or a word for a state."""
        return (
            state_words.parse_yes(value) is not None
            or normalise_header(value) in self._words
            or value.isdecimal()
            or is_plausible_date(value)
        )

    def _is_filled_with_yes(self, index: int) -> bool:
        """Check whether a column that is not understood says yes, or a date, in every line."""
        header, seen = self._header[index], self._seen[index]
        return (
            index not in self._columns
            and index not in self._text_indexes
            and state_headers.is_positive_head(header)
            and not state_headers.is_state_head(normalise_header(header))
            and not state_headers.is_negative_head(header)
            and not seen.others
            and sum(seen.counts.values()) == self._line_count
            and all(
                state_words.parse_yes(value) or is_plausible_date(value) for value in seen.counts
            )
        )

    def _read_value(self, index: int, column: ImportColumn, value: str) -> StatedState | None:
        """Return the state that a value of a column stands for, or None if it is unknown."""
        head = normalise_header(self._header[index])
        if column in _SIGNS and head.endswith(_REASONS):
            is_complaint = column is ImportColumn.OPTED_OUT and state_words.is_complaint(value)
            return state_words.COMPLAINED if is_complaint else _SIGNS[column]
        word = normalise_header(value)
        if column is ImportColumn.STATE or (word in self._words and word not in state_words.YES):
            return self._read_word(word, value, is_coded=index in self._coded)
        is_yes = state_words.parse_yes(value)
        if head == _BREVO_DOUBLE_OPT_IN and value == "2":
            is_yes = False
        if is_yes is None and (is_plausible_date(value) or head == _SUBSTACK_SECTIONS):
            is_yes = True
        if is_yes is None:
            return None
        if column in _WISHES:
            return state_words.ACTIVE if is_yes else _WISHES[column]
        return _SIGNS[column] if is_yes else state_words.ACTIVE

    def _read_word(self, word: str, value: str, *, is_coded: bool) -> StatedState | None:
        if word in self._words:
            return self._words[word]
        if word in self._codes:
            return self._codes[word]
        if is_coded and len(word) == 1:
            return None
        is_yes = state_words.parse_yes(value)
        if is_yes is None or word == "x":
            return None
        return state_words.ACTIVE if is_yes else state_words.DISABLED

    def read_state(self, fields: Sequence[str]) -> PersonState | None:
        """Return the strictest state that the columns of a line give, or None if they give none.

        Raises InputError for a value that :meth:`check_columns` has not seen."""
        strictest: PersonState | None = None
        left = ""
        for index, column in self._columns.items():
            value = fields[index].strip() if index < len(fields) else ""
            if state_words.is_nothing(value):
                if index not in self._blank_means_no:
                    continue
                state: StatedState | None = (
                    state_words.PENDING
                    if column is ImportColumn.CONFIRMED
                    else state_words.NOT_OPTED_IN
                )
            else:
                state = self._read_value(index, column, value)
            head = self._header[index]
            if state is None:
                raise InputError(f"{value!r} is not understood", where=head)
            if state is state_words.ACTIVE and column not in _STATING_ACTIVE:
                continue
            if state is state_words.LEFT and is_plausible_date(value):
                left = value
            if strictest is None or state.rank > strictest.state.rank:
                strictest = PersonState(state, f"{head}: {value[:80]}" if value else "")
        if strictest is None:
            if self._blank_means_unknown:
                return PersonState(state_words.UNSTATED)
            return None
        return PersonState(strictest.state, strictest.evidence, left)


def _parse_state_name(word: str, name: str) -> StatedState:
    try:
        return NAMED_STATES[name.strip().lower()]
    except KeyError as error:
        raise InputError(
            f"{name!r} is not a state",
            where=f"{word}={name}",
            hint=f"use one of {', '.join(NAMED_STATES)}",
        ) from error
