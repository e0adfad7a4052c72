"""Fixtures for proofs of delivery: real worker processes, and a log of delivery states."""

from collections.abc import Iterator

import pytest

from mailer.app import Mailer
from mailer.store import Store
from tests.integration.delivery.worker_processes import MailerProcesses, StateLog


@pytest.fixture
def worker_processes(mailer: Mailer) -> Iterator[MailerProcesses]:
    processes = MailerProcesses(mailer)
    try:
        yield processes
    finally:
        processes.end_processes()


@pytest.fixture
def state_log(store: Store, database_url: str) -> Iterator[StateLog]:
    log = StateLog(store, database_url)
    try:
        yield log
    finally:
        log.close()
