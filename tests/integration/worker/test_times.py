"""At the time on the clocks: of a zone whose rules change meanwhile, and of each reader."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.digests import ApprovalRule
from mailer.editions import EditionState, SendTime
from mailer.schedules.records import OccurrenceState
from tests.integration import office
from tests.integration.worker.conftest import HOUR, READERS, Desk
from tests.tz_database import rules_of

S = EditionState
NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def occurrences(desk: Desk, slug: str = "weekly") -> list[tuple[OccurrenceState, str]]:
    with desk.mailer.store.read() as tx:
        return [(one.state, one.reason) for one in tx.schedules.occurrences(slug, 100)]


@pytest.mark.parametrize(
    ("rules", "moment"), [("Etc/GMT-2", NINE - 2 * HOUR), ("Etc/GMT+1", NINE + HOUR)]
)
def test_a_zone_that_changes_its_rules_after_the_cut_off_still_sends_at_the_time_on_its_clocks(
    desk: Desk, rules: str, moment: datetime
) -> None:
    """Assembled for nine by the rules of then, which are UTC's."""
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02", cutoff="8h", zone="Africa/Abidjan")
    desk.tick(NINE - 8 * HOUR)
    assert desk.edition().state is S.SCHEDULED
    with rules_of(rules, "Africa/Abidjan"):
        desk.tick(moment - MINUTE)
        assert desk.edition().state is S.SCHEDULED
        assert len(desk.said("time kept")) == 1
        desk.tick(moment)
        assert desk.edition().state is S.SENDING
    desk.deliver()
    assert desk.got() == sorted(READERS), "once"


def test_each_reader_s_mail_is_due_when_their_own_clock_shows_its_time(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        office.person(tx, "tokyo@example.org", time_zone="Asia/Tokyo")
        office.person(tx, "lima@example.org", time_zone="America/Lima")
    desk.digest(approval=ApprovalRule.NONE, send_time=SendTime.READER)
    desk.schedule("2027-03-02")
    tokyo = NINE - 9 * HOUR
    desk.tick(tokyo - HOUR - MINUTE)
    assert occurrences(desk) == []
    desk.tick(tokyo - HOUR)
    assert occurrences(desk) == [(OccurrenceState.MADE, "")]
    desk.tick(tokyo)
    with desk.mailer.store.read() as tx:
        rows = {one.address: one for one in tx.outbox.deliveries(desk.edition())}
        first = rows["tokyo@example.org"].next_attempt_at
        after = {
            address: round((row.next_attempt_at - first) / HOUR, 1) for address, row in rows.items()
        }
    assert after == {
        "tokyo@example.org": 0,
        "amal@example.org": 9,
        "bela@example.org": 9,
        "lima@example.org": 14,
    }
    desk.deliver()
    assert desk.relay.accepted == ["tokyo@example.org"]
    assert desk.edition().state is S.SENDING
    with desk.mailer.store.read() as tx:
        assert not tx.queue.ready(), "the next is due in nine hours"
