"""Reports of an edition's deliveries, and the facts that explain one recipient's outcome."""

from typing import Any

from sqlalchemy import (
    String,
    and_,
    case,
    func,
    literal,
    not_,
    select,
    union_all,
)

from mailer import languages
from mailer.errors import ComposeError
from mailer.model.deliveries import (
    DeliveryReport,
    DeliveryState,
    Exclusion,
    RecipientStatus,
    ReplyGroup,
)
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.segment_conditions import (
    build_condition,
    is_paused,
    mailed_language,
    members,
)
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox.doubts import DoubtQueries
from mailer.store.outbox.listing import DeliveryListQueries, build_delivery
from mailer.store.outbox.own_stories import OwnStoryQueries, is_for_others
from mailer.store.outbox.safe_mode import SafeModeQueries
from mailer.store.outbox.statements import (
    in_doubt,
    in_flight,
    is_in_flight_of,
    may_be_delivered,
    on_wire,
    queued,
)
from mailer.store.outbox.story_masks import build_story_masks
from mailer.store.releases.recipients import list_exclusions
from mailer.tokens import hash_address

_is_failed = and_(
    schema.is_in_state(DeliveryState.FAILED.value, DeliveryState.EXPIRED.value),
    schema.is_in_state(*schema.UNDELIVERED),  # the condition of the index
)


