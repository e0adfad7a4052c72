"""The baseline: the schema of the first release.

It repeats the tables instead of importing them, since the schema in the code may change, but this
revision must not. A migration test compares the result with the schema.

Revision: 1, the first.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_JSON_OR_NULL = sa.JSON(none_as_null=True)


def _required(name: str, kind: Any, **options: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, **options)


def upgrade() -> None:
    op.create_table(
        "allowance",
        _required("key", sa.String(length=80)),
        _required("since", _MOMENT),
        _required("used", sa.Integer()),
        sa.PrimaryKeyConstraint("key", name="pk_allowance"),
        comment="uses in a window; key: the action, and a keyed hash of the subject",
    )
    op.create_index("ix_allowance_since", "allowance", ["since"])
    op.create_table(
        "article",
        _required("id", _ID),
        _required("slug", sa.String(length=80)),
        _required("language", sa.String(length=35)),
        _required("kind", sa.String(length=20)),
        _required("state", sa.String(length=20)),
        _required("revision", sa.Integer()),
        _required("title", sa.Text()),
        _required("summary", sa.Text()),
        _required("body", sa.Text()),
        _required("html", sa.Text()),
        _required("published_at", _MOMENT),
        sa.Column("image", _JSON_OR_NULL),
        _required("canonical_url", sa.Text()),
        _required("byline", sa.Text()),
        _required("dateline", sa.Text()),
        _required("lead", sa.Boolean()),
        sa.Column("release", _JSON_OR_NULL),
        _required("created_at", _MOMENT),
        _required("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_article"),
        sa.UniqueConstraint("slug", "language", name="uq_article_slug_language"),
    )
    op.create_table(
        "blackout",
        _required("id", _ID),
        _required("first_day", sa.String(length=10)),
        _required("last_day", sa.String(length=10)),
        _required("reason", sa.Text()),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_blackout"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "boilerplate",
        _required("organisation", sa.String(length=60)),
        _required("language", sa.String(length=35)),
        _required("name", sa.Text()),
        _required("text", sa.Text()),
        _required("html", sa.Text()),
        _required("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("organisation", "language", name="pk_boilerplate"),
    )
    op.create_table(
        "embargo",
        _required("slug", sa.String(length=80)),
        _required("wall", sa.String(length=16)),
        _required("zone", sa.String(length=64)),
        _required("until", _MOMENT),
        sa.Column("lifted_at", _MOMENT),
        _required("set_at", _MOMENT),
        _required("set_by", sa.Text()),
        _required("set_by_key", sa.Text(), server_default=""),
        _required("reason", sa.Text()),
        sa.PrimaryKeyConstraint("slug", name="pk_embargo"),
        comment="wall, zone: when until is, by the clock; until: when it ends or was lifted",
    )
    op.create_index("ix_embargo_until", "embargo", ["until"])
    op.create_table(
        "embargo_event",
        _required("id", _ID),
        _required("slug", sa.String(length=80)),
        _required("at", _MOMENT),
        _required("what", sa.String(length=20)),
        _required("who", sa.Text()),
        _required("who_key", sa.Text(), server_default=""),
        _required("detail", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_embargo_event"),
    )
    op.create_index("ix_embargo_event_slug", "embargo_event", ["slug"])
    op.create_table(
        "file",
        _required("sha256", sa.String(length=64)),
        _required("media_type", sa.String(length=100)),
        _required("size", sa.Integer()),
        _required("content", sa.LargeBinary()),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("sha256", name="pk_file"),
        comment="never changed: releases name their files by hash",
    )
    op.create_table(
        "kill",
        _required("slug", sa.String(length=80)),
        _required("why", sa.JSON()),
        _required("asked_by", sa.Text()),
        _required("asked_by_key", sa.Text(), server_default=""),
        _required("asked_at", _MOMENT),
        _required("confirmed_by", sa.Text()),
        _required("confirmed_by_key", sa.Text(), server_default=""),
        sa.Column("confirmed_at", _MOMENT),
        sa.PrimaryKeyConstraint("slug", name="pk_kill"),
        comment="releases that one person asked to kill, and another has to confirm",
    )
    op.create_table(
        "lease",
        _required("name", sa.String(length=20)),
        _required("epoch", sa.BigInteger()),
        _required("holder", sa.String(length=64)),
        _required("beat", sa.BigInteger()),
        _required("beaten_at", _MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
        comment="which worker ticks; beaten_at is for people only: no decision depends on it",
    )
    op.create_table(
        "mailing_list",
        _required("id", _ID),
        _required("slug", sa.String(length=60)),
        _required("name", sa.Text()),
        _required("description", sa.Text(), server_default=""),
        _required("language", sa.String(length=35)),
        _required("visibility", sa.String(length=20)),
        _required("time_zone", sa.String(length=64), server_default=""),
        _required("welcome", sa.Boolean(), server_default=sa.false()),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_list"),
        sa.UniqueConstraint("slug", name="uq_mailing_list_slug"),
        comment="time_zone: of members who gave none; empty: the office's",
    )
    op.create_table(
        "segment",
        _required("id", _ID),
        _required("slug", sa.String(length=60)),
        _required("name", sa.Text()),
        _required("tree", sa.JSON()),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
        sa.UniqueConstraint("slug", name="uq_segment_slug"),
    )
    op.create_table(
        "source",
        _required("id", _ID),
        _required("name", sa.String(length=60)),
        _required("kind", sa.String(length=12)),
        _required("place", sa.Text()),
        _required("every_minutes", sa.Integer()),
        _required("on_import", sa.String(length=10)),
        _required("article_kind", sa.String(length=20)),
        _required("language", sa.String(length=35)),
        _required("topics", sa.JSON()),
        _required("state", sa.String(length=10)),
        _required("etag", sa.Text()),
        _required("last_modified", sa.Text()),
        _required("failures", sa.Integer()),
        _required("last_result", sa.Text()),
        _required("next_at", _MOMENT),
        sa.Column("last_read_at", _MOMENT),
        _required("created_at", _MOMENT),
        _required("added_by", sa.Text(), server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_source"),
        sa.UniqueConstraint("name", name="uq_source_name"),
        comment="place: an address or a folder; last_result: the result of the last import",
    )
    op.create_table(
        "subscriber",
        _required("id", _ID),
        _required("address", sa.Text()),
        _required("address_key", sa.String(length=32)),
        _required("name", sa.Text(), server_default=""),
        _required("language", sa.String(length=35), server_default=""),
        _required("country", sa.String(length=2), server_default=""),
        _required("time_zone", sa.String(length=64), server_default=""),
        _required("source", sa.Text(), server_default=""),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
        sa.UniqueConstraint("address", name="uq_subscriber_address"),
        comment="ids are never used again: links in old mails carry them",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscriber_address_key", "subscriber", ["address_key"])
    op.create_index("ix_subscriber_time_zone", "subscriber", ["time_zone"])
    op.create_table(
        "suppression",
        _required("address_key", sa.String(length=32)),
        sa.Column("address", sa.Text()),
        _required("reason", sa.String(length=20)),
        _required("detail", sa.Text(), server_default=""),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("address_key", name="pk_suppression"),
        comment="address is null when only its keyed hash was kept",
    )
    op.create_table(
        "topic",
        _required("id", _ID),
        _required("slug", sa.String(length=60)),
        _required("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_topic"),
        sa.UniqueConstraint("slug", name="uq_topic_slug"),
    )
    op.create_table(
        "topic_set",
        _required("id", _ID),
        _required("key", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_topic_set"),
        sa.UniqueConstraint("key", name="uq_topic_set_key"),
        comment="a combination of topics that members chose; key: their sorted ids",
    )
    op.create_table(
        "wording",
        _required("id", _ID),
        _required("key", sa.String(length=64)),
        _required("language", sa.String(length=35)),
        _required("text", sa.Text()),
        _required("first_used_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_wording"),
        sa.UniqueConstraint("key", name="uq_wording_key"),
        comment="texts that people were shown when they agreed; key: SHA-256 of language and text",
    )
    op.create_table(
        "worker",
        _required("id", _ID),
        _required("name", sa.String(length=64)),
        _required("beat", sa.BigInteger(), server_default=sa.text("0")),
        _required("started_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
        comment="processes that deliver; a worker whose beat stands still for a lease is dead",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "article_revision",
        _required("article_id", _ID),
        _required("revision", sa.Integer()),
        _required("content", sa.JSON()),
        _required("note", sa.Text()),
        _required("author", sa.Text(), server_default=""),
        _required("author_key", sa.Text(), server_default=""),
        _required("created_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name="fk_article_revision_article_id_article",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("article_id", "revision", name="pk_article_revision"),
    )
    op.create_table(
        "article_topic",
        _required("article_id", _ID),
        _required("topic_id", _ID),
        _required("position", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name="fk_article_topic_article_id_article",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name="fk_article_topic_topic_id_topic"),
        sa.PrimaryKeyConstraint("article_id", "topic_id", name="pk_article_topic"),
    )
    op.create_index("ix_article_topic_topic_id", "article_topic", ["topic_id"])
    op.create_table(
        "confirmation",
        _required("id", _ID),
        _required("kind", sa.String(length=12)),
        _required("state", sa.String(length=12)),
        _required("address", sa.Text()),
        _required("address_key", sa.String(length=32)),
        _required("subscriber_id", sa.BigInteger()),
        _required("language", sa.String(length=35)),
        _required("wishes", sa.JSON()),
        sa.Column("wording_id", _ID),
        _required("source", sa.Text()),
        _required("asked_at", _MOMENT),
        sa.Column("answered_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name="fk_confirmation_wording_id_wording"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_confirmation"),
        comment="sign-ups and changes of address, until their owner confirms; links carry the ids",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_confirmation_address_key", "confirmation", ["address_key"])
    op.create_index("ix_confirmation_asked_at", "confirmation", ["asked_at"])
    op.create_index("ix_confirmation_state", "confirmation", ["state"])
    op.create_table(
        "consent",
        _required("id", _ID),
        _required("at", _MOMENT),
        _required("act", sa.String(length=20)),
        _required("list", sa.String(length=60), server_default=""),
        _required("subscriber_id", sa.BigInteger()),
        _required("address_key", sa.String(length=32)),
        sa.Column("address", sa.Text()),
        _required("source", sa.Text()),
        _required("basis", sa.String(length=24), server_default=""),
        sa.Column("wording_id", _ID),
        _required("detail", sa.Text(), server_default=""),
        _required("actor_key", sa.Text(), server_default=""),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name="fk_consent_wording_id_wording"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
        comment="append-only; address is null once it was erased",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consent_address_key", "consent", ["address_key"])
    op.create_index(
        "ix_consent_erased",
        "consent",
        ["at"],
        sqlite_where=sa.text("address IS NULL"),
        postgresql_where=sa.text("address IS NULL"),
    )
    op.create_index("ix_consent_subscriber_id", "consent", ["subscriber_id"])
    op.create_table(
        "contact",
        _required("subscriber_id", _ID),
        _required("outlet", sa.Text()),
        _required("outlet_key", sa.Text()),
        _required("trust", sa.String(length=10)),
        _required("follow_up", sa.String(length=10)),
        _required("note", sa.Text()),
        _required("updated_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_contact_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name="pk_contact"),
        comment="outlet_key: the outlet in small letters, for comparisons",
    )
    op.create_index("ix_contact_outlet_key", "contact", ["outlet_key"])
    op.create_table(
        "contact_beat",
        _required("subscriber_id", _ID),
        _required("beat", sa.String(length=60)),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_contact_beat_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "beat", name="pk_contact_beat"),
    )
    op.create_index("ix_contact_beat_beat", "contact_beat", ["beat"])
    op.create_table(
        "digest",
        _required("id", _ID),
        _required("slug", sa.String(length=60)),
        _required("name", sa.Text()),
        _required("list_id", _ID),
        sa.Column("segment_id", _ID),
        _required("template", sa.String(length=60)),
        _required("subject", sa.Text()),
        _required("language", sa.String(length=35)),
        _required("fewest", sa.Integer()),
        _required("most", sa.Integer()),
        _required("when_empty", sa.String(length=20)),
        _required("approval", sa.String(length=10), server_default="anyone"),
        _required("when_late", sa.String(length=10), server_default="wait"),
        _required("send_time", sa.String(length=10), server_default="office"),
        _required("grace_minutes", sa.Integer(), server_default=sa.text("360")),
        _required("reminders", sa.JSON(), server_default="[]"),
        _required("approvers", sa.JSON(), server_default="[]"),
        _required("watchers", sa.JSON(), server_default="[]"),
        _required("frequency", sa.String(length=10), server_default="every"),
        _required("archive", sa.String(length=10), server_default="public"),
        _required("created_at", _MOMENT),
        _required("updated_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["list_id"], ["mailing_list.id"], name="fk_digest_list_id_mailing_list"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_digest_segment_id_segment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint("slug", name="uq_digest_slug"),
        comment="reminders: minutes before it is sent; approvers, watchers: mail addresses",
    )
    op.create_table(
        "membership",
        _required("list_id", _ID),
        _required("subscriber_id", _ID),
        _required("state", sa.String(length=20)),
        sa.Column("topic_set_id", _ID),
        _required("language", sa.String(length=35), server_default=""),
        _required("frequency", sa.String(length=10), server_default="every"),
        sa.Column("paused_until", _MOMENT),
        _required("joined_at", _MOMENT),
        sa.Column("left_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["list_id"], ["mailing_list.id"], name="fk_membership_list_id_mailing_list"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_membership_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["topic_set_id"], ["topic_set.id"], name="fk_membership_topic_set_id_topic_set"
        ),
        sa.PrimaryKeyConstraint("list_id", "subscriber_id", name="pk_membership"),
        comment="topic_set_id null: all topics",
    )
    op.create_index(
        "ix_membership_left",
        "membership",
        ["left_at"],
        sqlite_where=sa.text("left_at IS NOT NULL"),
        postgresql_where=sa.text("left_at IS NOT NULL"),
    )
    op.create_index("ix_membership_subscriber_id", "membership", ["subscriber_id"])
    op.create_index("ix_membership_topic_set_id", "membership", ["topic_set_id"])
    op.create_table(
        "source_item",
        _required("source_id", _ID),
        _required("key", sa.String(length=64)),
        _required("fingerprint", sa.String(length=64)),
        _required("slug", sa.String(length=80)),
        _required("language", sa.String(length=35)),
        _required("seen_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name="fk_source_item_source_id_source", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "key", name="pk_source_item"),
        comment="key: the SHA-256 of the entry's key in its source",
    )
    op.create_table(
        "subscriber_alias",
        _required("old_id", _ID),
        _required("subscriber_id", _ID),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_subscriber_alias_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("old_id", name="pk_subscriber_alias"),
        comment="merged subscribers: links in old mails carry the old id",
    )
    op.create_index("ix_subscriber_alias_subscriber_id", "subscriber_alias", ["subscriber_id"])
    op.create_table(
        "subscriber_tag",
        _required("subscriber_id", _ID),
        _required("tag", sa.String(length=100)),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_subscriber_tag_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "tag", name="pk_subscriber_tag"),
    )
    op.create_index("ix_subscriber_tag_tag", "subscriber_tag", ["tag"])
    op.create_table(
        "topic_name",
        _required("topic_id", _ID),
        _required("language", sa.String(length=35)),
        _required("name", sa.Text()),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name="fk_topic_name_topic_id_topic", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "language", name="pk_topic_name"),
    )
    op.create_table(
        "topic_set_topic",
        _required("topic_set_id", _ID),
        _required("topic_id", _ID),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name="fk_topic_set_topic_topic_id_topic"
        ),
        sa.ForeignKeyConstraint(
            ["topic_set_id"],
            ["topic_set.id"],
            name="fk_topic_set_topic_topic_set_id_topic_set",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic_set_id", "topic_id", name="pk_topic_set_topic"),
    )
    op.create_table(
        "digest_topic",
        _required("digest_id", _ID),
        _required("topic_id", _ID),
        _required("position", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digest.id"],
            name="fk_digest_topic_digest_id_digest",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name="fk_digest_topic_topic_id_topic"),
        sa.PrimaryKeyConstraint("digest_id", "topic_id", name="pk_digest_topic"),
    )
    op.create_table(
        "edition",
        _required("id", _ID),
        _required("uid", sa.String(length=32)),
        _required("name", sa.Text()),
        sa.Column("digest_id", _ID),
        _required("list_id", _ID),
        sa.Column("segment_id", _ID),
        _required("template", sa.String(length=60)),
        _required("subject", sa.Text()),
        _required("language", sa.String(length=35)),
        _required("opening", sa.JSON()),
        _required("state", sa.String(length=20)),
        _required("reason", sa.Text()),
        _required("in_doubt", sa.String(length=20)),
        _required("priority", sa.String(length=20), server_default="normal"),
        _required("content_hash", sa.String(length=64)),
        _required("kind", sa.String(length=10), server_default="mailing"),
        _required("send_time", sa.String(length=10), server_default="office"),
        _required("wall", sa.String(length=16), server_default=""),
        _required("zone", sa.String(length=64), server_default=""),
        sa.Column("send_at", _MOMENT),
        sa.Column("asked_at", _MOMENT),
        sa.Column("reminded_at", _MOMENT),
        _required("last_notified_state", sa.String(length=20), server_default=""),
        _required("last_notified_hash", sa.String(length=64), server_default=""),
        _required("frequency", sa.String(length=10), server_default="every"),
        _required("archive", sa.String(length=10), server_default="public"),
        _required("role", sa.String(length=12), server_default="plain"),
        sa.Column("embargo_until", _MOMENT),
        sa.Column("change", _JSON_OR_NULL),
        _required("created_at", _MOMENT),
        sa.Column("planned_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        sa.Column("cleared_at", _MOMENT),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_edition_digest_id_digest"),
        sa.ForeignKeyConstraint(
            ["list_id"], ["mailing_list.id"], name="fk_edition_list_id_mailing_list"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_edition_segment_id_segment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_edition"),
        sa.UniqueConstraint("uid", name="uq_edition_uid"),
        comment="wall, zone: when send_at is, by the clock; cleared_at: when addresses were taken "
        "out of its deliveries; embargo_until: what its mails state",
    )
    op.create_index("ix_edition_digest_id", "edition", ["digest_id"])
    op.create_index("ix_edition_state", "edition", ["state"])
    op.create_table(
        "schedule",
        _required("id", _ID),
        _required("digest_id", _ID),
        _required("rule", sa.Text()),
        _required("start", sa.String(length=10)),
        _required("at", sa.String(length=5)),
        _required("zone", sa.String(length=64)),
        _required("on_free_day", sa.String(length=10)),
        _required("region", sa.String(length=16)),
        _required("cutoff_minutes", sa.Integer()),
        _required("created_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_schedule_digest_id_digest", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        comment="rule: as staff write it; start: the first day of the recurrence; region: the "
        "country whose public holidays count",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedule_digest_id", "schedule", ["digest_id"])
    op.create_table(
        "approval",
        _required("id", _ID),
        _required("edition_id", _ID),
        _required("approver", sa.Text()),
        _required("approver_key", sa.Text(), server_default=""),
        _required("at", _MOMENT),
        _required("content_hash", sa.String(length=64)),
        _required("comment", sa.Text()),
        sa.Column("voided_at", _MOMENT),
        sa.Column("void_reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_approval_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
    )
    op.create_index("ix_approval_edition_id", "approval", ["edition_id"])
    op.create_table(
        "delivery",
        _required("id", _ID),
        _required("edition_id", _ID),
        _required("address", sa.Text()),
        _required("address_key", sa.String(length=32)),
        _required("subscriber_id", sa.BigInteger()),
        _required("name", sa.Text()),
        _required("language", sa.String(length=35)),
        _required("stories", sa.BigInteger()),
        _required("state", sa.String(length=12)),
        _required("attempt", sa.Integer(), server_default=sa.text("0")),
        sa.Column("worker_id", sa.BigInteger()),
        _required("next_attempt_at", _MOMENT),
        _required("reply", sa.Text(), server_default=""),
        _required("updated_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_delivery_edition_id_edition"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("edition_id", "address", name="uq_delivery_edition_id_address"),
        comment="worker_id: the worker that has it, while it is claimed or on the wire",
    )
    op.create_index(
        "ix_delivery_in_doubt",
        "delivery",
        ["edition_id"],
        sqlite_where=sa.text("state = 'in_doubt'"),
        postgresql_where=sa.text("state = 'in_doubt'"),
    )
    op.create_index(
        "ix_delivery_in_flight",
        "delivery",
        ["worker_id"],
        sqlite_where=sa.text("state IN ('claimed', 'on_wire')"),
        postgresql_where=sa.text("state IN ('claimed', 'on_wire')"),
    )
    op.create_index(
        "ix_delivery_queued",
        "delivery",
        ["edition_id", "next_attempt_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "digest_story",
        _required("digest_id", _ID),
        _required("slug", sa.String(length=80)),
        _required("edition_id", _ID),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_digest_story_digest_id_digest"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_digest_story_edition_id_edition"
        ),
        sa.PrimaryKeyConstraint("digest_id", "slug", name="pk_digest_story"),
        comment="the ledger: stories that a digest has run, or reserved for an open edition",
    )
    op.create_index("ix_digest_story_edition_id", "digest_story", ["edition_id"])
    op.create_table(
        "edition_body",
        _required("edition_id", _ID),
        _required("language", sa.String(length=35)),
        _required("subject", sa.Text()),
        _required("text", sa.Text()),
        _required("html", sa.Text()),
        _required("marker", sa.String(length=32)),
        _required("stories", sa.BigInteger()),
        _required("attachments", sa.JSON(), server_default="[]"),
        sa.Column("page", _JSON_OR_NULL),
        _required("titles", sa.JSON(), server_default="[]"),
        _required("summary", sa.Text(), server_default=""),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_edition_body_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "language", name="pk_edition_body"),
        comment="titles, summary: for lists of editions; attachments: files, by their hashes; "
        "page: a release's press page",
    )
    op.create_table(
        "edition_event",
        _required("id", _ID),
        _required("edition_id", _ID),
        _required("at", _MOMENT),
        _required("what", sa.String(length=40)),
        _required("actor", sa.Text()),
        _required("actor_key", sa.Text(), server_default=""),
        _required("detail", sa.Text()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_edition_event_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_edition_event"),
    )
    op.create_index("ix_edition_event_edition_id", "edition_event", ["edition_id"])
    op.create_table(
        "edition_story",
        _required("edition_id", _ID),
        _required("slug", sa.String(length=80)),
        _required("position", sa.Integer()),
        sa.Column("bit", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_edition_story_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "slug", name="pk_edition_story"),
        comment="bit: the story's place in delivery.stories, given when the edition is composed",
    )
    op.create_index("ix_edition_story_slug", "edition_story", ["slug"])
    op.create_table(
        "exclusion",
        _required("edition_id", _ID),
        _required("reason", sa.String(length=40)),
        _required("members", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_exclusion_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "reason", name="pk_exclusion"),
    )
    op.create_table(
        "occurrence",
        _required("id", _ID),
        _required("digest_id", _ID),
        _required("rule_time", sa.String(length=16)),
        _required("zone", sa.String(length=64)),
        sa.Column("schedule_id", _ID),
        _required("state", sa.String(length=10)),
        sa.Column("moved_to", sa.String(length=16)),
        sa.Column("edition_id", _ID),
        _required("reason", sa.Text()),
        _required("actor", sa.Text()),
        _required("created_at", _MOMENT),
        _required("updated_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_occurrence_digest_id_digest", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_occurrence_edition_id_edition"
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedule.id"],
            name="fk_occurrence_schedule_id_schedule",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_occurrence"),
        sa.UniqueConstraint(
            "digest_id", "rule_time", "zone", name="uq_occurrence_digest_id_rule_time_zone"
        ),
        comment="rule_time, zone: the wall-clock time that the rule gives",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_occurrence_edition_id", "occurrence", ["edition_id"])
    op.create_index("ix_occurrence_schedule_id", "occurrence", ["schedule_id"])
    op.create_table(
        "edition_words",
        _required("edition_id", _ID),
        _required("language", sa.String(length=35)),
        _required("words", sa.Text()),
        sa.ForeignKeyConstraint(
            ["edition_id", "language"],
            ["edition_body.edition_id", "edition_body.language"],
            name="fk_edition_words_edition_body",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "language", name="pk_edition_words"),
        comment="the words that the archive's search reads; it reads the whole table",
    )
    for statement in _TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


_TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER consent_stays BEFORE UPDATE ON consent
        WHEN NEW.address IS NOT NULL OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.act <> OLD.act
          OR NEW.list <> OLD.list OR NEW.subscriber_id <> OLD.subscriber_id
          OR NEW.address_key <> OLD.address_key OR NEW.source <> OLD.source
          OR NEW.basis <> OLD.basis OR NEW.wording_id IS NOT OLD.wording_id
          OR NEW.detail NOT IN ('', OLD.detail) OR NEW.actor_key <> OLD.actor_key
        BEGIN SELECT RAISE(ABORT, 'the log of consent is append-only'); END""",
        """CREATE TRIGGER consent_is_kept BEFORE DELETE ON consent WHEN OLD.address IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'the log of consent is append-only'); END""",
        # REPLACE removes a row without running the triggers of DELETE (SQLite, lang_replace).
        """CREATE TRIGGER consent_is_not_replaced BEFORE INSERT ON consent
        WHEN EXISTS (SELECT 1 FROM consent WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the log of consent is append-only'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION consent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' THEN
            IF OLD.address IS NULL THEN RETURN OLD; END IF;
          ELSIF TG_OP = 'UPDATE' AND NEW.address IS NULL AND NEW.id = OLD.id
            AND NEW.at = OLD.at AND NEW.act = OLD.act AND NEW.list = OLD.list
            AND NEW.subscriber_id = OLD.subscriber_id AND NEW.address_key = OLD.address_key
            AND NEW.source = OLD.source AND NEW.basis = OLD.basis
            AND NEW.wording_id IS NOT DISTINCT FROM OLD.wording_id
            AND NEW.detail IN ('', OLD.detail) AND NEW.actor_key = OLD.actor_key THEN
            RETURN NEW;
          END IF;
          RAISE EXCEPTION 'the log of consent is append-only';
        END $$""",
        """CREATE TRIGGER consent_stays BEFORE UPDATE OR DELETE ON consent
        FOR EACH ROW EXECUTE FUNCTION consent_stays()""",
        """CREATE TRIGGER consent_is_not_emptied BEFORE TRUNCATE ON consent
        FOR EACH STATEMENT EXECUTE FUNCTION consent_stays()""",
    ),
}
"""Triggers that protect the log of consent, by dialect."""
