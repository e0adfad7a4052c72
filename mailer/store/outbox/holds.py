"""What the gate keeps in whatever its edition's state: what is embargoed, and what was killed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, select, update

from mailer import embargoes
from mailer.audience.contacts import Trust
from mailer.editions import STATES_EMBARGO, TO_WHO_HAS_IT, Edition, Role
from mailer.embargoes import Happening, What
from mailer.outbox import KILLED, UNTRUSTED, WAITS, DeliveryState, Hold
from mailer.store.embargoes import Embargoes
from mailer.store.outbox import statements
from mailer.store.outbox.statements import back_to_queue, held, queued
from mailer.store.schema import contact, delivery, edition, edition_story, kill


class Holds:
    """The part of ``outbox.QueueStore`` that asks for holds, and keeps what they keep."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def embargoed(self, known: Sequence[int]) -> dict[int, Hold]:
        """Which of these editions hold a story that is embargoed now, by the database's clock, and
        until when. :meth:`states` keeps embargoes on them from being moved meanwhile."""
        found = self._killed(known)
        if not statements.EMBARGOES.rows(self._db, {}):
            return found
        kept = Embargoes(self._db)
        held_ = embargoes.held(kept, kept.now())
        if not held_:
            return found
        for number, role, stated, slug in self._db.execute(
            select(edition.c.id, edition.c.role, edition.c.embargo_until, edition_story.c.slug)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(
                edition.c.id.in_(known),
                edition_story.c.slug.in_(held_),
                edition.c.role != Role.KILL.value,
            )
        ):
            ends = held_[slug].ends
            earlier = found.get(number, Hold(ends, True))
            states = earlier.states and Role(role) in STATES_EMBARGO and stated == ends
            keeps = role == Role.CORRECTION.value
            found[number] = Hold(max(earlier.until, ends), states, earlier.reply, keeps)
        return found

    def _killed(self, known: Sequence[int]) -> dict[int, Hold]:
        """Those that hold a story that was killed, or that somebody wants killed, but for the mails
        that say so: nothing of them goes, and they are looked at again in a minute."""
        if not statements.KILLS.rows(self._db, {}):
            return {}
        rows = self._db.scalars(
            select(edition.c.id)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .join(kill, kill.c.slug == edition_story.c.slug)
            .where(edition.c.id.in_(known), edition.c.role != Role.KILL.value)
            .distinct()
        ).all()
        if not rows:
            return {}
        again = Embargoes(self._db).now() + timedelta(minutes=1)
        return {number: Hold(again, False, KILLED) for number in rows}

    def superseded(self, known: Edition) -> str:
        """Why what has failed of an edition is not to be sent again; empty where it may."""
        slugs = edition_story.c.slug.in_(known.stories)
        if known.role is not Role.KILL:
            found = select(kill.c.slug).where(kill.c.slug.in_(known.stories)).limit(1)
            if slug := self._db.scalar(found):
                return f"{slug} was killed, or is to be"
        if known.role is Role.PLAIN:
            return ""
        later = self._db.scalar(
            select(func.max(edition.c.id))
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(
                slugs,
                edition.c.id > known.id,
                edition.c.role.in_([role.value for role in TO_WHO_HAS_IT]),
                edition.c.planned_at.is_not(None),
            )
        )
        return f"it was corrected or taken back by edition {later}" if later else ""

    def trusted(self, subscribers: Sequence[int]) -> set[int]:
        """Those of them who are trusted with embargoes, which nobody can change before this
        transaction has ended."""
        wanted_ = select(contact.c.subscriber_id).where(
            contact.c.subscriber_id.in_(subscribers), contact.c.trust == Trust.TRUSTED.value
        )
        return set(self._db.scalars(wanted_.with_for_update(read=True)))

    def hold_back(self, of: int, by: int, until: datetime, reply: str = WAITS) -> int:
        """Let an edition wait until its embargo ends: what is due before, and what `by` has
        claimed, is due again then. How many."""
        mine = and_(delivery.c.edition_id == of, delivery.c.sender_id == by, held)
        due = and_(delivery.c.edition_id == of, queued, delivery.c.next_attempt_at < until)
        then = {"next_attempt_at": until, "reply": reply}
        count = self._db.execute(
            update(delivery).where(mine).values({**back_to_queue, **then})
        ).rowcount
        count += self._db.execute(update(delivery).where(due).values(then)).rowcount
        if count and reply == WAITS:
            kept = Embargoes(self._db)
            now = kept.now()
            detail = f"gate: {count} messages of edition {of} wait until it ends"
            slugs = select(edition_story.c.slug).where(edition_story.c.edition_id == of)
            for slug in embargoes.held(kept, now).keys() & {*self._db.scalars(slugs)}:
                kept.note(Happening(slug, now, What.REFUSED, "", detail))
        return count

    def keep_back(self, by: int, ids: Sequence[int], until: datetime) -> None:
        """Let messages to contacts who are not trusted with an embargo any more wait until it
        ends: they have the version that is corrected."""
        if ids:
            here = and_(delivery.c.id.in_(ids), delivery.c.sender_id == by, held)
            then = {**back_to_queue, "next_attempt_at": until, "reply": WAITS}
            self._db.execute(update(delivery).where(here).values(then))

    def distrust(self, by: int, ids: Sequence[int]) -> int:
        """Settle messages to contacts who are not trusted with the embargo any more."""
        if not ids:
            return 0
        here = and_(delivery.c.id.in_(ids), delivery.c.sender_id == by, held)
        values = {**back_to_queue, "state": DeliveryState.SUPPRESSED.value, "reply": UNTRUSTED}
        return self._db.execute(update(delivery).where(here).values(values)).rowcount
