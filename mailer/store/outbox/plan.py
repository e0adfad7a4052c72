"""Freeze an edition's audience: its recipients, and the stories that each of them gets.

Stories become bits. First, small temporary tables are filled: the story bits for each combination
of topics, the body for each language, the waits for each time zone, and the suppressed people. Then
people are joined to these tables, so that a plan handles only one integer for each person.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    union_all,
    update,
)

from mailer import message
from mailer.model.deliveries import Audience, DeliveryPlan, DeliveryState, Exclusion
from mailer.model.editions import Edition
from mailer.model.segments import Filter
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.field_values import select_values
from mailer.store.audience.segment_conditions import (
    build_condition,
    is_paused,
    mailed_language,
    members,
)
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox import counts, plan_tables
from mailer.store.outbox.own_stories import (
    has_chosen,
    join_own_stories,
    limit_to_own_stories,
)
from mailer.store.outbox.plan_filling import ALL_TOPICS, PlanTableQueries
from mailer.store.outbox.plan_tables import TemporaryTables
from mailer.store.outbox.story_masks import build_story_masks
from mailer.store.releases.recipients import list_exclusions, select_late_recipients

_topic_set_id = func.coalesce(schema.membership.c.topic_set_id, ALL_TOPICS)


_audience = (
    members.join(plan_tables.language_mask, plan_tables.language_mask.c.language == mailed_language)
    .join(plan_tables.set_mask, plan_tables.set_mask.c.topic_set_id == _topic_set_id)
    .outerjoin(
        plan_tables.suppressed,
        plan_tables.suppressed.c.subscriber_id == schema.membership.c.subscriber_id,
    )
)
_stories = plan_tables.set_mask.c.stories.bitwise_and(plan_tables.language_mask.c.stories)
_may_be_mailed = and_(plan_tables.suppressed.c.subscriber_id.is_(None), not_(is_paused))
_sets_without_story = select(plan_tables.set_mask.c.topic_set_id).join(
    plan_tables.language_mask, _stories == 0
)


@dataclass(frozen=True, slots=True)
class _Selection:
    """The tables and expressions by which a plan selects recipients: the `audience` of all members,
    the `stories` of each member, and whether the edition is for a member's frequency."""

    audience: FromClause
    stories: ColumnElement[int]
    wants_it: ColumnElement[bool]
    has_own_stories: bool


