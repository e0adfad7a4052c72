"""Segments: saved filters over a list's members.

A segment is a tree of known fields and operators, never SQL text. People write it as one line::

    country = GB and (topic = diaspora or tag in (donor, trustee)) and not joined before 2026-01-01

Grammar (keywords in any case, values bare or in double quotes)::

    any    = all ("or" all)*
    all    = term ("and" term)*
    term   = "not" term | "(" any ")" | test
    test   = field ("=" | "!=") value | field ["not"] "in" "(" value ("," value)* ")"
           | "joined" ("before" | "after") date

Fields: topic (the member chose it, or chose no topic and so gets all), language (of the member's
mails), country, tag, frequency (every, weekly, monthly), joined (the day of joining the list, UTC;
``after`` means on that day or later). For media contacts also: outlet, beat, trust (trusted,
untrusted) and follow_up (welcome, never).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mailer import languages
from mailer.actor import Actor
from mailer.audience.lists import check_line, check_slug
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.segments import (
    FIELD_WORDS,
    All,
    Among,
    AnyOf,
    Filter,
    FilterField,
    Joined,
    Not,
    Segment,
)
from mailer.model.transaction import Transaction

MAX_FILTER_DEPTH = 50
"""Maximum nesting of a filter."""
MAX_FILTER_TESTS = 200
"""Maximum number of tests in a filter. SQLite refuses an expression deeper than 1,000, and each
test of a chain of ``and`` or ``or`` is a step deeper."""
MAX_FILTER_VALUES = 1000
"""Maximum number of values in a filter. SQLite takes 32,766 in a statement."""
MAX_FILTER_LENGTH = 30_000
"""Maximum number of characters of a filter's line."""


def save_segment(
    tx: Transaction, actor: Actor, slug: str, name: str, text: str, now: datetime
) -> Segment:
    """Save a filter under a slug. It replaces an earlier filter with the same slug. Raises
    InputError."""
    check_slug(slug, "segment")
    return tx.segments.save_segment(slug, check_line(name, "name"), check_filter(tx, text), now)


def check_filter(tx: Transaction, text: str) -> Filter:
    """Parse a filter and check its topics. Raises InputError for an invalid filter or an unknown
    topic."""
    tree = parse_filter(text)
    unknown = {
        value
        for test in _iterate_tests(tree)
        if isinstance(test, Among) and test.field is FilterField.TOPIC
        for value in test.values
    } - tx.segments.list_topic_slugs()
    if unknown:
        raise InputError(
            f"there is no topic {min(unknown)!r}", next_steps=[NextStep("list_topics")]
        )
    return tree


def get_segment(tx: Transaction, slug: str) -> Segment:
    for segment in tx.segments.list_segments():
        if segment.slug == slug:
            return segment
    raise NotFound(f"there is no segment {slug!r}", next_steps=[NextStep("list_segments")])


def remove_segment(tx: Transaction, actor: Actor, slug: str) -> Segment:
    """Remove a segment that no digest or open edition uses. Raises InputError, which counts the
    uses."""
    segment = get_segment(tx, slug)
    uses = {kind: count for kind, count in tx.segments.count_segment_uses(segment).items() if count}
    if uses:
        summary = ", ".join(f"{count} {kind}" for kind, count in uses.items())
        raise InputError(f"the segment {slug!r} is used by {summary}", hint="change those first")
    tx.segments.remove_segment(segment)
    return segment


def replace_topic(tree: Filter, old_slug: str, new_slug: str) -> Filter:
    """Return the filter with another slug in place of a topic's."""

    def replace_all(terms: tuple[Filter, ...]) -> tuple[Filter, ...]:
        return tuple(replace_topic(term, old_slug, new_slug) for term in terms)

    match tree:
        case Among(FilterField.TOPIC, values):
            slugs = [new_slug if value == old_slug else value for value in values]
            return Among(FilterField.TOPIC, tuple(dict.fromkeys(slugs)))
        case Not(term):
            return Not(replace_topic(term, old_slug, new_slug))
        case All(terms):
            return All(replace_all(terms))
        case AnyOf(terms):
            return AnyOf(replace_all(terms))
    return tree


def _iterate_tests(tree: Filter) -> Iterator[Among | Joined]:
    match tree:
        case Not(term):
            yield from _iterate_tests(term)
        case All(terms) | AnyOf(terms):
            for term in terms:
                yield from _iterate_tests(term)
        case _:
            yield tree


