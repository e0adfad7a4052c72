"""Digests and editions."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
    text,
)

from mailer.store.schema.base import (
    Id,
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

digest = Table(
    "digest",
    metadata,
    build_id_column(),
    build_required_column("slug", String(60), unique=True),
    build_required_column("name", Text),
    build_reference_column("mailing_list", "list_id"),
    build_reference_column("segment", nullable=True),
    build_required_column("template", String(60)),
    build_required_column("subject", Text),
    build_required_column("language", String(35)),
    build_required_column("names", JSON, server_default="{}"),
    build_required_column("subjects", JSON, server_default="{}"),
    build_required_column("kinds", JSON),
    build_required_column("fewest", Integer),
    build_required_column("most", Integer),
    build_required_column("when_empty", String(20)),
    build_required_column("approval", String(10), server_default="anyone"),
    build_required_column("when_late", String(10), server_default="wait"),
    build_required_column("send_time", String(10), server_default="office"),
    build_required_column("grace_minutes", Integer, server_default=text("360")),
    build_required_column("approve_minutes", Integer, server_default=text("30")),
    build_required_column("quiet_minutes", Integer, server_default=text("15")),
    build_required_column("wait_minutes", Integer, server_default=text("120")),
    build_required_column("reminders", JSON, server_default="[]"),
    build_required_column("approvers", JSON, server_default="[]"),
    build_required_column("watchers", JSON, server_default="[]"),
    build_required_column("frequency", String(10), server_default="every"),
    build_required_column("archive", String(10), server_default="public"),
    build_required_column("sender", String(60), server_default=""),
    build_required_column("link_tags", JSON, server_default="{}"),
    build_required_column("created_at", Utc),
    build_required_column("updated_at", Utc),
    comment="reminders, approve_minutes: minutes before it is sent; "
    "approvers, watchers: mail addresses",
)

digest_topic = Table(
    "digest_topic",
    metadata,
    build_reference_column("digest", primary_key=True, on_delete="CASCADE"),
    build_reference_column("topic", primary_key=True),
    build_required_column("position", Integer),
)

edition = Table(
    "edition",
    metadata,
    build_id_column(),
    build_required_column("uid", String(32), unique=True),
    build_required_column("name", Text),
    build_reference_column("digest", nullable=True),
    build_reference_column("mailing_list", "list_id"),
    build_reference_column("segment", nullable=True, index=True),
    build_required_column("template", String(60)),
    build_required_column("subject", Text),
    build_required_column("language", String(35)),
    build_required_column("number", Integer, server_default=text("0")),
    build_required_column("opening", JSON),
    build_required_column("preheaders", JSON, server_default="{}"),
    build_required_column("names", JSON, server_default="{}"),
    build_required_column("subjects", JSON, server_default="{}"),
    build_required_column("state", String(20), index=True),
    build_required_column("reason", Text),
    build_required_column("in_doubt", String(20)),
    build_required_column("priority", String(20), server_default="normal"),
    build_required_column("content_hash", String(64)),
    build_required_column("kind", String(10), server_default="mailing"),
    build_required_column("send_time", String(10), server_default="office"),
    build_required_column("wall", String(16), server_default=""),
    build_required_column("zone", String(64), server_default=""),
    Column("send_at", Utc),
    Column("asked_at", Utc),
    Column("reminded_at", Utc),
    build_required_column("last_notified_state", String(20), server_default=""),
    build_required_column("last_notified_hash", String(64), server_default=""),
    build_required_column("frequency", String(10), server_default="every"),
    build_required_column("archive", String(10), server_default="public"),
    build_required_column("role", String(12), server_default="plain"),
    Column("embargo_until", Utc),
    build_required_column("pause_signatures", JSON, server_default="[]"),
    Column("change", JSON(none_as_null=True)),
    build_required_column("urgent_reasons", JSON, server_default="{}"),
    build_required_column("sender", String(60), server_default=""),
    build_required_column("link_tags", JSON, server_default="{}"),
    Column("sender_identity", JSON(none_as_null=True)),
    build_reference_column("edition", "repeated_id", nullable=True, index=True),
    build_required_column("created_at", Utc),
    Column("planned_at", Utc),
    Column("finished_at", Utc),
    Column("cleared_at", Utc),
    comment="number: its place among its digest's editions, or 0; "
    "wall, zone: when send_at is, by the clock; cleared_at: "
    "when addresses were taken out of its deliveries; embargo_until: what its mails state; "
    "pause_signatures: the refusals alike that delivery paused it for; sender: chosen for it, of "
    "the settings; sender_identity: frozen with its bodies; repeated_id: the edition that it "
    "repeats for one reader",
)

_columns = edition.c
Index("ix_edition_digest_id_number", _columns.digest_id, _columns.number)
Index("ix_edition_kind_id", _columns.kind, _columns.id)
Index("ix_edition_list_id_planned_at", _columns.list_id, _columns.planned_at)


def _create_partial_index(name: str, column: Column[Any], condition: ColumnElement[bool]) -> None:
    Index(name, column, sqlite_where=condition, postgresql_where=condition)


# Conditions of partial indexes have literals: a database uses such an index only if the statement
# visibly contains its condition.
is_unnotified = and_(
    _columns.kind == literal_column("'mailing'", String(10)),
    or_(
        _columns.last_notified_state != _columns.state,
        and_(
            _columns.state == literal_column("'in_review'", String(20)),
            _columns.last_notified_hash != _columns.content_hash,
        ),
    ),
)
"""The condition that a mailing has changed since staff were last notified of it: in its state, or,
while in review, in its content."""
_create_partial_index("ix_edition_unnotified", _columns.id, is_unnotified)

is_no_mailing = _columns.kind != literal_column("'mailing'", String(10))
"""The condition that an edition is a notice, a service mail or a test mail."""
_create_partial_index("ix_edition_no_mailing", _columns.finished_at, is_no_mailing)

is_uncleared = and_(_columns.cleared_at.is_(None), _columns.finished_at.is_not(None))
"""The condition that an edition is finished and its deliveries may still hold addresses."""
_create_partial_index("ix_edition_uncleared", _columns.finished_at, is_uncleared)

is_of_release = _columns.role != literal_column("'plain'", String(12))
"""The condition that an edition belongs to a press release."""
_create_partial_index("ix_edition_of_release", _columns.planned_at, is_of_release)

edition_story = Table(
    "edition_story",
    metadata,
    build_reference_column("edition", primary_key=True, on_delete="CASCADE"),
    Column("slug", String(80), primary_key=True),
    build_required_column("position", Integer),
    Column("bit", Integer),
    Index("ix_edition_story_slug", "slug"),
    comment="bit: the story's place in delivery.stories, given when the edition is composed",
)

digest_story = Table(
    "digest_story",
    metadata,
    build_reference_column("digest", primary_key=True),
    Column("slug", String(80), primary_key=True),
    build_reference_column("edition", nullable=True, index=True),
    comment="the ledger: stories that a digest has run, or reserved for an open edition; "
    "edition_id null: passed over when topics were merged",
)

edition_body = Table(
    "edition_body",
    metadata,
    build_reference_column("edition", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    build_required_column("subject", Text),
    build_required_column("text", Text),
    build_required_column("html", Text),
    build_required_column("marker", String(32)),
    build_required_column("stories", BigInteger),
    build_required_column("attachments", JSON, server_default="[]"),
    Column("page", JSON(none_as_null=True)),
    build_required_column("titles", JSON, server_default="[]"),
    build_required_column("summary", Text, server_default=""),
    Column("picture", JSON(none_as_null=True)),
    comment="titles, summary, picture: for lists of editions; attachments: files, by their hashes; "
    "page: a release's press page",
)

edition_words = Table(
    "edition_words",
    metadata,
    build_id_column(),
    build_required_column("edition_id", Id),
    build_required_column("language", String(35)),
    build_required_column("words", Text),
    UniqueConstraint("edition_id", "language"),
    ForeignKeyConstraint(
        ["edition_id", "language"],
        ["edition_body.edition_id", "edition_body.language"],
        name="fk_edition_words_edition_body",
        ondelete="CASCADE",
    ),
    comment="words: the distinct words of a body, folded for the archive's search",
)

approval = Table(
    "approval",
    metadata,
    build_id_column(),
    build_reference_column("edition", index=True, on_delete="CASCADE"),
    build_required_column("approver", Text),
    build_required_column("approver_key", Text, server_default=""),
    build_required_column("at", Utc),
    build_required_column("content_hash", String(64)),
    build_required_column("comment", Text),
    Column("voided_at", Utc),
    Column("void_reason", Text),
)

approved_text = Table(
    "approved_text",
    metadata,
    build_reference_column("approval", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    build_required_column("subject", Text),
    build_required_column("text", Text),
    build_required_column("marker", String(32)),
    build_required_column("stories", BigInteger),
    comment="the words that were approved, to show what has changed since",
)

edition_event = Table(
    "edition_event",
    metadata,
    build_id_column(),
    build_reference_column("edition", index=True, on_delete="CASCADE"),
    build_required_column("at", Utc),
    build_required_column("event_type", String(40)),
    build_required_column("actor", Text),
    build_required_column("actor_key", Text, server_default=""),
    build_required_column("detail", Text),
)

exclusion = Table(
    "exclusion",
    metadata,
    build_reference_column("edition", primary_key=True, on_delete="CASCADE"),
    Column("reason", String(40), primary_key=True),
    build_required_column("members", Integer),
)
