"""The keys that sign links."""

from datetime import datetime

from sqlalchemy import delete, insert, select, text, update

from mailer.actor import Actor
from mailer.model.signing_keys import SigningKey
from mailer.store import schema
from mailer.store.base import SqlStore


class SqlSigningKeyStore(SqlStore):
    """The salts of the keys that sign links."""

    def list_signing_keys(self) -> list[SigningKey]:
        """Return all keys, the oldest first. The list is empty if the office never rotated its
        key."""
        rows = self._db.execute(select(schema.signing_key).order_by(schema.signing_key.c.id))
        return [
            SigningKey(row.id, row.salt, row.created_at, row.actor, row.expires_at) for row in rows
        ]

    def lock_signing_keys(self) -> None:
        """Keep other processes from changing the keys until the transaction ends."""
        if self._db.dialect.name == "postgresql":
            self._db.execute(text("LOCK TABLE signing_key IN EXCLUSIVE MODE"))

    def add_signing_key(self, salt: bytes, actor: Actor, now: datetime) -> None:
        self._db.execute(
            insert(schema.signing_key).values(salt=salt, created_at=now, actor=actor.name)
        )

    def expire_signing_key(self, key_id: int, moment: datetime) -> None:
        """Set the moment until which links that this key signed are accepted."""
        self._db.execute(
            update(schema.signing_key)
            .where(schema.signing_key.c.id == key_id)
            .values(expires_at=moment)
        )

    def remove_signing_key(self, key_id: int) -> None:
        self._db.execute(delete(schema.signing_key).where(schema.signing_key.c.id == key_id))
