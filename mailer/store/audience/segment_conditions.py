"""Filters of segments as SQL conditions, which contain bound values only."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    String,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind
from mailer.model.segments import (
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
    Test,
)
from mailer.store import schema
from mailer.store.audience.field_values import build_number, field_text

mailed_language = func.coalesce(
    func.nullif(schema.membership.c.language, ""),
    func.nullif(schema.subscriber.c.language, ""),
    schema.mailing_list.c.language,
)
"""The language of a member's mails: the language that the member chose for the list, otherwise the
person's language, otherwise the list's."""

is_paused = and_(
    schema.membership.c.paused_until.is_not(None),
    # A subquery, so that SQLite evaluates it once for the statement.
    schema.membership.c.paused_until > select(schema.database_now()).scalar_subquery(),
)
"""The condition that a member has paused the list."""

members = schema.membership.join(
    schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id
).join(schema.mailing_list, schema.mailing_list.c.id == schema.membership.c.list_id)

_CONTACT_COLUMNS = {
    FilterField.OUTLET: schema.contact.c.outlet_key,
    FilterField.TRUST: schema.contact.c.trust,
    FilterField.FOLLOW_UP: schema.contact.c.follow_up,
}


NUMBER = Numeric(40, 12)


def build_condition(tree: Filter) -> ColumnElement[bool]:
    """Build the condition of a filter over :data:`members`. It is never NULL, so that its negation
    holds for everyone else."""
    match tree:
        case Not(term):
            return not_(build_condition(term))
        case All(terms):
            return and_(true(), *map(build_condition, terms))
        case AnyOf(terms):
            return or_(*map(build_condition, terms))
        case Among(field, values):
            return _build_field_condition(field, values)
        case AmongValues() | Compared() | HasValue():
            return func.coalesce(_build_own_field_condition(tree), false())
        case _:
            return _build_activity_condition(tree)


def _build_field_condition(field: FilterField, values: tuple[str, ...]) -> ColumnElement[bool]:
    match field:
        case FilterField.TOPIC:
            topic_set_ids = select(schema.topic_set_topic.c.topic_set_id).join(
                schema.topic, schema.topic.c.id == schema.topic_set_topic.c.topic_id
            )
            return or_(
                schema.membership.c.topic_set_id.is_(None),
                schema.membership.c.topic_set_id.in_(
                    topic_set_ids.where(schema.topic.c.slug.in_(values))
                ),
            )
        case FilterField.LANGUAGE:
            return mailed_language.in_(values)
        case FilterField.COUNTRY:
            return schema.subscriber.c.country.in_(values)
        case FilterField.TAG:
            tagged_ids = select(schema.subscriber_tag.c.subscriber_id).where(
                schema.subscriber_tag.c.tag.in_(values)
            )
            return schema.subscriber.c.id.in_(tagged_ids)
        case FilterField.BEAT:
            beat_writer_ids = select(schema.contact_beat.c.subscriber_id).where(
                schema.contact_beat.c.beat.in_(values)
            )
            return schema.subscriber.c.id.in_(beat_writer_ids)
        case FilterField.OUTLET | FilterField.TRUST | FilterField.FOLLOW_UP:
            contact_ids = select(schema.contact.c.subscriber_id).where(
                _CONTACT_COLUMNS[field].in_(values)
            )
            return schema.subscriber.c.id.in_(contact_ids)
        case _:
            return schema.membership.c.frequency.in_(values)


def _build_own_field_condition(test: AmongValues | Compared | HasValue) -> ColumnElement[Any]:
    """Build the condition of a test of one of the office's own fields. It is NULL for people
    without a value, and for values that were stored under another type."""
    value = field_text(schema.subscriber.c.fields, test.name)
    match test:
        case AmongValues(_, values):
            return value.in_(values)
        case HasValue():
            return value.is_not(None)
        case Compared(name, comparison, operand) if comparison in NUMBER_COMPARISONS:
            number = build_number(schema.subscriber.c.fields, name)
            return number.bool_op(comparison.value)(cast(literal(operand, String()), NUMBER))
        case Compared(_, comparison, operand):
            day = and_(value.like("____-__-__"), value.is_not(None))
            is_before = comparison is Comparison.BEFORE
            return and_(day, value < operand if is_before else value >= operand)


_KINDS = [
    literal_column(f"'{kind}'", String(10)) for kind in (EditionKind.MAILING, EditionKind.REPEAT)
]
_is_mailing = schema.edition.c.kind.in_(_KINDS)
_is_accepted = schema.delivery.c.state == DeliveryState.SENT.value
_present_addresses = (
    schema.subscriber.c.address,
    literal(schema.ERASED, String()) + schema.subscriber.c.address_key,
)
"""A delivery's address, and what stands there once the addresses of its edition were removed."""


