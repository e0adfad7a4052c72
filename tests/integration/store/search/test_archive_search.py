"""The archive's search finds the same with and without its index, for rare and for common words."""

import pytest

from mailer import archive
from mailer.store import SqlTransaction, Store
from mailer.store import archive as archive_store
from tests.integration import archive_factories
from tests.integration.archive_factories import create_archived_edition, make_body
from tests.integration.factories import DAY, NOW

EDITIONS = 12


@pytest.fixture
def store(search_store: Store) -> Store:
    """Editions of which every second has boats, and the third has a word of its own."""
    with search_store.begin() as tx:
        archive_factories.add_list(tx)
        archive_factories.add_list(tx, "press")
        for number in range(EDITIONS):
            bodies = (
                make_body(text="Boats came" if number % 2 else "Roads opened"),
                make_body(text="Siebenundsiebzig 国际移民日" if number == 3 else "", language="de"),
            )
            create_archived_edition(
                tx, f"No {number}", bodies=bodies, sent_at=NOW + (number * 5 % EDITIONS) * DAY
            )
        create_archived_edition(tx, "Elsewhere", list_slug="press")
    return search_store


def search_names(tx: SqlTransaction, query: str, limit: int, offset: int = 0) -> list[str]:
    news = archive.get_list(tx, "news")
    return [entry.name for entry in archive.search_editions(tx, news, query, limit, offset)]


@pytest.mark.parametrize("rare_matches", [0, 2, 1000])
def test_archive_search_agrees_for_rare_and_common_words(
    store: Store, monkeypatch: pytest.MonkeyPatch, rare_matches: int
) -> None:
    monkeypatch.setattr(archive_store, "RARE_MATCHES", rare_matches)
    monkeypatch.setattr(archive_store, "FIRST_SEARCH_BATCH", 2)
    by_day = sorted(range(EDITIONS), key=lambda number: number * 5 % EDITIONS, reverse=True)
    with_boats = [f"No {number}" for number in by_day if number % 2]
    with store.read() as tx:
        assert search_names(tx, "boats", 99) == with_boats
        assert search_names(tx, "oats bo", 4) == with_boats[:4]
        assert search_names(tx, "boats", 4, offset=3) == with_boats[3:7]
        assert search_names(tx, "undsieb", 99) == ["No 3"]
        assert search_names(tx, "移民", 99) == ["No 3"]
        assert search_names(tx, "boats undsieb", 99) == [], "they are in two languages"
        assert search_names(tx, "nowhere", 99) == []


def test_archive_search_forgets_replaced_bodies(store: Store) -> None:
    with store.begin() as tx:
        edition = create_archived_edition(tx, "New")
        tx.editions.freeze_edition(edition, [make_body(text="Lighthouse")], (), "1")
    with store.read() as tx:
        assert search_names(tx, "ighthous", 99) == ["New"]
        assert "New" not in search_names(tx, "dawn", 99)
