"""A digest's calendar shows what comes, as staff and free days have left it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import zones
from mailer.digests.calendar import PlannedOccurrence
from mailer.model.schedules import SavedOccurrence
from tests.unit.digests.calendar.strategies import (
    BEFORE,
    BERLIN,
    DAY,
    KIRITIMATI,
    LONDON,
    MADE,
    NEW_YORK,
    NOW,
    ON_HOLD,
    PLANNED,
    SKIPPED,
    TOKYO,
    format_planned,
    list_actions,
    list_due_steps,
    make_blackout,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


def test_the_next_ones_come_in_order_whichever_schedule_gives_them() -> None:
    both = make_calendar(
        make_schedule("daily"), make_schedule("weekly on Monday", "17:00", schedule_id=2)
    )
    assert format_planned(both.list_upcoming(NOW, 5)) == [
        "21 Nov 09:00", "22 Nov 09:00", "23 Nov 09:00", "23 Nov 17:00", "24 Nov 09:00",
    ]  # fmt: skip
    assert [one.schedule.id for one in both.list_upcoming(NOW, 4)] == [1, 1, 1, 2]
    assert both.list_upcoming(NOW, 0) == []


def test_what_is_being_sent_at_this_minute_is_not_to_come_any_more() -> None:
    known = make_calendar(make_schedule("daily"))
    assert format_planned(known.list_upcoming(parse_utc("2026-11-21 09:00"), 1)) == ["22 Nov 09:00"]
    assert format_planned(known.list_upcoming(parse_utc("2026-11-21 08:59"), 1)) == ["21 Nov 09:00"]


def test_there_are_no_more_than_there_are() -> None:
    assert format_planned(make_calendar(make_schedule("2026-12-18")).list_upcoming(NOW, 5)) == [
        "18 Dec 09:00"
    ]
    assert make_calendar(make_schedule("2026-11-19")).list_upcoming(NOW, 5) == []
    assert make_calendar().list_upcoming(NOW, 5) == []


def test_skipped_ones_are_among_them_with_the_reason() -> None:
    known = make_calendar(
        make_schedule("daily", region="GB"),
        rows=[make_saved_occurrence("2026-12-24 09:00", SKIPPED, reason="nobody is in")],
        blackouts=[make_blackout("2026-12-27")],
    )
    found = known.list_upcoming(parse_utc("2026-12-23 12:00"), 6)
    assert format_planned(found) == [
        "(24 Dec 09:00)", "(25 Dec 09:00)", "(26 Dec 09:00)", "(27 Dec 09:00)", "(28 Dec 09:00)",
        "29 Dec 09:00",
    ]  # fmt: skip
    assert [one.occurrence.note for one in found if one.occurrence.skipped] == [
        "nobody is in",
        "Christmas Day",
        "Boxing Day",
        "the office is closed",
        "Boxing Day (observed)",
    ]


def test_what_two_schedules_name_at_the_same_time_is_one_the_older_schedules() -> None:
    older, newer = make_schedule("daily"), make_schedule("weekdays", schedule_id=2, cutoff=DAY)
    (one, _) = make_calendar(older, newer).list_upcoming(parse_utc("2026-11-23 08:00"), 2)
    assert (one.schedule, one.key) == (older, (parse_wall_time("2026-11-23 09:00"), LONDON))


def test_a_day_that_one_schedule_skips_and_another_does_not_is_there() -> None:
    known = make_calendar(
        make_schedule("2026-12-25", region="GB"), make_schedule("2026-12-25", schedule_id=2)
    )
    (one,) = known.list_upcoming(NOW, 5)
    assert (one.schedule.id, one.occurrence.skipped) == (2, False)


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_lands_on_the_time_of_another_is_told_as_skipped(newest_first: bool) -> None:
    """Christmas is kept on the day before, on which there is one already: the older schedule's."""
    some = [
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
    ]
    known = make_calendar(*(some[::-1] if newest_first else some))
    found = known.list_upcoming(parse_utc("2026-12-23 12:00"), 2)
    assert format_planned(found) == ["24 Dec 09:00", "(24 Dec 09:00)"]
    assert [one.schedule.id for one in found] == [1, 2]
    assert found[1].occurrence.note == "another of this digest is sent then"
    assert found[1].key == (parse_wall_time("2026-12-25 09:00"), LONDON)


