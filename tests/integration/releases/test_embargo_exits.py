"""An embargo closes every exit: before it ends, when it is moved, when clocks change; and every
exit opens by itself at the moment that it ends."""

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
EmbargoChange = Callable[[PressScenario], None]


def _set_later_end(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 2 * HOUR))


def _move_earlier(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))
    desk.set_embargo(make_terms(get_current_minute() + 2 * MINUTE))


def _move_later(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 2 * MINUTE))
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))


def _move_to_another_zone(desk: PressScenario) -> None:
    """Move the embargo to the same time on a clock further west: it ends later."""
    local_end = (datetime.now(UTC) + 2 * HOUR).replace(tzinfo=None, second=0, microsecond=0)
    desk.set_embargo(EmbargoTerms(local_end, "Etc/UTC"))
    desk.set_embargo(EmbargoTerms(local_end, "America/New_York"))


def _save_with_later_rules(desk: PressScenario) -> None:
    """Save an embargo that has ended by the rules of yesterday, but not by those of today."""
    desk.save_embargo(make_terms(get_current_minute() + HOUR), until=get_current_minute() - HOUR)


def _save_with_earlier_rules(desk: PressScenario) -> None:
    """Save an embargo that has ended by the rules of today, which are not recorded yet."""
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=get_current_minute() + HOUR)


def _save_ended(desk: PressScenario) -> None:
    desk.save_embargo(make_terms(get_current_minute() - HOUR))


def _lift_early(desk: PressScenario) -> None:
    desk.set_embargo(make_terms(get_current_minute() + 5 * HOUR))
    desk.lift_embargo()


def _save_recorded_end(desk: PressScenario) -> None:
    """Save an embargo that the worker has recorded as ended by the rules of today."""
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=get_current_minute() - HOUR)


EMBARGOED: dict[str, EmbargoChange] = {
    "before": _set_later_end,
    "moved earlier": _move_earlier,
    "moved later": _move_later,
    "another zone": _move_to_another_zone,
    "new rules, later": _save_with_later_rules,
    "new rules, earlier, not written down yet": _save_with_earlier_rules,
}
OPEN: dict[str, EmbargoChange] = {
    "never embargoed": lambda desk: None,
    "after": _save_ended,
    "lifted by hand": _lift_early,
    "new rules, written down": _save_recorded_end,
}


@pytest.mark.parametrize("change_embargo", EMBARGOED.values(), ids=EMBARGOED)
def test_every_exit_is_closed_during_embargo(
    desk: PressScenario, change_embargo: EmbargoChange
) -> None:
    change_embargo(desk)
    assert list_open_exits(desk) == []
    for is_open in NEVER.values():
        assert not is_open(desk)
    assert desk.relay.received == []


@pytest.mark.parametrize("change_embargo", OPEN.values(), ids=OPEN)
def test_every_exit_is_open_without_embargo(
    desk: PressScenario, change_embargo: EmbargoChange
) -> None:
    change_embargo(desk)
    assert list_open_exits(desk) == list(EXITS)


def test_every_exit_opens_when_embargo_ends_and_none_before(desk: PressScenario) -> None:
    """Each exit is tried again and again: an answer before the end has nothing of the story, an
    answer to a request after the end has all of it."""
    names = [name for name in EXITS if name != "the gate"]
    started_at = datetime.now(UTC)
    for name in names:
        EXITS[name](desk)
    round_time = datetime.now(UTC) - started_at  # long on a busy machine
    ends = datetime.now(UTC) + max(timedelta(seconds=1.5), 3 * round_time)
    desk.save_embargo(make_terms(get_current_minute() - HOUR), until=ends)
    early, late = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    while datetime.now(UTC) < ends + timedelta(seconds=0.3):
        for name in names:
            asked_at = datetime.now(UTC)
            opened = EXITS[name](desk)
            if datetime.now(UTC) < ends:
                assert not opened, name
                early[name] += 1
            elif asked_at >= ends:
                assert opened, name
                late[name] += 1
    for name in names:
        late[name] += EXITS[name](desk)
    assert all(early.values()), early
    assert all(late.values()), late
    desk.deliver_mails()
    assert sorted(desk.relay.accepted) == ["ana@example.org", "ben@example.org"]


def test_mails_wait_at_gate_and_go_when_embargo_ends(desk: PressScenario) -> None:
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


def test_gate_records_refusal_under_embargo(desk: PressScenario) -> None:
    _set_later_end(desk)
    desk.deliver_mails()
    with desk.mailer.store.read() as tx:
        events = tx.embargoes.list_events(SLUG)
    assert [event.event_type for event in events] == [
        EmbargoEventType.SET,
        EmbargoEventType.REFUSED,
    ]
    assert events[-1].detail == f"gate: 2 messages of edition {desk.release.id} wait until it ends"


def test_embargo_at_ambiguous_time_ends_at_the_second(desk: PressScenario) -> None:
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
