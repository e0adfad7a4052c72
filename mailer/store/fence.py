"""The fence around a database that is being moved or was moved: triggers that refuse every change.

The database itself refuses, so that no process can change it: neither a worker that was overlooked,
nor a page that is still served from it, nor an older program. The identity and the events of the
database can be changed, since they say what became of it.
"""

from sqlalchemy import Connection, text

from mailer.store import schema
from mailer.store.sqlstates import MOVED_MESSAGE, MOVED_SQLSTATE

_FREE_TABLES = frozenset({schema.database_identity.name, schema.database_event.name})
_EVENTS = ("INSERT", "UPDATE", "DELETE")
_FUNCTION = "refuse_changes_after_move"
_CREATE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{MOVED_MESSAGE}' USING ERRCODE = '{MOVED_SQLSTATE}'; END $$
"""


def list_fenced_tables() -> list[str]:
    """List the tables that the fence protects."""
    return sorted(schema.metadata.tables.keys() - _FREE_TABLES)


def create_fence(db: Connection) -> None:
    """Let the database refuse changes from the end of this transaction on. On PostgreSQL, this
    waits for transactions that have changed something."""
    remove_fence(db)
    if db.dialect.name == "postgresql":
        db.execute(text(_CREATE_FUNCTION))
        for table in list_fenced_tables():
            db.execute(
                text(
                    f'CREATE TRIGGER moved BEFORE {" OR ".join(_EVENTS)} OR TRUNCATE ON "{table}" '
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
                )
            )
        return
    for table in list_fenced_tables():
        for event in _EVENTS:
            db.exec_driver_sql(
                f'CREATE TRIGGER "moved_{table}_{event.lower()}" BEFORE {event} ON "{table}" '
                f"BEGIN SELECT RAISE(ABORT, '{MOVED_MESSAGE}'); END"
            )


def remove_fence(db: Connection) -> None:
    """Let the database accept changes again."""
    if db.dialect.name == "postgresql":
        db.execute(text("SET LOCAL client_min_messages = warning"))
        db.execute(text(f"DROP FUNCTION IF EXISTS {_FUNCTION}() CASCADE"))
        return
    for table in list_fenced_tables():
        for event in _EVENTS:
            db.exec_driver_sql(f'DROP TRIGGER IF EXISTS "moved_{table}_{event.lower()}"')
