"""Assets: pictures, and their renditions. The bytes are in the table of files."""

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from mailer.store.schema.base import Utc, build_required_column, metadata

asset = Table(
    "asset",
    metadata,
    Column("sha256", String(64), ForeignKey("file.sha256"), primary_key=True),
    build_required_column("name", Text),
    build_required_column("media_type", String(100)),
    build_required_column("suffix", String(4)),
    build_required_column("width", Integer),
    build_required_column("height", Integer),
    build_required_column("size", Integer),
    build_required_column("alts", JSON),
    build_required_column("captions", JSON),
    build_required_column("credit", Text),
    build_required_column("terms", Text),
    Column("terms_end", Date),
    build_required_column("added_by", Text),
    build_required_column("created_at", Utc),
    build_required_column("updated_at", Utc),
    Index("ix_asset_created_at_sha256", "created_at", "sha256"),
    comment="sha256: the original file; alts, captions: by language",
)

asset_rendition = Table(
    "asset_rendition",
    metadata,
    Column(
        "asset_sha256", String(64), ForeignKey("asset.sha256", ondelete="CASCADE"), primary_key=True
    ),
    Column("max_width", Integer, primary_key=True),
    build_required_column("width", Integer),
    build_required_column("height", Integer),
    Column("file_sha256", String(64), ForeignKey("file.sha256"), nullable=False, index=True),
    comment="made once, when the asset is added",
)
