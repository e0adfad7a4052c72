"""Freeze an edition's audience: its recipients, and the stories that each of them gets.

Stories become bits. First, small temporary tables are filled: the story bits for each combination
of topics, the body for each language, the waits for each time zone, and the suppressed people. Then
people are joined to these tables, so that a plan handles only one integer for each person.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
    update,
)

from mailer import languages
from mailer.model.deliveries import Audience, DeliveryPlan, DeliveryState, Exclusion
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES, SendTimeBasis
from mailer.model.editions import Edition
from mailer.model.segments import Filter
from mailer.model.subscribers import MembershipState
from mailer.schedules import local_time
from mailer.store import schema
from mailer.store.audience.segments import build_condition, is_paused, mailed_language, members
from mailer.store.audience.time_zones import list_subscriber_time_zones
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox import counts, plan_tables
from mailer.store.outbox.plan_tables import TemporaryTables
from mailer.store.outbox.story_masks import build_story_masks
from mailer.store.releases.recipients import list_exclusions, select_late_recipients

ALL_TOPICS = 0
"""The id that stands for the choices of people who chose no topics. Ids of combinations start at
1."""

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


class PlanQueries(SqlStore):
    """Freezes audiences."""

    def plan_deliveries(self, edition: Edition, now: datetime) -> DeliveryPlan:
        """Freeze the audience: insert one row for each eligible address, in one INSERT … SELECT,
        and count the members who are left out, by the reason. The edition must be composed.

        If the edition is sent in readers' time, each row is due when clocks in the reader's zone
        show the edition's time."""
        by_topic, everyone = build_story_masks(self._db, self._key, edition)
        segment_filter = EditionQueries(self._db, self._key).load_segment_filter(edition)
        with TemporaryTables(self._db):
            unserved_sets = self._fill_masks(edition, by_topic, everyone)
            self._fill_suppressed()
            excluded = self._count_exclusions(edition, segment_filter, unserved_sets)
            by_reader_time = self._fill_waits(edition, now)
            planned = self._insert_deliveries(
                edition, segment_filter, by_reader_time=by_reader_time
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
            excluded = self._count_exclusions(edition, segment_filter, unserved_sets)
            rows = self._db.execute(
                select(plan_tables.language_mask.c.body, func.count())
                .select_from(_audience)
                .where(*_list_conditions(edition, segment_filter))
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
                edition, segment_filter, is_late_recipient, by_reader_time=False
            )

    def has_late_recipients(self, edition: Edition) -> bool:
        """Check whether :meth:`extend_plan` may find recipients."""
        return bool(self._db.scalar(select(select_late_recipients(edition).exists())))

    def _fill_masks(self, edition: Edition, by_topic: Mapping[str, int], everyone: int) -> set[int]:
        """Fill in the story bits for each combination of topics, and each language's body. Returns
        the combinations whose readers would get no story in at least one of the languages."""
        masks_by_set = dict.fromkeys(self._db.scalars(select(schema.topic_set.c.id)), 0)
        for set_id, slug in self._db.execute(
            select(schema.topic_set_topic.c.topic_set_id, schema.topic.c.slug).join(
                schema.topic, schema.topic.c.id == schema.topic_set_topic.c.topic_id
            )
        ):
            masks_by_set[set_id] |= everyone | by_topic.get(slug, 0)
        masks_by_set[ALL_TOPICS] = -1
        if edition.role in PRIOR_RECIPIENT_ROLES:
            masks_by_set = dict.fromkeys(masks_by_set, -1)  # whatever topics they follow now
        self._db.execute(
            insert(plan_tables.set_mask),
            [{"topic_set_id": one, "stories": mask} for one, mask in masks_by_set.items()],
        )
        bodies = dict(
            self._db.execute(
                select(schema.edition_body.c.language, schema.edition_body.c.stories).where(
                    schema.edition_body.c.edition_id == edition.id
                )
            ).all()
        )
        member_languages = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(schema.mailing_list.c.slug == edition.list)
            .distinct()
        ).all()
        rows = []
        for tag in member_languages:
            body = languages.choose_language(tag, sorted(bodies), edition.language)
            rows.append({"language": tag, "body": body, "stories": bodies[body]})
        if rows:
            self._db.execute(insert(plan_tables.language_mask), rows)
        body_masks = {row["stories"] for row in rows}
        return {
            one for one, mask in masks_by_set.items() if not all(mask & body for body in body_masks)
        }

    def _fill_suppressed(self) -> None:
        keys = select(schema.suppression.c.address_key)
        self._db.execute(
            insert(plan_tables.suppressed).from_select(
                ["subscriber_id"],
                # IN instead of a join, so that SQLite looks up the few suppressed people and does
                # not check every subscriber.
                select(schema.subscriber.c.id).where(schema.subscriber.c.address_key.in_(keys)),
            )
        )

    def _fill_waits(self, edition: Edition, now: datetime) -> bool:
        """Fill in how long the readers of each zone wait. Returns False, without any waits, if the
        edition is not sent in readers' time."""
        appointment = edition.appointment
        if appointment is None or appointment.send_time is not SendTimeBasis.READER:
            return False
        list_time_zone = self._db.scalar(
            select(schema.mailing_list.c.time_zone).where(
                schema.mailing_list.c.slug == edition.list
            )
        )
        rows = []
        for time_zone in {"", *list_subscriber_time_zones(self._db)}:
            due_at = local_time.to_utc_in_zone(
                appointment.wall, time_zone or list_time_zone or "", appointment.zone
            )
            seconds = max((due_at - now).total_seconds(), 0.0)
            rows.append({"time_zone": time_zone, "seconds": seconds})
        self._db.execute(insert(plan_tables.zone_wait), rows)
        return True

    def _count_exclusions(
        self, edition: Edition, segment_filter: Filter, unserved_sets: set[int]
    ) -> dict[Exclusion, int]:
        """Count the members who are left out, by the first reason that applies.

        Each reason is counted in the table that shows it, since checking all members for every
        reason took half as long as the plan itself. Only the segment is checked for every
        member."""
        on_list = schema.mailing_list.c.slug == edition.list
        is_active = schema.membership.c.state == MembershipState.ACTIVE.value
        wants_it = _matches_frequency(edition)
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
        if edition.segment or unserved_sets or role_exclusions:
            in_segment = build_condition(segment_filter)
            reason = case(
                *((which, why.value) for which, why in role_exclusions),
                (not_(in_segment), Exclusion.SEGMENT.value),
                else_=Exclusion.NO_STORY.value,
            ).label("reason")
            unfit = (
                select(reason, member_count)
                .select_from(_audience)
                .where(
                    on_list,
                    is_active,
                    wants_it,
                    _may_be_mailed,
                    or_(not_(in_segment), _stories == 0, *(which for which, _ in role_exclusions)),
                )
                .group_by(reason)
            )
            if not edition.segment and not role_exclusions and ALL_TOPICS not in unserved_sets:
                unfit = unfit.where(schema.membership.c.topic_set_id.in_(_sets_without_story))
            counted.append(unfit)
        return {
            Exclusion(reason): count
            for reason, count in self._db.execute(union_all(*counted))
            if count
        }

    def _insert_deliveries(
        self,
        edition: Edition,
        segment_filter: Filter,
        *conditions: ColumnElement[bool],
        by_reader_time: bool,
    ) -> int:
        # As subqueries they are computed once, not for each row; all rows are due at once.
        now = select(schema.database_now()).scalar_subquery()
        due: ColumnElement[datetime] = now
        audience = _audience
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
                plan_tables.language_mask.c.body,
                _stories,
                literal(DeliveryState.QUEUED.value),
                due,
                now,
            )
            .select_from(audience)
            .where(*_list_conditions(edition, segment_filter), *conditions)
            .order_by(schema.subscriber.c.address)
        )
        columns = (
            "edition_id",
            "address",
            "address_key",
            "subscriber_id",
            "name",
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


def _list_conditions(edition: Edition, segment_filter: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions under which a member of ``_audience`` gets the edition."""
    return [
        schema.mailing_list.c.slug == edition.list,
        schema.membership.c.state == MembershipState.ACTIVE.value,
        _matches_frequency(edition),
        _may_be_mailed,
        build_condition(segment_filter),
        _stories != 0,
        *(not_(condition) for condition, _ in list_exclusions(edition)),
    ]


def _matches_frequency(edition: Edition) -> ColumnElement[bool]:
    """Return the condition that a member chose this edition's frequency. The last mail of a closed
    list goes to all its members."""
    if edition.role in PRIOR_RECIPIENT_ROLES:
        return true()
    return or_(
        schema.membership.c.frequency == edition.frequency.value,
        func.coalesce(schema.mailing_list.c.closing_edition_id, 0) == edition.id,
    )
