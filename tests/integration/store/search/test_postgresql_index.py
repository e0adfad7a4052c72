"""PostgreSQL's indexes of searches: the best that the server, its user and its locale allow."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url, text

from mailer.audience import subscribers
from mailer.model.searches import SearchIndexStatus, SearchMethod
from mailer.store import Store
from tests.conftest import KEY
from tests.database_cluster import ClusterServer
from tests.integration import factories
from tests.integration.store.search.conftest import make_debian_database
from tests.postgresql import run_sql

PARTS = SearchIndexStatus(SearchMethod.PARTS)
INDEXES = {f"ix_{table}_search_parts" for table in ("subscriber", "article", "edition_words")}


@contextmanager
def open_store(url: str) -> Iterator[Store]:
    store = Store(url, KEY)
    store.upgrade_schema()
    yield store
    store.close()


def read_status(store: Store) -> SearchIndexStatus:
    with store.read() as tx:
        return tx.subscribers.describe_search_index()


def list_indexes(store: Store) -> set[str]:
    statement = "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%search%'"
    with store.read() as tx:
        return {*tx.connection.scalars(text(statement))}


def add_ana(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", name="Ana Quay")


def finds_ana(store: Store, search: str) -> bool:
    with store.read() as tx:
        return bool(subscribers.list_subscribers(tx, search).subscribers)


def test_upgrade_creates_the_extension(debian_postgresql: ClusterServer) -> None:
    with open_store(make_debian_database(debian_postgresql)) as store:
        store.upgrade_schema()
        assert read_status(store) == PARTS
        assert list_indexes(store) == INDEXES


def test_extension_in_another_schema_is_used(debian_postgresql: ClusterServer) -> None:
    url = make_debian_database(debian_postgresql)
    run_sql(url, 'CREATE SCHEMA "Shared"', 'CREATE EXTENSION pg_trgm SCHEMA "Shared"')
    with open_store(url) as store:
        assert read_status(store) == PARTS
        add_ana(store)
        assert finds_ana(store, "uay")


def test_user_without_rights_finds_beginnings_until_an_admin_helps(
    debian_postgresql: ClusterServer,
) -> None:
    admin_url = make_debian_database(debian_postgresql)
    run_sql(
        admin_url,
        "DROP ROLE IF EXISTS clerk",
        "CREATE ROLE clerk LOGIN",
        "GRANT USAGE, CREATE ON SCHEMA public TO clerk",
    )
    url = make_url(admin_url).set(username="clerk").render_as_string()
    with open_store(url) as store:
        add_ana(store)
        status = read_status(store)
        assert status.method is SearchMethod.BEGINNINGS
        assert status.reason == "the extension pg_trgm was not created in this database"
        assert list_indexes(store) == {"ix_subscriber_search_words"}
        assert finds_ana(store, "qu")
        assert not finds_ana(store, "uay")
        run_sql(admin_url, "CREATE EXTENSION pg_trgm")
        assert read_status(store).reason == "its index has not been made yet"
        store.upgrade_schema()
        assert read_status(store) == PARTS
        assert list_indexes(store) == INDEXES
        assert finds_ana(store, "uay")


def test_locale_without_letters_finds_beginnings(debian_postgresql: ClusterServer) -> None:
    """In the locale C, pg_trgm makes no trigrams of letters beyond ASCII, and a search for them
    would read the whole index."""
    options = "TEMPLATE template0 LOCALE 'C'"
    with open_store(make_debian_database(debian_postgresql, options)) as store:
        status = read_status(store)
        assert status.method is SearchMethod.BEGINNINGS
        assert status.reason == "the database's locale knows only the letters of ASCII"
        add_ana(store)
        with store.begin() as tx:
            factories.add_subscriber(tx, "elkin@example.org", name="Анна Ёлкина")
        assert finds_ana(store, "ЁЛК")
