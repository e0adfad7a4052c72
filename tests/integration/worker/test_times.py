"""Sending at a wall-clock time: of a zone whose rules change before, and of each reader."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState, SendTimeBasis
from mailer.model.schedules import OccurrenceState
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, READERS, WorkerHarness
from tests.tz_database import replace_zone_rules

S = EditionState
NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def list_outcomes(
    harness: WorkerHarness, slug: str = "weekly"
) -> list[tuple[OccurrenceState, str]]:
    with harness.mailer.store.read() as tx:
        return [
            (occurrence.state, occurrence.reason)
            for occurrence in tx.schedules.list_occurrences(slug, 100)
        ]


@pytest.mark.parametrize(
    ("rules", "moment"), [("Etc/GMT-2", NINE - 2 * HOUR), ("Etc/GMT+1", NINE + HOUR)]
)
def test_changed_zone_rules_after_cutoff_keep_the_wall_time(
    harness: WorkerHarness, rules: str, moment: datetime
) -> None:
    """Assembled for nine by the rules of then, which are UTC's."""
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02", cutoff="8h", zone="Africa/Abidjan")
    harness.run_tick(NINE - 8 * HOUR)
    assert harness.get_edition().state is S.SCHEDULED
    with replace_zone_rules(rules, "Africa/Abidjan"):
        harness.run_tick(moment - MINUTE)
        assert harness.get_edition().state is S.SCHEDULED
        assert len(harness.find_log_lines("send time recalculated")) == 1
        harness.run_tick(moment)
        assert harness.get_edition().state is S.SENDING
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS), "once"


def test_reader_time_mail_is_due_by_each_readers_clock(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_subscriber(tx, "tokyo@example.org", time_zone="Asia/Tokyo")
        factories.add_subscriber(tx, "lima@example.org", time_zone="America/Lima")
    harness.add_digest(approval=ApprovalRule.NONE, send_time=SendTimeBasis.READER)
    harness.add_schedule("2027-03-02")
    tokyo = NINE - 9 * HOUR
    harness.run_tick(tokyo - HOUR - MINUTE)
    assert list_outcomes(harness) == []
    harness.run_tick(tokyo - HOUR)
    assert list_outcomes(harness) == [(OccurrenceState.MADE, "")]
    harness.run_tick(tokyo)
    with harness.mailer.store.read() as tx:
        rows = {
            delivery.address: delivery
            for delivery in tx.outbox.list_deliveries(harness.get_edition())
        }
        first = rows["tokyo@example.org"].next_attempt_at
        hours_after = {
            address: round((row.next_attempt_at - first) / HOUR, 1) for address, row in rows.items()
        }
    assert hours_after == {
        "tokyo@example.org": 0,
        "amal@example.org": 9,
        "bela@example.org": 9,
        "lima@example.org": 14,
    }
    harness.deliver_editions()
    assert harness.relay.accepted == ["tokyo@example.org"]
    assert harness.get_edition().state is S.SENDING
    with harness.mailer.store.read() as tx:
        assert not tx.outbox.has_work(), "the next is due in nine hours"
