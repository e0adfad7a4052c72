"""An occurrence starts when the clocks of its first reader show its time."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailer import zones
from mailer.digests.calendar import PlannedOccurrence
from tests.unit.digests.calendar.strategies import (
    BERLIN,
    KIRITIMATI,
    LONDON,
    NEW_YORK,
    NOW,
    PLANNED,
    TOKYO,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


def test_occurrence_start_and_cutoff_count_from_first_reader() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18"), reader_zones=[LONDON, NEW_YORK, KIRITIMATI, TOKYO]
    )
    (planned,) = calendar.list_upcoming(NOW, 1)
    assert planned.occurrence.moment == parse_utc("2026-12-18 09:00")
    assert planned.starts_at == parse_utc("2026-12-17 19:00"), (
        "clocks on Kiritimati are 14 hours ahead"
    )
    assert planned.cutoff_at == parse_utc("2026-12-17 18:00")


def test_occurrence_start_is_not_delayed_by_western_readers() -> None:
    (planned,) = make_calendar(make_schedule("2026-12-18"), reader_zones=[NEW_YORK]).list_upcoming(
        NOW, 1
    )
    assert planned.starts_at == planned.occurrence.moment == parse_utc("2026-12-18 09:00")


def test_reader_in_unknown_zone_uses_zone_of_occurrence() -> None:
    (planned,) = make_calendar(
        make_schedule("2026-12-18"), reader_zones=["Mars/Olympus"]
    ).list_upcoming(NOW, 1)
    assert planned.starts_at == planned.occurrence.moment


def test_moved_occurrence_starts_at_new_time() -> None:
    row = make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to="2026-12-18 21:00")
    (planned,) = make_calendar(
        make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO]
    ).list_upcoming(NOW, 1)
    assert planned.starts_at == parse_utc("2026-12-18 12:00")


def test_occurrence_moved_to_now_starts_at_once_for_all_readers() -> None:
    def find_occurrence_moved_at(at: str) -> PlannedOccurrence:
        row = make_saved_occurrence(
            "2026-12-18 09:00", PLANNED, moved_to="2026-12-10 12:00", updated_at=parse_utc(at)
        )
        calendar = make_calendar(
            make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO, NEW_YORK]
        )
        (planned,) = calendar.list_upcoming(NOW, 1)
        assert planned.occurrence.moment == parse_utc("2026-12-10 12:00")
        return planned

    for at in ("2026-12-10 12:00", "2026-12-10 12:00:59"):
        assert find_occurrence_moved_at(at).is_immediate
        assert find_occurrence_moved_at(at).starts_at == parse_utc("2026-12-10 12:00")
    assert not find_occurrence_moved_at("2026-12-10 11:59:59").is_immediate
    assert find_occurrence_moved_at("2026-12-10 11:59:59").starts_at == parse_utc(
        "2026-12-10 03:00"
    )


def test_unmoved_occurrence_is_never_immediate() -> None:
    row = make_saved_occurrence(
        "2026-12-18 09:00", PLANNED, updated_at=parse_utc("2026-12-18 09:00")
    )
    for rows in ([], [row]):
        calendar = make_calendar(make_schedule("2026-12-18"), rows=rows, reader_zones=[TOKYO])
        (planned,) = calendar.list_upcoming(NOW, 1)
        assert (planned.is_immediate, planned.starts_at) == (False, parse_utc("2026-12-18 00:00"))


@given(
    st.sampled_from([LONDON, BERLIN, NEW_YORK, KIRITIMATI, "Asia/Kathmandu", "Pacific/Pago_Pago"]),
    st.sets(st.sampled_from(sorted(zones.list_zone_names())), max_size=5),
    st.dates(date(2026, 12, 1), date(2030, 12, 1)),
    st.timedeltas(timedelta(), timedelta(days=14)),
)
def test_occurrence_start_is_between_first_zone_on_earth_and_moment(
    zone: str, reader_zones: set[str], day: date, cutoff: timedelta
) -> None:
    calendar = make_calendar(
        make_schedule(day.isoformat(), zone=zone, cutoff=cutoff), reader_zones=sorted(reader_zones)
    )
    (planned,) = calendar.list_upcoming(NOW, 1)
    assert (
        planned.occurrence.moment - timedelta(hours=27)
        < planned.starts_at
        <= planned.occurrence.moment
    )
    local_times = {
        planned.starts_at.astimezone(zones.get_zone(name)).replace(tzinfo=None)
        for name in {zone, *reader_zones}
    }
    assert max(local_times) == parse_wall_time(f"{day} 09:00"), (
        "it is that time where the first reader is"
    )
    assert planned.starts_at - planned.cutoff_at == cutoff
