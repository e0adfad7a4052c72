"""An occurrence is a unique row: whoever is first decides, and an edition is made once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from mailer.digests.calendar import LOOK_BACK
from mailer.schedules import records
from mailer.schedules.records import OccurrenceState
from mailer.store import Store, Transaction
from tests.integration import office
from tests.integration.office import DAY, HOUR, NOW
from tests.integration.store.occurrences.desk import (
    HELD,
    LONDON,
    MADE,
    NAMED,
    PLANNED,
    ROUNDS,
    SKIPPED,
    decide,
    race,
    row,
    schedule_of,
    take,
)


def test_an_occurrence_is_taken_once(ready: Store) -> None:
    with ready.begin() as tx:
        number = take(tx, reason="")
        assert number is not None
        assert [take(tx, state=state) for state in (MADE, SKIPPED, HELD)] == [None, None, None]
    with ready.begin() as tx:
        assert take(tx) is None
        kept = row(tx)
        assert (kept.id, kept.state, kept.schedule) == (number, MADE, schedule_of(tx))
        assert (kept.moved_to, kept.edition, kept.reason, kept.actor) == (None, None, "", "")


def test_another_digest_another_zone_and_another_time_are_others(ready: Store) -> None:
    with ready.begin() as tx:
        numbers = [
            take(tx),
            take(tx, of="other"),
            take(tx, zone="Europe/Berlin"),
            take(tx, NAMED + timedelta(minutes=1)),
        ]
        assert None not in numbers
        assert len({*numbers}) == 4


def test_a_taking_that_is_undone_leaves_it_to_others(ready: Store) -> None:
    with ready.begin() as tx:
        assert take(tx)
        tx.rollback()
    with ready.begin() as tx:
        assert take(tx)


def test_of_two_who_take_it_at_once_exactly_one_does(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        won = race(ready, partial(take, named=named), partial(take, named=named))
        assert won.count(None) == 1
        with ready.read() as tx:
            assert row(tx, named).id in won


def test_of_two_who_take_a_planned_one_at_once_exactly_one_does(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        with ready.begin() as tx:
            assert decide(tx, named=named, moved_to=named + HOUR)
        won = race(
            ready,
            partial(take, named=named, state=MADE),
            partial(take, named=named, state=HELD, reason="it was missed"),
        )
        assert won.count(None) == 1
        with ready.read() as tx:
            kept = row(tx, named)
            assert kept.state is (MADE if won[0] else HELD)
            assert kept.moved_to == named + HOUR


def test_of_a_worker_and_of_staff_at_once_exactly_one_decides(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        taken, skipped = race(
            ready, partial(take, named=named), partial(decide, state=SKIPPED, named=named)
        )
        assert (taken is None) is not (skipped is None)
        with ready.read() as tx:
            assert row(tx, named).state is (MADE if taken else SKIPPED)


def test_one_that_staff_have_moved_is_taken_as_they_have_left_it(ready: Store) -> None:
    with ready.begin() as tx:
        planned = decide(tx, moved_to=NAMED - 2 * HOUR, reason="a summit")
        assert planned
        assert take(tx) == planned.id
        kept = row(tx)
        assert (kept.state, kept.moved_to) == (MADE, NAMED - 2 * HOUR)
        assert (kept.reason, kept.actor) == ("a summit", "Amina")
        assert take(tx) is None


def test_why_the_worker_skips_or_holds_it_is_kept_instead(ready: Store) -> None:
    with ready.begin() as tx:
        decide(tx, moved_to=NAMED - 2 * HOUR, reason="a summit")
        assert take(tx, state=HELD, reason="it was missed by 9 h")
        assert (row(tx).state, row(tx).reason) == (HELD, "it was missed by 9 h")


def test_an_edition_is_attached_to_it(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = office.edition(tx, "boats")
        number = take(tx)
        assert number
        tx.schedules.attach(number, made.id)
        assert row(tx).edition == made.id


def test_what_staff_decide_is_kept_with_its_reason_and_who_it_was(ready: Store) -> None:
    with ready.begin() as tx:
        kept = decide(tx, moved_to=NAMED + HOUR, reason="a summit")
        assert kept == row(tx)
        assert (kept.named, kept.zone, kept.state) == (NAMED, LONDON, PLANNED)
        assert (kept.moved_to, kept.reason, kept.actor) == (NAMED + HOUR, "a summit", "Amina")
        again = decide(tx, SKIPPED, seen=kept, reason="no summit", actor="Zoe")
        assert again == row(tx)
        assert (again.id, again.state, again.moved_to) == (kept.id, SKIPPED, None)
        assert (again.reason, again.actor) == ("no summit", "Zoe")


@pytest.mark.parametrize("seen", [None, PLANNED, HELD, MADE])
def test_what_has_changed_meanwhile_is_not_overwritten(
    ready: Store, seen: OccurrenceState | None
) -> None:
    with ready.begin() as tx:
        take(tx, state=SKIPPED, reason="Christmas Day")
        before = row(tx)
        known = replace(before, state=seen) if seen else None
        assert decide(tx, seen=known, moved_to=NAMED + HOUR, reason="a summit") is None
        assert row(tx) == before


def test_what_somebody_else_has_decided_since_is_not_overwritten_though_it_looks_alike(
    ready: Store,
) -> None:
    with ready.begin() as tx:
        seen = decide(tx, moved_to=NAMED + HOUR)
        later = decide(tx, moved_to=NAMED + 2 * HOUR, seen=seen, now=NOW + HOUR)
        assert later is not None
        assert decide(tx, SKIPPED, seen=seen, now=NOW + 2 * HOUR) is None
        assert row(tx) == later


def test_of_two_who_decide_at_once_about_what_nobody_has_touched_one_is_told(
    ready: Store,
) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        one, other = race(
            ready,
            partial(decide, state=SKIPPED, named=named, actor="Amina"),
            partial(decide, state=PLANNED, named=named, moved_to=named + HOUR, actor="Zoe"),
        )
        assert (one is None) is not (other is None)
        with ready.read() as tx:
            assert row(tx, named) == (one or other)


def test_of_two_who_decide_at_once_about_what_is_moved_already_one_is_told(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        with ready.begin() as tx:
            seen = decide(tx, named=named, moved_to=named + HOUR)
        again = partial(decide, named=named, seen=seen, now=NOW + HOUR)
        one, other = race(
            ready,
            partial(again, moved_to=named + 2 * HOUR, actor="Amina"),
            partial(again, moved_to=named + 3 * HOUR, actor="Zoe"),
        )
        assert (one is None) is not (other is None)
        with ready.read() as tx:
            assert row(tx, named) == (one or other)


def test_what_is_old_is_left_out_but_not_what_was_moved_and_is_to_come(ready: Store) -> None:
    with ready.begin() as tx:
        for days, state in ((-90, MADE), (-80, SKIPPED), (-70, HELD), (-1, MADE), (3, SKIPPED)):
            take(tx, NAMED + days * DAY, state)
        decide(tx, named=NAMED - 100 * DAY, moved_to=NAMED + 5 * DAY)
        take(tx, of="other")
        found = tx.schedules.kept_since(NOW - LOOK_BACK)
    assert {slug: [(one.named - NAMED).days for one in some] for slug, some in found.items()} == {
        "weekly": [-1, 3, -100],
        "other": [0],
    }
    with ready.read() as tx:
        assert tx.schedules.kept_since(NOW + 30 * DAY).keys() == {"weekly"}, "the moved one"


def test_those_held_are_told_until_a_later_one_is_made(ready: Store) -> None:
    def held(tx: Transaction) -> list[tuple[str, int]]:
        return [(one.digest, (one.named - NAMED).days) for one in tx.schedules.held()]

    with ready.begin() as tx:
        assert held(tx) == []
        take(tx, NAMED + 2 * DAY, HELD)
        take(tx, NAMED, HELD)
        take(tx, NAMED + DAY, HELD, of="other")
        take(tx, NAMED - DAY, MADE)
        take(tx, NAMED + 3 * DAY, SKIPPED)
        assert held(tx) == [("weekly", 0), ("other", 1), ("weekly", 2)]
        take(tx, NAMED + DAY, MADE)
        assert held(tx) == [("other", 1), ("weekly", 2)]
        take(tx, NAMED + 4 * DAY, MADE)
        assert held(tx) == [("other", 1)]


def test_what_was_decided_outlives_its_schedule(ready: Store) -> None:
    with ready.begin() as tx:
        take(tx, state=HELD)
        tx.schedules.remove(records.get(tx.schedules, schedule_of(tx)))
        assert (row(tx).state, row(tx).schedule) == (HELD, None)
