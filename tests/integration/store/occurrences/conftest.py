"""Two digests that are sent on Tuesdays."""

import pytest

from mailer.store import Store
from tests.integration import factories
from tests.integration.store.occurrences.factories import add_schedule


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        for slug in ("weekly", "other"):
            factories.add_digest(tx, slug)
            add_schedule(tx, slug)
    return store