def test_what_lands_on_the_time_of_one_that_is_skipped_is_sent() -> None:
    known = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[make_saved_occurrence("2026-12-24 09:00", SKIPPED)],
    )
    assert format_planned(known.list_upcoming(parse_utc("2026-12-23 12:00"), 2)) == [
        "(24 Dec 09:00)",
        "24 Dec 09:00",
    ]


@pytest.mark.parametrize(
    ("rows", "sent"),
    [
        # What an edition was made of, the newer schedule's though it is.
        (
            [
                make_saved_occurrence("2026-12-25 09:00", MADE),
                make_saved_occurrence("2026-12-24 09:00", PLANNED),
            ],
            25,
        ),
        # Otherwise the occurrence that staff moved there.
        (
            [
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                )
            ],
            30,
        ),
        # Of several of them the older schedule's, and its first one.
        (
            [
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                ),
                make_saved_occurrence("2026-12-31 09:00", PLANNED, moved_to="2026-12-24 09:00"),
                make_saved_occurrence("2027-01-07 09:00", PLANNED, moved_to="2026-12-24 09:00"),
            ],
            31,
        ),
        # What an edition was made of comes before what is moved there later.
        (
            [
                make_saved_occurrence("2026-12-24 09:00", MADE),
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                ),
            ],
            24,
        ),
        # Otherwise the one of the older schedule.
        ([], 24),
    ],
)
def test_of_several_at_one_time_one_is_sent(rows: list[SavedOccurrence], sent: int) -> None:
    known = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        make_schedule("weekly on Wednesday", schedule_id=3),
        rows=rows,
    )
    found = known.list_between(parse_utc("2026-12-23 12:00"), parse_utc("2026-12-24 12:00"))
    assert {one.occurrence.wall for one in found} == {parse_wall_time("2026-12-24 09:00")}
    assert len(found) == 2 + sum(row.moved_to is not None for row in rows)
    notes = {
        one.original.rule_time.day: one.occurrence.note for one in found if one.occurrence.skipped
    }
    assert {one.original.rule_time.day for one in found} - notes.keys() == {sent}
    assert {*notes.values()} == {"another of this digest is sent then"}


def test_of_several_at_one_time_that_were_made_none_is_told_as_skipped() -> None:
    known = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[
            make_saved_occurrence("2026-12-24 09:00", MADE),
            make_saved_occurrence("2026-12-25 09:00", MADE, schedule_id=2),
        ],
    )
    assert format_planned(known.list_upcoming(parse_utc("2026-12-23 12:00"), 2)) == [
        "24 Dec 09:00",
        "24 Dec 09:00",
    ]


def test_what_is_made_is_not_skipped_by_a_blackout_that_comes_later() -> None:
    known = make_calendar(
        make_schedule("daily"),
        rows=[make_saved_occurrence("2026-11-21 09:00", MADE)],
        blackouts=[make_blackout("2026-11-21", "2026-11-22")],
    )
    assert format_planned(known.list_upcoming(NOW, 2)) == ["21 Nov 09:00", "(22 Nov 09:00)"]


def test_the_same_time_in_two_zones_is_two() -> None:
    known = make_calendar(
        make_schedule("2026-12-18"), make_schedule("2026-12-18", zone=NEW_YORK, schedule_id=2)
    )
    assert [one.occurrence.moment.hour for one in known.list_upcoming(NOW, 5)] == [9, 14]


