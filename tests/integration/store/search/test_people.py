"""Searches for people by parts of names and addresses, on each kind of database."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer import words
from mailer.audience import lists, preferences, subscribers
from mailer.errors import InputError
from mailer.model.imports import ImportRow
from mailer.model.searches import SearchMethod
from mailer.model.subscribers import Person
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.search.conftest import open_store
from tests.plain_search import finds_word, generate_parts

PEOPLE = {
    "ana.quay@example.org": "Ana Quay",
    "anders@example.net": "Anders Ångström",
    "li@example.org": "李小明",
    "kim@example.org": "김민수",
    "elkin@example.org": "Анна Ёлкина",
    "ahmad@example.org": "أحمد إلياس",
    "oneil@example.org": "Seán O’Neil",
    "percent%sign@example.org": "",
    "under_score@example.org": "",
    "star*quote'x@example.org": 'The "Harbour"',
    "underxscore@example.org": "",
    "josé@bücher.example": "",
}


def import_everyone(tx: SqlTransaction, list_slug: str = "news") -> None:
    rows = [
        ImportRow(line, Person(address, name))
        for line, (address, name) in enumerate(PEOPLE.items())
    ]
    mailing_list = factories.get_mailing_list(tx, list_slug)
    tx.import_rows.import_people(STAFF, rows, mailing_list, "a fair", NOW)


def fill_store(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        import_everyone(tx)


@pytest.fixture(scope="module")
def people_store(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store that tests only read."""
    with open_store(kind, request, tmp_path_factory.mktemp("people")) as store:
        fill_store(store)
        yield store


@pytest.fixture
def changing_store(search_store: Store) -> Store:
    fill_store(search_store)
    return search_store


def find_addresses(tx: SqlTransaction, search: str) -> list[str]:
    page = subscribers.list_subscribers(tx, search, limit=1000)
    return [record.subscriber.address for record in page.subscribers]


@pytest.mark.parametrize(
    ("search", "addresses", "by_beginnings"),
    [
        ("quay", ["ana.quay@example.org"], None),
        ("QUAY ana", ["ana.quay@example.org"], None),
        ("uay", ["ana.quay@example.org"], []),
        ("ana.quay@ex", ["ana.quay@example.org"], None),
        ("quay@ex", ["ana.quay@example.org"], []),
        ("qu", ["ana.quay@example.org"], None),
        ("ua", [], None),
        ("angstrom", ["anders@example.net"], None),
        ("ÅNG", ["anders@example.net"], None),
        ("example.net", ["anders@example.net"], []),
        ("李", ["li@example.org"], None),
        ("小明", ["li@example.org"], None),
        ("李明", [], None),
        ("민수", ["kim@example.org"], None),
        ("ЁЛК", ["elkin@example.org"], None),
        ("елкина анна", ["elkin@example.org"], None),
        ("лкин", ["elkin@example.org"], []),
        ("احمد", ["ahmad@example.org"], None),
        ("الي", ["ahmad@example.org"], None),
        ("o'neil", ["oneil@example.org"], None),
        ("neil", ["oneil@example.org"], []),
        ("percent%", ["percent%sign@example.org"], None),
        ("%sig", ["percent%sign@example.org"], []),
        ("t%x", [], None),
        ("under_", ["under_score@example.org"], None),
        ("r_s", ["under_score@example.org"], []),
        ("star*", ["star*quote'x@example.org"], None),
        ("te'x", ["star*quote'x@example.org"], []),
        ('"harbour"', ["star*quote'x@example.org"], None),
        ("jose", ["josé@bücher.example"], None),
        ("bucher", ["josé@bücher.example"], []),
        ("\\", None, None),
        ("nowhere", [], None),
        ("ana nowhere", [], None),
        ("'; DROP TABLE subscriber; --", [], None),
    ],
)
def test_search_finds_parts_of_names_and_addresses(
    people_store: Store, search: str, addresses: list[str] | None, by_beginnings: list[str] | None
) -> None:
    with people_store.read() as tx:
        if addresses is None:
            with pytest.raises(InputError, match="no letter or digit"):
                find_addresses(tx, search)
            return
        only_beginnings = get_method(tx) is SearchMethod.BEGINNINGS
        expected = by_beginnings if only_beginnings and by_beginnings is not None else addresses
        assert find_addresses(tx, search) == expected


def get_method(tx: SqlTransaction) -> SearchMethod:
    return tx.subscribers.describe_search_index().method


