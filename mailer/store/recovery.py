"""The identity of the database and its generation, and the changes that accepting a restored
database makes."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, literal, select, text, update

from mailer.actor import Actor
from mailer.model.deliveries import UNFINISHED_STATES, DeliveryState
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.recovery import DatabaseEvent, DatabaseIdentity, DatabaseState
from mailer.model.signup import Confirmation, ConfirmationState
from mailer.store import fence, schema
from mailer.store.audience.confirmations import ConfirmationQueries
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert

ROW_ID = 1
SKIPPED_IDS = 1_000_000
"""Number of ids that are skipped after a restoration: the lost database may have used them, and
links in mails that it sent may carry them."""

_TABLES_OF_LINKS = (schema.subscriber, schema.confirmation)
_UNANSWERED = (ConfirmationState.ASKED, ConfirmationState.CONFIRMED)


class SqlRecoveryStore(SqlStore):
    """The one row of the database's identity, its events, and the changes of a restoration."""

    # ---- the identity ---------------------------------------------------------------------------

    def find_identity(self) -> DatabaseIdentity | None:
        """Return the identity, or None if no process has delivered from this database."""
        return self._load_identity()

    def lock_identity(self) -> DatabaseIdentity | None:
        """Return the identity, and lock it until the transaction ends, even if there is none."""
        if self._db.dialect.name == "postgresql":
            self._db.execute(text("LOCK TABLE database_identity IN SHARE ROW EXCLUSIVE MODE"))
        return self._load_identity()

    def _load_identity(self) -> DatabaseIdentity | None:
        statement = select(schema.database_identity).where(schema.database_identity.c.id == ROW_ID)
        row = self._db.execute(statement).one_or_none()
        if row is None:
            return None
        state = DatabaseState(row.state)
        return DatabaseIdentity(
            row.identity, row.generation, state, row.reason, row.since, row.former_location
        )

    def save_identity(
        self,
        identity: str,
        generation: int,
        state: DatabaseState,
        reason: str,
        now: datetime,
        former_location: str = "",
    ) -> None:
        values = {
            "identity": identity,
            "generation": generation,
            "state": state.value,
            "reason": reason,
            "since": now,
            "former_location": former_location,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.database_identity)
            .values(id=ROW_ID, **values)
            .on_conflict_do_update(index_elements=["id"], set_=values)
        )

    def increment_generation(self) -> int:
        """Increment the generation, and return it."""
        generation = self._db.scalar(
            update(schema.database_identity)
            .where(schema.database_identity.c.id == ROW_ID)
            .values(generation=schema.database_identity.c.generation + 1)
            .returning(schema.database_identity.c.generation)
        )
        assert generation is not None
        return int(generation)

    def read_location(self) -> str:
        """Return the location of the database. A copy, or a database of the same name that was
        created again, has another location. On PostgreSQL, a standby has the same location."""
        if self._db.dialect.name == "sqlite":
            file = self._db.engine.url.database or ""
            return f"sqlite:{Path(file).resolve()}" if file and file != ":memory:" else "sqlite:"
        may_read = self._db.scalar(
            text("SELECT has_function_privilege('pg_control_system()', 'execute')")
        )
        cluster = "?"
        if may_read:
            cluster = str(
                self._db.scalar(text("SELECT system_identifier FROM pg_control_system()"))
            )
        number = self._db.scalar(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
        return f"postgresql:{cluster}:{number}"

    def has_begun_editions(self) -> bool:
        """Check whether an edition has begun to be sent, or was sent."""
        statement = select(literal(1)).where(schema.edition.c.planned_at.is_not(None)).limit(1)
        return self._db.scalar(statement) is not None

    def has_content(self) -> bool:
        """Check whether there is anything that a process could send: an edition, a schedule, or a
        sign-up."""
        tables = (schema.edition, schema.schedule, schema.confirmation)
        return any(
            self._db.scalar(select(literal(1)).select_from(table).limit(1)) is not None
            for table in tables
        )

    def refuse_writes(self) -> None:
        """Let the database itself refuse every change, whatever process asks for it, except to its
        identity and its events."""
        fence.create_fence(self._db)

    def allow_writes(self) -> None:
        """Undo :meth:`refuse_writes`, if it was done."""
        fence.remove_fence(self._db)

    # ---- events ---------------------------------------------------------------------------------

    def add_event(self, event_type: str, detail: str, now: datetime, actor: Actor) -> None:
        self._db.execute(
            insert(schema.database_event).values(
                at=now,
                event_type=event_type,
                actor=actor.name,
                actor_key=actor.key,
                detail=detail,
            )
        )

    def list_events(self) -> list[DatabaseEvent]:
        """Return the events, the oldest first."""
        rows = self._db.execute(select(schema.database_event).order_by(schema.database_event.c.id))
        return [DatabaseEvent(row.at, row.event_type, row.actor, row.detail) for row in rows]

    # ---- the changes of a restoration -----------------------------------------------------------

    def list_unfinished_editions(self) -> list[int]:
        """Return the ids of all editions, including notices and service mails, that have started
        and are not finished."""
        states = (EditionState.SENDING, EditionState.PAUSED)
        return list(
            self._db.scalars(
                select(schema.edition.c.id)
                .where(schema.edition.c.state.in_([state.value for state in states]))
                .order_by(schema.edition.c.id)
            )
        )

    def put_unsent_in_doubt(self, edition_id: int, reply: str) -> int:
        """Put an edition's unsent deliveries in doubt, and change the edition's rule so that they
        stay in doubt. Returns the number of the edition's deliveries in doubt."""
        self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition_id,
                schema.is_in_state(*(state.value for state in UNFINISHED_STATES)),
            )
            .values(
                state=DeliveryState.IN_DOUBT.value,
                worker_id=None,
                reply=reply,
                updated_at=schema.database_now(),
            )
        )
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == edition_id)
            .values(in_doubt=InDoubtPolicy.KEEP_IN_DOUBT.value)
        )
        count = self._db.scalar(
            select(func.count())
            .select_from(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition_id,
                schema.is_in_state(DeliveryState.IN_DOUBT.value),
            )
        )
        return int(count or 0)

    def list_unanswered_sign_ups(self) -> Sequence[Confirmation]:
        """Return the sign-ups and changes of address that still wait for a mail."""
        return ConfirmationQueries(self._db, self._key).list_in_state(_UNANSWERED, 1_000_000)

    def mark_editions_notified(self) -> None:
        """Record that staff were notified of the present state of every edition, so that no notice
        is sent for a change before the restoration."""
        self._db.execute(
            update(schema.edition).values(
                last_notified_state=schema.edition.c.state,
                last_notified_hash=schema.edition.c.content_hash,
            )
        )

    def remove_workers(self) -> None:
        """Remove the rows of workers, and what they knew of relays: these processes delivered
        before the restoration."""
        self._db.execute(delete(schema.worker))
        self._db.execute(delete(schema.relay_outage))

    def skip_ids(self) -> None:
        """Skip ids of subscribers and confirmations, so that a link in a mail that was sent after
        the backup never leads to a person who is added after the restoration."""
        for table in _TABLES_OF_LINKS:
            if self._db.dialect.name == "postgresql":
                self._db.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                        f"nextval(pg_get_serial_sequence('{table.name}', 'id')) + {SKIPPED_IDS})"
                    )
                )
                continue
            last_id = self._db.scalar(
                text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
            )
            self._db.execute(
                text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
            )
            self._db.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"),
                {"name": table.name, "seq": (last_id or 0) + SKIPPED_IDS},
            )
