"""A calendar that is played for some weeks: the worker looks when it likes, staff decide when they
like, and what was done is held against the laws."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st

from mailer import zones
from mailer.digests.calendar import Calendar, Do, Step
from mailer.schedules import rules, walls
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.records import KeptOccurrence, Schedule
from tests.unit.digests.calendar.samples import (
    BERLIN,
    DAY,
    HELD,
    HOUR,
    MADE,
    MINUTE,
    PLANNED,
    SKIPPED,
    due,
    kept,
    schedule,
    utc,
)

BECOMES = {Do.ASSEMBLE: MADE, Do.SKIP: SKIPPED, Do.HOLD: HELD}

BEGINS = [date(2027, 3, 14), date(2027, 10, 17), date(2011, 12, 15)]
"""Two weeks before the clocks of Europe change; before Samoa left out the 30th."""

PLAYED = 40 * DAY
DAYS = {
    "spring-day": Observance("spring-day", "28 march", {"en": "A day"}),
    "autumn-day": Observance("autumn-day", "31 october", {"en": "A day"}),
    "lost-day": Observance("lost-day", "30 december", {"en": "A day"}),
}


@dataclass
class Play:
    """A calendar whose steps are taken: each becomes a row, as the store keeps it. What `staff`
    move is a row from the moment on at which they do so, unless the worker was first."""

    calendar: Calendar
    staff: Sequence[KeptOccurrence] = ()
    taken: list[tuple[datetime, Step]] = field(default_factory=list)

    def due(self, now: datetime) -> list[Step]:
        """By the schedules that there are by then."""
        some = tuple(one for one in self.calendar.schedules if one.created_at <= now)
        return due(replace(self.calendar, schedules=some), now)

    def tick(self, now: datetime) -> None:
        moved = {(row.named, row.zone): row for row in self.staff if row.updated_at <= now}
        rows = moved | {(row.named, row.zone): row for row in self.calendar.kept}
        self.calendar = replace(self.calendar, kept=tuple(rows.values()))
        steps = self.due(now)
        if any(step.quiet for step in steps):
            assert any(
                step.do in {Do.ASSEMBLE, Do.HOLD} and step.planned.starts <= now for step in steps
            ), "what is skipped for a later one leaves that one"
        for step in steps:
            one = step.planned
            row = rows.get(one.name) or kept(
                one.occurrence.named.isoformat(),
                PLANNED,
                zone=one.occurrence.zone,
                schedule=one.schedule.id,
            )
            assert row.state is PLANNED, "what is decided is decided once"
            rows[one.name] = replace(
                row, state=BECOMES[step.do], reason=step.reason or row.reason, updated_at=now
            )
        self.calendar = replace(self.calendar, kept=tuple(rows.values()))
        self.taken += [(now, step) for step in steps]


texts = st.sampled_from(
    ["daily", "weekdays", "weekly on Sunday", "weekly on Tue and Thu", "every 3 days",
     "monthly on the 1st and 15th", "monthly on the last Sunday", "monthly on the last day",
     "spring-day: each day from 3 days before, then on the day",
     "autumn-day: each weekday from 7 days before to 7 days after",
     "lost-day: each day from 2 days before to 2 days after"]
)  # fmt: skip
clock_times = st.sampled_from(["00:00", "02:30", "09:00", "09:00", "23:30"])
cutoffs = st.sampled_from([timedelta(), HOUR, HOUR, 36 * HOUR, 10 * DAY])
gaps = st.one_of(
    st.integers(1, 300).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 9).map(lambda n: timedelta(days=n)),
)


@st.composite
def schedules(draw: st.DrawFn, begin: date, zone: str = "") -> list[Schedule]:
    found = []
    created = utc(f"{begin} 10:00")
    for number in range(1, draw(st.integers(1, 3)) + 1):
        once = begin + draw(st.integers(1, 38)) * DAY
        found.append(
            schedule(
                draw(st.one_of(texts, st.just(once.isoformat()))),
                draw(clock_times),
                zone or draw(st.sampled_from([BERLIN, BERLIN, "Asia/Kathmandu", "Pacific/Apia"])),
                number=number,
                cutoff=draw(cutoffs),
                on_free_day=draw(st.sampled_from(OnFreeDay)),
                made=created,
                start=begin,
            )
        )
        created += draw(st.sampled_from([timedelta(), HOUR, 2 * DAY]))
    return found


@st.composite
def ticks(draw: st.DrawFn, begin: date) -> list[datetime]:
    now, last = utc(f"{begin} 10:00"), utc(f"{begin} 10:00") + PLAYED
    found = [now]
    for gap in draw(st.lists(gaps, min_size=20, max_size=50)):
        now = min(now + gap, last)
        found.append(now)
    return [*found, last]


def names(known: Schedule, first: date, last: date) -> Counter[tuple[datetime, str]]:
    timing = known.new.timing
    days = rules.dates(timing.rule, first, last, DAYS)
    return Counter((datetime.combine(day, timing.at), timing.zone) for day in days)


def blackouts(begin: date) -> st.SearchStrategy[list[Blackout]]:
    return st.lists(
        st.tuples(st.integers(0, 35), st.integers(0, 6)).map(
            lambda one: Blackout(begin + one[0] * DAY, begin + (one[0] + one[1]) * DAY, "closed")
        ),
        max_size=1,
    )


@st.composite
def moves(draw: st.DrawFn, some: Sequence[Schedule], begin: date) -> list[KeptOccurrence]:
    """What staff move, each at some moment: to that moment, or to a time that is to come, which may
    be another one's."""
    last = begin + PLAYED - DAY
    named = sorted({(name, known.id) for known in some for name in names(known, begin, last)})
    if not named:
        return []
    chosen = draw(st.lists(st.sampled_from(named), max_size=2, unique_by=lambda one: one[0]))
    return [
        kept(
            name.isoformat(),
            PLANNED,
            moved_to=draw(moved_to(at, zone, last)).isoformat(),
            zone=zone,
            schedule=number,
            updated_at=at,
        )
        for (name, zone), number in chosen
        for at in [some[number - 1].created_at + draw(st.integers(0, 30 * 24 * 60)) * MINUTE]
    ]


