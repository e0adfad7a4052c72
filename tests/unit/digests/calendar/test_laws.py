"""Whenever the worker looks, each date is decided once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.digests.calendar.simulation import (
    BEGINS,
    DAYS,
    CalendarSimulation,
    build_blackouts,
    check_simulation,
    count_occurrence_keys,
    draw_moves,
    draw_schedules,
    draw_ticks,
    graces,
)
from tests.unit.digests.calendar.strategies import (
    DAY,
    KIRITIMATI,
    MADE,
    NEW_YORK,
    ON_HOLD,
    SKIPPED,
    list_due_steps,
    make_calendar,
    make_saved_occurrence,
)


@given(st.data())
def test_date_is_decided_once_at_any_worker_ticks(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS))
    schedules = data.draw(draw_schedules(begin))
    calendar = make_calendar(
        *schedules,
        blackouts=data.draw(build_blackouts(begin)),
        reader_zones=sorted(data.draw(st.sets(st.sampled_from([KIRITIMATI, NEW_YORK])))),
        observances=DAYS,
        grace=data.draw(graces),
    )
    simulation, moments = (
        CalendarSimulation(calendar, data.draw(draw_moves(schedules, begin))),
        data.draw(draw_ticks(begin)),
    )
    for now in moments:
        simulation.run_tick(now)
    check_simulation(simulation, moments)


@given(st.data())
def test_due_steps_are_independent_of_order(data: st.DataObject) -> None:
    """The order in which rows, blackouts, schedules and zones are read does not matter."""
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    schedules = data.draw(draw_schedules(begin))
    now = data.draw(st.sampled_from(data.draw(draw_ticks(begin))))
    moved = [row for row in data.draw(draw_moves(schedules, begin)) if row.updated_at <= now]
    occurrence_keys = {
        key
        for schedule in schedules
        for key in count_occurrence_keys(schedule, begin, begin + 4 * DAY)
    }
    decided = [
        make_saved_occurrence(
            rule_time.isoformat(),
            data.draw(st.sampled_from([MADE, SKIPPED, ON_HOLD])),
            zone=zone,
            updated_at=now,
        )
        for rule_time, zone in sorted(
            occurrence_keys - {(row.rule_time, row.zone) for row in moved}
        )
    ]
    calendar = make_calendar(
        *schedules,
        rows=[*moved, *decided],
        blackouts=data.draw(build_blackouts(begin)),
        reader_zones=[KIRITIMATI, NEW_YORK],
        observances=DAYS,
    )
    steps = list_due_steps(calendar, now)
    assert list_due_steps(calendar, now) == steps
    reordered = replace(
        calendar,
        schedules=tuple(data.draw(st.permutations(calendar.schedules))),
        saved_occurrences=tuple(data.draw(st.permutations(calendar.saved_occurrences))),
        blackouts=calendar.blackouts[::-1],
        reader_zones=calendar.reader_zones[::-1],
    )
    expected_steps = [
        replace(step, planned=replace(step.planned, reader_zones=reordered.reader_zones))
        for step in steps
    ]
    assert list_due_steps(reordered, now) == expected_steps
