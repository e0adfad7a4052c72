"""An edition on its way to five readers, and two senders."""

import pytest

from mailer.app import Mailer
from mailer.model.editions import Edition
from mailer.store import Store
from tests.integration import factories
from tests.integration.factories import begin_edition
from tests.integration.store.outbox.transitions import READERS


@pytest.fixture
def edition(mailer: Mailer) -> Edition:
    return begin_edition(mailer, *READERS)


@pytest.fixture
def one(store: Store) -> int:
    """A sender."""
    with store.begin() as tx:
        return factories.register_worker(tx, "one")


@pytest.fixture
def two(store: Store) -> int:
    """Another sender."""
    with store.begin() as tx:
        return factories.register_worker(tx, "two")