class ReportQueries(DoubtQueries, SafeModeQueries, DeliveryListQueries):
    """The part of ``OutboxStore`` for reports and explanations."""

    def build_report(self, edition: Edition) -> DeliveryReport:
        """Return the counts of an edition's deliveries."""

        by_language, states = self._count_deliveries(edition)
        undecided, next_resend_at = (
            self.count_undecided(edition) if states.get(DeliveryState.IN_DOUBT) else (0, None)
        )
        excluded = self._db.execute(
            select(schema.exclusion.c.reason, schema.exclusion.c.members).where(
                schema.exclusion.c.edition_id == edition.id
            )
        )
        return DeliveryReport(
            edition=edition,
            states=states,
            excluded={Exclusion(reason): count for reason, count in excluded},
            by_language=by_language,
            replies=self._group_replies(edition),
            undecided=undecided,
            next_resend_at=next_resend_at,
        )

    def _count_deliveries(
        self, edition: Edition
    ) -> tuple[dict[str, int], dict[DeliveryState, int]]:
        """Count an edition's deliveries by language, and by state.

        Those that were sent are nearly all, so that they are what the others leave of the total:
        the others are counted in small indexes. One statement counts them, since a worker may
        change a delivery between two statements."""
        in_edition = schema.delivery.c.edition_id == edition.id
        total = func.count()
        rows = self._db.execute(
            union_all(
                select(
                    literal(None, String()).label("state"),
                    schema.delivery_count.c.language,
                    schema.delivery_count.c.deliveries,
                ).where(schema.delivery_count.c.edition_id == edition.id),
                *(
                    select(literal(state.value), literal(""), total).where(in_edition, condition)
                    for state, condition in (
                        (DeliveryState.QUEUED, queued),
                        (DeliveryState.IN_DOUBT, in_doubt),
                    )
                ),
                select(schema.delivery.c.state, literal(""), total)
                .where(is_in_flight_of(edition.id))
                .group_by(schema.delivery.c.state),
                select(schema.delivery.c.state, literal(""), total)
                .where(in_edition, schema.is_in_state(*schema.UNDELIVERED))
                .group_by(schema.delivery.c.state),
            )
        ).all()
        by_language = {language: int(count) for state, language, count in rows if state is None}
        states = dict.fromkeys(DeliveryState, 0)
        states |= {DeliveryState(state): count for state, _, count in rows if state is not None}
        states[DeliveryState.SENT] = sum(by_language.values()) - sum(states.values())
        return dict(sorted(by_language.items(), key=lambda item: -item[1])), states

    def list_failed_replies(self, edition_id: int) -> list[tuple[int, str]]:
        """Return (delivery id, reply) of an edition's failed and expired deliveries."""
        rows = self._db.execute(
            select(schema.delivery.c.id, schema.delivery.c.reply).where(
                schema.delivery.c.edition_id == edition_id,
                _is_failed,
            )
        )
        return [(delivery_id, reply or "") for delivery_id, reply in rows]

    def find_settled_failures(self, edition_id: int) -> set[int]:
        """Return the ids of an edition's failed and expired deliveries whose address is suppressed,
        has left the list or pauses mail by now."""
        rows = self._db.scalars(
            select(schema.delivery.c.id).where(
                schema.delivery.c.edition_id == edition_id, _is_failed, not_(may_be_delivered)
            )
        )
        return set(rows)

    def _group_replies(self, edition: Edition) -> tuple[ReplyGroup, ...]:
        """Group the replies of an edition's deliveries that were not accepted, the most frequent
        first."""
        signature = func.coalesce(
            func.nullif(schema.delivery.c.signature, ""), schema.delivery.c.reply
        )
        rows = self._db.execute(
            select(
                schema.delivery.c.state,
                signature,
                func.min(schema.delivery.c.reply),
                func.count(),
                func.count(case((and_(_is_failed, not_(may_be_delivered)), 1))),
            )
            .where(schema.delivery.c.edition_id == edition.id, schema.has_unaccepted_reply)
            .group_by(schema.delivery.c.state, signature)
            .order_by(func.count().desc(), signature)
        )
        return tuple(
            ReplyGroup(DeliveryState(state), group_signature, reply, count, settled)
            for state, group_signature, reply, count, settled in rows
        )

    def count_on_wire(self, edition: Edition | None) -> dict[int, int]:
        """Count the messages that each worker has on the wire, for one edition or for all
        (None)."""
        statement = select(schema.delivery.c.worker_id, func.count()).where(
            on_wire, in_flight if edition is None else is_in_flight_of(edition.id)
        )
        return dict(self._db.execute(statement.group_by(schema.delivery.c.worker_id)).all())

    def find_list_id(self, edition: Edition) -> int:
        """Return the id of the edition's list, which signed links contain."""
        list_id = self._db.scalar(
            select(schema.mailing_list.c.id).where(schema.mailing_list.c.slug == edition.list)
        )
        assert list_id is not None
        return int(list_id)

    def get_recipient_status(
        self, edition: Edition, address: str, language: str = ""
    ) -> RecipientStatus:
        """Return the facts stored about an address, to explain its outcome in this edition. If
        `language` is given, the stories of someone without a delivery are those of its body."""
        row = self._db.execute(
            select(schema.delivery).where(
                schema.delivery.c.edition_id == edition.id, schema.delivery.c.address == address
            )
        ).one_or_none()
        person_row = self._db.execute(
            select(
                schema.subscriber.c.id, schema.suppression.c.reason, schema.suppression.c.created_at
            )
            .outerjoin(
                schema.suppression,
                schema.suppression.c.address_key == schema.subscriber.c.address_key,
            )
            .where(schema.subscriber.c.address_key == hash_address(self._key, address))
        ).one_or_none()
        if row is not None:
            recipient_delivery = build_delivery(row)
            titles = self._list_story_titles(
                edition, recipient_delivery.stories, recipient_delivery.language
            )
            return RecipientStatus(
                delivery=recipient_delivery,
                story_titles=titles,
                **self._find_frequency(edition, recipient_delivery.subscriber_id),
            )
        if person_row is None:
            return RecipientStatus()
        membership_row = self._db.execute(
            select(
                schema.membership,
                schema.mailing_list.c.closing_edition_id,
                mailed_language.label("mailed"),
            )
            .select_from(members)
            .where(
                schema.mailing_list.c.slug == edition.list,
                schema.membership.c.subscriber_id == person_row.id,
            )
        ).one_or_none()
        if membership_row is None:
            return RecipientStatus(subscriber_id=person_row.id)
        tree = EditionQueries(self._db, self._key).load_segment_filter(edition)
        in_segment = self._db.scalar(
            select(func.count())
            .select_from(members)
            .where(
                schema.mailing_list.c.slug == edition.list,
                schema.membership.c.subscriber_id == person_row.id,
                build_condition(tree),
            )
        )
        reading_language = language or membership_row.mailed
        stories = self._compute_story_mask(edition, membership_row.topic_set_id, reading_language)
        owed, received = OwnStoryQueries(self._db, self._key).find_own_stories(
            edition, person_row.id
        )
        frequency_facts = self._find_frequency(edition, person_row.id)
        is_other = is_for_others(
            edition,
            frequency_facts["frequency"],
            is_last_mail=membership_row.closing_edition_id == edition.id,
        )
        if is_other and owed:
            stories &= owed
        bodies = [
            body.language for body in EditionQueries(self._db, self._key).list_bodies(edition)
        ]
        return RecipientStatus(
            subscriber_id=person_row.id,
            membership=MembershipState(membership_row.state),
            joined_at=membership_row.joined_at,
            left_at=membership_row.left_at,
            suppressed=person_row.reason,
            suppressed_at=person_row.created_at,
            **frequency_facts,
            paused_until=self._db.scalar(
                select(schema.membership.c.paused_until)
                .join(schema.mailing_list, schema.mailing_list.c.id == schema.membership.c.list_id)
                .where(
                    schema.mailing_list.c.slug == edition.list,
                    schema.membership.c.subscriber_id == person_row.id,
                    is_paused,
                )
            ),
            in_segment=bool(in_segment),
            stories=stories & ~received,
            received_stories=stories & received,
            is_for_others=is_other and not owed & ~received,
            language=languages.choose_language(reading_language, bodies, edition.language)
            if bodies
            else "",
            story_titles=self._list_story_titles(edition, stories & ~received, reading_language),
            exclusion=next(
                (
                    why
                    for which, why in list_exclusions(edition)
                    if self._db.scalar(
                        select(func.count())
                        .select_from(members)
                        .where(
                            schema.mailing_list.c.slug == edition.list,
                            schema.membership.c.subscriber_id == person_row.id,
                            which,
                        )
                    )
                ),
                None,
            ),
        )

    def _find_frequency(self, edition: Edition, subscriber_id: int) -> dict[str, Any]:
        """Return a member's frequency, and until when a member who chose another one had the
        edition's, as fields of a RecipientStatus."""
        past = schema.past_frequency
        row = self._db.execute(
            select(schema.membership.c.frequency, past.c.until)
            .select_from(schema.membership.join(schema.mailing_list))
            .outerjoin(
                past,
                and_(
                    past.c.subscriber_id == schema.membership.c.subscriber_id,
                    past.c.list_id == schema.membership.c.list_id,
                    past.c.frequency == edition.frequency.value,
                ),
            )
            .where(
                schema.mailing_list.c.slug == edition.list,
                schema.membership.c.subscriber_id == subscriber_id,
            )
        ).one_or_none()
        if row is None:
            return {"frequency": edition.frequency}
        frequency = Frequency(row.frequency)
        until = row.until if frequency is not edition.frequency else None
        return {"frequency": frequency, "past_frequency_until": until}

    def _compute_story_mask(self, edition: Edition, topic_set_id: int | None, language: str) -> int:
        """Return the bits of the stories of a composed edition that match a membership's topics and
        language."""
        try:
            by_topic, mask = build_story_masks(self._db, self._key, edition)
        except ComposeError:
            return -1
        bodies = {
            body.language: body.stories
            for body in EditionQueries(self._db, self._key).list_bodies(edition)
        }
        body_mask = bodies.get(
            languages.choose_language(language, sorted(bodies), edition.language), 0
        )
        if topic_set_id is None:
            return int(body_mask)
        for slug in self._db.scalars(
            select(schema.topic.c.slug)
            .join(schema.topic_set_topic, schema.topic_set_topic.c.topic_id == schema.topic.c.id)
            .where(schema.topic_set_topic.c.topic_set_id == topic_set_id)
        ):
            mask |= by_topic.get(slug, 0)
        return int(mask & body_mask)

    def _list_story_titles(self, edition: Edition, mask: int, language: str) -> tuple[str, ...]:
        editions = EditionQueries(self._db, self._key)
        bits = editions.fetch_story_bits(edition)
        titles = []
        for story in sorted(
            editions.load_stories(edition), key=lambda story: bits.get(story.slug, 0)
        ):
            bit = bits.get(story.slug)
            article = story.find_translation(language, edition.language)
            if article and bit is not None and mask >> bit & 1:
                titles.append(article.title)
        return tuple(titles)
