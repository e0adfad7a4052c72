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
def test_each_date_is_decided_once_whenever_the_worker_looks(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS))
    some = data.draw(draw_schedules(begin))
    known = make_calendar(
        *some,
        blackouts=data.draw(build_blackouts(begin)),
        reader_zones=sorted(data.draw(st.sets(st.sampled_from([KIRITIMATI, NEW_YORK])))),
        observances=DAYS,
        grace=data.draw(graces),
    )
    play, moments = (
        CalendarSimulation(known, data.draw(draw_moves(some, begin))),
        data.draw(draw_ticks(begin)),
    )
    for now in moments:
        play.run_tick(now)
    check_simulation(play, moments)


@given(st.data())
def test_what_is_due_hangs_on_nothing_but_what_is_there(data: st.DataObject) -> None:
    """The order in which rows, blackouts, schedules and zones are read is no matter."""
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    some = data.draw(draw_schedules(begin))
    now = data.draw(st.sampled_from(data.draw(draw_ticks(begin))))
    moved = [row for row in data.draw(draw_moves(some, begin)) if row.updated_at <= now]
    named = {name for one in some for name in count_occurrence_keys(one, begin, begin + 4 * DAY)}
    decided = [
        make_saved_occurrence(
            name.isoformat(),
            data.draw(st.sampled_from([MADE, SKIPPED, ON_HOLD])),
            zone=zone,
            updated_at=now,
        )
        for name, zone in sorted(named - {(one.rule_time, one.zone) for one in moved})
    ]
    known = make_calendar(
        *some,
        rows=[*moved, *decided],
        blackouts=data.draw(build_blackouts(begin)),
        reader_zones=[KIRITIMATI, NEW_YORK],
        observances=DAYS,
    )
    steps = list_due_steps(known, now)
    assert list_due_steps(known, now) == steps
    other = replace(
        known,
        schedules=tuple(data.draw(st.permutations(known.schedules))),
        saved_occurrences=tuple(data.draw(st.permutations(known.saved_occurrences))),
        blackouts=known.blackouts[::-1],
        reader_zones=known.reader_zones[::-1],
    )
    same = [
        replace(step, planned=replace(step.planned, reader_zones=other.reader_zones))
        for step in steps
    ]
    assert list_due_steps(other, now) == same
