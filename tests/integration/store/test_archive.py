"""The archive in the database: what stands in it, its order, and what a search finds."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer import archive, editions, message, words
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.model.archive import ArchiveEntry
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState
from mailer.model.editions import EditionBody
from mailer.model.lists import Visibility
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import archive_factories, factories
from tests.integration.archive_factories import create_archived_edition, make_body
from tests.integration.factories import DAY, NOW
from tests.plain_search import finds_word, generate_parts

LIMIT = 1000


def get_names(entries: list[ArchiveEntry]) -> list[str]:
    return [entry.name for entry in entries]


def join_words(body: EditionBody) -> str:
    return words.join_distinct_words(
        f"{message.render_heading(body)}\n{message.render_plain_text(body)}"
    )


def list_entries(tx: SqlTransaction, slug: str = "news") -> list[ArchiveEntry]:
    return tx.editions.find_entries(slug, limit=LIMIT)


def test_archive_sql_agrees_with_rule(store: Store) -> None:
    with store.begin() as tx:
        archived = []
        for visibility in Visibility:
            archive_factories.add_list(tx, visibility.value, visibility=visibility)
        for kind, state, flag, visibility in product(
            EditionKind, EditionState, ArchiveVisibility, Visibility
        ):
            name = f"{kind} {state} {flag} {visibility}"
            archived.append(
                create_archived_edition(
                    tx, name, list_slug=visibility.value, state=state, archive=flag, kind=kind
                )
            )
        visible_uids = {
            edition.uid
            for edition in archived
            if archive.is_in_archive(edition, tx.editions.load_mailing_list(edition))
        }
    assert len(visible_uids) == 2
    with store.read() as tx:
        assert {edition.uid for edition in tx.editions.list_all_entries(LIMIT)} == visible_uids
        for visibility in Visibility:
            slug = visibility.value
            list_uids = {edition.uid for edition in archived if edition.list == slug}
            assert {edition.uid for edition in list_entries(tx, slug)} == visible_uids & list_uids
            matches = tx.editions.find_entries(slug, ("boats",), limit=LIMIT)
            assert {edition.uid for edition in matches} == visible_uids & list_uids
            for edition in archived:
                entry = tx.editions.find_entry(slug, edition.uid)
                assert (entry is not None) == (edition.uid in visible_uids & list_uids)
        for edition in archived:
            # A link that was sent in a mail works whatever becomes of the edition.
            assert (tx.editions.find_body(edition.id, "en") is not None) == (
                edition.kind in {EditionKind.MAILING, EditionKind.WELCOME}
            )


def test_private_list_hides_its_archive(store: Store) -> None:
    with store.begin() as tx:
        archive_factories.add_list(tx)
        edition = create_archived_edition(tx)
        archive_factories.hide_list(tx, "news")
        assert list_entries(tx) == []
        assert tx.editions.list_all_entries(LIMIT) == []
        assert tx.editions.find_entry("news", edition.uid) is None


def test_archive_visibility_change_is_immediate(store: Store) -> None:
    with store.begin() as tx:
        archive_factories.add_list(tx)
        edition = create_archived_edition(tx)
        hidden = editions.set_archive_visibility(
            tx, create_local_actor("ana"), edition, ArchiveVisibility.PRIVATE, NOW
        )
        assert list_entries(tx) == []
        assert tx.editions.list_bodies(hidden) == tx.editions.list_bodies(edition)
        public = editions.set_archive_visibility(
            tx, create_local_actor("ben"), hidden, ArchiveVisibility.PUBLIC, NOW
        )
        assert public == edition
        assert get_names(list_entries(tx)) == ["The week"]
        events = [
            (event.event_type, event.actor, event.detail)
            for event in tx.editions.list_events(edition)
        ]
        assert events[-2:] == [("archive", "ana", "private"), ("archive", "ben", "public")]


def test_edition_is_archived_when_sending_begins(mailer: Mailer) -> None:
    started = factories.begin_edition(mailer, "ana@example.org", template="digest")
    with mailer.store.read() as tx:
        (entry,) = list_entries(tx)
        assert entry.edition_id == started.id
        assert entry.sent_at == factories.reload_edition(tx, started).planned_at
        (version,) = entry.versions
        assert version.subject == "Boats (en)"
        assert version.titles == ("Boats (en)",)
        assert version.summary == "Boats in short."
        for typed, is_match in (("BOATS short", True), ("ana", False), ("harbour", False)):
            matches = tx.editions.find_entries("news", words.split_query(typed, 8))
            assert bool(matches) == is_match, typed
    with mailer.store.begin() as tx:
        paused = editions.pause_edition(tx, STAFF, started, NOW)
        assert list_entries(tx) == []
        editions.resume_edition(tx, STAFF, paused, NOW)
        assert len(list_entries(tx)) == 1


def test_archive_pages_list_newest_first(store: Store) -> None:
    with store.begin() as tx:
        archive_factories.add_list(tx)
        archive_factories.add_list(tx, "press")
        for number in (3, 1, 4, 2, 5):
            create_archived_edition(tx, f"No {number}", sent_at=NOW + number * DAY)
        create_archived_edition(tx, "Twin", sent_at=NOW + 5 * DAY)
        create_archived_edition(tx, "Elsewhere", list_slug="press")
    with store.read() as tx:
        order = ["Twin", "No 5", "No 4", "No 3", "No 2", "No 1"]
        assert get_names(list_entries(tx)) == order
        pages = [
            get_names(tx.editions.find_entries("news", limit=2, offset=at)) for at in (0, 2, 4, 6)
        ]
        assert pages == [order[:2], order[2:4], order[4:], []]
        assert get_names(tx.editions.list_all_entries(3)) == order[:3]
        assert tx.editions.list_all_entries(99)[-1].list == "press"


def test_archive_entry_has_all_languages(store: Store) -> None:
    bodies = tuple(
        make_body(language=tag, subject=f"In {tag}", titles=(f"A {tag}", f"B {tag}"), summary=tag)
        for tag in ("ar", "en", "fr")
    )
    with store.begin() as tx:
        archive_factories.add_list(tx)
        edition = create_archived_edition(tx, bodies=bodies)
        entry = tx.editions.find_entry("news", edition.uid)
        assert entry is not None
        assert entry.languages == ("ar", "en", "fr")
        assert [version.subject for version in entry.versions] == ["In ar", "In en", "In fr"]
        assert entry.choose_version("fr").titles == ("A fr", "B fr")
        assert tx.editions.find_body(edition.id, "fr") == bodies[2]
        assert tx.editions.find_body(edition.id, "es") is None


# ---- search -----------------------------------------------------------------------------------


SEARCHED_TEXTS = {
    "Harbour": ("en", "Boats came in at dawn; 100% of them. Seventy-two_three."),
    "Port": ("fr", "Des bateaux à l’aube, déjà arrivés."),
    "Marsa": ("ar", "وصلت القوارب إلى المِينَاءِ فجرًا"),
    "Gang": ("zh", "船只在黎明时分抵达港口，国际移民日。"),
}


@pytest.fixture
def searchable_store(store: Store) -> Store:
    with store.begin() as tx:
        archive_factories.add_list(tx)
        for name, (language, text) in SEARCHED_TEXTS.items():
            body = make_body(subject=name, language=language, text=text, html="<p>hidden</p>")
            create_archived_edition(tx, name, language=language, bodies=(body,))
        bodies = (
            make_body(subject="Both", text="Roads"),
            make_body(subject="Les deux", text="Routes", language="fr"),
        )
        create_archived_edition(tx, "Both", bodies=bodies)
    return store


@pytest.mark.parametrize(
    ("query", "expected_names"),
    [
        ("boats", ["Harbour"]),
        ("BOATS, dawn!", ["Harbour"]),
        ("oat", ["Harbour"]),
        ("da", ["Harbour"]),
        ("oa", []),
        ("10", ["Harbour"]),
        ("0", []),
        ("民", ["Gang"]),
        ("harbour boats", ["Harbour"]),
        ("boats roads", []),
        ("deja aube", ["Port"]),
        ("DÉJÀ", ["Port"]),
        ("الى ميناء", ["Marsa"]),
        ("移民", ["Gang"]),
        ("黎明 港口", ["Gang"]),
        ("roads", ["Both"]),
        ("deux routes", ["Both"]),
        ("roads routes", []),
        ("100%", ["Harbour"]),
        ("1%3", []),
        ("two_three", ["Harbour"]),
        ("x_ats", []),
        ("hidden", []),
        ("example", []),
        ("'; DROP TABLE edition; --", []),
        ("%", ["Both", "Gang", "Marsa", "Port", "Harbour"]),
        ("", ["Both", "Gang", "Marsa", "Port", "Harbour"]),
        ("\\ / \0", ["Both", "Gang", "Marsa", "Port", "Harbour"]),
    ],
)
def test_archive_search_needs_every_word(
    searchable_store: Store, query: str, expected_names: list[str]
) -> None:
    with searchable_store.read() as tx:
        news = archive.get_list(tx, "news")
        assert get_names(list(archive.search_editions(tx, news, query, 9))) == expected_names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.one_of(
        st.text(max_size=40),
        generate_parts([text for _, text in SEARCHED_TEXTS.values()]),
    )
)
def test_archive_search_treats_any_text_as_words(searchable_store: Store, query: str) -> None:
    with searchable_store.read() as tx:
        news = archive.get_list(tx, "news")
        entries = tx.editions.find_entries("news", limit=9)
        search_words = words.split_query(query, archive.MAX_SEARCH_WORDS)
        expected_names = [
            entry.name
            for entry in entries
            if any(
                all(finds_word(word, join_words(body)) for word in search_words)
                for tag in entry.languages
                if (body := tx.editions.find_body(entry.edition_id, tag))
            )
        ]
        assert get_names(list(archive.search_editions(tx, news, query, 9))) == expected_names


def test_archive_search_uses_words_of_new_body(store: Store) -> None:
    with store.begin() as tx:
        archive_factories.add_list(tx)
        edition = create_archived_edition(tx)
        tx.editions.freeze_edition(edition, [replace(make_body(), text="Roads")], (), "1")
        assert tx.editions.find_entries("news", ("boats",)) == []
        assert len(tx.editions.find_entries("news", ("roads",))) == 1