# ---- text -> tree -----------------------------------------------------------------------------

_TOKEN = re.compile(r'\s*(?:(?P<quoted>"[^"]*")|(?P<sign>!=|=|\(|\)|,)|(?P<word>[^\s"()=!,]+))')


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int
    quoted: bool = False

    def is_word(self, *words: str) -> bool:
        return not self.quoted and self.text.lower() in words


class _FilterParser:
    def __init__(self, text: str) -> None:
        self.text = text
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
        if self.index >= len(self.tokens) or self.is_next_word("(", ")", ",", "=", "!="):
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
        name = self.expect_word(*FilterField, "joined")
        if name == "joined":
            before = self.expect_word("before", "after") == "before"
            start_index = self.index
            text = self.parse_value()
            try:
                return Joined(before, date.fromisoformat(text))
            except ValueError as error:
                self.index = start_index
                raise self.build_error("a date such as 2026-12-18 was expected") from error
        field = FilterField(name)
        negated = False
        values: list[str] = []
        if self.accept_word("!="):
            negated = True
            values = [self.parse_field_value(field)]
        elif self.accept_word("="):
            values = [self.parse_field_value(field)]
        else:
            negated = self.accept_word("not")
            self.expect_word("in") if negated else self.expect_word("in", "=", "!=")
            self.expect_word("(")
            values.append(self.parse_field_value(field))
            while self.accept_word(","):
                values.append(self.parse_field_value(field))
            self.expect_word(")")
        test = Among(field, tuple(dict.fromkeys(values)))
        return Not(test) if negated else test

    def parse_field_value(self, field: FilterField) -> str:
        self.value_count += 1
        if self.value_count > MAX_FILTER_VALUES:
            raise self.build_error(f"it has more than {MAX_FILTER_VALUES:,} values")
        start_index = self.index
        text = self.parse_value()
        try:
            return _check_value(field, text)
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


def parse_filter(text: str) -> Filter:
    """Parse a filter from its line. Raises InputError, which names the column, also for a filter
    that is too long, too deep, or has too many tests or values."""
    reader = _FilterParser(text)
    if not reader.tokens:
        return All(())
    tree = reader.parse_any(0)
    if reader.index < len(reader.tokens):
        raise reader.build_error("'and' or 'or' was expected")
    return tree


# ---- tree -> text, tree <-> plain data --------------------------------------------------------


def _quote_value(value: str) -> str:
    match = re.fullmatch(r'[^\s"()=!,]+', value)
    return value if match and value.lower() not in {"and", "or", "not", "in"} else f'"{value}"'


def format_filter(tree: Filter) -> str:
    """Format a filter as a line, which :func:`parse_filter` parses to an equal filter."""
    match tree:
        case Among(field, (value,)):
            return f"{field} = {_quote_value(value)}"
        case Among(field, values):
            return f"{field} in ({', '.join(map(_quote_value, values))})"
        case Joined(before, day):
            return f"joined {'before' if before else 'after'} {day.isoformat()}"
        case Not(term):
            return f"not {_format_group(term)}"
        case All(terms):
            return " and ".join(map(_format_group, terms))
        case AnyOf(terms):
            return " or ".join(map(_format_group, terms))


def _format_group(tree: Filter) -> str:
    return f"({format_filter(tree)})" if isinstance(tree, All | AnyOf) else format_filter(tree)


def to_plain(tree: Filter) -> dict[str, Any]:
    """Convert a filter to plain data for JSON."""
    match tree:
        case Among(field, values):
            return {"field": field.value, "in": list(values)}
        case Joined(before, day):
            return {"joined": "before" if before else "after", "day": day.isoformat()}
        case Not(term):
            return {"not": to_plain(term)}
        case All(terms):
            return {"all": [to_plain(term) for term in terms]}
        case AnyOf(terms):
            return {"any": [to_plain(term) for term in terms]}


def from_plain(plain: Mapping[str, Any]) -> Filter:
    """Build a filter from the data of :func:`to_plain`."""
    match plain:
        case {"field": field, "in": values}:
            return Among(FilterField(field), tuple(values))
        case {"joined": when, "day": day}:
            return Joined(when == "before", date.fromisoformat(day))
        case {"not": term}:
            return Not(from_plain(term))
        case {"all": terms}:
            return All(tuple(map(from_plain, terms)))
        case {"any": terms}:
            return AnyOf(tuple(map(from_plain, terms)))
        case _:
            raise ValueError(f"not a filter: {plain!r}")
