"""A calendar whose zone's rules change under it, when the tz database is a newer one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailer.digests.calendar import OccurrenceAction
from tests.tz_database import replace_zone_rules
from tests.unit.digests.calendar.simulation import (
    BEGINS,
    DAYS,
    CalendarSimulation,
    check_simulation,
    draw_schedules,
    draw_ticks,
    graces,
)
from tests.unit.digests.calendar.strategies import (
    BERLIN,
    HOUR,
    KIRITIMATI,
    LONDON,
    MADE,
    NEW_YORK,
    PLANNED,
    format_planned,
    list_actions,
    list_due_steps,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


def test_assembled_occurrence_is_not_repeated_after_zone_change() -> None:
    """Summer time is abolished between the cut-off and the time to send: nine o'clock, and so the
    cut-off, is yet to come once more."""
    calendar = make_calendar(
        make_schedule("weekly on Monday", created_at=parse_utc("2027-06-12 09:00"))
    )
    (step,) = list_due_steps(calendar, parse_utc("2027-06-14 07:00"))
    assert step.action is OccurrenceAction.ASSEMBLE
    assert step.planned.starts_at == parse_utc("2027-06-14 08:00")
    calendar_with_edition = replace(
        calendar, saved_occurrences=(make_saved_occurrence("2027-06-14 09:00", MADE),)
    )
    with replace_zone_rules("Africa/Abidjan", LONDON):
        assert list_due_steps(calendar, parse_utc("2027-06-14 07:59")) == []
        assert list_due_steps(calendar_with_edition, parse_utc("2027-06-14 08:00")) == []
        assert list_due_steps(calendar_with_edition, parse_utc("2027-06-21 07:59")) == []
        (step,) = list_due_steps(calendar_with_edition, parse_utc("2027-06-21 08:00"))
        assert (step.action, step.planned.occurrence.wall) == (
            OccurrenceAction.ASSEMBLE,
            parse_wall_time("2027-06-21 09:00"),
        )
        assert step.planned.starts_at == parse_utc("2027-06-21 09:00")


def test_planned_occurrence_keeps_clock_time_and_key_after_zone_change() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Monday", created_at=parse_utc("2027-06-12 09:00")),
        rows=[make_saved_occurrence("2027-06-21 09:00", PLANNED, moved_to="2027-06-21 12:00")],
    )
    before = calendar.list_upcoming(parse_utc("2027-06-14 05:00"), 3)
    with replace_zone_rules("Europe/Paris", LONDON):
        after = calendar.list_upcoming(parse_utc("2027-06-14 05:00"), 3)
        assert [planned.key for planned in after] == [planned.key for planned in before]
        assert (
            format_planned(after)
            == format_planned(before)
            == ["14 Jun 09:00", "21 Jun 12:00", "28 Jun 09:00"]
        )
        assert [planned.starts_at + HOUR for planned in after] == [
            planned.starts_at for planned in before
        ]
        assert list_actions(list_due_steps(calendar, parse_utc("2027-06-14 06:00"))) == [
            ("14 Jun 09:00", "assemble")
        ]
        # The rules came at half past: it is half an hour late, and is sent.
        assert list_actions(list_due_steps(calendar, parse_utc("2027-06-14 07:30"))) == [
            ("14 Jun 09:00", "assemble")
        ]


@given(st.data())
def test_date_is_decided_once_across_zone_change(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    calendar = make_calendar(
        *data.draw(draw_schedules(begin, BERLIN)), observances=DAYS, grace=data.draw(graces)
    )
    simulation, moments = CalendarSimulation(calendar), data.draw(draw_ticks(begin))
    changes = data.draw(st.integers(0, len(moments)))
    other_zone = data.draw(st.sampled_from([LONDON, NEW_YORK, KIRITIMATI, "Africa/Lagos"]))
    for now in moments[:changes]:
        simulation.run_tick(now)
    with replace_zone_rules(other_zone, BERLIN):
        for now in moments[changes:]:
            simulation.run_tick(now)
        simulation.run_tick(moments[-1])
        check_simulation(simulation, moments)
