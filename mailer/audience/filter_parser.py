"""The line of a filter, parsed into a tree. People write it as::

    country = GB and (topic = diaspora or tag in (donor, trustee)) and not joined before 2026-01-01

Grammar (keywords in any case, values bare or in double quotes)::

    any    = all ("or" all)*
    all    = term ("and" term)*
    term   = "not" term | "(" any ")" | test
    test   = field ("=" | "!=") value | field ["not"] "in" "(" value ("," value)* ")"
           | own ("<" | "<=" | ">" | ">=") number | own ("before" | "after") date
           | own "is" "set"
           | ("joined" | "sent") ("before" | "after") date
           | ("joined" | "sent") "within" number "days" | "sent" "never"
           | "refused" "last" | "refused" [number "times"] "within" number "days"

Fields: topic (the member chose it, or chose no topic and so gets all), language (of the member's
mails), country, tag, frequency (every, weekly, monthly), and the office's own fields (*own*). For
media contacts also: outlet, beat, trust (trusted, untrusted) and follow_up (welcome, never). The
activities joined, sent and refused are explained in ``mailer/model/segments.py``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mailer import languages
from mailer.audience.reader_fields import parse_value
from mailer.errors import InputError
from mailer.field_types import FieldType
from mailer.model.reader_fields import NO_FIELDS, ReaderField, ReaderFields
from mailer.model.segments import (
    FIELD_WORDS,
    NUMBER_COMPARISONS,
    All,
    Among,
    AmongValues,
    AnyOf,
    Compared,
    Comparison,
    Filter,
    FilterField,
    HasValue,
    Joined,
    JoinedWithin,
    LastRefused,
    NeverSent,
    Not,
    RefusedWithin,
    Sent,
    SentWithin,
)

MAX_FILTER_DEPTH = 50
"""Maximum nesting of a filter."""
MAX_FILTER_TESTS = 200
"""Maximum number of tests in a filter. SQLite refuses an expression deeper than 1,000, and each
test of a chain of ``and`` or ``or`` is a step deeper."""
MAX_FILTER_VALUES = 1000
"""Maximum number of values in a filter. SQLite takes 32,766 in a statement."""
MAX_FILTER_LENGTH = 30_000
"""Maximum number of characters of a filter's line."""
MAX_COUNT = 36_500
"""Maximum number of days, and of refusals."""

_ACTIVITIES = ("joined", "sent", "refused")
_SIGNS = ("(", ")", ",", "=", "!=", "<", "<=", ">", ">=")
_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"[^"]*")|(?P<sign>!=|<=|>=|=|<|>|\(|\)|,)|(?P<word>[^\s"()=!,<>]+))'
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int
    quoted: bool = False

    def is_word(self, *words: str) -> bool:
        return not self.quoted and self.text.lower() in words


