"""Numbers that are kept forever, and that name no person."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

membership_change = Table(
    "membership_change",
    metadata,
    build_id_column(),
    build_reference_column("mailing_list", "list_id", on_delete="CASCADE"),
    build_required_column("hour", Utc),
    build_required_column("kind", String(12)),
    build_required_column("source", String(100), server_default=""),
    build_required_column("edition_id", BigInteger, server_default=text("0")),
    build_required_column("people", Integer),
    Index("ix_membership_change_list_id_hour", "list_id", "hour"),
    Index("ix_membership_change_edition_id", "edition_id"),
    comment="people who joined or left a list, until they are added to membership_count; "
    "transactions only add rows, so that none waits for another",
)

membership_count = Table(
    "membership_count",
    metadata,
    build_reference_column("mailing_list", "list_id", primary_key=True, on_delete="CASCADE"),
    Column("hour", Utc, primary_key=True),
    Column("kind", String(12), primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("edition_id", BigInteger, primary_key=True),
    build_required_column("people", BigInteger),
    Index("ix_membership_count_edition_id", "edition_id"),
    comment="people who joined or left a list in an hour (UTC); edition_id: whose link was used to "
    "leave, or 0; kept forever",
)

click_count = Table(
    "click_count",
    metadata,
    build_reference_column("edition", primary_key=True, on_delete="CASCADE"),
    Column("story", String(80), primary_key=True),
    Column("hour", Utc, primary_key=True),
    Column("clicker", String(10), primary_key=True),
    build_required_column("clicks", BigInteger),
    comment="clicks on a story's links in an edition's mails, in an hour (UTC), by readers and by "
    "machines; kept forever, and never who clicked",
)
