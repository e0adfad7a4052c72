"""Segments: saved filters over a list's members.

A segment is a closed tree of fields and operators, never SQL text. People write it as a line::

    country = GB and (topic = diaspora or tag in (donor, trustee)) and not joined before 2026-01-01

Grammar (keywords in any case, values bare or in double quotes)::

    any    = all ("or" all)*
    all    = one ("and" one)*
    one    = "not" one | "(" any ")" | test
    test   = field ("=" | "!=") value | field ["not"] "in" "(" value ("," value)* ")"
           | "joined" ("before" | "after") date

Fields: topic (follows it: chose it, or chose none), language (as mailed), country, tag, frequency
(every, weekly, monthly), joined (the day of joining the list, UTC; ``after`` means on that day or
later); of media contacts outlet, beat, trust (trusted, untrusted) and follow_up (welcome, never).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from mailer import languages
from mailer.audience.contacts import FollowUp, Trust
from mailer.audience.lists import Frequency, MailingList, check_line, check_slug
from mailer.errors import InputError, NotFound


class Field(StrEnum):
    TOPIC = "topic"
    LANGUAGE = "language"
    COUNTRY = "country"
    TAG = "tag"
    FREQUENCY = "frequency"
    OUTLET = "outlet"
    BEAT = "beat"
    TRUST = "trust"
    FOLLOW_UP = "follow_up"


WORDS: Mapping[Field, type[StrEnum]] = {
    Field.FREQUENCY: Frequency,
    Field.TRUST: Trust,
    Field.FOLLOW_UP: FollowUp,
}
"""Fields that hold one of a few words."""


@dataclass(frozen=True, slots=True)
class Among:
    """The field has one of the values; with one value: equals it."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Joined the list before the day, or (``after``) on the day or later. Days are UTC."""

    before: bool
    day: date


@dataclass(frozen=True, slots=True)
class Not:
    term: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds; with no term: everyone."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    terms: tuple["Filter", ...]


Filter: TypeAlias = Among | Joined | Not | All | AnyOf

DEPTH = 50
"""How deep a filter may nest."""


@dataclass(frozen=True, slots=True)
class Segment:
    id: int
    slug: str
    name: str
    filter: Filter
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A list's active member, as a sample shows them; `language` is the one they are mailed in."""

    address: str
    name: str
    language: str
    country: str
    topics: tuple[str, ...]
    joined_at: datetime


class SegmentStore(Protocol):
    def segments(self) -> list[Segment]: ...
    def save_segment(self, slug: str, name: str, tree: Filter, now: datetime) -> Segment: ...
    def remove_segment(self, segment: Segment) -> None: ...
    def count_members(self, mailing_list: MailingList, tree: Filter) -> int: ...
    def sample_members(
        self, mailing_list: MailingList, tree: Filter, limit: int
    ) -> list[Member]: ...
    def segment_uses(self, segment: Segment) -> Mapping[str, int]: ...
    def topic_slugs(self) -> frozenset[str]: ...


def save(store: SegmentStore, slug: str, name: str, text: str, now: datetime) -> Segment:
    """Save a filter under a name; one of that name is replaced. Raises InputError."""
    check_slug(slug, "segment")
    return store.save_segment(slug, check_line(name, "name"), known_filter(store, text), now)


def known_filter(store: SegmentStore, text: str) -> Filter:
    """The tree for a line. Raises InputError, also for a topic that isn't there."""
    tree = parse(text)
    unknown = {
        value
        for test in _tests(tree)
        if isinstance(test, Among) and test.field is Field.TOPIC
        for value in test.values
    } - store.topic_slugs()
    if unknown:
        raise InputError(f"there is no topic {min(unknown)!r}", hint="see `mailer topic list`")
    return tree


def get(store: SegmentStore, slug: str) -> Segment:
    for known in store.segments():
        if known.slug == slug:
            return known
    raise NotFound(f"there is no segment {slug!r}", hint="see `mailer segment list`")


def remove(store: SegmentStore, slug: str) -> Segment:
    """Remove a segment that no digest or open edition uses."""
    segment = get(store, slug)
    uses = {what: count for what, count in store.segment_uses(segment).items() if count}
    if uses:
        said = ", ".join(f"{count} {what}" for what, count in uses.items())
        raise InputError(f"the segment {slug!r} is used by {said}", hint="change those first")
    store.remove_segment(segment)
    return segment


