"""The highest number that each table has given to a record. Links in old mails carry numbers, so
most tables never give one again, even if its record is gone."""

from sqlalchemy import Connection, Table, text

from mailer.store import schema
from mailer.store.copying.contents import quote_name

_SEQUENCE = text("SELECT pg_get_serial_sequence(:name, :column)")


def _list_numbered_tables() -> list[tuple[Table, str]]:
    """List the tables that number their records, and the columns of the numbers."""
    return [
        (table, table.autoincrement_column.name)
        for table in schema.metadata.sorted_tables
        if table.autoincrement_column is not None
    ]


def read_last_ids(db: Connection) -> dict[str, int]:
    """Return the highest number that each table has given, by the name of the table."""
    last_ids = {}
    given_ids: dict[str, int] = {}
    if db.dialect.name == "sqlite":
        given_ids = {row.name: row.seq for row in db.execute(text("SELECT * FROM sqlite_sequence"))}
    for table, column in _list_numbered_tables():
        highest = text(f"SELECT max({quote_name(column)}) FROM {quote_name(table.name)}")  # noqa: S608
        given_id = given_ids.get(table.name, 0)
        sequence = db.dialect.name == "postgresql" and _find_sequence(db, table.name, column)
        if sequence:
            given_id = db.scalar(
                text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
            )
        last_ids[table.name] = max(db.scalar(highest) or 0, given_id)
    return last_ids


def save_last_ids(db: Connection, last_ids: dict[str, int]) -> None:
    """Let tables give only numbers above `last_ids`."""
    for table, column in _list_numbered_tables():
        last_id = last_ids.get(table.name, 0)
        if not last_id:
            continue
        if db.dialect.name == "postgresql":
            if sequence := _find_sequence(db, table.name, column):
                db.execute(
                    text("SELECT setval(CAST(:sequence AS regclass), :last_id)"),
                    {"sequence": sequence, "last_id": last_id},
                )
        elif table.dialect_options["sqlite"]["autoincrement"]:
            values = {"name": table.name, "seq": last_id}
            db.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
            db.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)


def _find_sequence(db: Connection, table: str, column: str) -> str | None:
    sequence: str | None = db.scalar(_SEQUENCE, {"name": quote_name(table), "column": column})
    return sequence