def test_they_are_as_staff_and_the_worker_have_left_them() -> None:
    known = make_calendar(
        make_schedule("daily"),
        rows=[
            make_saved_occurrence("2026-11-21 09:00", MADE, edition_id=4),
            make_saved_occurrence("2026-11-22 09:00", ON_HOLD, reason="it was missed by 9 h"),
            make_saved_occurrence("2026-11-23 09:00", SKIPPED, reason="by Amina"),
            make_saved_occurrence(
                "2026-11-24 09:00", PLANNED, moved_to="2026-11-24 16:30", actor="Amina"
            ),
            make_saved_occurrence(
                "2026-11-25 09:00", PLANNED, moved_to="2026-11-25 07:00", reason="a summit"
            ),
            make_saved_occurrence("2026-11-26 09:00", PLANNED),
            make_saved_occurrence(
                "2026-11-27 09:00", MADE, moved_to="2026-11-27 10:00", reason="a summit"
            ),
        ],
    )
    found = known.list_upcoming(NOW, 8)
    assert format_planned(found) == [
        "21 Nov 09:00", "22 Nov 09:00", "(23 Nov 09:00)", "24 Nov 16:30", "25 Nov 07:00",
        "26 Nov 09:00", "27 Nov 10:00", "28 Nov 09:00",
    ]  # fmt: skip
    assert [one.saved.state if one.saved else None for one in found] == [
        MADE, ON_HOLD, SKIPPED, PLANNED, PLANNED, PLANNED, MADE, None,
    ]  # fmt: skip
    assert [one.occurrence.note for one in found] == [
        "",
        "it was missed by 9 h",
        "by Amina",
        "moved from Tue 24 Nov 09:00 by Amina",
        "moved from Wed 25 Nov 09:00: a summit",
        "",
        "a summit",
        "",
    ]


def test_one_that_is_moved_from_far_away_is_shown_at_its_new_time_under_its_name() -> None:
    known = make_calendar(
        make_schedule("monthly on the 15th"),
        rows=[
            make_saved_occurrence("2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00"),
            make_saved_occurrence("2026-12-15 09:00", PLANNED, moved_to="2027-02-01 12:00"),
        ],
    )
    found = known.list_upcoming(NOW, 3)
    assert format_planned(found) == ["21 Nov 12:00", "15 Jan 09:00", "01 Feb 12:00"]
    assert [one.occurrence.rule_time for one in found] == [
        parse_wall_time("2027-09-15 09:00"),
        parse_wall_time("2027-01-15 09:00"),
        parse_wall_time("2026-12-15 09:00"),
    ]
    assert found[0].cutoff_at == parse_utc("2026-11-21 11:00")


def test_however_many_are_moved_away_there_are_as_many_as_were_asked_for() -> None:
    rows = [
        make_saved_occurrence(f"2026-11-{day} 09:00", PLANNED, moved_to=f"2027-03-{day} 12:00")
        for day in range(21, 29)
    ]
    found = make_calendar(make_schedule("daily"), rows=rows).list_upcoming(NOW, 4)
    assert format_planned(found) == ["29 Nov 09:00", "30 Nov 09:00", "01 Dec 09:00", "02 Dec 09:00"]


def test_one_that_staff_have_moved_onto_a_free_day_is_sent_on_it() -> None:
    known = make_calendar(
        make_schedule("weekly on Thursday", region="GB"),
        rows=[make_saved_occurrence("2026-12-24 09:00", PLANNED, moved_to="2026-12-25 12:00")],
        blackouts=[make_blackout("2026-12-20", "2026-12-31")],
    )
    assert format_planned(known.list_upcoming(parse_utc("2026-12-20 12:00"), 1)) == ["25 Dec 12:00"]


def test_one_that_a_free_day_would_skip_is_sent_when_staff_have_moved_it() -> None:
    known = make_calendar(
        make_schedule("weekly on Friday", region="GB"),
        rows=[make_saved_occurrence("2026-12-25 09:00", PLANNED, moved_to="2026-12-23 15:00")],
    )
    assert format_planned(known.list_upcoming(parse_utc("2026-12-20 12:00"), 1)) == ["23 Dec 15:00"]
    assert list_actions(list_due_steps(known, parse_utc("2026-12-23 14:00")))[-1] == (
        "25 Dec 09:00",
        "assemble",
    )


def test_a_moved_one_whose_schedule_is_gone_is_gone() -> None:
    row = make_saved_occurrence(
        "2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00", schedule_id=None
    )
    known = make_calendar(make_schedule("monthly on the 15th"), rows=[row])
    assert format_planned(known.list_upcoming(NOW, 1)) == ["15 Dec 09:00"]


