"""Fixtures for proofs of delivery: real worker processes, and a log of delivery states; and for
searches: Debian's PostgreSQL, which has pg_trgm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.store import Store
from tests.conftest import skip_without
from tests.database_cluster import ClusterServer, make_cluster_folder
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


@pytest.fixture(scope="session")
def debian_postgresql() -> Iterator[ClusterServer]:
    """Debian's PostgreSQL: the tests' own server has no contributed extensions."""
    libraries = sorted(Path("/usr/lib/postgresql").glob("*/lib/pg_trgm.so"))
    if not libraries:
        skip_without("Debian's postgresql")
    with make_cluster_folder() as folder:
        server = ClusterServer(folder / "data", libraries[-1].parent.with_name("bin"))
        server.create_data("C.UTF-8")
        server.start(fsync="off", shared_buffers="128MB")
        try:
            yield server
        finally:
            server.stop()
