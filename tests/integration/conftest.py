"""For whoever proves something about delivery: real processes that send, and a diary of states."""

from collections.abc import Iterator

import pytest

from mailer.app import Mailer
from mailer.store import Store
from tests.integration.delivery.worker_processes import MailerProcesses, StateLog


@pytest.fixture
def senders(mailer: Mailer) -> Iterator[MailerProcesses]:
    found = MailerProcesses(mailer)
    try:
        yield found
    finally:
        found.end_processes()


@pytest.fixture
def diary(store: Store, database_url: str) -> Iterator[StateLog]:
    kept = StateLog(store, database_url)
    try:
        yield kept
    finally:
        kept.close()
