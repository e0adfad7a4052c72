"""Sending: digests, editions, deliveries, and the workers that deliver."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, JSON_OR_NULL, MOMENT, require_column

UNNOTIFIED = (
    "kind = 'mailing' AND (last_notified_state != state OR "
    "state = 'in_review' AND last_notified_hash != content_hash)"
)
UNDELIVERED = (
    "state = 'failed' OR state = 'expired' OR state = 'suppressed' OR state = 'cancelled' "
    "OR state = 'diverted'"
)


def create_sending_tables() -> None:
    op.create_table(
        "worker",
        require_column("id", ID),
        require_column("name", sa.String(length=64)),
        require_column("beat", sa.BigInteger(), server_default=sa.text("0")),
        require_column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
        comment="processes that deliver; a worker whose beat stands still for a lease is dead; "
        "ended_at: when it signed off or was declared dead",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "digest",
        require_column("id", ID),
        require_column("slug", sa.String(length=60)),
        require_column("name", sa.Text()),
        require_column("list_id", ID),
        sa.Column("segment_id", ID),
        require_column("template", sa.String(length=60)),
        require_column("subject", sa.Text()),
        require_column("language", sa.String(length=35)),
        require_column("names", sa.JSON(), server_default="{}"),
        require_column("subjects", sa.JSON(), server_default="{}"),
        require_column("kinds", sa.JSON()),
        require_column("fewest", sa.Integer()),
        require_column("most", sa.Integer()),
        require_column("when_empty", sa.String(length=20)),
        require_column("approval", sa.String(length=10), server_default="anyone"),
        require_column("when_late", sa.String(length=10), server_default="wait"),
        require_column("send_time", sa.String(length=10), server_default="office"),
        require_column("grace_minutes", sa.Integer(), server_default=sa.text("360")),
        require_column("approve_minutes", sa.Integer(), server_default=sa.text("30")),
        require_column("quiet_minutes", sa.Integer(), server_default=sa.text("15")),
        require_column("wait_minutes", sa.Integer(), server_default=sa.text("120")),
        require_column("reminders", sa.JSON(), server_default="[]"),
        require_column("approvers", sa.JSON(), server_default="[]"),
        require_column("watchers", sa.JSON(), server_default="[]"),
        require_column("frequency", sa.String(length=10), server_default="every"),
        require_column("archive", sa.String(length=10), server_default="public"),
        require_column("sender", sa.String(length=60), server_default=""),
        require_column("link_tags", sa.JSON(), server_default="{}"),
        require_column("created_at", MOMENT),
        require_column("updated_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["list_id"], ["mailing_list.id"], name="fk_digest_list_id_mailing_list"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_digest_segment_id_segment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint("slug", name="uq_digest_slug"),
        comment="reminders, approve_minutes: minutes before it is sent; "
        "approvers, watchers: mail addresses",
    )
    op.create_table(
        "digest_topic",
        require_column("digest_id", ID),
        require_column("topic_id", ID),
        require_column("position", sa.Integer()),
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
        require_column("id", ID),
        require_column("uid", sa.String(length=32)),
        require_column("name", sa.Text()),
        sa.Column("digest_id", ID),
        require_column("list_id", ID),
        sa.Column("segment_id", ID),
        require_column("template", sa.String(length=60)),
        require_column("subject", sa.Text()),
        require_column("language", sa.String(length=35)),
        require_column("number", sa.Integer(), server_default=sa.text("0")),
        require_column("opening", sa.JSON()),
        require_column("preheaders", sa.JSON(), server_default="{}"),
        require_column("names", sa.JSON(), server_default="{}"),
        require_column("subjects", sa.JSON(), server_default="{}"),
        require_column("state", sa.String(length=20)),
        require_column("reason", sa.Text()),
        require_column("in_doubt", sa.String(length=20)),
        require_column("priority", sa.String(length=20), server_default="normal"),
        require_column("content_hash", sa.String(length=64)),
        require_column("kind", sa.String(length=10), server_default="mailing"),
        require_column("send_time", sa.String(length=10), server_default="office"),
        require_column("wall", sa.String(length=16), server_default=""),
        require_column("zone", sa.String(length=64), server_default=""),
        sa.Column("send_at", MOMENT),
        sa.Column("asked_at", MOMENT),
        sa.Column("reminded_at", MOMENT),
        require_column("last_notified_state", sa.String(length=20), server_default=""),
        require_column("last_notified_hash", sa.String(length=64), server_default=""),
        require_column("frequency", sa.String(length=10), server_default="every"),
        require_column("archive", sa.String(length=10), server_default="public"),
        require_column("role", sa.String(length=12), server_default="plain"),
        sa.Column("embargo_until", MOMENT),
        require_column("pause_signatures", sa.JSON(), server_default="[]"),
        sa.Column("change", JSON_OR_NULL),
        require_column("urgent_reasons", sa.JSON(), server_default="{}"),
        require_column("sender", sa.String(length=60), server_default=""),
        require_column("link_tags", sa.JSON(), server_default="{}"),
        sa.Column("sender_identity", JSON_OR_NULL),
        sa.Column("repeated_id", ID),
        require_column("created_at", MOMENT),
        sa.Column("planned_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("cleared_at", MOMENT),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_edition_digest_id_digest"),
        sa.ForeignKeyConstraint(
            ["list_id"], ["mailing_list.id"], name="fk_edition_list_id_mailing_list"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_edition_segment_id_segment"
        ),
        sa.ForeignKeyConstraint(
            ["repeated_id"], ["edition.id"], name="fk_edition_repeated_id_edition"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_edition"),
        sa.UniqueConstraint("uid", name="uq_edition_uid"),
        comment="number: its place among its digest's editions, or 0; "
        "wall, zone: when send_at is, by the clock; cleared_at: when addresses were taken "
        "out of its deliveries; embargo_until: what its mails state; "
        "pause_signatures: the refusals alike that delivery paused it for; sender: chosen for it, "
        "of the settings; sender_identity: frozen with its bodies; repeated_id: the edition that "
        "it repeats for one reader",
    )
    _create_edition_indexes()
    op.create_table(
        "approval",
        require_column("id", ID),
        require_column("edition_id", ID),
        require_column("approver", sa.Text()),
        require_column("approver_key", sa.Text(), server_default=""),
        require_column("at", MOMENT),
        require_column("content_hash", sa.String(length=64)),
        require_column("comment", sa.Text()),
        sa.Column("voided_at", MOMENT),
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
        "approved_text",
        require_column("approval_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("subject", sa.Text()),
        require_column("text", sa.Text()),
        require_column("marker", sa.String(length=32)),
        require_column("stories", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
            name="fk_approved_text_approval_id_approval",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("approval_id", "language", name="pk_approved_text"),
        comment="the words that were approved, to show what has changed since",
    )
    op.create_table(
        "delivery",
        require_column("id", ID),
        require_column("edition_id", ID),
        require_column("address", sa.Text()),
        require_column("address_key", sa.String(length=32)),
        require_column("subscriber_id", sa.BigInteger()),
        require_column("name", sa.Text()),
        require_column("fields", sa.Text(), server_default=""),
        require_column("language", sa.String(length=35)),
        require_column("stories", sa.BigInteger()),
        require_column("state", sa.String(length=12)),
        require_column("attempt", sa.Integer(), server_default=sa.text("0")),
        require_column("doubts", sa.Integer(), server_default=sa.text("0")),
        sa.Column("worker_id", sa.BigInteger()),
        require_column("next_attempt_at", MOMENT),
        require_column("reply", sa.Text(), server_default=""),
        require_column("signature", sa.Text(), server_default=""),
        require_column("requeued_for", sa.Text(), server_default=""),
        require_column("updated_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_delivery_edition_id_edition"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("edition_id", "address", name="uq_delivery_edition_id_address"),
        comment="fields: a JSON object of those of the reader's fields that the mail prints, or "
        "empty; doubts: attempts that ended in doubt; worker_id: the worker that has it, while it "
        "is claimed or on the wire; signature: replies alike have the same; requeued_for: the "
        "signature for which it was queued again",
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
        ["edition_id", "next_attempt_at", "id", "state"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_delivery_unaccepted_reply",
        "delivery",
        ["edition_id"],
        sqlite_where=sa.text("reply != '' AND state != 'sent'"),
        postgresql_where=sa.text("reply != '' AND state != 'sent'"),
    )
    op.create_index(
        "ix_delivery_undelivered",
        "delivery",
        ["edition_id", "state"],
        sqlite_where=sa.text(UNDELIVERED),
        postgresql_where=sa.text(UNDELIVERED),
    )
    op.create_table(
        "delivery_count",
        require_column("edition_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("deliveries", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_delivery_count_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "language", name="pk_delivery_count"),
        comment="the number of an edition's deliveries in each language, kept as they are added",
    )
    op.create_table(
        "digest_story",
        require_column("digest_id", ID),
        require_column("slug", sa.String(length=80)),
        sa.Column("edition_id", ID),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_digest_story_digest_id_digest"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_digest_story_edition_id_edition"
        ),
        sa.PrimaryKeyConstraint("digest_id", "slug", name="pk_digest_story"),
        comment="the ledger: stories that a digest has run, or reserved for an open edition; "
        "edition_id null: passed over when topics were merged",
    )
    op.create_index("ix_digest_story_edition_id", "digest_story", ["edition_id"])
    op.create_table(
        "edition_body",
        require_column("edition_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("subject", sa.Text()),
        require_column("text", sa.Text()),
        require_column("html", sa.Text()),
        require_column("marker", sa.String(length=32)),
        require_column("stories", sa.BigInteger()),
        require_column("attachments", sa.JSON(), server_default="[]"),
        sa.Column("page", JSON_OR_NULL),
        require_column("titles", sa.JSON(), server_default="[]"),
        require_column("summary", sa.Text(), server_default=""),
        sa.Column("picture", JSON_OR_NULL),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_edition_body_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "language", name="pk_edition_body"),
        comment="titles, summary, picture: for lists of editions; attachments: files, by their "
        "hashes; page: a release's press page",
    )
    op.create_table(
        "edition_event",
        require_column("id", ID),
        require_column("edition_id", ID),
        require_column("at", MOMENT),
        require_column("event_type", sa.String(length=40)),
        require_column("actor", sa.Text()),
        require_column("actor_key", sa.Text(), server_default=""),
        require_column("detail", sa.Text()),
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
        require_column("edition_id", ID),
        require_column("slug", sa.String(length=80)),
        require_column("position", sa.Integer()),
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
        require_column("edition_id", ID),
        require_column("reason", sa.String(length=40)),
        require_column("members", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_exclusion_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "reason", name="pk_exclusion"),
    )
    op.create_table(
        "edition_words",
        require_column("id", ID),
        require_column("edition_id", ID),
        require_column("language", sa.String(length=35)),
        require_column("words", sa.Text()),
        sa.ForeignKeyConstraint(
            ["edition_id", "language"],
            ["edition_body.edition_id", "edition_body.language"],
            name="fk_edition_words_edition_body",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_edition_words"),
        sa.UniqueConstraint("edition_id", "language", name="uq_edition_words_edition_id_language"),
        comment="words: the distinct words of a body, folded for the archive's search",
    )


def _create_edition_indexes() -> None:
    for columns in (
        ["digest_id", "number"],
        ["kind", "id"],
        ["list_id", "planned_at"],
        ["repeated_id"],
        ["segment_id"],
        ["state"],
    ):
        op.create_index(f"ix_edition_{'_'.join(columns)}", "edition", columns)
    for name, column, condition in (
        ("ix_edition_no_mailing", "finished_at", "kind != 'mailing'"),
        ("ix_edition_of_release", "planned_at", "role != 'plain'"),
        ("ix_edition_uncleared", "finished_at", "cleared_at IS NULL AND finished_at IS NOT NULL"),
        ("ix_edition_unnotified", "id", UNNOTIFIED),
    ):
        op.create_index(
            name,
            "edition",
            [column],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
