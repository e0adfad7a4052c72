"""What staff do with single occurrences."""

from datetime import timedelta

import pytest

from mailer.digests import occurrences
from mailer.digests.calendar import Do
from mailer.errors import InputError, Refused
from mailer.schedules import records
from mailer.schedules.records import OccurrenceState
from mailer.store import Store
from tests.integration.office import DAY, HOUR, NOW
from tests.integration.store.occurrences.desk import (
    HELD,
    LONDON,
    MADE,
    NAMED,
    PLANNED,
    SKIPPED,
    due,
    planned,
    row,
    schedule,
    schedule_of,
    take,
    wall,
)

MINUTE = timedelta(minutes=1)


def test_one_that_is_moved_keeps_its_name_and_is_due_by_its_new_time(ready: Store) -> None:
    to = wall("2026-11-23 16:30")
    with ready.begin() as tx:
        kept = occurrences.move(tx, planned(tx), to, NOW, reason=" a  summit ", actor="Amina")
        assert (kept.named, kept.state, kept.moved_to) == (NAMED, PLANNED, to)
        assert (kept.reason, kept.actor) == ("a summit", "Amina")
    with ready.read() as tx:
        one = planned(tx)
        assert (one.kept, one.occurrence.wall, one.name) == (kept, to, (NAMED, LONDON))
        assert "24 Nov" not in due(tx, NOW + 3 * DAY + 5 * HOUR)
        assert due(tx, NOW + 3 * DAY + 6 * HOUR)["24 Nov"] is Do.ASSEMBLE


def test_one_is_moved_again_and_restored(ready: Store) -> None:
    with ready.begin() as tx:
        occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        kept = occurrences.move(tx, planned(tx), NAMED + 2 * HOUR, NOW)
        assert kept.moved_to == NAMED + 2 * HOUR
        kept = occurrences.restore(tx, planned(tx), NOW, actor="Amina")
        assert (kept.state, kept.moved_to, kept.actor) == (PLANNED, None, "Amina")
        assert kept.reason == "as its rule has it"
        assert planned(tx).occurrence.wall == NAMED


@pytest.mark.parametrize("state", [SKIPPED, HELD])
def test_one_that_is_skipped_or_held_is_to_be_sent_again_when_it_is_moved(
    ready: Store, state: OccurrenceState
) -> None:
    with ready.begin() as tx:
        take(tx, state=state)
        kept = occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        assert (kept.state, kept.moved_to) == (PLANNED, NAMED + HOUR)


def test_nothing_is_moved_into_the_past(ready: Store) -> None:
    with ready.begin() as tx:
        with pytest.raises(InputError, match="2026-11-20 09:28 in Europe/London is past") as it:
            occurrences.move(tx, planned(tx), wall("2026-11-20 09:28"), NOW)
        assert it.value.where == "--to"
        assert tx.schedules.occurrences("weekly") == []
        kept = occurrences.move(tx, planned(tx), wall("2026-11-20 09:29"), NOW)
        assert kept.moved_to == wall("2026-11-20 09:29"), "the minute that is running is not past"


def test_one_that_is_skipped_says_why_and_is_not_due(ready: Store) -> None:
    with ready.begin() as tx:
        kept = occurrences.skip(tx, planned(tx), NOW, reason="nobody is in", actor="Amina")
        assert (kept.state, kept.reason, kept.actor) == (SKIPPED, "nobody is in", "Amina")
        one = planned(tx)
        assert one.occurrence.skipped
        assert one.occurrence.note == "nobody is in"
        assert "24 Nov" not in due(tx, NOW + 4 * DAY)


@pytest.mark.parametrize(("actor", "reason"), [("Amina", "by Amina"), ("", "by somebody")])
def test_one_that_is_skipped_without_a_word_says_by_whom(
    ready: Store, actor: str, reason: str
) -> None:
    with ready.begin() as tx:
        assert occurrences.skip(tx, planned(tx), NOW, actor=actor).reason == reason


def test_one_that_is_skipped_is_restored(ready: Store) -> None:
    with ready.begin() as tx:
        occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        occurrences.skip(tx, planned(tx), NOW)
        kept = occurrences.restore(tx, planned(tx), NOW)
        assert (kept.state, kept.moved_to) == (PLANNED, None)
        assert due(tx, NOW + 4 * DAY - 90 * MINUTE)["24 Nov"] is Do.ASSEMBLE


