"""The number of an edition's deliveries in each language, kept as they are added.

With it, the deliveries that were sent need not be counted: they are what is left of the total
(``reports.py``)."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from mailer.store import schema
from mailer.store.upsert import build_upsert


def add_delivery_counts(db: Connection, edition_id: int, added: Mapping[str, int]) -> None:
    """Add to an edition's counts. `added` has the number of new deliveries by language."""
    statement = build_upsert(db.dialect.name, schema.delivery_count)
    rows = [
        {"edition_id": edition_id, "language": language, "deliveries": count}
        for language, count in added.items()
        if count
    ]
    if rows:
        db.execute(
            statement.on_conflict_do_update(
                index_elements=["edition_id", "language"],
                set_={
                    "deliveries": schema.delivery_count.c.deliveries + statement.excluded.deliveries
                },
            ),
            rows,
        )


def count_by_language(db: Connection, edition_id: int, after_id: int) -> dict[str, int]:
    """Count an edition's deliveries with an id above `after_id`, by language. They are read in the
    order in which they were added."""
    rows = db.execute(
        select(schema.delivery.c.language, func.count())
        .where(
            schema.delivery.c.id > after_id,
            # Written so that it fits no index: the new deliveries are the table's last ones.
            schema.delivery.c.edition_id + 0 == edition_id,
        )
        .group_by(schema.delivery.c.language)
    )
    return dict(rows.all())