def moved_to(at: datetime, zone: str, last: date) -> st.SearchStrategy[datetime]:
    """A wall-clock time that is not past at that moment; most often one of the next days."""
    tz = zones.zone(zone)
    local = at.astimezone(tz).replace(second=0, microsecond=0, tzinfo=None)
    days = st.one_of(st.integers(0, 2), st.integers(0, (last - local.date()).days))
    clocks = st.one_of(st.just("12:17"), clock_times).map(time.fromisoformat)
    later = st.builds(lambda n, clock: datetime.combine(local + n * DAY, clock), days, clocks)
    to_come = later.filter(lambda wall: walls.moment(wall, tz) > at - MINUTE)
    return st.one_of(st.just(local), to_come)


def check(play: Play, moments: Sequence[datetime]) -> None:
    """Each date that a rule names is decided once; nothing is sent twice, early or too late."""
    begin, end = moments[0].date(), moments[-1].date()
    grace = play.calendar.digest.order.policy.grace
    rows = Counter((row.named, row.zone) for row in play.calendar.kept)
    # Free days move a date by a fortnight at most, and then past a lost day.
    margin = 16 * DAY if play.calendar.blackouts else 3 * DAY
    ever: set[tuple[datetime, str]] = set()
    for known in play.calendar.schedules:
        for name in names(known, known.created_at.date() + margin, end - margin):
            assert rows[name] == 1, (known, name)
        ever |= names(known, begin - 20 * DAY, end + 20 * DAY).keys()
    assert rows.keys() <= ever
    assert rows.total() == len(rows)
    decided = Counter(step.planned.name for _, step in play.taken)
    assert decided.total() == len(decided)
    sent = Counter(
        (step.planned.occurrence.wall, step.planned.occurrence.zone)
        for _, step in play.taken
        if step.do is Do.ASSEMBLE
    )
    assert sent.total() == len(sent)
    for now, step in play.taken:
        one, row = step.planned, step.planned.kept
        assert now >= one.cutoff
        if row and row.moved_to and one.occurrence.moment <= row.updated_at:
            assert one.starts == one.occurrence.moment, "at once is at once for all readers"
        late = now - max(one.occurrence.moment, row.updated_at if row else one.schedule.created_at)
        if step.do is not Do.SKIP:
            assert not one.occurrence.skipped
            assert (late >= grace + MINUTE) is (step.do is Do.HOLD)
    assert PLANNED not in {row.state for row in play.calendar.kept}
    assert play.due(moments[-1]) == []


graces = st.sampled_from([timedelta(), HOUR, 6 * HOUR, 14 * DAY])