def test_nothing_is_restored_that_is_as_its_rule_has_it_or_past(ready: Store) -> None:
    with ready.begin() as tx:
        with pytest.raises(Refused, match="as its rule has it"):
            occurrences.restore(tx, planned(tx), NOW)
        for state in (HELD, MADE):
            named = NAMED + (7 if state is HELD else 14) * DAY
            take(tx, named, state)
            with pytest.raises(Refused, match=f"is {state}"):
                occurrences.restore(tx, planned(tx, f"{named:%Y-%m-%d}"), NOW)
        occurrences.skip(tx, planned(tx), NOW)
        before = row(tx)
        with pytest.raises(Refused, match="is past"):
            occurrences.restore(tx, planned(tx), NOW + 10 * DAY)
        assert row(tx) == before


@pytest.mark.parametrize("state", [None, SKIPPED, HELD])
def test_one_that_is_sent_now_is_assembled_at_the_next_tick(
    ready: Store, state: OccurrenceState | None
) -> None:
    with ready.begin() as tx:
        if state:
            take(tx, state=state)
        now = NOW + timedelta(seconds=42)
        kept = occurrences.send_now(tx, planned(tx), now, actor="Amina")
        assert (kept.state, kept.moved_to) == (PLANNED, wall("2026-11-20 09:30"))
        assert (kept.reason, kept.actor) == ("sent at once", "Amina")
        assert due(tx, now) == {"24 Nov": Do.ASSEMBLE}
        assert take(tx) == kept.id
        assert due(tx, now) == {}


def test_sent_now_is_by_the_clock_of_its_zone(ready: Store) -> None:
    with ready.begin() as tx:
        tx.schedules.remove(records.get(tx.schedules, schedule_of(tx)))
        schedule(tx, zone="Asia/Kathmandu")
        assert occurrences.send_now(tx, planned(tx), NOW).moved_to == wall("2026-11-20 15:15")


def test_the_verbs_refuse_what_has_changed_since_staff_looked(ready: Store) -> None:
    with ready.begin() as tx:
        seen = planned(tx)
        take(tx)
        for verb in (occurrences.skip, occurrences.send_now):
            with pytest.raises(Refused, match="has changed meanwhile") as refused:
                verb(tx, seen, NOW)
            assert "try again" in refused.value.hint
        assert row(tx).state is MADE


def test_of_two_who_decide_about_what_both_have_seen_the_second_is_refused(ready: Store) -> None:
    """Also where both have seen it moved already, and the first has only moved it again."""
    with ready.begin() as tx:
        for hours in (1, 2):
            seen = planned(tx)
            first = occurrences.move(
                tx, seen, NAMED + hours * HOUR, NOW + hours * HOUR, actor="Amina"
            )
            for verb in (occurrences.skip, occurrences.restore, occurrences.send_now):
                with pytest.raises(Refused, match=r"as its rule has it|has changed meanwhile"):
                    verb(tx, seen, NOW + hours * HOUR + MINUTE, actor="Zoe")
            with pytest.raises(Refused, match="has changed meanwhile") as refused:
                occurrences.move(tx, seen, NAMED + DAY, NOW + hours * HOUR + MINUTE, actor="Zoe")
            assert "try again" in refused.value.hint
            assert row(tx) == first


def test_one_that_is_moved_to_its_rules_time_is_as_its_rule_has_it(ready: Store) -> None:
    with ready.begin() as tx:
        occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        kept = occurrences.move(tx, planned(tx), NAMED, NOW + HOUR)
        assert (kept.state, kept.moved_to) == (PLANNED, None)
        assert planned(tx).occurrence.note == ""


def test_a_reason_that_is_no_line_is_refused(ready: Store) -> None:
    with ready.begin() as tx:
        for verb in (occurrences.skip, occurrences.send_now):
            with pytest.raises(InputError, match="control characters"):
                verb(tx, planned(tx), NOW, reason="a\0b")
        assert tx.schedules.occurrences("weekly") == []