def test_it_starts_when_the_first_reader_is_sent_it_and_the_cut_off_counts_from_there() -> None:
    known = make_calendar(
        make_schedule("2026-12-18"), reader_zones=[LONDON, NEW_YORK, KIRITIMATI, TOKYO]
    )
    (one,) = known.list_upcoming(NOW, 1)
    assert one.occurrence.moment == parse_utc("2026-12-18 09:00")
    assert one.starts_at == parse_utc("2026-12-17 19:00"), "clocks on Kiritimati are 14 hours ahead"
    assert one.cutoff_at == parse_utc("2026-12-17 18:00")


def test_readers_further_west_do_not_make_it_later() -> None:
    (one,) = make_calendar(make_schedule("2026-12-18"), reader_zones=[NEW_YORK]).list_upcoming(
        NOW, 1
    )
    assert one.starts_at == one.occurrence.moment == parse_utc("2026-12-18 09:00")


def test_a_reader_in_no_zone_that_we_know_is_in_the_occurrences_own() -> None:
    (one,) = make_calendar(
        make_schedule("2026-12-18"), reader_zones=["Mars/Olympus"]
    ).list_upcoming(NOW, 1)
    assert one.starts_at == one.occurrence.moment


def test_a_moved_one_starts_by_its_new_time() -> None:
    row = make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to="2026-12-18 21:00")
    (one,) = make_calendar(
        make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO]
    ).list_upcoming(NOW, 1)
    assert one.starts_at == parse_utc("2026-12-18 12:00")


def test_one_that_is_moved_to_the_moment_at_which_it_is_moved_starts_then_for_all_readers() -> None:
    def moved(at: str) -> PlannedOccurrence:
        row = make_saved_occurrence(
            "2026-12-18 09:00", PLANNED, moved_to="2026-12-10 12:00", updated_at=parse_utc(at)
        )
        known = make_calendar(
            make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO, NEW_YORK]
        )
        (one,) = known.list_upcoming(NOW, 1)
        assert one.occurrence.moment == parse_utc("2026-12-10 12:00")
        return one

    for at in ("2026-12-10 12:00", "2026-12-10 12:00:59"):
        assert moved(at).is_immediate
        assert moved(at).starts_at == parse_utc("2026-12-10 12:00")
    assert not moved("2026-12-10 11:59:59").is_immediate
    assert moved("2026-12-10 11:59:59").starts_at == parse_utc("2026-12-10 03:00")


def test_what_is_not_moved_is_never_sent_at_once() -> None:
    row = make_saved_occurrence(
        "2026-12-18 09:00", PLANNED, updated_at=parse_utc("2026-12-18 09:00")
    )
    for rows in ([], [row]):
        known = make_calendar(make_schedule("2026-12-18"), rows=rows, reader_zones=[TOKYO])
        (one,) = known.list_upcoming(NOW, 1)
        assert (one.is_immediate, one.starts_at) == (False, parse_utc("2026-12-18 00:00"))


@given(
    st.sampled_from([LONDON, BERLIN, NEW_YORK, KIRITIMATI, "Asia/Kathmandu", "Pacific/Pago_Pago"]),
    st.sets(st.sampled_from(sorted(zones.list_zone_names())), max_size=5),
    st.dates(date(2026, 12, 1), date(2030, 12, 1)),
    st.timedeltas(timedelta(), timedelta(days=14)),
)
def test_a_start_is_never_later_than_the_moment_nor_earlier_than_the_first_zone_on_earth(
    zone: str, readers: set[str], day: date, cutoff: timedelta
) -> None:
    known = make_calendar(
        make_schedule(day.isoformat(), zone=zone, cutoff=cutoff), reader_zones=sorted(readers)
    )
    (one,) = known.list_upcoming(NOW, 1)
    assert one.occurrence.moment - timedelta(hours=27) < one.starts_at <= one.occurrence.moment
    local = {
        one.starts_at.astimezone(zones.get_zone(name)).replace(tzinfo=None)
        for name in {zone, *readers}
    }
    assert max(local) == parse_wall_time(f"{day} 09:00"), (
        "it is that time where the first reader is"
    )
    assert one.starts_at - one.cutoff_at == cutoff