def test_search_uses_the_best_index_of_the_database(people_store: Store, kind: str) -> None:
    with people_store.read() as tx:
        status = tx.subscribers.describe_search_index()
    if kind == "postgresql":
        assert status.method is SearchMethod.BEGINNINGS
        assert status.reason == "the server does not have the extension pg_trgm"
    else:
        assert (status.method, status.reason) == (SearchMethod.PARTS, "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        generate_parts([*PEOPLE, *filter(None, PEOPLE.values())]),
        st.text(max_size=12),
        st.text("abq@.%_*\"'\\李ё ", max_size=6),
    )
)
def test_search_agrees_with_plain_filter(people_store: Store, search: str) -> None:
    try:
        search_words = words.parse_line_query(search)
    except InputError:
        return
    with people_store.read() as tx:
        only_beginnings = get_method(tx) is SearchMethod.BEGINNINGS
        assert find_addresses(tx, search) == [
            address
            for address, name in PEOPLE.items()
            if all(
                finds_word(
                    word,
                    words.fold_line(f"{name} {address}"),
                    only_beginnings=only_beginnings,
                )
                for word in search_words
            )
        ]


def test_search_follows_changes_of_people(changing_store: Store) -> None:
    with changing_store.begin() as tx:
        factories.add_subscriber(tx, "new@example.org", name="Marina Quayside")
        subscribers.edit_subscriber(tx, STAFF, "oneil@example.org", {"name": "Ana Dock"})
        anders = subscribers.get_subscriber(tx, "anders@example.net")
        preferences.change_address(tx, STAFF, anders, "moved@example.org", NOW)
    with changing_store.read() as tx:
        assert find_addresses(tx, "quays") == ["new@example.org"]
        assert find_addresses(tx, "o'neil") == []
        assert find_addresses(tx, "dock") == ["oneil@example.org"]
        assert find_addresses(tx, "anders@") == []
        assert find_addresses(tx, "moved@") == ["moved@example.org"]


def test_search_within_a_list_gives_memberships(changing_store: Store) -> None:
    with changing_store.begin() as tx:
        press = factories.get_mailing_list(tx, "press")
        factories.add_subscriber(tx, "kim@example.org", list_slug="press")
        factories.add_subscriber(tx, "anna@example.net", list_slug="press", name="Anna Quay")
        factories.suppress_address(tx, "anna@example.net")
    with changing_store.read() as tx:
        page = subscribers.list_subscribers(tx, "quay", press)
        assert [record.subscriber.address for record in page.subscribers] == ["anna@example.net"]
        assert [record.state for record in page.subscribers] == ["suppressed"]
        news = lists.get_list(tx, "news")
        page = subscribers.list_subscribers(tx, "quay", news)
        assert [(one.subscriber.address, one.state) for one in page.subscribers] == [
            ("ana.quay@example.org", "active")
        ]
        assert page.subscribers[0].membership is not None
        assert page.subscribers[0].membership.list == "news"


@pytest.mark.parametrize("search", ["", "reader", "re 1"])
def test_pages_by_id_give_everyone_once(
    changing_store: Store, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    monkeypatch.setattr("mailer.store.audience.subscriber_search.FIRST_BATCH", 3)
    with changing_store.begin() as tx:
        for number in range(25):
            factories.add_subscriber(tx, f"reader{number:02}@example.org", name="1st Reader")
    with changing_store.read() as tx:
        everyone = find_addresses(tx, search)
        assert len(everyone) == (len(PEOPLE) if not search else 0) + 25
        addresses: list[str] = []
        after: int | None = 0
        while after is not None:
            page = subscribers.list_subscribers(tx, search, after_id=after, limit=4)
            assert len(page.subscribers) <= 4
            addresses += [record.subscriber.address for record in page.subscribers]
            after = page.next_after
            if after is not None:
                assert after == page.subscribers[-1].subscriber.id
        assert addresses == everyone


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("%", "no letter or digit"),
        (" \0\n ", "no letter or digit"),
        ("a" * 201, "longer than 200 characters"),
        ("a b c d e f g h i", "more than 8 words"),
    ],
)
def test_unusable_search_is_refused(people_store: Store, search: str, problem: str) -> None:
    with people_store.read() as tx, pytest.raises(InputError, match=problem) as caught:
        subscribers.list_subscribers(tx, search)
    assert caught.value.field == "search"


def test_largest_searches_are_answered(people_store: Store) -> None:
    with people_store.read() as tx:
        assert find_addresses(tx, "abc" * 66) == []
        assert (
            find_addresses(tx, " ".join(f"{letter}bcdefghijklmnopqrs" for letter in "abcdefgh"))
            == []
        )
        page = subscribers.list_subscribers(tx, "example", limit=2**63 - 1)
        assert page.next_after is None
