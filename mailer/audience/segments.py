"""Segments: saved filters over a list's members. ``filter_parser.py`` reads the line of a filter.

A segment is a tree of known fields and operators, never SQL text. It stays stored if the settings
no longer declare a field that it tests, and can't be used then: composing an edition for it fails.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from mailer.actor import Actor
from mailer.audience.filter_parser import parse_filter
from mailer.audience.lists import check_line, check_slug
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.reader_fields import NO_FIELDS, ReaderFields
from mailer.model.segments import (
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
    Segment,
    Sent,
    SentWithin,
    Test,
)
from mailer.model.transaction import Transaction


def save_segment(
    tx: Transaction,
    actor: Actor,
    slug: str,
    name: str,
    text: str,
    now: datetime,
    fields: ReaderFields = NO_FIELDS,
) -> Segment:
    """Save a filter under a slug. It replaces an earlier filter with the same slug. `fields` are
    the office's own. Raises InputError."""
    check_slug(slug, "segment")
    tree = check_filter(tx, text, fields)
    return tx.segments.save_segment(slug, check_line(name, "name"), tree, now)


def check_filter(tx: Transaction, text: str, fields: ReaderFields = NO_FIELDS) -> Filter:
    """Parse a filter and check its topics. Raises InputError for an invalid filter or an unknown
    topic."""
    tree = parse_filter(text, fields)
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


def find_undeclared_fields(tree: Filter, fields: ReaderFields) -> list[str]:
    """Return the names of the office's own fields that a filter tests and the settings no longer
    declare."""
    names = {
        test.name
        for test in _iterate_tests(tree)
        if isinstance(test, AmongValues | Compared | HasValue)
    }
    return sorted(names - {*fields})


def check_declared(segment: Segment, fields: ReaderFields) -> Segment:
    """Return a segment whose fields the settings declare. Raises InputError for another one."""
    if undeclared := find_undeclared_fields(segment.filter, fields):
        raise InputError(
            f"the segment {segment.slug!r} tests {', '.join(undeclared)}, which the settings no "
            "longer declare",
            field="segment",
            hint="declare the field again, or save the segment with another filter",
        )
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


def _iterate_tests(tree: Filter) -> Iterator[Test]:
    match tree:
        case Not(term):
            yield from _iterate_tests(term)
        case All(terms) | AnyOf(terms):
            for term in terms:
                yield from _iterate_tests(term)
        case _:
            yield tree


def _quote_value(value: str) -> str:
    match = re.fullmatch(r'[^\s"()=!,<>]+', value)
    return value if match and value.lower() not in {"and", "or", "not", "in"} else f'"{value}"'


def format_filter(tree: Filter) -> str:
    """Format a filter as a line, which :func:`parse_filter` parses to an equal filter."""
    match tree:
        case Among(field, (value,)):
            return f"{field} = {_quote_value(value)}"
        case Among(field, values):
            return f"{field} in ({', '.join(map(_quote_value, values))})"
        case AmongValues(name, (value,)):
            return f"{name} = {_quote_value(value)}"
        case AmongValues(name, values):
            return f"{name} in ({', '.join(map(_quote_value, values))})"
        case Compared(name, comparison, value):
            return f"{name} {comparison} {value}"
        case HasValue(name):
            return f"{name} is set"
        case Joined(before, day):
            return f"joined {'before' if before else 'after'} {day.isoformat()}"
        case JoinedWithin(days):
            return f"joined within {days} days"
        case Sent(before, day):
            return f"sent {'before' if before else 'after'} {day.isoformat()}"
        case SentWithin(days):
            return f"sent within {days} days"
        case NeverSent():
            return "sent never"
        case RefusedWithin(times, days):
            return f"refused {times} times within {days} days"
        case LastRefused():
            return "refused last"
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
        case AmongValues(name, values):
            return {"own_field": name, "in": list(values)}
        case Compared(name, comparison, value):
            return {"own_field": name, "compare": comparison.value, "with": value}
        case HasValue(name):
            return {"own_field": name, "set": True}
        case Joined(before, day):
            return {"joined": "before" if before else "after", "day": day.isoformat()}
        case JoinedWithin(days):
            return {"joined": "within", "days": days}
        case Sent(before, day):
            return {"sent": "before" if before else "after", "day": day.isoformat()}
        case SentWithin(days):
            return {"sent": "within", "days": days}
        case NeverSent():
            return {"sent": "never"}
        case RefusedWithin(times, days):
            return {"refused": times, "days": days}
        case LastRefused():
            return {"refused": "last"}
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
        case {"own_field": name, "in": values}:
            return AmongValues(name, tuple(values))
        case {"own_field": name, "compare": comparison, "with": value}:
            return Compared(name, Comparison(comparison), value)
        case {"own_field": name, "set": True}:
            return HasValue(name)
        case {"joined": "within", "days": days}:
            return JoinedWithin(days)
        case {"joined": when, "day": day}:
            return Joined(when == "before", date.fromisoformat(day))
        case {"sent": "within", "days": days}:
            return SentWithin(days)
        case {"sent": "never"}:
            return NeverSent()
        case {"sent": when, "day": day}:
            return Sent(when == "before", date.fromisoformat(day))
        case {"refused": "last"}:
            return LastRefused()
        case {"refused": times, "days": days}:
            return RefusedWithin(times, days)
        case {"not": term}:
            return Not(from_plain(term))
        case {"all": terms}:
            return All(tuple(map(from_plain, terms)))
        case {"any": terms}:
            return AnyOf(tuple(map(from_plain, terms)))
        case _:
            raise ValueError(f"not a filter: {plain!r}")
