"""The schema. Moments are stored in UTC, and are aware in Python. States and kinds are stored as
words. There are no CHECK constraints on them, so that a new state needs no migration; the
transition tables of the nouns are authoritative.

    base.py      types, the database's clock, the metadata
    audience.py  consent.py  articles.py  editions.py  embargoes.py
    calendar.py  counts.py  outbox.py  press.py  assets.py  sources.py  recovery.py
"""

from mailer.store.schema.articles import article, article_revision, article_topic
from mailer.store.schema.assets import asset, asset_rendition
from mailer.store.schema.audience import (
    has_left_unknown_day,
    mailing_list,
    membership,
    past_frequency,
    segment,
    subscriber,
    subscriber_tag,
    suppression,
    topic,
    topic_description,
    topic_name,
    topic_set,
    topic_set_topic,
)
from mailer.store.schema.base import Utc, database_now, metadata
from mailer.store.schema.calendar import (
    blackout,
    lease,
    occurrence,
    occurrence_text,
    schedule,
)
from mailer.store.schema.consent import (
    allowance,
    confirmation,
    consent,
    subscriber_alias,
    wording,
)
from mailer.store.schema.counts import click_count, membership_change, membership_count
from mailer.store.schema.editions import (
    approval,
    approved_text,
    digest,
    digest_story,
    digest_topic,
    edition,
    edition_body,
    edition_event,
    edition_story,
    edition_words,
    exclusion,
    is_no_mailing,
    is_of_release,
    is_uncleared,
    is_unnotified,
)
from mailer.store.schema.embargoes import embargo, embargo_event
from mailer.store.schema.outbox import (
    ERASED,
    UNDELIVERED,
    delivery,
    delivery_count,
    has_unaccepted_reply,
    is_in_state,
    relay_outage,
    worker,
)
from mailer.store.schema.press import boilerplate, contact, contact_beat, file, kill
from mailer.store.schema.recovery import database_event, database_identity, signing_key
from mailer.store.schema.sources import source, source_item

REVISIONS = ("1",)
"""Alembic's revisions, the oldest first. The tables of this package have the last revision."""

UNRELEASED_REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Revisions of development versions before the first release, which can't be upgraded."""

__all__ = [
    "ERASED",
    "REVISIONS",
    "UNDELIVERED",
    "UNRELEASED_REVISIONS",
    "Utc",
    "allowance",
    "approval",
    "approved_text",
    "article",
    "article_revision",
    "article_topic",
    "asset",
    "asset_rendition",
    "blackout",
    "boilerplate",
    "click_count",
    "confirmation",
    "consent",
    "contact",
    "contact_beat",
    "database_event",
    "database_identity",
    "database_now",
    "delivery",
    "delivery_count",
    "digest",
    "digest_story",
    "digest_topic",
    "edition",
    "edition_body",
    "edition_event",
    "edition_story",
    "edition_words",
    "embargo",
    "embargo_event",
    "exclusion",
    "file",
    "has_left_unknown_day",
    "has_unaccepted_reply",
    "is_in_state",
    "is_no_mailing",
    "is_of_release",
    "is_uncleared",
    "is_unnotified",
    "kill",
    "lease",
    "mailing_list",
    "membership",
    "membership_change",
    "membership_count",
    "metadata",
    "occurrence",
    "occurrence_text",
    "past_frequency",
    "relay_outage",
    "schedule",
    "segment",
    "signing_key",
    "source",
    "source_item",
    "subscriber",
    "subscriber_alias",
    "subscriber_tag",
    "suppression",
    "topic",
    "topic_description",
    "topic_name",
    "topic_set",
    "topic_set_topic",
    "wording",
    "worker",
]
