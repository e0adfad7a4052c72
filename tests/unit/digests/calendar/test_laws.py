"""Whenever the worker looks, each date is decided once."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.digests.calendar.plays import (
    BEGINS,
    DAYS,
    Play,
    blackouts,
    check,
    graces,
    moves,
    names,
    schedules,
    ticks,
)
from tests.unit.digests.calendar.samples import (
    DAY,
    HELD,
    KIRITIMATI,
    MADE,
    NEW_YORK,
    SKIPPED,
    calendar,
    due,
    kept,
)


@given(st.data())
@settings(max_examples=60)
def test_each_date_is_decided_once_whenever_the_worker_looks(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS))
    some = data.draw(schedules(begin))
    known = calendar(
        *some,
        blackouts=data.draw(blackouts(begin)),
        reader_zones=sorted(data.draw(st.sets(st.sampled_from([KIRITIMATI, NEW_YORK])))),
        observances=DAYS,
        grace=data.draw(graces),
    )
    play, moments = Play(known, data.draw(moves(some, begin))), data.draw(ticks(begin))
    for now in moments:
        play.tick(now)
    check(play, moments)


@given(st.data())
def test_what_is_due_hangs_on_nothing_but_what_is_there(data: st.DataObject) -> None:
    """The order in which rows, blackouts, schedules and zones are read is no matter."""
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    some = data.draw(schedules(begin))
    now = data.draw(st.sampled_from(data.draw(ticks(begin))))
    moved = [row for row in data.draw(moves(some, begin)) if row.updated_at <= now]
    named = {name for one in some for name in names(one, begin, begin + 4 * DAY)}
    decided = [
        kept(
            name.isoformat(),
            data.draw(st.sampled_from([MADE, SKIPPED, HELD])),
            zone=zone,
            updated_at=now,
        )
        for name, zone in sorted(named - {(one.named, one.zone) for one in moved})
    ]
    known = calendar(
        *some,
        rows=[*moved, *decided],
        blackouts=data.draw(blackouts(begin)),
        reader_zones=[KIRITIMATI, NEW_YORK],
        observances=DAYS,
    )
    steps = due(known, now)
    assert due(known, now) == steps
    other = replace(
        known,
        schedules=tuple(data.draw(st.permutations(known.schedules))),
        kept=tuple(data.draw(st.permutations(known.kept))),
        blackouts=known.blackouts[::-1],
        reader_zones=known.reader_zones[::-1],
    )
    same = [
        replace(step, planned=replace(step.planned, reader_zones=other.reader_zones))
        for step in steps
    ]
    assert due(other, now) == same
