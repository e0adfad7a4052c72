"""The readers whose stories in an edition depend on more than their topics and language: members
who changed their frequency, and members who have got some of its stories already.

docs/explanation/frequency.md has the rule. Two temporary tables hold its outcome, and are empty for
nearly every plan: the stories that the edition *owes* to members who now have another frequency,
and the stories that members have *received* in other editions of the list.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    cast,
    func,
    insert,
    or_,
    select,
    true,
    union,
)

from mailer.articles import group_stories
from mailer.digests.story_choice import is_suitable
from mailer.model.articles import ArticleQuery, Story
from mailer.model.digests import Digest
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES, EditionKind, EditionRole
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.articles import ArticleQueries
from mailer.store.base import SqlStore
from mailer.store.digests import SqlDigestStore
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox import plan_tables
from mailer.store.outbox.plan_tables import TemporaryTables
from mailer.store.outbox.received_stories import (
    select_received_by_changed,
    select_received_by_everyone,
    select_received_by_person,
)

ALL_STORIES = -1
"""The mask of every story."""

_past = schema.past_frequency.c
_FREQUENCY_NAMES = [frequency.value for frequency in Frequency]
_READER_KINDS = [
    kind.value for kind in (EditionKind.MAILING, EditionKind.REPEAT, EditionKind.WELCOME)
]
"""The kinds of editions by which readers get stories of their list."""


class OwnStoryQueries(SqlStore):
    """Fills the temporary tables of owed and received stories, and counts on them in plans."""

    def lock_list(self, edition: Edition) -> None:
        """Make other plans for the list, and changes of its members' frequencies, wait for the end
        of this transaction."""
        self._db.execute(
            select(schema.mailing_list.c.id)
            .where(schema.mailing_list.c.slug == edition.list)
            .with_for_update(key_share=True)
        )

    def fill_own_stories(self, edition: Edition, subscriber_id: int | None = None) -> bool:
        """Fill the tables for a composed edition, with all members or a single one. Returns whether
        any member is in them."""
        if edition.kind is not EditionKind.MAILING or edition.role is not EditionRole.PLAIN:
            return False
        list_id = self._db.scalar(
            select(schema.mailing_list.c.id).where(schema.mailing_list.c.slug == edition.list)
        )
        assert list_id is not None
        bits = EditionQueries(self._db, self._key).fetch_story_bits(edition)
        queue_times = self._fetch_queue_times(list(bits))
        if not queue_times:
            return False
        changed = and_(
            _past.list_id == list_id,
            _past.until > min(queue_times.values()),
            *([] if subscriber_id is None else [_past.subscriber_id == subscriber_id]),
        )
        had_this = and_(_past.frequency == edition.frequency.value, changed)
        changed = and_(_past.frequency.in_(_FREQUENCY_NAMES), changed)  # the index needs it
        is_changed = self._db.scalar(select(select(_past.list_id).where(had_this).exists()))
        owed = self._fill_owed(edition, had_this, bits, queue_times) if is_changed else 0
        received = 0
        if self._fill_shared_stories(edition, list_id, list(bits)):
            received = (
                self._fill_received(select_received_by_person(subscriber_id, changed))
                if subscriber_id is not None
                else self._fill_received(
                    select_received_by_changed(select(_past.subscriber_id).where(changed)),
                    select_received_by_everyone(),
                )
            )
        return bool(owed or received)

    def _fetch_queue_times(self, slugs: Sequence[str]) -> dict[str, datetime]:
        """Return when each story was first queued."""
        queued_at = func.min(schema.article.c.first_queued_at)
        statement = (
            select(schema.article.c.slug, queued_at)
            .where(schema.article.c.slug.in_(slugs), schema.article.c.first_queued_at.is_not(None))
            .group_by(schema.article.c.slug)
        )
        return dict(self._db.execute(statement).all())

    # ---- owed -----------------------------------------------------------------------------------

    def _fill_owed(
        self,
        edition: Edition,
        had_this: ColumnElement[bool],
        bits: Mapping[str, int],
        queue_times: Mapping[str, datetime],
    ) -> int:
        """Fill in the stories for members who had this edition's frequency when, or after, the
        story was queued, and who will not get it by their present frequency, since its digests have
        run it before or do not take it. Returns the number of members."""
        coming = self._find_coming_stories(edition, list(bits))
        rows = [
            {"frequency": frequency, "stories": 1 << bits[slug], "queued_at": queued_at}
            for frequency in Frequency
            if frequency is not edition.frequency
            for slug, queued_at in queue_times.items()
            if slug not in coming[frequency]
        ]
        if not rows:
            return 0
        self._db.execute(insert(plan_tables.missed_story), rows)
        missed = plan_tables.missed_story.c
        statement = (
            # Grouped by the membership: SQLite would read all of the table to group by its key.
            select(schema.membership.c.subscriber_id, _sum_masks(missed.stories))
            .select_from(schema.past_frequency)
            .join(
                schema.membership,
                and_(
                    schema.membership.c.list_id == _past.list_id,
                    schema.membership.c.subscriber_id == _past.subscriber_id,
                ),
            )
            .join(
                plan_tables.missed_story,
                and_(
                    missed.frequency == schema.membership.c.frequency,
                    missed.queued_at < _past.until,
                ),
            )
            .where(
                had_this,
                schema.membership.c.state == MembershipState.ACTIVE.value,
            )
            .group_by(schema.membership.c.subscriber_id)
        )
        return self._insert(plan_tables.owed, statement)

    def _find_coming_stories(
        self, edition: Edition, slugs: Sequence[str]
    ) -> dict[Frequency, set[str]]:
        """Return the stories that digests of each frequency will still send to the whole list."""
        store = SqlDigestStore(self._db, self._key)
        digests = [
            digest
            for digest in store.list_digests()
            if digest.settings.list == edition.list and not digest.settings.segment
        ]
        sent = self._find_sent_stories(digests, slugs)
        stories: list[Story] = group_stories(
            ArticleQueries(self._db, self._key).find_articles(ArticleQuery(slugs=tuple(slugs)))
        )
        coming: dict[Frequency, set[str]] = {frequency: set() for frequency in Frequency}
        for digest in digests:
            coming[digest.settings.frequency] |= {
                story.slug
                for story in stories
                if (digest.id, story.slug) not in sent and is_suitable(digest, story)
            }
        return coming

    def _find_sent_stories(
        self, digests: Sequence[Digest], slugs: Sequence[str]
    ) -> set[tuple[int, str]]:
        """Return (digest's id, slug) of the stories that a digest will not send: their edition has
        begun to be sent, or the digest passed over them when topics were merged."""
        ledger = schema.digest_story.c
        statement = (
            select(ledger.digest_id, ledger.slug)
            .outerjoin(schema.edition, schema.edition.c.id == ledger.edition_id)
            .where(
                ledger.digest_id.in_([digest.id for digest in digests]),
                ledger.slug.in_(slugs),
                or_(ledger.edition_id.is_(None), schema.edition.c.planned_at.is_not(None)),
            )
        )
        return {(digest_id, slug) for digest_id, slug in self._db.execute(statement)}

    # ---- received -------------------------------------------------------------------------------

    def _fill_received(self, *statements: Select[Any]) -> int:
        """Fill in the stories that members got in other editions, from statements that select
        (subscriber_id, story). Returns the number of members."""
        received = union(*statements).subquery()
        return self._insert(
            plan_tables.received,
            select(received.c.subscriber_id, _sum_masks(received.c.ours)).group_by(
                received.c.subscriber_id
            ),
        )

    def find_own_stories(self, edition: Edition, subscriber_id: int) -> tuple[int, int]:
        """Return the stories that the edition owes to a member, and those that the member has
        received, as masks. The first matters only if the member has another frequency."""
        with TemporaryTables(self._db):
            self.fill_own_stories(edition, subscriber_id)
            owed, received = (
                self._db.scalar(select(table.c.stories)) or 0
                for table in (plan_tables.owed, plan_tables.received)
            )
        return owed, received

    def _fill_shared_stories(self, edition: Edition, list_id: int, slugs: Sequence[str]) -> int:
        """Fill in the stories that are in earlier editions of the list, too, in repeats of other
        editions, and in copies for new members. Returns their number."""
        own_story, other_story = schema.edition_story.alias(), schema.edition_story.alias()
        other = schema.edition.c
        statement = (
            select(
                other_story.c.edition_id,
                own_story.c.bit,
                other_story.c.bit,
                other.frequency,
                other.urgent_reasons,
                other.kind,
            )
            .select_from(own_story.join(other_story, other_story.c.slug == own_story.c.slug))
            .join(schema.edition, other.id == other_story.c.edition_id)
            .where(
                own_story.c.edition_id == edition.id,
                own_story.c.bit.is_not(None),
                other_story.c.slug.in_(slugs),
                other_story.c.edition_id != edition.id,
                other_story.c.bit.is_not(None),
                other.list_id == list_id,
                other.planned_at.is_not(None),
                other.kind.in_(_READER_KINDS),
                other.role == EditionRole.PLAIN.value,
                func.coalesce(other.repeated_id, 0) != edition.id,
            )
        )
        rows = [
            {
                "edition_id": edition_id,
                "theirs": 1 << their_bit,
                "ours": 1 << our_bit,
                "to_everyone": int(edition.is_urgent or bool(reasons)),
            }
            for edition_id, our_bit, their_bit, frequency, reasons, kind in self._db.execute(
                statement
            )
            if frequency != edition.frequency.value
            or edition.is_urgent
            or reasons
            or kind == EditionKind.WELCOME.value
        ]
        if rows:
            self._db.execute(insert(plan_tables.shared_story), rows)
        return len(rows)

    def _insert(self, table: Any, statement: Select[Any]) -> int:
        return self._db.execute(
            insert(table).from_select(["subscriber_id", "stories"], statement),
            execution_options={"preserve_rowcount": True},
        ).rowcount


def _sum_masks(masks: ColumnElement[int]) -> ColumnElement[int]:
    """Unite masks of one story each, which differ."""
    return cast(func.sum(masks), BigInteger)


# ---- use in a plan ------------------------------------------------------------------------------


def join_own_stories(audience: FromClause) -> FromClause:
    """Join an audience to the tables of owed and received stories."""
    member_id = schema.membership.c.subscriber_id
    return audience.outerjoin(
        plan_tables.owed, plan_tables.owed.c.subscriber_id == member_id
    ).outerjoin(plan_tables.received, plan_tables.received.c.subscriber_id == member_id)


def is_for_others(edition: Edition, frequency: Frequency, *, is_last_mail: bool) -> bool:
    """Check whether an edition goes to members who chose another frequency than this one.
    `is_last_mail`: it is the last mail of a closed list."""
    if is_last_mail or edition.is_urgent or edition.role in PRIOR_RECIPIENT_ROLES:
        return False
    return frequency is not edition.frequency


def has_chosen(edition: Edition) -> ColumnElement[bool]:
    """Return the condition that a member gets this edition by the frequency that they chose. The
    last mail of a closed list goes to all its members."""
    if edition.is_urgent or edition.role in PRIOR_RECIPIENT_ROLES:
        return true()
    return or_(
        schema.membership.c.frequency == edition.frequency.value,
        func.coalesce(schema.mailing_list.c.closing_edition_id, 0) == edition.id,
    )


def limit_to_own_stories(edition: Edition, stories: ColumnElement[int]) -> ColumnElement[int]:
    """Return the stories of a member of the joined audience: if the member has another frequency,
    only those that the edition owes them, and never those that they have received."""
    owed = case(
        (has_chosen(edition), ALL_STORIES), else_=func.coalesce(plan_tables.owed.c.stories, 0)
    )
    received = func.coalesce(plan_tables.received.c.stories, 0)
    return stories.bitwise_and(owed).bitwise_and(received.bitwise_not())
