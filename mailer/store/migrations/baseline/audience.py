"""The audience: subscribers, contacts, lists, memberships, topics and segments."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, MOMENT, require_column


def create_audience_tables() -> None:
    op.create_table(
        "mailing_list",
        require_column("id", ID),
        require_column("slug", sa.String(length=60)),
        require_column("name", sa.Text()),
        require_column("description", sa.Text(), server_default=""),
        require_column("language", sa.String(length=35)),
        require_column("visibility", sa.String(length=20)),
        require_column("time_zone", sa.String(length=64), server_default=""),
        require_column("welcome", sa.Boolean(), server_default=sa.false()),
        require_column("welcome_edition", sa.Boolean(), server_default=sa.false()),
        require_column("sender", sa.String(length=60), server_default=""),
        require_column("counts_clicks", sa.Boolean(), server_default=sa.false()),
        require_column("created_at", MOMENT),
        sa.Column("closed_at", MOMENT),
        require_column("closing_reasons", sa.JSON(), server_default="{}"),
        sa.Column("closing_edition_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_list"),
        sa.UniqueConstraint("slug", name="uq_mailing_list_slug"),
        comment="time_zone: of members who gave none; empty: the office's; sender: a sender of the "
        "settings; empty: the default one; closing_reasons: by language; closing_edition_id: the "
        "last mail of a closed list",
    )
    op.create_table(
        "segment",
        require_column("id", ID),
        require_column("slug", sa.String(length=60)),
        require_column("name", sa.Text()),
        require_column("tree", sa.JSON()),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
        sa.UniqueConstraint("slug", name="uq_segment_slug"),
    )
    op.create_table(
        "subscriber",
        require_column("id", ID),
        require_column("address", sa.Text()),
        require_column("address_key", sa.String(length=32)),
        require_column("name", sa.Text(), server_default=""),
        require_column("language", sa.String(length=35), server_default=""),
        require_column("country", sa.String(length=2), server_default=""),
        require_column("time_zone", sa.String(length=64), server_default=""),
        require_column("fields", sa.Text(), server_default=""),
        require_column("search_text", sa.Text(), server_default=""),
        require_column("source", sa.Text(), server_default=""),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
        sa.UniqueConstraint("address", name="uq_subscriber_address"),
        comment="ids are never used again: links in old mails carry them; fields: a JSON object of "
        "the office's own fields, or empty; search_text: name and address, folded for searches",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscriber_address_key", "subscriber", ["address_key"])
    op.create_index("ix_subscriber_time_zone", "subscriber", ["time_zone"])
    op.create_table(
        "suppression",
        require_column("address_key", sa.String(length=32)),
        sa.Column("address", sa.Text()),
        require_column("reason", sa.String(length=20)),
        require_column("detail", sa.Text(), server_default=""),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("address_key", name="pk_suppression"),
        comment="address is null when only its keyed hash was kept",
    )
    op.create_index("ix_suppression_created_at", "suppression", ["created_at"])
    op.create_index("ix_suppression_reason_created_at", "suppression", ["reason", "created_at"])
    op.create_table(
        "topic",
        require_column("id", ID),
        require_column("slug", sa.String(length=60)),
        require_column("visibility", sa.String(length=20), server_default="offered"),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_topic"),
        sa.UniqueConstraint("slug", name="uq_topic_slug"),
    )
    op.create_table(
        "topic_set",
        require_column("id", ID),
        require_column("key", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_topic_set"),
        sa.UniqueConstraint("key", name="uq_topic_set_key"),
        comment="a combination of topics that members chose; key: their sorted ids",
    )
    op.create_table(
        "contact",
        require_column("subscriber_id", ID),
        require_column("outlet", sa.Text()),
        require_column("outlet_key", sa.Text()),
        require_column("trust", sa.String(length=10)),
        require_column("follow_up", sa.String(length=10)),
        require_column("note", sa.Text()),
        require_column("updated_at", MOMENT),
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
        require_column("subscriber_id", ID),
        require_column("beat", sa.String(length=60)),
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
        "membership",
        require_column("list_id", ID),
        require_column("subscriber_id", ID),
        require_column("state", sa.String(length=20)),
        sa.Column("topic_set_id", ID),
        require_column("language", sa.String(length=35), server_default=""),
        require_column("frequency", sa.String(length=10), server_default="every"),
        sa.Column("paused_until", MOMENT),
        require_column("joined_at", MOMENT),
        sa.Column("left_at", MOMENT),
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
    op.create_table(
        "past_frequency",
        require_column("subscriber_id", ID),
        require_column("list_id", ID),
        require_column("frequency", sa.String(length=10)),
        require_column("until", MOMENT),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_past_frequency_subscriber_id_subscriber",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["mailing_list.id"],
            name="fk_past_frequency_list_id_mailing_list",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "list_id", "frequency", name="pk_past_frequency"),
        comment="frequencies that members chose earlier; until: when they last chose another one",
    )
    op.create_index(
        "ix_past_frequency_list_id_frequency_until",
        "past_frequency",
        ["list_id", "frequency", "until"],
    )
    op.create_index(
        "ix_membership_left_unknown_day",
        "membership",
        ["joined_at"],
        sqlite_where=sa.text("state = 'unsubscribed' AND left_at IS NULL"),
        postgresql_where=sa.text("state = 'unsubscribed' AND left_at IS NULL"),
    )
    op.create_index("ix_membership_subscriber_id", "membership", ["subscriber_id"])
    op.create_index("ix_membership_topic_set_id", "membership", ["topic_set_id"])
    op.create_table(
        "subscriber_tag",
        require_column("subscriber_id", ID),
        require_column("tag", sa.String(length=100)),
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
        require_column("topic_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("name", sa.Text()),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name="fk_topic_name_topic_id_topic", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic_id", "language", name="pk_topic_name"),
    )
    op.create_table(
        "topic_description",
        require_column("topic_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("text", sa.Text()),
        sa.ForeignKeyConstraint(
            ["topic_id"],
            ["topic.id"],
            name="fk_topic_description_topic_id_topic",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic_id", "language", name="pk_topic_description"),
    )
    op.create_table(
        "topic_set_topic",
        require_column("topic_set_id", ID),
        require_column("topic_id", ID),
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
