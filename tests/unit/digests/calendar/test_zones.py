"""A calendar whose zone's rules change under it, when the tz database is a newer one."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.digests.calendar import Do
from tests.tz_database import rules_of
from tests.unit.digests.calendar.plays import BEGINS, DAYS, Play, check, graces, schedules, ticks
from tests.unit.digests.calendar.samples import (
    BERLIN,
    HOUR,
    KIRITIMATI,
    LONDON,
    MADE,
    NEW_YORK,
    PLANNED,
    calendar,
    due,
    kept,
    said,
    schedule,
    shown,
    utc,
    wall,
)


def test_what_was_made_is_not_made_again_when_its_zone_then_puts_it_off() -> None:
    """Summer time is abolished between the cut-off and the time to send: nine o'clock, and so the
    cut-off, is yet to come once more."""
    known = calendar(schedule("weekly on Monday", made=utc("2027-06-12 09:00")))
    (step,) = due(known, utc("2027-06-14 07:00"))
    assert step.do is Do.ASSEMBLE
    assert step.planned.starts == utc("2027-06-14 08:00")
    made = replace(known, kept=(kept("2027-06-14 09:00", MADE),))
    with rules_of("Africa/Abidjan", LONDON):
        assert due(known, utc("2027-06-14 07:59")) == []
        assert due(made, utc("2027-06-14 08:00")) == []
        assert due(made, utc("2027-06-21 07:59")) == []
        (step,) = due(made, utc("2027-06-21 08:00"))
        assert (step.do, step.planned.occurrence.wall) == (Do.ASSEMBLE, wall("2027-06-21 09:00"))
        assert step.planned.starts == utc("2027-06-21 09:00")


def test_what_was_not_made_yet_keeps_its_clock_time_and_its_name() -> None:
    known = calendar(
        schedule("weekly on Monday", made=utc("2027-06-12 09:00")),
        rows=[kept("2027-06-21 09:00", PLANNED, moved_to="2027-06-21 12:00")],
    )
    before = known.upcoming(utc("2027-06-14 05:00"), 3)
    with rules_of("Europe/Paris", LONDON):
        after = known.upcoming(utc("2027-06-14 05:00"), 3)
        assert [one.name for one in after] == [one.name for one in before]
        assert shown(after) == shown(before) == ["14 Jun 09:00", "21 Jun 12:00", "28 Jun 09:00"]
        assert [one.starts + HOUR for one in after] == [one.starts for one in before]
        assert said(due(known, utc("2027-06-14 06:00"))) == [("14 Jun 09:00", "assemble")]
        # The rules came at half past: it is half an hour late, and is sent.
        assert said(due(known, utc("2027-06-14 07:30"))) == [("14 Jun 09:00", "assemble")]


@given(st.data())
@settings(max_examples=30)
def test_each_date_is_decided_once_whatever_becomes_of_its_zone(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    known = calendar(
        *data.draw(schedules(begin, BERLIN)), observances=DAYS, grace=data.draw(graces)
    )
    play, moments = Play(known), data.draw(ticks(begin))
    changes = data.draw(st.integers(0, len(moments)))
    other = data.draw(st.sampled_from([LONDON, NEW_YORK, KIRITIMATI, "Africa/Lagos"]))
    for now in moments[:changes]:
        play.tick(now)
    with rules_of(other, BERLIN):
        for now in moments[changes:]:
            play.tick(now)
        play.tick(moments[-1])
        check(play, moments)
