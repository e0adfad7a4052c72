"""Who gets what: freezing an edition's audience.

Stories become bits. What each combination of topics lets through, and which body serves each
language, is worked out first, in two temporary tables of a few rows; then people are joined to
them, so that a million people cost one integer each.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
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
from mailer.audience.segments import Filter
from mailer.audience.subscribers import MembershipState
from mailer.editions import TO_WHO_HAS_IT, Edition, SendTime
from mailer.outbox import DeliveryState, Exclusion, Plan
from mailer.schedules import walls
from mailer.store.audience.segments import condition, mailed_language, members, paused
from mailer.store.audience.time_zones import time_zones
from mailer.store.editions import Editions
from mailer.store.outbox.course import late, left_out
from mailer.store.outbox.masks import story_masks
from mailer.store.schema import (
    database_now,
    delivery,
    edition,
    edition_body,
    exclusion,
    mailing_list,
    membership,
    subscriber,
    suppression,
    topic,
    topic_set,
    topic_set_topic,
)

_temporary = MetaData()
# Integer on SQLite makes the key the row's own number: no second search, in an index.
_Number = BigInteger().with_variant(Integer, "sqlite")
_set_mask = Table(
    "plan_set",
    _temporary,
    Column("topic_set_id", _Number, primary_key=True, autoincrement=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
_language_mask = Table(
    "plan_language",
    _temporary,
    Column("language", String(35), primary_key=True),
    Column("body", String(35), nullable=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
_zone_wait = Table(
    "plan_zone",
    _temporary,
    Column("time_zone", String(64), primary_key=True),
    Column("seconds", Float, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
_stopped = Table(
    "plan_stopped",
    _temporary,
    Column("subscriber_id", _Number, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)

ALL_TOPICS = 0
"""Stands for the combination of somebody who chose no topics: ids of combinations start at 1."""

_topics = func.coalesce(membership.c.topic_set_id, ALL_TOPICS)


_audience = (
    members.join(_language_mask, _language_mask.c.language == mailed_language)
    .join(_set_mask, _set_mask.c.topic_set_id == _topics)
    .outerjoin(_stopped, _stopped.c.subscriber_id == membership.c.subscriber_id)
)
_stories = _set_mask.c.stories.bitwise_and(_language_mask.c.stories)
_may_be_mailed = and_(_stopped.c.subscriber_id.is_(None), not_(paused))
_with_nothing = select(_set_mask.c.topic_set_id).join(_language_mask, _stories == 0)


class Plans:
    """Freezes audiences."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def plan(self, known: Edition, now: datetime) -> Plan:
        """Freeze the audience: one row for each eligible address, in one INSERT … SELECT, and the
        count of those left out, by reason. The edition must be composed.

        By readers' time each row is due when clocks in that reader's zone show the edition's time.
        """
        by_topic, everyone = story_masks(self._db, known)
        tree = Editions(self._db).filter_of(known)
        with _Temporary(self._db):
            unserved = self._fill_masks(known, by_topic, everyone)
            self._fill_stopped()
            excluded = self._excluded(known, tree, unserved)
            by_reader = self._fill_waits(known, now)
            planned = self._freeze(known, tree, by_reader=by_reader)
        if excluded:
            self._db.execute(
                insert(exclusion),
                [
                    {"edition_id": known.id, "reason": reason.value, "members": members_}
                    for reason, members_ in excluded.items()
                ],
            )
        self._db.execute(update(edition).where(edition.c.id == known.id).values(planned_at=now))
        return Plan(planned, excluded)

    def extend(self, known: Edition) -> int:
        """Add to an edition that has begun whom it must reach by now and did not: who turns out to
        have got what it corrects or takes back; or, of a release, who was to get another edition
        of it, and didn't. How many: nearly always none."""
        if not self.is_late(known):
            return 0
        by_topic, everyone = story_masks(self._db, known)
        tree = Editions(self._db).filter_of(known)
        with _Temporary(self._db):
            self._fill_masks(known, by_topic, everyone)
            self._fill_stopped()
            only = membership.c.subscriber_id.in_(late(known))
            return self._freeze(known, tree, only, by_reader=False)

    def is_late(self, known: Edition) -> bool:
        """Whether :meth:`extend` may find somebody."""
        return bool(self._db.scalar(select(late(known).exists())))

    def _fill_masks(self, known: Edition, by_topic: Mapping[str, int], everyone: int) -> set[int]:
        """What each combination of topics lets through, and each language's body. Returns the
        combinations that leave nothing of some body."""
        sets = dict.fromkeys(self._db.scalars(select(topic_set.c.id)), 0)
        for set_id, slug in self._db.execute(
            select(topic_set_topic.c.topic_set_id, topic.c.slug).join(
                topic, topic.c.id == topic_set_topic.c.topic_id
            )
        ):
            sets[set_id] |= everyone | by_topic.get(slug, 0)
        sets[ALL_TOPICS] = -1
        if known.role in TO_WHO_HAS_IT:
            sets = dict.fromkeys(sets, -1)  # whatever they follow by now
        self._db.execute(
            insert(_set_mask),
            [{"topic_set_id": one, "stories": mask} for one, mask in sets.items()],
        )
        bodies = dict(
            self._db.execute(
                select(edition_body.c.language, edition_body.c.stories).where(
                    edition_body.c.edition_id == known.id
                )
            ).all()
        )
        wanted = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(mailing_list.c.slug == known.list)
            .distinct()
        ).all()
        rows = []
        for tag in wanted:
            body = languages.choose(tag, sorted(bodies), known.language)
            rows.append({"language": tag, "body": body, "stories": bodies[body]})
        if rows:
            self._db.execute(insert(_language_mask), rows)
        served = {row["stories"] for row in rows}
        return {one for one, mask in sets.items() if not all(mask & body for body in served)}

    def _fill_stopped(self) -> None:
        keys = select(suppression.c.address_key)
        self._db.execute(
            insert(_stopped).from_select(
                ["subscriber_id"],
                # IN, not a join: SQLite then looks up the few that are suppressed, where it would
                # ask for each subscriber.
                select(subscriber.c.id).where(subscriber.c.address_key.in_(keys)),
            )
        )

    def _fill_waits(self, known: Edition, now: datetime) -> bool:
        """How long the readers of each zone wait, where the edition goes by their time."""
        when = known.appointment
        if when is None or when.send_time is not SendTime.READER:
            return False
        of_list = self._db.scalar(
            select(mailing_list.c.time_zone).where(mailing_list.c.slug == known.list)
        )
        rows = []
        for name in {"", *time_zones(self._db)}:
            moment = walls.in_zone(when.wall, name or of_list or "", when.zone)
            seconds = max((moment - now).total_seconds(), 0.0)
            rows.append({"time_zone": name, "seconds": seconds})
        self._db.execute(insert(_zone_wait), rows)
        return True

    def _excluded(self, known: Edition, tree: Filter, unserved: set[int]) -> dict[Exclusion, int]:
        """How many members are left out, by the first reason that holds.

        Each reason is counted where it shows: to ask all members for all of them took as long as
        half of the plan. Only a segment is asked of everybody."""
        on_list = mailing_list.c.slug == known.list
        is_active = membership.c.state == MembershipState.ACTIVE.value
        wants_it = _wants(known)
        how_many = func.count().label("members")
        first = case(
            # The words of these two states are those of their reasons.
            (not_(is_active), membership.c.state),
            (not_(wants_it), Exclusion.FREQUENCY.value),
            else_=Exclusion.PAUSED.value,
        ).label("reason")
        unasked = (
            select(first, how_many)
            .select_from(membership.join(mailing_list))
            .where(on_list, or_(not_(is_active), not_(wants_it), paused))
            .group_by(first)
        )
        suppressed = (
            select(literal(Exclusion.SUPPRESSED.value), how_many)
            .select_from(membership.join(mailing_list))
            .where(
                on_list,
                is_active,
                wants_it,
                not_(paused),
                membership.c.subscriber_id.in_(select(_stopped.c.subscriber_id)),
            )
        )
        counted = [unasked, suppressed]
        of_role = left_out(known)
        if known.segment or unserved or of_role:
            in_segment = condition(tree)
            reason = case(
                *((which, why.value) for which, why in of_role),
                (not_(in_segment), Exclusion.SEGMENT.value),
                else_=Exclusion.NO_STORY.value,
            ).label("reason")
            unfit = (
                select(reason, how_many)
                .select_from(_audience)
                .where(
                    on_list,
                    is_active,
                    wants_it,
                    _may_be_mailed,
                    or_(not_(in_segment), _stories == 0, *(which for which, _ in of_role)),
                )
                .group_by(reason)
            )
            if not known.segment and not of_role and ALL_TOPICS not in unserved:
                unfit = unfit.where(membership.c.topic_set_id.in_(_with_nothing))
            counted.append(unfit)
        return {
            Exclusion(reason): count
            for reason, count in self._db.execute(union_all(*counted))
            if count
        }

    def _freeze(
        self,
        known: Edition,
        tree: Filter,
        *which: ColumnElement[bool],
        by_reader: bool,
    ) -> int:
        # As subqueries they are worked out once, not for each row, and all rows are due at once.
        now = select(database_now()).scalar_subquery()
        due: ColumnElement[datetime] = now
        audience = _audience
        if by_reader:
            # From the database's clock on: no moment of ours is held against it.
            due = database_now(_zone_wait.c.seconds)
            audience = audience.join(_zone_wait, _zone_wait.c.time_zone == subscriber.c.time_zone)
        chosen = (
            select(
                literal(known.id),
                subscriber.c.address,
                subscriber.c.address_key,
                subscriber.c.id,
                subscriber.c.name,
                _language_mask.c.body,
                _stories,
                literal(DeliveryState.QUEUED.value),
                due,
                now,
            )
            .select_from(audience)
            .where(
                mailing_list.c.slug == known.list,
                membership.c.state == MembershipState.ACTIVE.value,
                _wants(known),
                *which,
                _may_be_mailed,
                condition(tree),
                _stories != 0,
                *(not_(which) for which, _ in left_out(known)),
            )
            .order_by(subscriber.c.address)
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
        made = self._db.execute(
            insert(delivery).from_select(columns, chosen),
            # Without it SQLAlchemy 2.1 gives -1 for an INSERT on PostgreSQL.
            execution_options={"preserve_rowcount": True},
        )
        return made.rowcount


def _wants(known: Edition) -> ColumnElement[bool]:
    """Whether a member hears of an edition as often as it comes."""
    if known.role in TO_WHO_HAS_IT:
        return true()
    return membership.c.frequency == known.frequency.value


class _Temporary:
    """The two tables that a plan joins people to, for its length."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        _temporary.create_all(self._db, checkfirst=False)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            _temporary.drop_all(self._db, checkfirst=False)
