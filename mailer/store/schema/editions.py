"""Digests and editions."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from mailer.store.schema.base import Id, Utc, identity, metadata, required, to

digest = Table(
    "digest",
    metadata,
    identity(),
    required("slug", String(60), unique=True),
    required("name", Text),
    to("mailing_list", "list_id"),
    to("segment", nullable=True),
    required("template", String(60)),
    required("subject", Text),
    required("language", String(35)),
    required("fewest", Integer),
    required("most", Integer),
    required("when_empty", String(20)),
    required("approval", String(10), server_default="anyone"),
    required("when_late", String(10), server_default="wait"),
    required("send_time", String(10), server_default="office"),
    required("grace_minutes", Integer, server_default=text("360")),
    required("reminders", JSON, server_default="[]"),
    required("approvers", JSON, server_default="[]"),
    required("watchers", JSON, server_default="[]"),
    required("frequency", String(10), server_default="every"),
    required("archive", String(10), server_default="public"),
    required("created_at", Utc),
    required("updated_at", Utc),
    comment="reminders: minutes before it is sent; approvers, watchers: mail addresses",
)

digest_topic = Table(
    "digest_topic",
    metadata,
    to("digest", primary_key=True, on_delete="CASCADE"),
    to("topic", primary_key=True),
    required("position", Integer),
)

edition = Table(
    "edition",
    metadata,
    identity(),
    required("uid", String(32), unique=True),
    required("name", Text),
    to("digest", nullable=True, index=True),
    to("mailing_list", "list_id"),
    to("segment", nullable=True),
    required("template", String(60)),
    required("subject", Text),
    required("language", String(35)),
    required("opening", JSON),
    required("state", String(20), index=True),
    required("reason", Text),
    required("in_doubt", String(20)),
    required("priority", String(20), server_default="normal"),
    required("content_hash", String(64)),
    required("kind", String(10), server_default="mailing"),
    required("send_time", String(10), server_default="office"),
    required("wall", String(16), server_default=""),
    required("zone", String(64), server_default=""),
    Column("send_at", Utc),
    Column("asked_at", Utc),
    Column("reminded_at", Utc),
    required("told", String(20), server_default=""),
    required("told_hash", String(64), server_default=""),
    required("frequency", String(10), server_default="every"),
    required("archive", String(10), server_default="public"),
    required("role", String(12), server_default="plain"),
    Column("embargo_until", Utc),
    Column("change", JSON(none_as_null=True)),
    required("created_at", Utc),
    Column("planned_at", Utc),
    Column("finished_at", Utc),
    Column("cleared_at", Utc),
    comment="wall, zone: when send_at is, by the clock; told: what staff last heard; cleared_at: "
    "when addresses were taken out of its deliveries; embargo_until: what its mails state",
)

edition_story = Table(
    "edition_story",
    metadata,
    to("edition", primary_key=True, on_delete="CASCADE"),
    Column("slug", String(80), primary_key=True),
    required("position", Integer),
    Column("bit", Integer),
    Index("ix_edition_story_slug", "slug"),
    comment="bit: the story's place in delivery.stories, given when the edition is composed",
)

digest_story = Table(
    "digest_story",
    metadata,
    to("digest", primary_key=True),
    Column("slug", String(80), primary_key=True),
    to("edition", index=True),
    comment="the ledger: what a digest has run, or reserved for an edition that is still open",
)

edition_body = Table(
    "edition_body",
    metadata,
    to("edition", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    required("subject", Text),
    required("text", Text),
    required("html", Text),
    required("marker", String(32)),
    required("stories", BigInteger),
    required("attachments", JSON, server_default="[]"),
    Column("page", JSON(none_as_null=True)),
    required("titles", JSON, server_default="[]"),
    required("summary", Text, server_default=""),
    comment="titles, summary: for lists of editions; attachments: files, by their hashes; "
    "page: a release's press page",
)

edition_words = Table(
    "edition_words",
    metadata,
    Column("edition_id", Id, primary_key=True),
    Column("language", String(35), primary_key=True),
    required("words", Text),
    ForeignKeyConstraint(
        ["edition_id", "language"],
        ["edition_body.edition_id", "edition_body.language"],
        name="fk_edition_words_edition_body",
        ondelete="CASCADE",
    ),
    comment="what the archive's search looks in; by itself, as a search reads all of it",
)

approval = Table(
    "approval",
    metadata,
    identity(),
    to("edition", index=True, on_delete="CASCADE"),
    required("approver", Text),
    required("at", Utc),
    required("content_hash", String(64)),
    required("comment", Text),
    Column("voided_at", Utc),
    Column("void_reason", Text),
)

edition_event = Table(
    "edition_event",
    metadata,
    identity(),
    to("edition", index=True, on_delete="CASCADE"),
    required("at", Utc),
    required("what", String(40)),
    required("actor", Text),
    required("detail", Text),
)

exclusion = Table(
    "exclusion",
    metadata,
    to("edition", primary_key=True, on_delete="CASCADE"),
    Column("reason", String(40), primary_key=True),
    required("members", Integer),
)
