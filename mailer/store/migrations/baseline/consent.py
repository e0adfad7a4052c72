"""Consent: its log, the texts that people agreed to, and requests that wait for a confirmation."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, MOMENT, require_column


def create_consent_tables() -> None:
    op.create_table(
        "allowance",
        require_column("key", sa.String(length=80)),
        require_column("since", MOMENT),
        require_column("used", sa.Integer()),
        require_column("refused", sa.Integer()),
        sa.PrimaryKeyConstraint("key", name="pk_allowance"),
        comment="uses in a window, or mails to an address and the requests refused since the last; "
        "key: the action, and a keyed hash of the subject",
    )
    op.create_index("ix_allowance_since", "allowance", ["since"])
    op.create_table(
        "wording",
        require_column("id", ID),
        require_column("key", sa.String(length=64)),
        require_column("language", sa.String(length=35)),
        require_column("text", sa.Text()),
        require_column("first_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_wording"),
        sa.UniqueConstraint("key", name="uq_wording_key"),
        comment="texts that people were shown when they agreed; key: SHA-256 of language and text",
    )
    op.create_table(
        "confirmation",
        require_column("id", ID),
        require_column("kind", sa.String(length=12)),
        require_column("state", sa.String(length=12)),
        require_column("address", sa.Text()),
        require_column("address_key", sa.String(length=32)),
        require_column("subscriber_id", sa.BigInteger()),
        require_column("language", sa.String(length=35)),
        require_column("wishes", sa.JSON()),
        sa.Column("wording_id", ID),
        require_column("source", sa.Text()),
        require_column("asked_at", MOMENT),
        sa.Column("answered_at", MOMENT),
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
    op.create_index("ix_confirmation_subscriber_id", "confirmation", ["subscriber_id"])
    op.create_table(
        "consent",
        require_column("id", ID),
        require_column("at", MOMENT),
        require_column("act", sa.String(length=20)),
        require_column("list", sa.String(length=60), server_default=""),
        require_column("subscriber_id", sa.BigInteger()),
        require_column("address_key", sa.String(length=32)),
        sa.Column("address", sa.Text()),
        require_column("source", sa.Text()),
        require_column("basis", sa.String(length=24), server_default=""),
        sa.Column("wording_id", ID),
        require_column("detail", sa.Text(), server_default=""),
        require_column("actor_key", sa.Text(), server_default=""),
        require_column("reason", sa.String(length=20), server_default=""),
        require_column("edition_id", sa.BigInteger(), server_default=sa.text("0")),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name="fk_consent_wording_id_wording"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
        comment="append-only; address is null once it was erased; reason: why a person "
        "unsubscribed; edition_id: whose link they used to say so, or 0",
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
    op.create_index(
        "ix_consent_reason_at",
        "consent",
        ["at"],
        sqlite_where=sa.text("reason != ''"),
        postgresql_where=sa.text("reason != ''"),
    )
    op.create_index(
        "ix_consent_reason_edition_id",
        "consent",
        ["edition_id"],
        sqlite_where=sa.text("reason != ''"),
        postgresql_where=sa.text("reason != ''"),
    )
    op.create_index("ix_consent_subscriber_id", "consent", ["subscriber_id"])
    op.create_table(
        "subscriber_alias",
        require_column("old_id", ID),
        require_column("subscriber_id", ID),
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


def create_consent_triggers() -> None:
    """Create the triggers that protect the log of consent."""
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
          OR NEW.reason <> OLD.reason OR NEW.edition_id <> OLD.edition_id
        BEGIN SELECT RAISE(ABORT, 'the log of consent is append-only'); END""",
        """CREATE TRIGGER consent_is_kept BEFORE DELETE ON consent WHEN OLD.address IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'the log of consent is append-only'); END""",
        # REPLACE takes a row away without asking the triggers of DELETE (SQLite, lang_replace).
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
            AND NEW.detail IN ('', OLD.detail) AND NEW.actor_key = OLD.actor_key
            AND NEW.reason = OLD.reason AND NEW.edition_id = OLD.edition_id THEN
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
