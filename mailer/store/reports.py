"""The numbers that reports add up: readers, deliveries and stories.

Deliveries that were sent are not counted: they are what the others leave of each edition's total,
as in ``outbox/reports.py``. Only readers are counted one by one, since a list's readers are those
of now.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, select, union_all

from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind
from mailer.model.reports import EditionNumbers, FailureGroup, Period, ReaderCounts
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.segment_conditions import is_paused
from mailer.store.base import SqlStore
from mailer.store.outbox.statements import in_doubt, in_flight, queued

_FAILED_STATES = (DeliveryState.FAILED.value, DeliveryState.EXPIRED.value)
_TOTAL = "total"
_DEFERRED = "deferred"


class SqlReportStore(SqlStore):
    """Implements :class:`mailer.model.stores.reports.ReportStore`."""

    def count_readers(self, list_id: int) -> ReaderCounts:
        """Count the members of a list as they are now."""
        is_suppressed = schema.suppression.c.address_key.is_not(None)
        columns = [
            schema.membership.c.state.label("state"),
            schema.membership.c.topic_set_id.is_(None).label("has_all_topics"),
            is_suppressed.label("is_suppressed"),
            case((is_paused, True), else_=False).label("is_paused"),
        ]
        rows = self._db.execute(
            select(*columns, func.count().label("people"))
            .select_from(schema.membership)
            .join(schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id)
            .outerjoin(
                schema.suppression,
                schema.suppression.c.address_key == schema.subscriber.c.address_key,
            )
            .where(
                schema.membership.c.list_id == list_id,
                schema.membership.c.state != MembershipState.UNSUBSCRIBED.value,
            )
            .group_by(*columns)
        ).all()
        sums: Counter[str] = Counter()
        for row in rows:
            if row.state == MembershipState.PENDING:
                sums["pending"] += row.people
                continue
            sums["all_topics" if row.has_all_topics else "with_topics"] += row.people
            if row.is_suppressed:
                sums["suppressed"] += row.people
            elif row.is_paused:
                sums["paused"] += row.people
        return ReaderCounts(**sums)

    def count_readers_by_topic(self, list_id: int) -> Mapping[str, int]:
        """Count the readers who chose each topic, by its slug."""
        sets = (
            select(schema.membership.c.topic_set_id, func.count().label("people"))
            .where(
                schema.membership.c.list_id == list_id,
                schema.membership.c.state == MembershipState.ACTIVE.value,
                schema.membership.c.topic_set_id.is_not(None),
            )
            .group_by(schema.membership.c.topic_set_id)
            .subquery()
        )
        rows = self._db.execute(
            select(schema.topic.c.slug, func.sum(sets.c.people))
            .select_from(sets)
            .join(
                schema.topic_set_topic,
                schema.topic_set_topic.c.topic_set_id == sets.c.topic_set_id,
            )
            .join(schema.topic, schema.topic.c.id == schema.topic_set_topic.c.topic_id)
            .group_by(schema.topic.c.slug)
        )
        return {slug: int(people) for slug, people in rows}

    # ---- mails -----------------------------------------------------------------------------------

    def list_edition_numbers(self, list_id: int, period: Period) -> list[EditionNumbers]:
        """Return the numbers of a list's editions whose delivery began within a period, the oldest
        first. Notices, service mails and test mails do not count."""
        editions = self._db.execute(
            select(schema.edition.c.id, schema.edition.c.name, schema.edition.c.planned_at)
            .where(_is_planned(list_id, period))
            .order_by(schema.edition.c.planned_at, schema.edition.c.id)
        ).all()
        counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for edition_id, state, count in self._db.execute(_count_states(list_id, period)):
            counts[edition_id][state] += int(count)
        return [
            _build_numbers(row.id, row.name, row.planned_at, counts[row.id]) for row in editions
        ]

    def list_failures(self, list_id: int, period: Period) -> list[FailureGroup]:
        """Group the failed and expired deliveries of these editions by replies that are alike."""
        signature = func.coalesce(
            func.nullif(schema.delivery.c.signature, ""), schema.delivery.c.reply
        )
        rows = self._db.execute(
            select(schema.delivery.c.state, func.min(schema.delivery.c.reply), func.count())
            .select_from(schema.edition)
            .join(schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id)
            .where(
                _is_planned(list_id, period),
                schema.is_in_state(*_FAILED_STATES),
                schema.is_in_state(*schema.UNDELIVERED),  # the condition of the index
            )
            .group_by(schema.delivery.c.state, signature)
        )
        return [
            FailureGroup(DeliveryState(state), reply or "", count) for state, reply, count in rows
        ]

    def count_stories_by_topic(self, list_id: int, period: Period) -> Mapping[str, tuple[int, int]]:
        """Count (stories, editions) of each topic, by its slug, in these editions."""
        rows = self._db.execute(
            select(
                schema.topic.c.slug,
                func.count(schema.edition_story.c.slug.distinct()),
                func.count(schema.edition.c.id.distinct()),
            )
            .select_from(schema.edition)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .join(schema.article, schema.article.c.slug == schema.edition_story.c.slug)
            .join(schema.article_topic, schema.article_topic.c.article_id == schema.article.c.id)
            .join(schema.topic, schema.topic.c.id == schema.article_topic.c.topic_id)
            .where(_is_planned(list_id, period))
            .group_by(schema.topic.c.slug)
        )
        return {slug: (stories, editions) for slug, stories, editions in rows}

    # ---- suppressions ----------------------------------------------------------------------------

    def count_suppressions(self, period: Period) -> Mapping[str, int]:
        """Count the addresses that were suppressed within a period and still are, by reason."""
        rows = self._db.execute(
            select(schema.suppression.c.reason, func.count())
            .where(
                schema.suppression.c.created_at >= period.since,
                schema.suppression.c.created_at < period.until,
            )
            .group_by(schema.suppression.c.reason)
            .order_by(schema.suppression.c.reason)
        )
        return dict(rows.all())


def _is_planned(list_id: int, period: Period) -> ColumnElement[bool]:
    """Return the condition that a list's mailing began to be delivered within a period."""
    return and_(
        schema.edition.c.list_id == list_id,
        schema.edition.c.planned_at >= period.since,
        schema.edition.c.planned_at < period.until,
        schema.edition.c.kind == EditionKind.MAILING.value,
    )


