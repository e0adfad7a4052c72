"""Local time on days on which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import zones
from mailer.errors import InputError
from mailer.schedules import local_time
from mailer.schedules.holidays import FreeDays
from mailer.schedules.occurrences import Occurrence, Timing, expand_occurrences
from mailer.schedules.rules import RecurringRule, SingleDayRule


def expand_days(timing: Timing, first: date, last: date) -> list[Occurrence]:
    start = datetime.combine(first, time(), UTC) - timedelta(days=1)
    end = datetime.combine(last, time(), UTC) + timedelta(days=2)
    occurrences = expand_occurrences(timing, start, end, {}, FreeDays())
    return [occurrence for occurrence in occurrences if first <= occurrence.wall.date() <= last]


def test_dst_change_in_berlin_at_half_past_two() -> None:
    timing = Timing(RecurringRule("FREQ=DAILY", date(2027, 1, 1)), time(2, 30), "Europe/Berlin")
    forward = expand_days(timing, date(2027, 3, 27), date(2027, 3, 29))
    assert [occurrence.moment.isoformat() for occurrence in forward] == [
        "2027-03-27T01:30:00+00:00",
        "2027-03-28T01:00:00+00:00",  # there is no 02:30: 03:00 summer time
        "2027-03-29T00:30:00+00:00",
    ]
    assert "forward" in forward[1].note
    back = expand_days(timing, date(2027, 10, 30), date(2027, 11, 1))
    assert [occurrence.moment.isoformat() for occurrence in back] == [
        "2027-10-30T00:30:00+00:00",
        "2027-10-31T00:30:00+00:00",  # the first of the two, in summer time
        "2027-11-01T01:30:00+00:00",
    ]


def test_day_skipped_by_samoa_moves_occurrence() -> None:
    daily = Timing(RecurringRule("FREQ=DAILY", date(2011, 12, 1)), time(9), "Pacific/Apia")
    occurrences = expand_days(daily, date(2011, 12, 28), date(2012, 1, 1))
    assert [occurrence.wall.day for occurrence in occurrences if not occurrence.skipped] == [
        28,
        29,
        31,
        1,
    ]
    (skipped,) = [occurrence for occurrence in occurrences if occurrence.skipped]
    assert skipped.rule_time == datetime(2011, 12, 30, 9)
    assert skipped.note == "Pacific/Apia had no such day; Sat 31 Dec has an occurrence already"
    on_fridays = Timing(
        RecurringRule("FREQ=WEEKLY;BYDAY=FR", date(2011, 12, 1)), time(9), "Pacific/Apia"
    )
    occurrences = expand_days(on_fridays, date(2011, 12, 22), date(2012, 1, 6))
    assert [occurrence.wall.day for occurrence in occurrences] == [23, 31, 6], (
        "the skipped Friday moves to Saturday"
    )
    assert "no such day" in occurrences[1].note
    single_day = Timing(SingleDayRule(date(2011, 12, 30)), time(9), "Pacific/Apia")
    (occurrence,) = expand_days(single_day, date(2011, 12, 29), date(2012, 1, 1))
    assert occurrence.wall == datetime(2011, 12, 31, 9)


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("Australia/Lord_Howe", datetime(2027, 10, 3, 2, 15), "2027-10-02T15:30:00+00:00"),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 0, 0), "2018-11-04T03:00:00+00:00"),
        ("Asia/Pyongyang", datetime(2018, 5, 4, 23, 45), "2018-05-04T15:00:00+00:00"),
        ("Africa/Casablanca", datetime(2026, 3, 22, 2, 30), "2026-03-22T02:00:00+00:00"),
        ("Antarctica/Troll", datetime(2027, 3, 28, 2, 59), "2027-03-28T01:00:00+00:00"),
    ],
)
def test_dst_gaps_of_other_lengths(zone: str, wall: datetime, moment: str) -> None:
    assert not local_time.is_valid_wall_time(wall, zones.get_zone(zone))
    assert local_time.to_utc(wall, zones.get_zone(zone)).isoformat() == moment


@given(
    st.sampled_from(sorted(zones.list_zone_names())),
    st.datetimes(datetime(1970, 1, 2), datetime(2037, 12, 30)),
)
def test_to_utc_is_first_moment_at_or_after_local_time(zone: str, wall: datetime) -> None:
    wall = wall.replace(second=0, microsecond=0)
    tz = zones.get_zone(zone)
    moment = local_time.to_utc(wall, tz)
    local = moment.astimezone(tz).replace(tzinfo=None)
    if local_time.is_valid_wall_time(wall, tz):
        assert local == wall
        earlier = (moment - timedelta(hours=2)).astimezone(tz)
        assert earlier.replace(tzinfo=None) < wall
    else:
        assert wall < local <= wall + timedelta(days=1, hours=1)
        before = (moment - timedelta(minutes=1)).astimezone(tz).replace(tzinfo=None)
        assert before < wall


def test_changed_zone_rules_keep_local_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The occurrence keeps its identity; its moment follows the zone."""
    timing = Timing(RecurringRule("FREQ=DAILY", date(2027, 6, 1)), time(9), "Europe/London")
    (before,) = expand_days(timing, date(2027, 6, 15), date(2027, 6, 15))
    monkeypatch.setattr(zones, "get_zone", lambda name: ZoneInfo("Europe/Paris"))
    (after,) = expand_days(timing, date(2027, 6, 15), date(2027, 6, 15))
    assert (before.day, before.wall) == (after.day, after.wall)
    assert before.moment - after.moment == timedelta(hours=1)


@pytest.mark.parametrize("name", ["", "London", "Europe/london", "../etc/passwd", "localtime"])
def test_invalid_zone_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a time zone"):
        zones.get_zone(name)


def test_skipped_time_is_described_as_what_happens() -> None:
    wall_time = datetime(2027, 3, 28, 2, 15)
    zone = "Europe/Berlin"
    assert local_time.describe_local_time(wall_time, zone) == "Sun 28 Mar 2027 03:00 Europe/Berlin"
    assert local_time.explain_skipped_time(wall_time, zone) == "02:15 does not exist that night"
    assert local_time.explain_skipped_time(datetime(2027, 3, 28, 3, 15), zone) == ""
    day_in_samoa = datetime(2011, 12, 30, 9, 0)
    assert local_time.explain_skipped_time(day_in_samoa, "Pacific/Apia") == (
        "Fri 30 Dec 2011 does not exist in Pacific/Apia"
    )


def test_skipped_time_is_described_by_the_time_that_clocks_show() -> None:
    london = zones.get_zone("Europe/London")
    skipped = local_time.describe_wall_time(datetime(2027, 3, 28, 1, 30), london)
    assert skipped == "Sun 28 Mar 2027 02:00 (the clocks skip 01:30 that day)"
    usual = local_time.describe_wall_time(datetime(2027, 3, 28, 3, 30), london)
    assert usual == "Sun 28 Mar 2027 03:30"
