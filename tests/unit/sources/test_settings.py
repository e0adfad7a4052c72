"""Checks of a new source, before it is saved."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from mailer import sources
from mailer.actor import Actor
from mailer.errors import InputError
from mailer.model.sources import SourceKind, SourceSettings
from mailer.model.transaction import Transaction
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import NOW

FEED = SourceSettings("our-site", SourceKind.FEED, "https://example.org/feed", topics=("health",))


def make_source_transaction(saved: list[SourceSettings]) -> Transaction:
    """Make a transaction that has the topic "health" and puts new sources into `saved`."""

    def add_source(settings: SourceSettings, now: datetime, added_by: Actor) -> None:
        saved.append(settings)

    def find_unknown_topics(slugs: Iterable[str]) -> Sequence[str]:
        return [slug for slug in slugs if slug != "health"]

    return make_transaction(
        sources=SimpleNamespace(list_sources=list, add_source=add_source),
        articles=SimpleNamespace(find_unknown_topics=find_unknown_topics),
    )


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        (replace(FEED, topics=("health", "helth")), "topics", "there is no topic 'helth'"),
        (replace(FEED, place="example.org/feed"), "place", "is not a web address"),
        (
            replace(FEED, kind=SourceKind.WORDPRESS, place="/srv/stories"),
            "place",
            "is not a web address",
        ),
    ],
)
def test_source_with_invalid_settings_is_refused(
    settings: SourceSettings, field: str, message: str
) -> None:
    saved: list[SourceSettings] = []
    with pytest.raises(InputError, match=message) as caught:
        sources.add_source(make_source_transaction(saved), STAFF, settings, NOW)
    assert caught.value.field == field
    assert saved == []


@pytest.mark.parametrize(
    "settings", [FEED, replace(FEED, kind=SourceKind.FOLDER, place="/srv/stories")]
)
def test_source_with_valid_settings_is_saved(settings: SourceSettings) -> None:
    saved: list[SourceSettings] = []
    sources.add_source(make_source_transaction(saved), STAFF, settings, NOW)
    assert saved == [settings]
