"""The plans of searches among 100,000 people: an index, and never all of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

from mailer.audience import subscribers
from mailer.model.searches import SearchMethod
from mailer.store import SqlTransaction, Store
from tests.bench.delivery.readers import insert_readers
from tests.bench.delivery.stories import TOPICS
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.search.conftest import open_store

pytestmark = pytest.mark.proof

PEOPLE = 100_000


@pytest.fixture(scope="module")
def store(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with open_store(kind, request, tmp_path_factory.mktemp("plans")) as store:
        with store.begin() as tx:
            factories.add_topics(tx, *TOPICS)
            insert_readers(tx, factories.add_mailing_list(tx), PEOPLE, NOW)
        with store.begin() as tx:
            if tx.connection.dialect.name == "postgresql":
                tx.connection.execute(
                    text("SELECT setval('subscriber_id_seq', max(id)) FROM subscriber")
                )
            factories.add_mailing_list(tx, "press")
            for list_slug in ("news", "press"):
                factories.add_subscriber(
                    tx, "zoe@example.org", list_slug=list_slug, name="Zoe Quillfeather 李小明"
                )
            tx.connection.execute(text("ANALYZE"))
        yield store


def explain_search(tx: SqlTransaction, search: str, list_slug: str = "") -> tuple[int, str]:
    """Search, and return (number of people, the plans of the statements that read people)."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(tx.connection, "before_cursor_execute", note)
    mailing_list = factories.get_mailing_list(tx, list_slug) if list_slug else None
    page = subscribers.list_subscribers(tx, search, mailing_list)
    event.remove(tx.connection, "before_cursor_execute", note)
    explain = "EXPLAIN " if tx.connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    plans = [
        " ".join(map(str, row))
        for statement, parameters in statements
        if "FROM subscriber" in statement
        for row in tx.connection.exec_driver_sql(explain + statement, parameters)
    ]
    return len(page.subscribers), "\n".join(plans)


@pytest.mark.parametrize(
    ("search", "list_slug", "count", "count_by_beginnings"),
    [
        ("quillf", "", 1, 1),
        ("quillf", "news", 1, 1),
        ("quillf", "press", 1, 1),
        ("illfeath zo", "", 1, 0),
        ("reader0054321", "", 1, 1),
        ("0054321", "", 1, 0),
        ("0054321", "news", 1, 0),
        ("0054321", "press", 0, 0),
        ("明", "", 1, 1),
        ("zoe nowhere", "", 0, 0),
        ("reader", "", 50, 50),
        ("reader", "news", 50, 50),
        ("reader", "press", 0, 0),
        ("example", "", 50, 0),
        ("example", "press", 1, 0),
        ("re", "", 50, 50),
        ("r", "press", 0, 0),
    ],
)
def test_search_reads_an_index_and_not_everyone(
    store: Store, search: str, list_slug: str, count: int, count_by_beginnings: int
) -> None:
    with store.read() as tx:
        method = tx.subscribers.describe_search_index().method
        people, plan = explain_search(tx, search, list_slug)
    assert people == (count if method is SearchMethod.PARTS else count_by_beginnings)
    assert "Seq Scan on subscriber " not in plan, plan
    assert "SCAN subscriber\n" not in f"{plan}\n", plan
    if "VIRTUAL TABLE INDEX" in plan:
        assert "SEARCH subscriber USING INTEGER PRIMARY KEY" in plan
    elif count == 1 and not list_slug:
        assert "Bitmap Index Scan on ix_subscriber_search" in plan, plan
