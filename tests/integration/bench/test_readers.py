"""The bench's readers equal those that an import would add."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from mailer.audience import lists
from mailer.store import Store
from mailer.store.schema import membership, subscriber, topic_set
from tests.actors import STAFF
from tests.bench.delivery import readers
from tests.bench.delivery.fixtures import NOW
from tests.bench.delivery.stories import TOPICS

COUNT = 250


def read_tables(file: Path, *, imported: bool) -> list[list[tuple[Any, ...]]]:
    """Read the tables after the readers were imported or inserted directly."""
    store = Store(f"sqlite:///{file}", bytes(range(32)))
    try:
        store.upgrade_schema()
        with store.begin() as tx:
            for slug in TOPICS:
                lists.add_topic(tx, STAFF, slug, {"en": slug}, NOW)
            news = lists.add_list(tx, STAFF, "news", "News", NOW)
            if imported:
                tx.import_rows.import_people(
                    STAFF, list(readers.generate_rows(COUNT)), news, readers.SOURCE, NOW
                )
            else:
                readers.insert_readers(tx, news, COUNT, NOW)
            chosen = [column for column in membership.c if column.name != "topic_set_id"]
            members = select(*chosen, topic_set.c.key).outerjoin(topic_set)  # ids may differ
            return [
                [tuple(row) for row in tx.connection.execute(query)]
                for query in (
                    select(subscriber).order_by(*subscriber.c),
                    members.order_by(*chosen),
                    select(topic_set.c.key).order_by(topic_set.c.key),
                )
            ]
    finally:
        store.close()


def test_inserted_readers_equal_imported_readers(tmp_path: Path) -> None:
    written_tables = read_tables(tmp_path / "written.db", imported=False)
    assert written_tables == read_tables(tmp_path / "imported.db", imported=True)
    assert [len(rows) for rows in written_tables[:2]] == [COUNT, COUNT]
