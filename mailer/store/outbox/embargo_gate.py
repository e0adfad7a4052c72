"""The part of the gate that stops messages with embargoed or killed stories, even if their edition
is being sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, update

from mailer import embargoes
from mailer.actor import WORKER
from mailer.model.contacts import Trust
from mailer.model.deliveries import (
    EMBARGOED_REPLY,
    KILLED_REPLY,
    UNTRUSTED_REPLY,
    DeliveryState,
    EmbargoBlock,
)
from mailer.model.edition_states import EMBARGO_STATING_ROLES, PRIOR_RECIPIENT_ROLES, EditionRole
from mailer.model.editions import Edition
from mailer.model.embargoes import EmbargoEvent, EmbargoEventType
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.outbox import statements
from mailer.store.outbox.statements import in_flight, queued, requeued_values
from mailer.store.releases.embargoes import SqlEmbargoStore


class GateBlockQueries(SqlStore):
    """The part of ``OutboxStore`` about embargoes and kills."""

    def find_embargo_blocks(self, edition_ids: Sequence[int]) -> dict[int, EmbargoBlock]:
        """Return, by edition, the block of each of these editions that holds an embargoed or killed
        story. The database's clock decides which embargoes are active. ``lock_edition_states``
        prevents these embargoes from being moved at the same time."""
        blocks = self._find_killed(edition_ids)
        if not statements.ANY_EMBARGO.fetch_rows(self._db, {}):
            return blocks
        embargo_store = SqlEmbargoStore(self._db, self._key)
        embargoed_stories = embargoes.find_embargoed(embargo_store, embargo_store.read_clock())
        if not embargoed_stories:
            return blocks
        for edition_id, role, stated_end, slug in self._db.execute(
            select(
                schema.edition.c.id,
                schema.edition.c.role,
                schema.edition.c.embargo_until,
                schema.edition_story.c.slug,
            )
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(
                schema.edition.c.id.in_(edition_ids),
                schema.edition_story.c.slug.in_(embargoed_stories),
                schema.edition.c.role != EditionRole.KILL.value,
            )
        ):
            ends = embargoed_stories[slug].ends_at
            earlier_block = blocks.get(edition_id, EmbargoBlock(ends, True))
            states_end = (
                earlier_block.states_embargo
                and EditionRole(role) in EMBARGO_STATING_ROLES
                and stated_end == ends
            )
            keeps = role == EditionRole.CORRECTION.value
            blocks[edition_id] = EmbargoBlock(
                max(earlier_block.until, ends), states_end, earlier_block.reply, keeps
            )
        return blocks

    def _find_killed(self, edition_ids: Sequence[int]) -> dict[int, EmbargoBlock]:
        """Return the editions with a story that was killed or whose kill was requested, except for
        the mails that announce the kill. The messages of these editions do not pass, and are
        checked again in a minute."""
        if not statements.ANY_KILL.fetch_rows(self._db, {}):
            return {}
        rows = self._db.scalars(
            select(schema.edition.c.id)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .join(schema.kill, schema.kill.c.slug == schema.edition_story.c.slug)
            .where(
                schema.edition.c.id.in_(edition_ids),
                schema.edition.c.role != EditionRole.KILL.value,
            )
            .distinct()
        ).all()
        if not rows:
            return {}
        retry_at = SqlEmbargoStore(self._db, self._key).read_clock() + timedelta(minutes=1)
        return {edition_id: EmbargoBlock(retry_at, False, KILLED_REPLY) for edition_id in rows}

    def explain_supersession(self, edition: Edition) -> str:
        """Explain why failed deliveries of an edition must not be sent again. Return an empty
        string if they may be sent."""
        has_same_story = schema.edition_story.c.slug.in_(edition.stories)
        if edition.role is not EditionRole.KILL:
            statement = (
                select(schema.kill.c.slug).where(schema.kill.c.slug.in_(edition.stories)).limit(1)
            )
            if slug := self._db.scalar(statement):
                return f"{slug} was killed, or a kill was requested"
        if edition.role is EditionRole.PLAIN:
            return ""
        later_edition_id = self._db.scalar(
            select(func.max(schema.edition.c.id))
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(
                has_same_story,
                schema.edition.c.id > edition.id,
                schema.edition.c.role.in_([role.value for role in PRIOR_RECIPIENT_ROLES]),
                schema.edition.c.planned_at.is_not(None),
            )
        )
        return (
            f"it was corrected or taken back by edition {later_edition_id}"
            if later_edition_id
            else ""
        )

    def find_trusted_subscribers(self, subscriber_ids: Sequence[int]) -> set[int]:
        """Return those of these subscribers who are trusted with embargoes, and lock their profiles
        until the transaction ends."""
        statement = select(schema.contact.c.subscriber_id).where(
            schema.contact.c.subscriber_id.in_(subscriber_ids),
            schema.contact.c.trust == Trust.TRUSTED.value,
        )
        return set(self._db.scalars(statement.with_for_update(read=True)))

    def defer_edition(
        self, edition_id: int, worker_id: int, until: datetime, reply: str = EMBARGOED_REPLY
    ) -> int:
        """Defer deliveries of an edition until its embargo ends: those that are due before that,
        and those that the worker has claimed. Returns the number of deferred deliveries."""
        claimed_by_worker = and_(
            schema.delivery.c.edition_id == edition_id,
            schema.delivery.c.worker_id == worker_id,
            in_flight,
        )
        due_before_end = and_(
            schema.delivery.c.edition_id == edition_id,
            queued,
            schema.delivery.c.next_attempt_at < until,
        )
        values = {"next_attempt_at": until, "reply": reply}
        count = self._db.execute(
            update(schema.delivery).where(claimed_by_worker).values({**requeued_values, **values})
        ).rowcount
        count += self._db.execute(
            update(schema.delivery).where(due_before_end).values(values)
        ).rowcount
        if count and reply == EMBARGOED_REPLY:
            embargo_store = SqlEmbargoStore(self._db, self._key)
            now = embargo_store.read_clock()
            detail = f"gate: {count} messages of edition {edition_id} wait until it ends"
            story_slugs = select(schema.edition_story.c.slug).where(
                schema.edition_story.c.edition_id == edition_id
            )
            for slug in embargoes.find_embargoed(embargo_store, now).keys() & {
                *self._db.scalars(story_slugs)
            }:
                embargo_store.record_event(
                    EmbargoEvent(
                        slug, now, EmbargoEventType.REFUSED, WORKER.name, detail, WORKER.key
                    )
                )
        return count

    def defer_deliveries(
        self, worker_id: int, delivery_ids: Sequence[int], until: datetime
    ) -> None:
        """Defer the deliveries of a correction whose contacts are no longer trusted with embargoes.
        They get the correction when the embargo ends, because they have the earlier version."""
        if delivery_ids:
            claimed_by_worker = and_(
                schema.delivery.c.id.in_(delivery_ids),
                schema.delivery.c.worker_id == worker_id,
                in_flight,
            )
            values = {**requeued_values, "next_attempt_at": until, "reply": EMBARGOED_REPLY}
            self._db.execute(update(schema.delivery).where(claimed_by_worker).values(values))

    def suppress_untrusted(self, worker_id: int, delivery_ids: Sequence[int]) -> int:
        """Settle messages to contacts who are no longer trusted with embargoes: they are not
        sent."""
        if not delivery_ids:
            return 0
        claimed_by_worker = and_(
            schema.delivery.c.id.in_(delivery_ids),
            schema.delivery.c.worker_id == worker_id,
            in_flight,
        )
        values = {
            **requeued_values,
            "state": DeliveryState.SUPPRESSED.value,
            "reply": UNTRUSTED_REPLY,
        }
        return self._db.execute(
            update(schema.delivery).where(claimed_by_worker).values(values)
        ).rowcount
