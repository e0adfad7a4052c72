"""Two digests that are sent on Tuesdays."""

import pytest

from mailer.store import Store
from tests.integration import office
from tests.integration.store.occurrences.desk import schedule


@pytest.fixture
def ready(store: Store) -> Store:
    with store.begin() as tx:
        office.mailing_list(tx)
        for slug in ("weekly", "other"):
            office.digest(tx, slug)
            schedule(tx, slug)
    return store
