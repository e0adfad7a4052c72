"""Fixtures: an edition being sent to five readers, and two workers."""

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
def worker_id(store: Store) -> int:
    """A worker's id."""
    with store.begin() as tx:
        return factories.register_worker(tx, "one")


@pytest.fixture
def other_worker_id(store: Store) -> int:
    """Another worker's id."""
    with store.begin() as tx:
        return factories.register_worker(tx, "two")


@pytest.fixture
def ready_mailer(mailer: Mailer) -> Mailer:
    """A mailer with a list."""
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
    return mailer
