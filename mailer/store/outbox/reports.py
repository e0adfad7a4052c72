"""What people ask of an edition's deliveries: how it stands, and why somebody got nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, func, select

from mailer import languages
from mailer.audience.lists import Frequency
from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition
from mailer.errors import ComposeError
from mailer.outbox import Delivery, DeliveryState, Exclusion, Report, Standing
from mailer.store.audience.segments import condition, mailed_language, members, paused
from mailer.store.editions import Editions
from mailer.store.outbox.course import left_out
from mailer.store.outbox.masks import story_masks
from mailer.store.schema import (
    delivery,
    exclusion,
    in_state,
    mailing_list,
    membership,
    subscriber,
    suppression,
    topic,
    topic_set_topic,
)
from mailer.tokens import address_key


class Outbox:
    """Implements ``outbox.OutboxStore``."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def report(self, known: Edition) -> Report:
        """How the edition stands."""

        def counted(column: Column[Any], *where: ColumnElement[bool]) -> dict[str, int]:
            rows = self._db.execute(
                select(column, func.count())
                .where(delivery.c.edition_id == known.id, *where)
                .group_by(column)
                .order_by(func.count().desc())
            )
            return dict(rows.all())

        states = counted(delivery.c.state)
        excluded = self._db.execute(
            select(exclusion.c.reason, exclusion.c.members).where(
                exclusion.c.edition_id == known.id
            )
        )
        return Report(
            edition=known,
            states={state: states.get(state.value, 0) for state in DeliveryState},
            excluded={Exclusion(reason): count for reason, count in excluded},
            by_language=counted(delivery.c.language),
            refusals=counted(
                delivery.c.reply,
                delivery.c.reply != "",
                delivery.c.state != DeliveryState.SENT.value,
            ),
        )

    def deliveries(
        self, known: Edition | None, states: Sequence[DeliveryState] = (), limit: int = 100
    ) -> list[Delivery]:
        """Deliveries of an edition (None: of all), in these states (none given: in any)."""
        return self._after(0, known, states, limit)

    def each(self, known: Edition, states: Sequence[DeliveryState] = ()) -> Iterator[Delivery]:
        """All of an edition's in these states (none given: in any), read in batches: memory does
        not grow with them."""
        last = 0
        while batch := self._after(last, known, states, 1000):
            yield from batch
            last = batch[-1].id

    def _after(
        self, last: int, known: Edition | None, states: Sequence[DeliveryState], limit: int
    ) -> list[Delivery]:
        wanted = select(delivery).where(delivery.c.id > last)
        if known is not None:
            wanted = wanted.where(delivery.c.edition_id == known.id)
        if states:
            wanted = wanted.where(in_state(*(state.value for state in states)))
        rows = self._db.execute(wanted.order_by(delivery.c.id).limit(limit))
        return [delivery_record(row) for row in rows]

    def on_wire(self, known: Edition | None) -> dict[int, int]:
        """How many messages each sender has on the wire, of an edition (None: of all)."""
        wanted = select(delivery.c.sender_id, func.count()).where(
            in_state(DeliveryState.ON_WIRE.value)
        )
        if known is not None:
            wanted = wanted.where(delivery.c.edition_id == known.id)
        return dict(self._db.execute(wanted.group_by(delivery.c.sender_id)).all())

    def list_number(self, known: Edition) -> int:
        """The number of the edition's list, as signed links carry it."""
        found = self._db.scalar(select(mailing_list.c.id).where(mailing_list.c.slug == known.list))
        assert found is not None
        return int(found)

    def standing(self, known: Edition, address: str) -> Standing:
        """What is known of an address, to explain the edition by."""
        row = self._db.execute(
            select(delivery).where(delivery.c.edition_id == known.id, delivery.c.address == address)
        ).one_or_none()
        person = self._db.execute(
            select(subscriber.c.id, suppression.c.reason, suppression.c.created_at)
            .outerjoin(suppression, suppression.c.address_key == subscriber.c.address_key)
            .where(subscriber.c.address_key == address_key(self._key, address))
        ).one_or_none()
        if row is not None:
            found = delivery_record(row)
            titles = self._titles(known, found.stories, found.language)
            return Standing(delivery=found, story_titles=titles)
        if person is None:
            return Standing()
        joined = self._db.execute(
            select(membership, mailed_language.label("mailed"))
            .select_from(members)
            .where(mailing_list.c.slug == known.list, membership.c.subscriber_id == person.id)
        ).one_or_none()
        if joined is None:
            return Standing(subscriber_id=person.id)
        tree = Editions(self._db).filter_of(known)
        in_segment = self._db.scalar(
            select(func.count())
            .select_from(members)
            .where(
                mailing_list.c.slug == known.list,
                membership.c.subscriber_id == person.id,
                condition(tree),
            )
        )
        stories = self._stories_for(known, joined.topic_set_id, joined.mailed)
        bodies = [body.language for body in Editions(self._db).bodies(known)]
        return Standing(
            subscriber_id=person.id,
            membership=MembershipState(joined.state),
            joined_at=joined.joined_at,
            left_at=joined.left_at,
            suppressed=person.reason,
            suppressed_at=person.created_at,
            frequency=Frequency(joined.frequency),
            paused_until=self._db.scalar(
                select(membership.c.paused_until)
                .join(mailing_list, mailing_list.c.id == membership.c.list_id)
                .where(
                    mailing_list.c.slug == known.list,
                    membership.c.subscriber_id == person.id,
                    paused,
                )
            ),
            in_segment=bool(in_segment),
            stories=stories,
            language=languages.choose(joined.mailed, bodies, known.language) if bodies else "",
            story_titles=self._titles(known, stories, joined.mailed),
            left_out=next(
                (
                    why
                    for which, why in left_out(known)
                    if self._db.scalar(
                        select(func.count())
                        .select_from(members)
                        .where(
                            mailing_list.c.slug == known.list,
                            membership.c.subscriber_id == person.id,
                            which,
                        )
                    )
                ),
                None,
            ),
        )

    def _stories_for(self, known: Edition, topic_set_id: int | None, language: str) -> int:
        """The bits that a membership's topics and language let through, of a composed edition."""
        try:
            by_topic, mask = story_masks(self._db, known)
        except ComposeError:
            return -1
        bodies = {body.language: body.stories for body in Editions(self._db).bodies(known)}
        there = bodies.get(languages.choose(language, sorted(bodies), known.language), 0)
        if topic_set_id is None:
            return int(there)
        for slug in self._db.scalars(
            select(topic.c.slug)
            .join(topic_set_topic, topic_set_topic.c.topic_id == topic.c.id)
            .where(topic_set_topic.c.topic_set_id == topic_set_id)
        ):
            mask |= by_topic.get(slug, 0)
        return int(mask & there)

    def _titles(self, known: Edition, mask: int, language: str) -> tuple[str, ...]:
        manuscript = Editions(self._db).manuscript(known)
        bits = Editions(self._db).story_bits(known)
        titles = []
        for story in sorted(manuscript.stories, key=lambda story: bits.get(story.slug, 0)):
            bit = bits.get(story.slug)
            article = story.in_language(language, known.language)
            if article and bit is not None and mask >> bit & 1:
                titles.append(article.title)
        return tuple(titles)


def delivery_record(row: Row[Any]) -> Delivery:
    """The record of a row."""
    return Delivery(
        id=row.id,
        edition_id=row.edition_id,
        subscriber_id=row.subscriber_id,
        address=row.address,
        name=row.name,
        language=row.language,
        stories=row.stories,
        state=DeliveryState(row.state),
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        reply=row.reply,
        updated_at=row.updated_at,
    )
