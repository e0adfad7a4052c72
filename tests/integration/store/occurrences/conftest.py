"""Two digests that are sent on Tuesdays."""

import pytest

from mailer.store import Store
from tests.integration import office
from tests.integration.store.occurrences.desk import add_schedule


@pytest.fixture
def ready(store: Store) -> Store:
    with store.begin() as tx:
        office.add_mailing_list(tx)
        for slug in ("weekly", "other"):
            office.add_digest(tx, slug)
            add_schedule(tx, slug)
    return store
