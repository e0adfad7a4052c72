"""A calendar that is played for some weeks: the worker looks when it likes, staff decide when they
like, and what was done is held against the laws."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st

from mailer import zones
from mailer.digests.calendar import CalendarStep, DigestCalendar, OccurrenceAction
from mailer.model.schedules import SavedOccurrence, Schedule
from mailer.schedules import local_time as local_time_module
from mailer.schedules import rules
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.schedules.observances import Observance
from tests.unit.digests.calendar.strategies import (
    BERLIN,
    DAY,
    HOUR,
    MADE,
    MINUTE,
    ON_HOLD,
    PLANNED,
    SKIPPED,
    list_due_steps,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
)

BECOMES = {
    OccurrenceAction.ASSEMBLE: MADE,
    OccurrenceAction.SKIP: SKIPPED,
    OccurrenceAction.PUT_ON_HOLD: ON_HOLD,
}

BEGINS = [date(2027, 3, 14), date(2027, 10, 17), date(2011, 12, 15)]
"""Two weeks before the clocks of Europe change; before Samoa left out the 30th."""

SIMULATED_TIME = 40 * DAY
DAYS = {
    "spring-day": Observance("spring-day", "28 march", {"en": "A day"}),
    "autumn-day": Observance("autumn-day", "31 october", {"en": "A day"}),
    "lost-day": Observance("lost-day", "30 december", {"en": "A day"}),
}


@dataclass
class CalendarSimulation:
    """A calendar whose steps are taken: each becomes a row, as the store keeps it. What `staff`
    move is a row from the moment on at which they do so, unless the worker was first."""

    calendar: DigestCalendar
    staff: Sequence[SavedOccurrence] = ()
    executed_steps: list[tuple[datetime, CalendarStep]] = field(default_factory=list)

    def list_due_steps(self, now: datetime) -> list[CalendarStep]:
        """List the due steps of the schedules that exist at that time."""
        schedules = tuple(
            schedule for schedule in self.calendar.schedules if schedule.created_at <= now
        )
        return list_due_steps(replace(self.calendar, schedules=schedules), now)

    def run_tick(self, now: datetime) -> None:
        moved_rows = {(row.rule_time, row.zone): row for row in self.staff if row.updated_at <= now}
        rows = moved_rows | {
            (row.rule_time, row.zone): row for row in self.calendar.saved_occurrences
        }
        self.calendar = replace(self.calendar, saved_occurrences=tuple(rows.values()))
        steps = self.list_due_steps(now)
        if any(step.is_quiet for step in steps):
            assert any(
                step.action in {OccurrenceAction.ASSEMBLE, OccurrenceAction.PUT_ON_HOLD}
                and step.planned.starts_at <= now
                for step in steps
            ), "what is skipped for a later one leaves that one"
        for step in steps:
            planned = step.planned
            row = rows.get(planned.key) or make_saved_occurrence(
                planned.occurrence.rule_time.isoformat(),
                PLANNED,
                zone=planned.occurrence.zone,
                schedule_id=planned.schedule.id,
            )
            assert row.state is PLANNED, "what is decided is decided once"
            rows[planned.key] = replace(
                row, state=BECOMES[step.action], reason=step.reason or row.reason, updated_at=now
            )
        self.calendar = replace(self.calendar, saved_occurrences=tuple(rows.values()))
        self.executed_steps += [(now, step) for step in steps]


texts = st.sampled_from(
    [
        "daily",
        "weekdays",
        "weekly on Sunday",
        "weekly on Tue and Thu",
        "every 3 days",
        "monthly on the 1st and 15th",
        "monthly on the last Sunday",
        "monthly on the last day",
        "spring-day: each day from 3 days before, then on the day",
        "autumn-day: each weekday from 7 days before to 7 days after",
        "lost-day: each day from 2 days before to 2 days after",
    ]
)
clock_times = st.sampled_from(["00:00", "02:30", "09:00", "09:00", "23:30"])
cutoffs = st.sampled_from([timedelta(), HOUR, HOUR, 36 * HOUR, 10 * DAY])
gaps = st.one_of(
    st.integers(1, 300).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 9).map(lambda n: timedelta(days=n)),
)


@st.composite
def draw_schedules(draw: st.DrawFn, begin: date, zone: str = "") -> list[Schedule]:
    drawn = []
    created_at = parse_utc(f"{begin} 10:00")
    for number in range(1, draw(st.integers(1, 3)) + 1):
        single_day = begin + draw(st.integers(1, 38)) * DAY
        drawn.append(
            make_schedule(
                draw(st.one_of(texts, st.just(single_day.isoformat()))),
                draw(clock_times),
                zone or draw(st.sampled_from([BERLIN, BERLIN, "Asia/Kathmandu", "Pacific/Apia"])),
                schedule_id=number,
                cutoff=draw(cutoffs),
                on_free_day=draw(st.sampled_from(OnFreeDay)),
                created_at=created_at,
                start=begin,
            )
        )
        created_at += draw(st.sampled_from([timedelta(), HOUR, 2 * DAY]))
    return drawn


@st.composite
def draw_ticks(draw: st.DrawFn, begin: date) -> list[datetime]:
    now, last = parse_utc(f"{begin} 10:00"), parse_utc(f"{begin} 10:00") + SIMULATED_TIME
    moments = [now]
    for gap in draw(st.lists(gaps, min_size=20, max_size=50)):
        now = min(now + gap, last)
        moments.append(now)
    return [*moments, last]


def count_occurrence_keys(
    schedule: Schedule, first: date, last: date
) -> Counter[tuple[datetime, str]]:
    timing = schedule.settings.timing
    days = rules.iterate_dates(timing.rule, first, last, DAYS)
    return Counter((datetime.combine(day, timing.at), timing.zone) for day in days)


def build_blackouts(begin: date) -> st.SearchStrategy[list[Blackout]]:
    return st.lists(
        st.tuples(st.integers(0, 35), st.integers(0, 6)).map(
            lambda drawn: Blackout(
                begin + drawn[0] * DAY, begin + (drawn[0] + drawn[1]) * DAY, "closed"
            )
        ),
        max_size=1,
    )


@st.composite
def draw_moves(
    draw: st.DrawFn, schedules: Sequence[Schedule], begin: date
) -> list[SavedOccurrence]:
    """Draw moves by staff: each at a moment, to that moment or to a later time, which another
    occurrence may have."""
    last = begin + SIMULATED_TIME - DAY
    candidates = sorted(
        {
            (key, schedule.id)
            for schedule in schedules
            for key in count_occurrence_keys(schedule, begin, last)
        }
    )
    if not candidates:
        return []
    chosen = draw(
        st.lists(st.sampled_from(candidates), max_size=2, unique_by=lambda candidate: candidate[0])
    )
    return [
        make_saved_occurrence(
            rule_time.isoformat(),
            PLANNED,
            moved_to=draw(build_move_targets(moment, zone, last)).isoformat(),
            zone=zone,
            schedule_id=schedule_id,
            updated_at=moment,
        )
        for (rule_time, zone), schedule_id in chosen
        for moment in [
            schedules[schedule_id - 1].created_at + draw(st.integers(0, 30 * 24 * 60)) * MINUTE
        ]
    ]


def build_move_targets(moment: datetime, zone: str, last: date) -> st.SearchStrategy[datetime]:
    """A wall-clock time that is not past at that moment; most often one of the next days."""
    tz = zones.get_zone(zone)
    local_time = moment.astimezone(tz).replace(second=0, microsecond=0, tzinfo=None)
    days = st.one_of(st.integers(0, 2), st.integers(0, (last - local_time.date()).days))
    clocks = st.one_of(st.just("12:17"), clock_times).map(time.fromisoformat)
    later_times = st.builds(
        lambda n, clock: datetime.combine(local_time + n * DAY, clock), days, clocks
    )
    future_times = later_times.filter(
        lambda wall: local_time_module.to_utc(wall, tz) > moment - MINUTE
    )
    return st.one_of(st.just(local_time), future_times)


def check_simulation(simulation: CalendarSimulation, moments: Sequence[datetime]) -> None:
    """Each date that a rule names is decided once; nothing is sent twice, early or too late."""
    begin, end = moments[0].date(), moments[-1].date()
    grace = simulation.calendar.digest.settings.policy.grace
    rows = Counter((row.rule_time, row.zone) for row in simulation.calendar.saved_occurrences)
    # Free days move a date by a fortnight at most, and then past a lost day.
    margin = 16 * DAY if simulation.calendar.blackouts else 3 * DAY
    possible_keys: set[tuple[datetime, str]] = set()
    for schedule in simulation.calendar.schedules:
        for key in count_occurrence_keys(
            schedule, schedule.created_at.date() + margin, end - margin
        ):
            assert rows[key] == 1, (schedule, key)
        possible_keys |= count_occurrence_keys(schedule, begin - 20 * DAY, end + 20 * DAY).keys()
    assert rows.keys() <= possible_keys
    assert rows.total() == len(rows)
    decided = Counter(step.planned.key for _, step in simulation.executed_steps)
    assert decided.total() == len(decided)
    sent = Counter(
        (step.planned.occurrence.wall, step.planned.occurrence.zone)
        for _, step in simulation.executed_steps
        if step.action is OccurrenceAction.ASSEMBLE
    )
    assert sent.total() == len(sent)
    for now, step in simulation.executed_steps:
        planned, row = step.planned, step.planned.saved
        assert now >= planned.cutoff_at
        if row and row.moved_to and planned.occurrence.moment <= row.updated_at:
            assert planned.starts_at == planned.occurrence.moment, (
                "at once is at once for all readers"
            )
        lateness = now - max(
            planned.occurrence.moment, row.updated_at if row else planned.schedule.created_at
        )
        if step.action is not OccurrenceAction.SKIP:
            assert not planned.occurrence.skipped
            assert (lateness >= grace + MINUTE) is (step.action is OccurrenceAction.PUT_ON_HOLD)
    assert PLANNED not in {row.state for row in simulation.calendar.saved_occurrences}
    assert simulation.list_due_steps(moments[-1]) == []


graces = st.sampled_from([timedelta(), HOUR, 6 * HOUR, 14 * DAY])