def _build_activity_condition(test: Test) -> ColumnElement[bool]:
    match test:
        case Joined(before, day):
            midnight = _get_midnight(day)
            joined_at = schema.membership.c.joined_at
            return joined_at < midnight if before else joined_at >= midnight
        case JoinedWithin(days):
            return schema.membership.c.joined_at >= _get_moment_before(days)
        case Sent(False, day):
            return _build_sent_since(_get_midnight(day))
        case Sent(True, day):
            return and_(_build_sent_since(None), not_(_build_sent_since(_get_midnight(day))))
        case SentWithin(days):
            return _build_sent_since(_get_moment_before(days))
        case NeverSent():
            return not_(_build_sent_since(None))
        case RefusedWithin(times, days):
            since = _get_moment_before(days)
            refused_keys = (
                _select_refused_keys()
                .where(_may_be_sending_since(schema.edition.c.finished_at, since))
                .where(schema.delivery.c.updated_at >= since)
                .group_by(schema.delivery.c.address_key)
                .having(func.count() >= times)
            )
            return schema.subscriber.c.address_key.in_(refused_keys)
        case LastRefused():
            return schema.subscriber.c.address_key.in_(
                _select_refused_keys().where(not_(_build_accepted_later()))
            )
        case _:
            raise TypeError(test)


def _get_midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _get_moment_before(days: int) -> ColumnElement[datetime]:
    # A subquery, so that SQLite evaluates it once for the statement.
    seconds = -timedelta(days=days).total_seconds()
    return select(schema.database_now(seconds)).scalar_subquery()


def _may_be_sending_since(
    finished_at: ColumnElement[datetime], since: datetime | ColumnElement[datetime]
) -> ColumnElement[bool]:
    return or_(finished_at.is_(None), finished_at >= since)


def _build_sent_since(since: datetime | ColumnElement[datetime] | None) -> ColumnElement[bool]:
    """Build the condition that a relay accepted a mailing for a member's present address since a
    moment, or ever. The ids of the mailings are computed once, and a member's deliveries are looked
    up in each of them."""
    edition_ids = select(schema.edition.c.id).where(
        _is_mailing, schema.edition.c.planned_at.is_not(None)
    )
    conditions = [
        schema.delivery.c.address.in_(_present_addresses),
        _is_accepted,
    ]
    if since is not None:
        edition_ids = edition_ids.where(_may_be_sending_since(schema.edition.c.finished_at, since))
        conditions.append(schema.delivery.c.updated_at >= since)
    return exists(
        select(literal(1))
        .select_from(schema.delivery)
        .where(schema.delivery.c.edition_id.in_(edition_ids), *conditions)
        .correlate(schema.subscriber)
    )


def _select_refused_keys() -> Select[tuple[str]]:
    """Select the hashes of addresses for which relays refused a mailing."""
    return (
        select(schema.delivery.c.address_key)
        .select_from(
            schema.edition.join(
                schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id
            )
        )
        .where(
            _is_mailing,
            # Both: the first is the condition of an index.
            schema.is_in_state(*schema.UNDELIVERED),
            schema.delivery.c.state == literal_column("'failed'", String(12)),
        )
    )


def _build_accepted_later() -> ColumnElement[bool]:
    """Build the condition that a relay accepted a later mailing for the address of a refused
    delivery."""
    later_edition, later = schema.edition.alias("later_edition"), schema.delivery.alias("later")
    owner = schema.subscriber.alias("owner")
    # The refused delivery may have lost its address, and later ones may still have it.
    address = (
        select(owner.c.address)
        .where(owner.c.address_key == schema.delivery.c.address_key)
        .correlate(schema.delivery)
        .scalar_subquery()
    )
    erased_address = literal(schema.ERASED, String()) + schema.delivery.c.address_key
    return exists(
        select(literal(1))
        .select_from(later_edition.join(later, later.c.edition_id == later_edition.c.id))
        .where(
            later_edition.c.kind.in_(_KINDS),
            _may_be_sending_since(later_edition.c.finished_at, schema.delivery.c.updated_at),
            later.c.address.in_((address, erased_address)),
            later.c.state == DeliveryState.SENT.value,
            later.c.updated_at >= schema.delivery.c.updated_at,
        )
        .correlate(schema.delivery)
    )