class _FilterParser:
    def __init__(self, text: str, fields: ReaderFields) -> None:
        self.text = text
        self.fields = fields
        self.tokens: list[_Token] = []
        self.test_count = 0
        self.value_count = 0
        if len(text) > MAX_FILTER_LENGTH:
            raise InputError(
                f"it has {len(text):,} characters, and {MAX_FILTER_LENGTH:,} is the most",
                where="filter",
                hint="tag the people, and filter by the tag",
            )
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                column = position + len(text[position:]) - len(text[position:].lstrip())
                raise self.build_error("this can't be read", column)
            kind = str(match.lastgroup)
            value = match[kind]
            quoted = kind == "quoted"
            self.tokens.append(_Token(value[1:-1] if quoted else value, match.start(kind), quoted))
            position = match.end()
        self.index = 0

    def build_error(self, message: str, column: int | None = None) -> InputError:
        if column is None:
            column = (
                self.tokens[self.index].column if self.index < len(self.tokens) else len(self.text)
            )
        return InputError(
            f"{message} near {self.text[column : column + 20].strip() or 'the end'!r}",
            where=f"filter, column {column + 1}",
            hint="write it as: country = GB and topic in (health, diaspora)",
        )

    def is_next_word(self, *words: str) -> bool:
        return self.index < len(self.tokens) and self.tokens[self.index].is_word(*words)

    def accept_word(self, *words: str) -> bool:
        accepted = self.is_next_word(*words)
        self.index += accepted
        return accepted

    def expect_word(self, *words: str) -> str:
        if not self.is_next_word(*words):
            expected = " or ".join(f"'{word}'" for word in words)
            raise self.build_error(f"{expected} was expected")
        self.index += 1
        return self.tokens[self.index - 1].text.lower()

    def parse_value(self) -> str:
        if self.index >= len(self.tokens) or self.is_next_word(*_SIGNS):
            raise self.build_error("a value was expected")
        self.index += 1
        text = self.tokens[self.index - 1].text
        if not text or not text.isprintable():
            self.index -= 1
            raise self.build_error("a value can't be empty or hold control characters")
        return text

    def parse_any(self, depth: int) -> Filter:
        terms = [self.parse_all(depth)]
        while self.accept_word("or"):
            terms.append(self.parse_all(depth))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def parse_all(self, depth: int) -> Filter:
        terms = [self.parse_term(depth)]
        while self.accept_word("and"):
            terms.append(self.parse_term(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def parse_term(self, depth: int) -> Filter:
        if depth > MAX_FILTER_DEPTH:
            raise self.build_error(f"it nests deeper than {MAX_FILTER_DEPTH}")
        if self.accept_word("not"):
            return Not(self.parse_term(depth + 1))
        if self.accept_word("("):
            inner = self.parse_any(depth + 1)
            self.expect_word(")")
            return inner
        return self.parse_test()

    def parse_test(self) -> Filter:
        self.test_count += 1
        if self.test_count > MAX_FILTER_TESTS:
            raise self.build_error(f"it has more than {MAX_FILTER_TESTS} tests")
        name = self.expect_word(*FilterField, *_ACTIVITIES, *self.fields)
        if name in _ACTIVITIES:
            return self.parse_activity(name)
        if name in self.fields:
            return self.parse_own_field(self.fields[name])
        field = FilterField(name)
        negated, values = self.parse_values(lambda text: _check_value(field, text))
        test = Among(field, values)
        return Not(test) if negated else test

    def parse_values(self, check: Callable[[str], str]) -> tuple[bool, tuple[str, ...]]:
        """Parse an operator and its values. Returns (is negated, the values, each once)."""
        negated = False
        values: list[str] = []
        if self.accept_word("!="):
            negated = True
            values = [self.parse_checked_value(check)]
        elif self.accept_word("="):
            values = [self.parse_checked_value(check)]
        else:
            negated = self.accept_word("not")
            self.expect_word("in") if negated else self.expect_word("in", "=", "!=")
            self.expect_word("(")
            values.append(self.parse_checked_value(check))
            while self.accept_word(","):
                values.append(self.parse_checked_value(check))
            self.expect_word(")")
        return negated, tuple(dict.fromkeys(values))

    def parse_own_field(self, field: ReaderField) -> Filter:
        if self.accept_word("is"):
            self.expect_word("set")
            return HasValue(field.name)
        comparisons = {
            FieldType.NUMBER: NUMBER_COMPARISONS,
            FieldType.DATE: (Comparison.BEFORE, Comparison.AFTER),
        }.get(field.field_type, ())
        if self.is_next_word(*comparisons):
            comparison = Comparison(self.expect_word(*comparisons))
            value = self.parse_checked_value(lambda text: parse_value(field, text))
            return Compared(field.name, comparison, value)
        negated, values = self.parse_values(lambda text: parse_value(field, text))
        test = AmongValues(field.name, values)
        return Not(test) if negated else test

    def parse_activity(self, name: str) -> Filter:
        if name == "refused":
            if self.accept_word("last"):
                return LastRefused()
            times = 1
            if not self.is_next_word("within"):
                times = self.parse_count("last, within or a number")
                self.expect_word("times", "time")
            self.expect_word("within")
            return RefusedWithin(times, self.parse_days())
        never = ("never",) if name == "sent" else ()
        word = self.expect_word("before", "after", "within", *never)
        if word == "never":
            return NeverSent()
        if word == "within":
            days = self.parse_days()
            return JoinedWithin(days) if name == "joined" else SentWithin(days)
        before = word == "before"
        start_index = self.index
        text = self.parse_value()
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            self.index = start_index
            raise self.build_error("a date such as 2026-12-18 was expected") from error
        return Joined(before, day) if name == "joined" else Sent(before, day)

    def parse_days(self) -> int:
        days = self.parse_count("a number of days")
        self.expect_word("days", "day")
        return days

    def parse_count(self, expected: str) -> int:
        start_index = self.index
        text = self.parse_value()
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_COUNT):
            self.index = start_index
            raise self.build_error(f"{expected} was expected, from 1 to {MAX_COUNT:,}")
        return int(text)

    def parse_checked_value(self, check: Callable[[str], str]) -> str:
        self.value_count += 1
        if self.value_count > MAX_FILTER_VALUES:
            raise self.build_error(f"it has more than {MAX_FILTER_VALUES:,} values")
        start_index = self.index
        text = self.parse_value()
        try:
            return check(text)
        except InputError as error:
            self.index = start_index
            raise self.build_error(error.message) from error


def _check_value(field: FilterField, text: str) -> str:
    match field:
        case FilterField.LANGUAGE:
            return languages.normalise_tag(text)
        case FilterField.COUNTRY:
            if text.upper() not in languages.list_country_codes():
                raise InputError(f"{text!r} is not a country code")
            return text.upper()
        case FilterField.FREQUENCY | FilterField.TRUST | FilterField.FOLLOW_UP:
            words = [str(word) for word in FIELD_WORDS[field]]
            if text.lower() not in words:
                raise InputError(f"{text!r} is not one of {', '.join(words)}")
            return text.lower()
        case FilterField.OUTLET | FilterField.BEAT:
            return " ".join(text.split()).casefold()
        case _:
            return text


def parse_filter(text: str, fields: ReaderFields = NO_FIELDS) -> Filter:
    """Parse a filter from its line. `fields` are the office's own.

    Raises InputError, which names the column, also for a filter that is too long, too deep, or has
    too many tests or values."""
    reader = _FilterParser(text, fields)
    if not reader.tokens:
        return All(())
    tree = reader.parse_any(0)
    if reader.index < len(reader.tokens):
        raise reader.build_error("'and' or 'or' was expected")
    return tree
