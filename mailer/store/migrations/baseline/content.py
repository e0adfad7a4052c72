"""Content: articles, embargoes, files of releases, assets, and the sources that articles come
from."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, JSON_OR_NULL, MOMENT, require_column


def create_content_tables() -> None:
    op.create_table(
        "article",
        require_column("id", ID),
        require_column("slug", sa.String(length=80)),
        require_column("language", sa.String(length=35)),
        require_column("kind", sa.String(length=20)),
        require_column("state", sa.String(length=20)),
        require_column("revision", sa.Integer()),
        require_column("title", sa.Text()),
        require_column("summary", sa.Text()),
        require_column("body", sa.Text()),
        require_column("html", sa.Text()),
        require_column("published_at", MOMENT),
        sa.Column("image", JSON_OR_NULL),
        require_column("canonical_url", sa.Text()),
        require_column("byline", sa.Text()),
        require_column("dateline", sa.Text()),
        require_column("lead", sa.Boolean()),
        sa.Column("release", JSON_OR_NULL),
        sa.Column("event", JSON_OR_NULL),
        require_column("pictures", sa.JSON(), server_default="[]"),
        require_column("created_at", MOMENT),
        require_column("updated_at", MOMENT),
        require_column("search_text", sa.Text(), server_default=""),
        sa.Column("first_queued_at", MOMENT),
        sa.Column("queued_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_article"),
        sa.UniqueConstraint("slug", "language", name="uq_article_slug_language"),
        comment="search_text: title and slug, folded for searches; first_queued_at, queued_at: "
        "when it was queued for the first and for the last time",
    )
    op.create_index("ix_article_published_at", "article", ["published_at"])
    op.create_index("ix_article_state_published_at", "article", ["state", "published_at"])
    op.create_index("ix_article_state_queued_at", "article", ["state", "queued_at"])
    op.create_table(
        "boilerplate",
        require_column("organisation", sa.String(length=60)),
        require_column("language", sa.String(length=35)),
        require_column("name", sa.Text()),
        require_column("text", sa.Text()),
        require_column("html", sa.Text()),
        require_column("updated_at", MOMENT),
        sa.PrimaryKeyConstraint("organisation", "language", name="pk_boilerplate"),
    )
    op.create_table(
        "embargo",
        require_column("slug", sa.String(length=80)),
        require_column("wall", sa.String(length=16)),
        require_column("zone", sa.String(length=64)),
        require_column("until", MOMENT),
        sa.Column("lifted_at", MOMENT),
        require_column("set_at", MOMENT),
        require_column("set_by", sa.Text()),
        require_column("set_by_key", sa.Text(), server_default=""),
        require_column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("slug", name="pk_embargo"),
        comment="wall, zone: when until is, by the clock; until: when it ends or was lifted",
    )
    op.create_index("ix_embargo_until", "embargo", ["until"])
    op.create_table(
        "embargo_event",
        require_column("id", ID),
        require_column("slug", sa.String(length=80)),
        require_column("at", MOMENT),
        require_column("event_type", sa.String(length=20)),
        require_column("actor", sa.Text()),
        require_column("actor_key", sa.Text(), server_default=""),
        require_column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_embargo_event"),
    )
    op.create_index("ix_embargo_event_actor", "embargo_event", ["actor"])
    op.create_index("ix_embargo_event_slug", "embargo_event", ["slug"])
    op.create_table(
        "file",
        require_column("sha256", sa.String(length=64)),
        require_column("media_type", sa.String(length=100)),
        require_column("size", sa.Integer()),
        require_column("content", sa.LargeBinary()),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("sha256", name="pk_file"),
        comment="never changed: releases and assets name their files by hash",
    )
    _create_asset_tables()
    op.create_table(
        "kill",
        require_column("slug", sa.String(length=80)),
        require_column("reasons", sa.JSON()),
        require_column("asked_by", sa.Text()),
        require_column("asked_by_key", sa.Text(), server_default=""),
        require_column("asked_at", MOMENT),
        require_column("confirmed_by", sa.Text()),
        require_column("confirmed_by_key", sa.Text(), server_default=""),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("notified_at", MOMENT),
        require_column("notified_digest", sa.String(length=64), server_default=""),
        sa.PrimaryKeyConstraint("slug", name="pk_kill"),
        comment="releases that one person asked to kill, and another has to confirm",
    )
    op.create_table(
        "source",
        require_column("id", ID),
        require_column("name", sa.String(length=60)),
        require_column("kind", sa.String(length=12)),
        require_column("place", sa.Text()),
        require_column("every_minutes", sa.Integer()),
        require_column("on_import", sa.String(length=10)),
        require_column("article_kind", sa.String(length=20)),
        require_column("language", sa.String(length=35)),
        require_column("topics", sa.JSON()),
        require_column("state", sa.String(length=10)),
        require_column("etag", sa.Text()),
        require_column("last_modified", sa.Text()),
        require_column("failures", sa.Integer()),
        require_column("last_result", sa.Text()),
        require_column("next_at", MOMENT),
        sa.Column("last_read_at", MOMENT),
        require_column("created_at", MOMENT),
        require_column("added_by", sa.Text(), server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_source"),
        sa.UniqueConstraint("name", name="uq_source_name"),
        comment="place: an address or a folder; last_result: the result of the last import",
    )
    op.create_table(
        "article_revision",
        require_column("article_id", ID),
        require_column("revision", sa.Integer()),
        require_column("content", sa.JSON()),
        require_column("note", sa.Text()),
        require_column("author", sa.Text(), server_default=""),
        require_column("author_key", sa.Text(), server_default=""),
        require_column("created_at", MOMENT),
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
        require_column("article_id", ID),
        require_column("topic_id", ID),
        require_column("position", sa.Integer()),
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
        "source_item",
        require_column("source_id", ID),
        require_column("key", sa.String(length=64)),
        require_column("fingerprint", sa.String(length=64)),
        require_column("slug", sa.String(length=80)),
        require_column("language", sa.String(length=35)),
        require_column("seen_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name="fk_source_item_source_id_source", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "key", name="pk_source_item"),
        comment="key: the SHA-256 of the entry's key in its source",
    )


def _create_asset_tables() -> None:
    op.create_table(
        "asset",
        require_column("sha256", sa.String(length=64)),
        require_column("name", sa.Text()),
        require_column("media_type", sa.String(length=100)),
        require_column("suffix", sa.String(length=4)),
        require_column("width", sa.Integer()),
        require_column("height", sa.Integer()),
        require_column("size", sa.Integer()),
        require_column("alts", sa.JSON()),
        require_column("captions", sa.JSON()),
        require_column("credit", sa.Text()),
        require_column("terms", sa.Text()),
        sa.Column("terms_end", sa.Date()),
        require_column("added_by", sa.Text()),
        require_column("created_at", MOMENT),
        require_column("updated_at", MOMENT),
        sa.ForeignKeyConstraint(["sha256"], ["file.sha256"], name="fk_asset_sha256_file"),
        sa.PrimaryKeyConstraint("sha256", name="pk_asset"),
        comment="sha256: the original file; alts, captions: by language",
    )
    op.create_index("ix_asset_created_at_sha256", "asset", ["created_at", "sha256"])
    op.create_table(
        "asset_rendition",
        require_column("asset_sha256", sa.String(length=64)),
        require_column("max_width", sa.Integer()),
        require_column("width", sa.Integer()),
        require_column("height", sa.Integer()),
        require_column("file_sha256", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["asset_sha256"],
            ["asset.sha256"],
            name="fk_asset_rendition_asset_sha256_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["file_sha256"], ["file.sha256"], name="fk_asset_rendition_file_sha256_file"
        ),
        sa.PrimaryKeyConstraint("asset_sha256", "max_width", name="pk_asset_rendition"),
        comment="made once, when the asset is added",
    )
    op.create_index("ix_asset_rendition_file_sha256", "asset_rendition", ["file_sha256"])