class PlanQueries(PlanTableQueries):
    """Freezes audiences."""

    def plan_deliveries(self, edition: Edition, now: datetime) -> DeliveryPlan:
        """Freeze the audience: insert one row for each eligible address, in one INSERT … SELECT,
        and count the members who are left out, by the reason. The edition must be composed.

        If the edition is sent in readers' time, each row is due when clocks in the reader's zone
        show the edition's time."""
        self.lock_list(edition)
        by_topic, everyone = build_story_masks(self._db, self._key, edition)
        segment_filter = EditionQueries(self._db, self._key).load_segment_filter(edition)
        with TemporaryTables(self._db):
            unserved_sets = self._fill_masks(edition, by_topic, everyone)
            self._fill_suppressed()
            selection = self._build_selection(edition)
            excluded = self._count_exclusions(edition, segment_filter, unserved_sets, selection)
            by_reader_time = self._fill_waits(edition, now)
            planned = self._insert_deliveries(
                edition, segment_filter, selection, by_reader_time=by_reader_time
            )
        if excluded:
            self._db.execute(
                insert(schema.exclusion),
                [
                    {"edition_id": edition.id, "reason": reason.value, "members": members_}
                    for reason, members_ in excluded.items()
                ],
            )
        self._db.execute(
            update(schema.edition).where(schema.edition.c.id == edition.id).values(planned_at=now)
        )
        return DeliveryPlan(planned, excluded)

    def count_audience(self, edition: Edition) -> Audience:
        """Count the audience that :meth:`plan_deliveries` would freeze now. The edition must be
        composed."""
        by_topic, everyone = build_story_masks(self._db, self._key, edition)
        segment_filter = EditionQueries(self._db, self._key).load_segment_filter(edition)
        with TemporaryTables(self._db):
            unserved_sets = self._fill_masks(edition, by_topic, everyone)
            self._fill_suppressed()
            selection = self._build_selection(edition)
            excluded = self._count_exclusions(edition, segment_filter, unserved_sets, selection)
            rows = self._db.execute(
                select(plan_tables.language_mask.c.body, func.count())
                .select_from(selection.audience)
                .where(*_list_conditions(edition, segment_filter, selection))
                .group_by(plan_tables.language_mask.c.body)
            ).all()
        return Audience({row[0]: row[1] for row in sorted(rows)}, excluded)

    def extend_plan(self, edition: Edition) -> int:
        """Add missing recipients to an edition that has started: people who turn out to have
        received the version that this edition corrects or kills, or who should have got another
        edition of the release and did not. Returns the number of added recipients, which is nearly
        always 0."""
        if not self.has_late_recipients(edition):
            return 0
        by_topic, everyone = build_story_masks(self._db, self._key, edition)
        segment_filter = EditionQueries(self._db, self._key).load_segment_filter(edition)
        with TemporaryTables(self._db):
            self._fill_masks(edition, by_topic, everyone)
            self._fill_suppressed()
            is_late_recipient = schema.membership.c.subscriber_id.in_(
                select_late_recipients(edition)
            )
            return self._insert_deliveries(
                edition,
                segment_filter,
                self._build_selection(edition),
                is_late_recipient,
                by_reader_time=False,
            )

    def has_late_recipients(self, edition: Edition) -> bool:
        """Check whether :meth:`extend_plan` may find recipients."""
        return bool(self._db.scalar(select(select_late_recipients(edition).exists())))

    def _build_selection(self, edition: Edition) -> _Selection:
        """Build the selection of recipients. Only if members have stories of their own, the
        audience is joined to the tables that hold them, which costs time for each member."""
        is_chosen = has_chosen(edition)
        if not self.fill_own_stories(edition):
            return _Selection(_audience, _stories, is_chosen, has_own_stories=False)
        is_owed = schema.membership.c.subscriber_id.in_(select(plan_tables.owed.c.subscriber_id))
        stories = limit_to_own_stories(edition, _stories)
        return _Selection(
            join_own_stories(_audience), stories, or_(is_chosen, is_owed), has_own_stories=True
        )

    def _count_exclusions(
        self,
        edition: Edition,
        segment_filter: Filter,
        unserved_sets: set[int],
        selection: _Selection,
    ) -> dict[Exclusion, int]:
        """Count the members who are left out, by the first reason that applies.

        Each reason is counted in the table that shows it, since checking all members for every
        reason took half as long as the plan itself. Only the segment is checked for every
        member."""
        on_list = schema.mailing_list.c.slug == edition.list
        is_active = schema.membership.c.state == MembershipState.ACTIVE.value
        wants_it = selection.wants_it
        member_count = func.count().label("members")
        first_reason = case(
            # The values of these two states equal the values of their reasons.
            (not_(is_active), schema.membership.c.state),
            (not_(wants_it), Exclusion.FREQUENCY.value),
            else_=Exclusion.PAUSED.value,
        ).label("reason")
        unasked = (
            select(first_reason, member_count)
            .select_from(schema.membership.join(schema.mailing_list))
            .where(on_list, or_(not_(is_active), not_(wants_it), is_paused))
            .group_by(first_reason)
        )
        suppressed = (
            select(literal(Exclusion.SUPPRESSED.value), member_count)
            .select_from(schema.membership.join(schema.mailing_list))
            .where(
                on_list,
                is_active,
                wants_it,
                not_(is_paused),
                schema.membership.c.subscriber_id.in_(
                    select(plan_tables.suppressed.c.subscriber_id)
                ),
            )
        )
        counted = [unasked, suppressed]
        role_exclusions = list_exclusions(edition)
        is_every_member_checked = edition.segment or role_exclusions or selection.has_own_stories
        if is_every_member_checked or unserved_sets:
            in_segment = build_condition(segment_filter)
            reason = case(
                *((which, why.value) for which, why in role_exclusions),
                (not_(has_chosen(edition)), Exclusion.FREQUENCY.value),
                (not_(in_segment), Exclusion.SEGMENT.value),
                (_stories != 0, Exclusion.HAS_IT.value),
                else_=Exclusion.NO_STORY.value,
            ).label("reason")
            unfit = (
                select(reason, member_count)
                .select_from(selection.audience)
                .where(
                    on_list,
                    is_active,
                    wants_it,
                    _may_be_mailed,
                    or_(
                        not_(in_segment),
                        selection.stories == 0,
                        *(which for which, _ in role_exclusions),
                    ),
                )
                .group_by(reason)
            )
            if not is_every_member_checked and ALL_TOPICS not in unserved_sets:
                unfit = unfit.where(schema.membership.c.topic_set_id.in_(_sets_without_story))
            counted.append(unfit)
        excluded: Counter[Exclusion] = Counter()
        for reason_name, count in self._db.execute(union_all(*counted)):
            excluded[Exclusion(reason_name)] += count
        return {why: count for why, count in excluded.items() if count}

    def _insert_deliveries(
        self,
        edition: Edition,
        segment_filter: Filter,
        selection: _Selection,
        *conditions: ColumnElement[bool],
        by_reader_time: bool,
    ) -> int:
        # As subqueries they are computed once, not for each row; all rows are due at once.
        now = select(schema.database_now()).scalar_subquery()
        due: ColumnElement[datetime] = now
        audience = selection.audience
        if by_reader_time:
            # Counted from the database's clock, which is not compared with the clock of this
            # process.
            due = schema.database_now(plan_tables.zone_wait.c.seconds)
            audience = audience.join(
                plan_tables.zone_wait,
                plan_tables.zone_wait.c.time_zone == schema.subscriber.c.time_zone,
            )
        recipients = (
            select(
                literal(edition.id),
                schema.subscriber.c.address,
                schema.subscriber.c.address_key,
                schema.subscriber.c.id,
                schema.subscriber.c.name,
                select_values(
                    schema.subscriber.c.fields,
                    message.find_field_names(
                        EditionQueries(self._db, self._key).list_bodies(edition)
                    ),
                ),
                plan_tables.language_mask.c.body,
                selection.stories,
                literal(DeliveryState.QUEUED.value),
                due,
                now,
            )
            .select_from(audience)
            .where(*_list_conditions(edition, segment_filter, selection), *conditions)
            .order_by(schema.subscriber.c.address)
        )
        columns = (
            "edition_id",
            "address",
            "address_key",
            "subscriber_id",
            "name",
            "fields",
            "language",
            "stories",
            "state",
            "next_attempt_at",
            "updated_at",
        )
        last_id = self._db.scalar(select(func.max(schema.delivery.c.id))) or 0
        added_count = self._db.execute(
            insert(schema.delivery).from_select(columns, recipients),
            # Without this option, SQLAlchemy 2.1 returns -1 for an INSERT on PostgreSQL.
            execution_options={"preserve_rowcount": True},
        ).rowcount
        bodies = self._db.scalars(select(plan_tables.language_mask.c.body).distinct()).all()
        if len(bodies) == 1:
            counts.add_delivery_counts(self._db, edition.id, {bodies[0]: added_count})
        elif added_count:
            by_language = counts.count_by_language(self._db, edition.id, last_id)
            counts.add_delivery_counts(self._db, edition.id, by_language)
        return added_count


def _list_conditions(
    edition: Edition, segment_filter: Filter, selection: _Selection
) -> list[ColumnElement[bool]]:
    """Return the conditions under which a member of the selection's audience gets the edition."""
    return [
        schema.mailing_list.c.slug == edition.list,
        schema.membership.c.state == MembershipState.ACTIVE.value,
        selection.wants_it,
        _may_be_mailed,
        build_condition(segment_filter),
        selection.stories != 0,
        *(not_(condition) for condition, _ in list_exclusions(edition)),
    ]