def _tests(tree: Filter) -> Iterator[Among | Joined]:
    match tree:
        case Not(term):
            yield from _tests(term)
        case All(terms) | AnyOf(terms):
            for term in terms:
                yield from _tests(term)
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


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[_Token] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                column = position + len(text[position:]) - len(text[position:].lstrip())
                raise self.error("this can't be read", column)
            kind = str(found.lastgroup)
            value = found[kind]
            quoted = kind == "quoted"
            self.tokens.append(_Token(value[1:-1] if quoted else value, found.start(kind), quoted))
            position = found.end()
        self.at = 0

    def error(self, what: str, column: int | None = None) -> InputError:
        if column is None:
            column = self.tokens[self.at].column if self.at < len(self.tokens) else len(self.text)
        return InputError(
            f"{what} near {self.text[column : column + 20].strip() or 'the end'!r}",
            where=f"filter, column {column + 1}",
            hint="write it as: country = GB and topic in (health, diaspora)",
        )

    def peek(self, *words: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].is_word(*words)

    def take(self, *words: str) -> bool:
        found = self.peek(*words)
        self.at += found
        return found

    def expect(self, *words: str) -> str:
        if not self.peek(*words):
            wanted = " or ".join(f"'{word}'" for word in words)
            raise self.error(f"{wanted} was expected")
        self.at += 1
        return self.tokens[self.at - 1].text.lower()

    def value(self) -> str:
        if self.at >= len(self.tokens) or self.peek("(", ")", ",", "=", "!="):
            raise self.error("a value was expected")
        self.at += 1
        text = self.tokens[self.at - 1].text
        if not text or not text.isprintable():
            self.at -= 1
            raise self.error("a value can't be empty or hold control characters")
        return text

    def any_of(self, depth: int) -> Filter:
        terms = [self.all_of(depth)]
        while self.take("or"):
            terms.append(self.all_of(depth))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def all_of(self, depth: int) -> Filter:
        terms = [self.one(depth)]
        while self.take("and"):
            terms.append(self.one(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def one(self, depth: int) -> Filter:
        if depth > DEPTH:
            raise self.error(f"it nests deeper than {DEPTH}")
        if self.take("not"):
            return Not(self.one(depth + 1))
        if self.take("("):
            inner = self.any_of(depth + 1)
            self.expect(")")
            return inner
        return self.test()

    def test(self) -> Filter:
        name = self.expect(*Field, "joined")
        if name == "joined":
            before = self.expect("before", "after") == "before"
            start = self.at
            text = self.value()
            try:
                return Joined(before, date.fromisoformat(text))
            except ValueError as error:
                self.at = start
                raise self.error("a date such as 2026-12-18 was expected") from error
        field = Field(name)
        negated = False
        values: list[str] = []
        if self.take("!="):
            negated = True
            values = [self.one_value(field)]
        elif self.take("="):
            values = [self.one_value(field)]
        else:
            negated = self.take("not")
            self.expect("in") if negated else self.expect("in", "=", "!=")
            self.expect("(")
            values.append(self.one_value(field))
            while self.take(","):
                values.append(self.one_value(field))
            self.expect(")")
        test = Among(field, tuple(dict.fromkeys(values)))
        return Not(test) if negated else test

    def one_value(self, field: Field) -> str:
        start = self.at
        text = self.value()
        try:
            return _check_value(field, text)
        except InputError as error:
            self.at = start
            raise self.error(error.what) from error


def _check_value(field: Field, text: str) -> str:
    match field:
        case Field.LANGUAGE:
            return languages.normalise(text)
        case Field.COUNTRY:
            if text.upper() not in languages.COUNTRIES:
                raise InputError(f"{text!r} is not a country code")
            return text.upper()
        case Field.FREQUENCY | Field.TRUST | Field.FOLLOW_UP:
            words = [str(word) for word in WORDS[field]]
            if text.lower() not in words:
                raise InputError(f"{text!r} is none of {', '.join(words)}")
            return text.lower()
        case Field.OUTLET | Field.BEAT:
            return " ".join(text.split()).casefold()
        case _:
            return text


def parse(text: str) -> Filter:
    """The tree of a filter written as a line. Raises InputError, which names the column."""
    reader = _Reader(text)
    if not reader.tokens:
        return All(())
    tree = reader.any_of(0)
    if reader.at < len(reader.tokens):
        raise reader.error("'and' or 'or' was expected")
    return tree


# ---- tree -> text, tree <-> plain data --------------------------------------------------------


def _quote(value: str) -> str:
    plain = re.fullmatch(r'[^\s"()=!,]+', value)
    return value if plain and value.lower() not in {"and", "or", "not", "in"} else f'"{value}"'


def text(tree: Filter) -> str:
    """The line for a tree: :func:`parse` gives back an equal tree."""
    match tree:
        case Among(field, (value,)):
            return f"{field} = {_quote(value)}"
        case Among(field, values):
            return f"{field} in ({', '.join(map(_quote, values))})"
        case Joined(before, day):
            return f"joined {'before' if before else 'after'} {day.isoformat()}"
        case Not(term):
            return f"not {_group(term)}"
        case All(terms):
            return " and ".join(map(_group, terms))
        case AnyOf(terms):
            return " or ".join(map(_group, terms))


def _group(tree: Filter) -> str:
    return f"({text(tree)})" if isinstance(tree, All | AnyOf) else text(tree)


def to_plain(tree: Filter) -> dict[str, Any]:
    """The tree as JSON can hold it."""
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
    """The tree of :func:`to_plain`'s data."""
    match plain:
        case {"field": field, "in": values}:
            return Among(Field(field), tuple(values))
        case {"joined": when, "day": day}:
            return Joined(when == "before", date.fromisoformat(day))
        case {"not": term}:
            return Not(from_plain(term))
        case {"all": terms}:
            return All(tuple(map(from_plain, terms)))
        case {"any": terms}:
            return AnyOf(tuple(map(from_plain, terms)))
        case _:
            raise ValueError(f"not a segment's tree: {plain!r}")
