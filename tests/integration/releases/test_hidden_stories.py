"""Strangers can't tell an embargoed story from one that never existed, nor by the time that the
answer takes: both take the same SQL statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mailer import embargoes
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.releases.factories import (
    SLUG,
    PressScenario,
    get_current_minute,
    make_terms,
)

PATHS = (
    "/press/{}",
    "/press/{}?lang=fr",
    "/press/{}/ninjs.json",
    "/press/{}/kit.zip",
    "/press/{}/files/0123456789abcdef/map.png",
    "/stories/{}/en",
    "/stories/{}/fr",
)
LATER = timedelta(hours=3)


@contextmanager
def record_statements() -> Iterator[list[str]]:
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def list_statements(desk: PressScenario, path: str) -> tuple[int, list[str]]:
    """Return the status of a page, and the statements that it took."""
    with record_statements() as statements:
        status = desk.pages.get_page(path).status
    return status, statements


@pytest.fixture
def hidden_slugs(desk: PressScenario) -> tuple[str, ...]:
    """Stories that no one may read: a begun release under embargo, an embargoed article with topics
    in two languages that was never sent, and an article that was never sent."""
    desk.set_embargo(make_terms(get_current_minute() + LATER))
    with desk.mailer.store.begin() as tx:
        for slug in ("merger", "budget"):
            factories.add_story(tx, slug, "health")
            factories.add_story(tx, slug, "health", language="fr")
        terms = make_terms(get_current_minute() + LATER)
        embargoes.set_embargo(tx, STAFF, "merger", terms, desk.mailer.clock())
    return SLUG, "merger", "budget"


@pytest.mark.parametrize("path", PATHS)
def test_embargoed_and_absent_stories_take_the_same_statements(
    desk: PressScenario, hidden_slugs: tuple[str, ...], path: str
) -> None:
    status, statements = list_statements(desk, path.format("no-such-story"))
    assert status == 404
    assert statements
    for slug in hidden_slugs:
        assert list_statements(desk, path.format(slug)) == (404, statements), slug
