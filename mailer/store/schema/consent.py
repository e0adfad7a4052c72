"""The log of consent, requests that wait for confirmation, and rate limits for strangers.

Triggers, which the baseline migration creates, protect the log of consent. An erasure may remove
the address and the detail from an entry; otherwise entries never change. Only an erased entry can
be deleted, when its retention ends.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

wording = Table(
    "wording",
    metadata,
    build_id_column(),
    build_required_column("key", String(64), unique=True),
    build_required_column("language", String(35)),
    build_required_column("text", Text),
    build_required_column("first_used_at", Utc),
    comment="texts that people were shown when they agreed; key: SHA-256 of language and text",
)

consent = Table(
    "consent",
    metadata,
    build_id_column(),
    build_required_column("at", Utc),
    build_required_column("act", String(20)),
    build_required_column("list", String(60), server_default=""),
    build_required_column("subscriber_id", BigInteger, index=True),
    build_required_column("address_key", String(32), index=True),
    Column("address", Text),
    build_required_column("source", Text),
    build_required_column("basis", String(24), server_default=""),
    build_reference_column("wording", nullable=True),
    build_required_column("detail", Text, server_default=""),
    build_required_column("actor_key", Text, server_default=""),
    build_required_column("reason", String(20), server_default=""),
    build_required_column("edition_id", BigInteger, server_default=text("0")),
    sqlite_autoincrement=True,
    comment="append-only; address is null once it was erased; reason: why a person unsubscribed; "
    "edition_id: whose link they used to say so, or 0",
)
gave_reason = consent.c.reason != literal_column("''", String(20))
"""The condition of an entry that says why a person unsubscribed: the condition of an index."""
Index(
    "ix_consent_reason_at",
    consent.c.at,
    sqlite_where=gave_reason,
    postgresql_where=gave_reason,
)
Index(
    "ix_consent_reason_edition_id",
    consent.c.edition_id,
    sqlite_where=gave_reason,
    postgresql_where=gave_reason,
)
_is_erased = consent.c.address.is_(None)
Index("ix_consent_erased", consent.c.at, sqlite_where=_is_erased, postgresql_where=_is_erased)

confirmation = Table(
    "confirmation",
    metadata,
    build_id_column(),
    build_required_column("kind", String(12)),
    build_required_column("state", String(12), index=True),
    build_required_column("address", Text),
    build_required_column("address_key", String(32), index=True),
    build_required_column("subscriber_id", BigInteger, index=True),
    build_required_column("language", String(35)),
    build_required_column("wishes", JSON),
    build_reference_column("wording", nullable=True),
    build_required_column("source", Text),
    build_required_column("asked_at", Utc, index=True),
    Column("answered_at", Utc),
    sqlite_autoincrement=True,
    comment="sign-ups and changes of address, until their owner confirms; links carry the ids",
)

allowance = Table(
    "allowance",
    metadata,
    Column("key", String(80), primary_key=True),
    build_required_column("since", Utc, index=True),
    build_required_column("used", Integer),
    build_required_column("refused", Integer),
    comment="uses in a window, or mails to an address and the requests refused since the last; "
    "key: the action, and a keyed hash of the subject",
)

subscriber_alias = Table(
    "subscriber_alias",
    metadata,
    Column("old_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    build_reference_column("subscriber", index=True, on_delete="CASCADE"),
    comment="merged subscribers: links in old mails carry the old id",
)