def _count_states(list_id: int, period: Period) -> Any:
    """Build the statement that counts the deliveries of editions by state, without those that were
    sent. It is one statement, since a worker may change a delivery between two."""
    edition_id = schema.edition.c.id
    joined = schema.edition.join(
        schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id
    )
    is_planned = _is_planned(list_id, period)

    def count(label: ColumnElement[str], *conditions: ColumnElement[bool]) -> Any:
        return (
            select(edition_id, label.label("state"), func.count().label("number"))
            .select_from(joined)
            .where(is_planned, *conditions)
            .group_by(edition_id, label)
        )

    totals = (
        select(edition_id, literal(_TOTAL).label("state"), schema.delivery_count.c.deliveries)
        .select_from(
            schema.edition.join(
                schema.delivery_count, schema.delivery_count.c.edition_id == schema.edition.c.id
            )
        )
        .where(is_planned)
    )
    # The small index of deliveries in flight is read first, and then their editions.
    flying_ids = (
        select((schema.delivery.c.edition_id + 0).label("edition_id"), schema.delivery.c.state)
        .where(in_flight)
        .subquery()
    )
    flying = (
        select(edition_id, flying_ids.c.state, func.count())
        .select_from(
            flying_ids.join(schema.edition, schema.edition.c.id == flying_ids.c.edition_id)
        )
        .where(is_planned)
        .group_by(edition_id, flying_ids.c.state)
    )
    return union_all(
        totals,
        count(schema.delivery.c.state, queued),
        count(schema.delivery.c.state, in_doubt),
        count(schema.delivery.c.state, schema.is_in_state(*schema.UNDELIVERED)),
        count(literal(_DEFERRED), queued, schema.has_unaccepted_reply),
        flying,
    )


def _build_numbers(
    edition_id: int, name: str, planned_at: Any, counts: "Counter[str]"
) -> EditionNumbers:
    states = {state: counts[state.value] for state in DeliveryState}
    states[DeliveryState.SENT] = counts[_TOTAL] - sum(states.values())
    return EditionNumbers(edition_id, name, planned_at, states, counts[_DEFERRED])
