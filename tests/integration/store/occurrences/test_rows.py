"""An occurrence is a unique row: the first transaction decides, and an edition is made once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from mailer.digests import schedules
from mailer.digests.calendar import LOOK_BACK
from mailer.model.schedules import OccurrenceState
from mailer.store import SqlTransaction, Store
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW
from tests.integration.store.occurrences.factories import (
    LONDON,
    MADE,
    ON_HOLD,
    PLANNED,
    ROUNDS,
    RULE_TIME,
    SKIPPED,
    claim_occurrence,
    find_schedule_id,
    get_occurrence,
    run_concurrently,
    save_decision,
)


def test_occurrence_is_claimed_once(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        number = claim_occurrence(tx, reason="")
        assert number is not None
        assert [claim_occurrence(tx, state=state) for state in (MADE, SKIPPED, ON_HOLD)] == [
            None,
            None,
            None,
        ]
    with seeded_store.begin() as tx:
        assert claim_occurrence(tx) is None
        saved = get_occurrence(tx)
        assert (saved.id, saved.state, saved.schedule_id) == (number, MADE, find_schedule_id(tx))
        assert (saved.moved_to, saved.edition_id, saved.reason, saved.actor) == (None, None, "", "")


def test_claim_differs_by_digest_zone_and_time(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        numbers = [
            claim_occurrence(tx),
            claim_occurrence(tx, slug="other"),
            claim_occurrence(tx, zone="Europe/Berlin"),
            claim_occurrence(tx, RULE_TIME + timedelta(minutes=1)),
        ]
        assert None not in numbers
        assert len({*numbers}) == 4


def test_rolled_back_claim_leaves_occurrence_free(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        assert claim_occurrence(tx)
        tx.rollback()
    with seeded_store.begin() as tx:
        assert claim_occurrence(tx)


def test_concurrent_claims_have_one_winner(seeded_store: Store) -> None:
    for number in range(ROUNDS):
        rule_time = RULE_TIME + number * DAY
        won = run_concurrently(
            seeded_store,
            partial(claim_occurrence, rule_time=rule_time),
            partial(claim_occurrence, rule_time=rule_time),
        )
        assert won.count(None) == 1
        with seeded_store.read() as tx:
            assert get_occurrence(tx, rule_time).id in won


def test_concurrent_claims_of_planned_have_one_winner(seeded_store: Store) -> None:
    for number in range(ROUNDS):
        rule_time = RULE_TIME + number * DAY
        with seeded_store.begin() as tx:
            assert save_decision(tx, rule_time=rule_time, moved_to=rule_time + HOUR)
        won = run_concurrently(
            seeded_store,
            partial(claim_occurrence, rule_time=rule_time, state=MADE),
            partial(claim_occurrence, rule_time=rule_time, state=ON_HOLD, reason="it was missed"),
        )
        assert won.count(None) == 1
        with seeded_store.read() as tx:
            saved = get_occurrence(tx, rule_time)
            assert saved.state is (MADE if won[0] else ON_HOLD)
            assert saved.moved_to == rule_time + HOUR


def test_worker_and_staff_decide_once(seeded_store: Store) -> None:
    for number in range(ROUNDS):
        rule_time = RULE_TIME + number * DAY
        claimed, skipped = run_concurrently(
            seeded_store,
            partial(claim_occurrence, rule_time=rule_time),
            partial(save_decision, state=SKIPPED, rule_time=rule_time),
        )
        assert (claimed is None) is not (skipped is None)
        with seeded_store.read() as tx:
            assert get_occurrence(tx, rule_time).state is (MADE if claimed else SKIPPED)


def test_moved_occurrence_is_claimed_as_moved(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        planned = save_decision(tx, moved_to=RULE_TIME - 2 * HOUR, reason="a summit")
        assert planned
        assert claim_occurrence(tx) == planned.id
        saved = get_occurrence(tx)
        assert (saved.state, saved.moved_to) == (MADE, RULE_TIME - 2 * HOUR)
        assert (saved.reason, saved.actor) == ("a summit", "Amina")
        assert claim_occurrence(tx) is None


def test_claim_replaces_reason_when_skipping_or_holding(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        save_decision(tx, moved_to=RULE_TIME - 2 * HOUR, reason="a summit")
        assert claim_occurrence(tx, state=ON_HOLD, reason="it was missed by 9 h")
        assert (get_occurrence(tx).state, get_occurrence(tx).reason) == (
            ON_HOLD,
            "it was missed by 9 h",
        )


def test_edition_is_attached_to_occurrence(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = factories.create_edition(tx, "boats")
        number = claim_occurrence(tx)
        assert number
        tx.schedules.attach_edition(number, edition.id)
        assert get_occurrence(tx).edition_id == edition.id


def test_decision_keeps_reason_and_actor(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        saved = save_decision(tx, moved_to=RULE_TIME + HOUR, reason="a summit")
        assert saved == get_occurrence(tx)
        assert (saved.rule_time, saved.zone, saved.state) == (RULE_TIME, LONDON, PLANNED)
        assert (saved.moved_to, saved.reason, saved.actor) == (
            RULE_TIME + HOUR,
            "a summit",
            "Amina",
        )
        again = save_decision(tx, SKIPPED, expected=saved, reason="no summit", actor="Zoe")
        assert again == get_occurrence(tx)
        assert (again.id, again.state, again.moved_to) == (saved.id, SKIPPED, None)
        assert (again.reason, again.actor) == ("no summit", "Zoe")


@pytest.mark.parametrize("seen", [None, PLANNED, ON_HOLD, MADE])
def test_decision_never_overwrites_concurrent_change(
    seeded_store: Store, seen: OccurrenceState | None
) -> None:
    with seeded_store.begin() as tx:
        claim_occurrence(tx, state=SKIPPED, reason="Christmas Day")
        before = get_occurrence(tx)
        expected = replace(before, state=seen) if seen else None
        assert (
            save_decision(tx, expected=expected, moved_to=RULE_TIME + HOUR, reason="a summit")
            is None
        )
        assert get_occurrence(tx) == before


def test_decision_never_overwrites_equal_later_decision(
    seeded_store: Store,
) -> None:
    with seeded_store.begin() as tx:
        seen = save_decision(tx, moved_to=RULE_TIME + HOUR)
        later = save_decision(tx, moved_to=RULE_TIME + 2 * HOUR, expected=seen, now=NOW + HOUR)
        assert later is not None
        assert save_decision(tx, SKIPPED, expected=seen, now=NOW + 2 * HOUR) is None
        assert get_occurrence(tx) == later


def test_concurrent_first_decisions_refuse_one(
    seeded_store: Store,
) -> None:
    for number in range(ROUNDS):
        rule_time = RULE_TIME + number * DAY
        skipped, moved = run_concurrently(
            seeded_store,
            partial(save_decision, state=SKIPPED, rule_time=rule_time, actor="Amina"),
            partial(
                save_decision,
                state=PLANNED,
                rule_time=rule_time,
                moved_to=rule_time + HOUR,
                actor="Zoe",
            ),
        )
        assert (skipped is None) is not (moved is None)
        with seeded_store.read() as tx:
            assert get_occurrence(tx, rule_time) == (skipped or moved)


def test_concurrent_later_decisions_refuse_one(seeded_store: Store) -> None:
    for number in range(ROUNDS):
        rule_time = RULE_TIME + number * DAY
        with seeded_store.begin() as tx:
            seen = save_decision(tx, rule_time=rule_time, moved_to=rule_time + HOUR)
        again = partial(save_decision, rule_time=rule_time, expected=seen, now=NOW + HOUR)
        first, second = run_concurrently(
            seeded_store,
            partial(again, moved_to=rule_time + 2 * HOUR, actor="Amina"),
            partial(again, moved_to=rule_time + 3 * HOUR, actor="Zoe"),
        )
        assert (first is None) is not (second is None)
        with seeded_store.read() as tx:
            assert get_occurrence(tx, rule_time) == (first or second)


def test_old_occurrences_are_left_out_unless_moved_ahead(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        for days, state in ((-90, MADE), (-80, SKIPPED), (-70, ON_HOLD), (-1, MADE), (3, SKIPPED)):
            claim_occurrence(tx, RULE_TIME + days * DAY, state)
        save_decision(tx, rule_time=RULE_TIME - 100 * DAY, moved_to=RULE_TIME + 5 * DAY)
        claim_occurrence(tx, slug="other")
        by_digest = tx.schedules.list_occurrences_since(NOW - LOOK_BACK)
    assert {
        slug: [(occurrence.rule_time - RULE_TIME).days for occurrence in saved]
        for slug, saved in by_digest.items()
    } == {
        "weekly": [-1, 3, -100],
        "other": [0],
    }
    with seeded_store.read() as tx:
        assert tx.schedules.list_occurrences_since(NOW + 30 * DAY).keys() == {"weekly"}, (
            "the moved one"
        )


def test_occurrences_on_hold_are_listed_until_later_edition(seeded_store: Store) -> None:
    def list_on_hold(tx: SqlTransaction) -> list[tuple[str, int]]:
        return [
            (one.digest_slug, (one.rule_time - RULE_TIME).days)
            for one in tx.schedules.list_occurrences_on_hold()
        ]

    with seeded_store.begin() as tx:
        assert list_on_hold(tx) == []
        claim_occurrence(tx, RULE_TIME + 2 * DAY, ON_HOLD)
        claim_occurrence(tx, RULE_TIME, ON_HOLD)
        claim_occurrence(tx, RULE_TIME + DAY, ON_HOLD, slug="other")
        claim_occurrence(tx, RULE_TIME - DAY, MADE)
        claim_occurrence(tx, RULE_TIME + 3 * DAY, SKIPPED)
        assert list_on_hold(tx) == [("weekly", 0), ("other", 1), ("weekly", 2)]
        claim_occurrence(tx, RULE_TIME + DAY, MADE)
        assert list_on_hold(tx) == [("other", 1), ("weekly", 2)]
        claim_occurrence(tx, RULE_TIME + 4 * DAY, MADE)
        assert list_on_hold(tx) == [("other", 1)]


def test_decision_outlives_its_schedule(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        claim_occurrence(tx, state=ON_HOLD)
        tx.schedules.remove_schedule(schedules.get_schedule(tx, find_schedule_id(tx)))
        assert (get_occurrence(tx).state, get_occurrence(tx).schedule_id) == (ON_HOLD, None)
