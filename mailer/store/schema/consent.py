"""Evidence of who agreed to what, what waits for a person's answer, and what strangers may do.

The log of consent is kept by triggers (:data:`GUARDS`): an entry is never changed but for losing
its address to an erasure, and only such a one can be deleted, when its time of keeping is over.
"""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

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
    comment="what people were shown when they agreed; key: SHA-256 of language and text",
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
    sqlite_autoincrement=True,
    comment="append-only; address is null once it was erased",
)
_nobody = consent.c.address.is_(None)
Index("ix_consent_erased", consent.c.at, sqlite_where=_nobody, postgresql_where=_nobody)

confirmation = Table(
    "confirmation",
    metadata,
    build_id_column(),
    build_required_column("kind", String(12)),
    build_required_column("state", String(12), index=True),
    build_required_column("address", Text),
    build_required_column("address_key", String(32), index=True),
    build_required_column("subscriber_id", BigInteger),
    build_required_column("language", String(35)),
    build_required_column("wishes", JSON),
    build_reference_column("wording", nullable=True),
    build_required_column("source", Text),
    build_required_column("asked_at", Utc, index=True),
    Column("answered_at", Utc),
    sqlite_autoincrement=True,
    comment="sign-ups and new addresses, until their owner has answered a mail; ids stand in links",
)

allowance = Table(
    "allowance",
    metadata,
    Column("key", String(80), primary_key=True),
    build_required_column("since", Utc, index=True),
    build_required_column("used", Integer),
    comment="how often something was done in a window; key: what, and a keyed hash of by whom",
)

subscriber_alias = Table(
    "subscriber_alias",
    metadata,
    Column("old_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    build_reference_column("subscriber", index=True, on_delete="CASCADE"),
    comment="who was merged into whom: links in old mails carry the old number",
)

GUARDS = {
    "sqlite": (
        """CREATE TRIGGER consent_stays BEFORE UPDATE ON consent
        WHEN NEW.address IS NOT NULL OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.act <> OLD.act
          OR NEW.list <> OLD.list OR NEW.subscriber_id <> OLD.subscriber_id
          OR NEW.address_key <> OLD.address_key OR NEW.source <> OLD.source
          OR NEW.basis <> OLD.basis OR NEW.wording_id IS NOT OLD.wording_id
          OR NEW.detail NOT IN ('', OLD.detail)
        BEGIN SELECT RAISE(ABORT, 'the log of consent is only added to'); END""",
        """CREATE TRIGGER consent_is_kept BEFORE DELETE ON consent WHEN OLD.address IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'the log of consent is only added to'); END""",
        # REPLACE takes a row away without asking the triggers of DELETE (SQLite, lang_replace).
        """CREATE TRIGGER consent_is_not_replaced BEFORE INSERT ON consent
        WHEN EXISTS (SELECT 1 FROM consent WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the log of consent is only added to'); END""",
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
            AND NEW.detail IN ('', OLD.detail) THEN
            RETURN NEW;
          END IF;
          RAISE EXCEPTION 'the log of consent is only added to';
        END $$""",
        """CREATE TRIGGER consent_stays BEFORE UPDATE OR DELETE ON consent
        FOR EACH ROW EXECUTE FUNCTION consent_stays()""",
        """CREATE TRIGGER consent_is_not_emptied BEFORE TRUNCATE ON consent
        FOR EACH STATEMENT EXECUTE FUNCTION consent_stays()""",
    ),
}
"""Triggers by dialect, made by migration 0005. An erasure may also empty `detail`."""
