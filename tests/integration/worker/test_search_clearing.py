"""The worker clears erased people from the index of searches."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from mailer.audience import erasure
from mailer.worker.retention import ROUND_INTERVAL
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import START, WorkerHarness

RARE_LETTER = "ꙃ"


@pytest.fixture
def backend() -> str:
    return "sqlite"


def holds_rare_letter(harness: WorkerHarness) -> bool:
    with harness.mailer.store.read() as tx:
        blocks = tx.connection.scalars(text("SELECT block FROM subscriber_search_data"))
        return any(RARE_LETTER.encode() in block for block in blocks)


def test_worker_clears_erased_people_from_the_index_within_a_round(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_subscriber(tx, "zoe@example.org", name=f"Zoe {RARE_LETTER * 4}")
    harness.run_tick(START)
    with harness.mailer.store.begin() as tx:
        assert erasure.erase_person(tx, STAFF, "zoe@example.org", START)
    assert holds_rare_letter(harness)
    harness.run_tick(START + timedelta(minutes=1))
    assert holds_rare_letter(harness), "between two rounds"
    harness.run_tick(START + ROUND_INTERVAL)
    assert not holds_rare_letter(harness)
    assert any(line.get("search", 0) >= 1 for line in harness.find_log_lines("retention"))
