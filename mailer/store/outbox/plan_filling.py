"""Fill the small temporary tables of a plan: story bits by topics and language, the suppressed, and
the waits of time zones."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert, select

from mailer import languages
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES, SendTimeBasis
from mailer.model.editions import Edition
from mailer.schedules import local_time
from mailer.store import schema
from mailer.store.audience.segment_conditions import mailed_language, members
from mailer.store.audience.time_zones import list_subscriber_time_zones
from mailer.store.outbox import plan_tables
from mailer.store.outbox.own_stories import OwnStoryQueries

ALL_TOPICS = 0
"""The id that stands for the choices of people who chose no topics. Ids of combinations start at
1."""


class PlanTableQueries(OwnStoryQueries):
    """Fills the temporary tables that a plan joins to people."""

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
