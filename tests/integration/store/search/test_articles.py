"""Searches for articles by title and slug, on each kind of database."""

from collections.abc import Iterator

import pytest

from mailer import articles
from mailer.errors import InputError
from mailer.model.articles import ArticleQuery
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.search.conftest import open_store


def find_slugs(tx: SqlTransaction, search: str, query: ArticleQuery | None = None) -> set[str]:
    return {article.slug for article in articles.find_articles(tx, query or ArticleQuery(), search)}


def fill_store(store: Store) -> None:
    with store.begin() as tx:
        for slug, title in (
            ("open-day", "Open day at the harbour"),
            ("relief-2026", "100 % of the boats are back, 50_50"),
            ("port", "Événement: l’État ouvre le port"),
            ("gang", "国际移民日"),
        ):
            articles.add_article(tx, STAFF, factories.make_content(slug, title=title), NOW)


@pytest.fixture(scope="module")
def story_store(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store that tests only read."""
    with open_store(kind, request, tmp_path_factory.mktemp("articles")) as store:
        fill_store(store)
        yield store


@pytest.mark.parametrize(
    ("search", "slugs"),
    [
        ("HARBOUR", {"open-day"}),
        ("arbou", {"open-day"}),
        ("day open", {"open-day"}),
        ("n-da", {"open-day"}),
        ("100", {"relief-2026"}),
        ("% of", {"relief-2026"}),
        ("f-2", {"relief-2026"}),
        ("0_5", {"relief-2026"}),
        ("0x5", set()),
        ("evenement", {"port"}),
        ("l'etat", {"port"}),
        ("op", {"open-day"}),
        ("移民", {"gang"}),
        ("nowhere", set()),
    ],
)
def test_articles_are_found_by_parts_of_title_and_slug(
    story_store: Store, search: str, slugs: set[str]
) -> None:
    with story_store.read() as tx:
        assert find_slugs(tx, search) == slugs


def test_article_search_without_letters_is_refused(story_store: Store) -> None:
    with story_store.read() as tx, pytest.raises(InputError, match="no letter or digit"):
        find_slugs(tx, "%")


def test_article_search_follows_revisions_and_other_conditions(search_store: Store) -> None:
    fill_store(search_store)
    with search_store.begin() as tx:
        articles.edit_article(tx, STAFF, "open-day", "en", {"title": "Closed"}, NOW)
    with search_store.read() as tx:
        assert find_slugs(tx, "harbour") == set()
        assert find_slugs(tx, "closed") == {"open-day"}
        assert find_slugs(tx, "closed", ArticleQuery(language="fr")) == set()
        assert find_slugs(tx, "") == {"open-day", "relief-2026", "port", "gang"}
