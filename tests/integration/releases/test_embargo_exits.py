"""The embargo holds at every exit: before it ends, when it is moved, when clocks change; and at the
moment that it ends each of them opens by itself."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailer import embargoes
from mailer.model.embargoes import EmbargoEventType, EmbargoTerms
from mailer.schedules import local_time
from tests.integration.releases.factories import (
    EXITS,
    MINUTE,
    NEVER,
    SLUG,
    PressScenario,
    get_current_minute,
    list_open_exits,
    make_terms,
)

HOUR = timedelta(hours=1)
Turn = Callable[[PressScenario], None]


def _before(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 2 * HOUR))


def _earlier(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))
    desk.set_embargo(make_terms(get_current_minute() + 2 * MINUTE))


def _later(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 2 * MINUTE))
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))


def _other_zone(desk: PressScenario) -> None:
    """The same time on the clock, further west: it ends later."""
    here = (datetime.now(UTC) + 2 * HOUR).replace(tzinfo=None, second=0, microsecond=0)
    desk.set_embargo(EmbargoTerms(here, "Etc/UTC"))
    desk.set_embargo(EmbargoTerms(here, "America/New_York"))


def _rules_moved_later(desk: PressScenario) -> None:
    """By the rules of yesterday it has ended; by those of today it has not yet."""
    desk.save_embargo(make_terms(get_current_minute() + HOUR), until=get_current_minute() - HOUR)


def _rules_moved_earlier(desk: PressScenario) -> None:
    """By the rules of today it has ended, and nobody has written that down yet."""
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=get_current_minute() + HOUR)


def _after(desk: PressScenario) -> None:
    desk.save_embargo(make_terms(get_current_minute() - HOUR))


def _lifted(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))
    desk.lift_embargo()


def _kept_by_the_clock(desk: PressScenario) -> None:
    """The worker has written down that it has ended by the rules of today... that it ends."""
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=get_current_minute() - HOUR)


HELD: dict[str, Turn] = {
    "before": _before,
    "moved earlier": _earlier,
    "moved later": _later,
    "another zone": _other_zone,
    "new rules, later": _rules_moved_later,
    "new rules, earlier, not written down yet": _rules_moved_earlier,
}
FREE: dict[str, Turn] = {
    "never embargoed": lambda desk: None,
    "after": _after,
    "lifted by hand": _lifted,
    "new rules, written down": _kept_by_the_clock,
}


@pytest.mark.parametrize("turn", HELD.values(), ids=HELD)
def test_nothing_leaves_by_any_exit_while_it_is_held(desk: PressScenario, turn: Turn) -> None:
    turn(desk)
    assert list_open_exits(desk) == []
    for leaves in NEVER.values():
        assert not leaves(desk)
    assert desk.relay.received == []


@pytest.mark.parametrize("turn", FREE.values(), ids=FREE)
def test_everything_is_open_when_it_is_not(desk: PressScenario, turn: Turn) -> None:
    turn(desk)
    assert list_open_exits(desk) == list(EXITS)


def test_at_the_moment_that_it_ends_every_exit_opens_and_none_before(desk: PressScenario) -> None:
    """Each exit is asked again and again. What was answered before the end told nothing; what was
    asked after it told all."""
    ends = datetime.now(UTC) + timedelta(seconds=1.5)
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=ends)
    names = [name for name in EXITS if name != "the gate"]
    early, late = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    while datetime.now(UTC) < ends + timedelta(seconds=0.3):
        for name in names:
            asked = datetime.now(UTC)
            opened = EXITS[name](desk)
            if datetime.now(UTC) < ends:
                assert not opened, name
                early[name] += 1
            elif asked >= ends:
                assert opened, name
                late[name] += 1
    for name in names:
        late[name] += EXITS[name](desk)
    assert all(early.values()), early
    assert all(late.values()), late
    desk.deliver_mails()
    assert sorted(desk.relay.accepted) == ["ana@example.org", "ben@example.org"]


def test_mails_wait_at_the_gate_and_go_by_themselves_when_it_ends(desk: PressScenario) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=1.5)
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=ends)
    desk.deliver_mails()
    assert desk.relay.received == []
    assert datetime.now(UTC) < ends, "the run did not wait for it"
    with desk.mailer.store.read() as tx:
        assert not tx.outbox.has_work()
    time.sleep(max((ends - datetime.now(UTC)).total_seconds(), 0) + 0.05)
    with desk.mailer.store.read() as tx:
        assert tx.outbox.has_work()
    desk.deliver_mails()
    assert sorted(desk.relay.accepted) == ["ana@example.org", "ben@example.org"]


def test_what_was_refused_is_written_down(desk: PressScenario) -> None:
    _before(desk)
    desk.deliver_mails()
    with desk.mailer.store.read() as tx:
        found = tx.embargoes.list_events(SLUG)
    assert [one.what for one in found] == [EmbargoEventType.SET, EmbargoEventType.REFUSED]
    assert found[-1].detail == f"gate: 2 messages of edition {desk.release.id} wait until it ends"


def test_of_a_time_that_clocks_show_twice_the_second_counts(desk: PressScenario) -> None:
    twice = datetime(2027, 10, 31, 1, 30)  # noqa: DTZ001  (a wall clock's)
    zone = ZoneInfo("Europe/London")
    first = local_time.to_utc(twice, zone)
    assert EmbargoTerms(twice, "Europe/London").moment == first + HOUR
    desk.set_embargo(EmbargoTerms(twice, "Europe/London"))
    with desk.mailer.store.read() as tx:
        assert SLUG in embargoes.find_embargoed(tx.embargoes, first)
        assert SLUG in embargoes.find_embargoed(
            tx.embargoes, first + HOUR - timedelta(microseconds=1)
        )
        assert SLUG not in embargoes.find_embargoed(tx.embargoes, first + HOUR)
