"""Verbs of staff on single occurrences: move, skip, restore, send now."""

from datetime import timedelta

import pytest

from mailer.actor import create_local_actor
from mailer.digests import occurrences, schedules
from mailer.digests.calendar import OccurrenceAction
from mailer.errors import InputError, Refused
from mailer.model.schedules import OccurrenceState
from mailer.store import Store
from tests.actors import AMINA, STAFF
from tests.integration.factories import DAY, HOUR, NOW
from tests.integration.store.occurrences.factories import (
    LONDON,
    MADE,
    ON_HOLD,
    PLANNED,
    RULE_TIME,
    SKIPPED,
    add_schedule,
    claim_occurrence,
    find_planned,
    find_schedule_id,
    get_occurrence,
    list_due_actions,
    parse_wall_time,
)

MINUTE = timedelta(minutes=1)


def test_moved_occurrence_keeps_its_key_and_is_due_at_its_new_time(seeded_store: Store) -> None:
    to = parse_wall_time("2026-11-23 16:30")
    with seeded_store.begin() as tx:
        saved = occurrences.move_occurrence(
            tx, AMINA, find_planned(tx), to, NOW, reason=" a  summit "
        )
        assert (saved.rule_time, saved.state, saved.moved_to) == (RULE_TIME, PLANNED, to)
        assert (saved.reason, saved.actor) == ("a summit", "Amina")
    with seeded_store.read() as tx:
        planned = find_planned(tx)
        assert (planned.saved, planned.occurrence.wall, planned.key) == (
            saved,
            to,
            (RULE_TIME, LONDON),
        )
        assert "24 Nov" not in list_due_actions(tx, NOW + 3 * DAY + 5 * HOUR)
        assert list_due_actions(tx, NOW + 3 * DAY + 6 * HOUR)["24 Nov"] is OccurrenceAction.ASSEMBLE


def test_occurrence_is_moved_again_and_restored(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + 2 * HOUR, NOW)
        assert saved.moved_to == RULE_TIME + 2 * HOUR
        saved = occurrences.restore_occurrence(tx, AMINA, find_planned(tx), NOW)
        assert (saved.state, saved.moved_to, saved.actor) == (PLANNED, None, "Amina")
        assert saved.reason == "back to its rule"
        assert find_planned(tx).occurrence.wall == RULE_TIME


@pytest.mark.parametrize("state", [SKIPPED, ON_HOLD])
def test_moving_skipped_or_held_occurrence_plans_it_again(
    seeded_store: Store, state: OccurrenceState
) -> None:
    with seeded_store.begin() as tx:
        claim_occurrence(tx, state=state)
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        assert (saved.state, saved.moved_to) == (PLANNED, RULE_TIME + HOUR)


def test_moving_occurrence_into_the_past_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        with pytest.raises(
            InputError, match="2026-11-20 09:28 in Europe/London is past"
        ) as refused:
            occurrences.move_occurrence(
                tx, STAFF, find_planned(tx), parse_wall_time("2026-11-20 09:28"), NOW
            )
        assert refused.value.field == "moved_to"
        assert tx.schedules.list_occurrences("weekly") == []
        saved = occurrences.move_occurrence(
            tx, STAFF, find_planned(tx), parse_wall_time("2026-11-20 09:29"), NOW
        )
        assert saved.moved_to == parse_wall_time("2026-11-20 09:29"), (
            "the minute that is running is not past"
        )


def test_skipped_occurrence_has_a_reason_and_is_not_due(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        saved = occurrences.skip_occurrence(tx, AMINA, find_planned(tx), NOW, reason="nobody is in")
        assert (saved.state, saved.reason, saved.actor) == (SKIPPED, "nobody is in", "Amina")
        planned = find_planned(tx)
        assert planned.occurrence.skipped
        assert planned.occurrence.note == "nobody is in"
        assert "24 Nov" not in list_due_actions(tx, NOW + 4 * DAY)


@pytest.mark.parametrize(("actor", "reason"), [("Amina", "by Amina"), ("Ben Ali", "by Ben Ali")])
def test_skipping_without_reason_records_the_actor(
    seeded_store: Store, actor: str, reason: str
) -> None:
    with seeded_store.begin() as tx:
        assert (
            occurrences.skip_occurrence(tx, create_local_actor(actor), find_planned(tx), NOW).reason
            == reason
        )


def test_skipped_occurrence_is_restored(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW)
        saved = occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW)
        assert (saved.state, saved.moved_to) == (PLANNED, None)
        assert (
            list_due_actions(tx, NOW + 4 * DAY - 90 * MINUTE)["24 Nov"] is OccurrenceAction.ASSEMBLE
        )


def test_restoring_unchanged_or_past_occurrence_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        with pytest.raises(Refused, match="is not moved or skipped"):
            occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW)
        for state in (ON_HOLD, MADE):
            rule_time = RULE_TIME + (7 if state is ON_HOLD else 14) * DAY
            claim_occurrence(tx, rule_time, state)
            with pytest.raises(Refused, match=f"is {state}"):
                occurrences.restore_occurrence(
                    tx, STAFF, find_planned(tx, f"{rule_time:%Y-%m-%d}"), NOW
                )
        occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW)
        before = get_occurrence(tx)
        with pytest.raises(Refused, match="is past"):
            occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW + 10 * DAY)
        assert get_occurrence(tx) == before


@pytest.mark.parametrize("state", [None, SKIPPED, ON_HOLD])
def test_occurrence_sent_now_is_assembled_at_the_next_tick(
    seeded_store: Store, state: OccurrenceState | None
) -> None:
    with seeded_store.begin() as tx:
        if state:
            claim_occurrence(tx, state=state)
        now = NOW + timedelta(seconds=42)
        saved = occurrences.send_now(tx, AMINA, find_planned(tx), now)
        assert (saved.state, saved.moved_to) == (PLANNED, parse_wall_time("2026-11-20 09:30"))
        assert (saved.reason, saved.actor) == ("sent at once", "Amina")
        assert list_due_actions(tx, now) == {"24 Nov": OccurrenceAction.ASSEMBLE}
        assert claim_occurrence(tx) == saved.id
        assert list_due_actions(tx, now) == {}


def test_send_now_uses_the_clock_of_its_zone(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        tx.schedules.remove_schedule(schedules.get_schedule(tx, find_schedule_id(tx)))
        add_schedule(tx, zone="Asia/Kathmandu")
        assert occurrences.send_now(tx, STAFF, find_planned(tx), NOW).moved_to == parse_wall_time(
            "2026-11-20 15:15"
        )


def test_occurrence_changed_since_staff_looked_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        planned = find_planned(tx)
        claim_occurrence(tx)
        for verb in (occurrences.skip_occurrence, occurrences.send_now):
            with pytest.raises(Refused, match="has changed in between") as refused:
                verb(tx, STAFF, planned, NOW)
            assert "try again" in refused.value.hint
        assert get_occurrence(tx).state is MADE


def test_second_of_two_concurrent_decisions_is_refused(seeded_store: Store) -> None:
    """So is the second if the occurrence had been moved already when both read it."""
    with seeded_store.begin() as tx:
        for hours in (1, 2):
            planned = find_planned(tx)
            first = occurrences.move_occurrence(
                tx, AMINA, planned, RULE_TIME + hours * HOUR, NOW + hours * HOUR
            )
            for verb in (
                occurrences.skip_occurrence,
                occurrences.restore_occurrence,
                occurrences.send_now,
            ):
                with pytest.raises(
                    Refused, match=r"is not moved or skipped|has changed in between"
                ):
                    verb(tx, create_local_actor("Zoe"), planned, NOW + hours * HOUR + MINUTE)
            with pytest.raises(Refused, match="has changed in between") as refused:
                occurrences.move_occurrence(
                    tx,
                    create_local_actor("Zoe"),
                    planned,
                    RULE_TIME + DAY,
                    NOW + hours * HOUR + MINUTE,
                )
            assert "try again" in refused.value.hint
            assert get_occurrence(tx) == first


def test_occurrence_moved_to_its_rule_time_counts_as_unmoved(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME, NOW + HOUR)
        assert (saved.state, saved.moved_to) == (PLANNED, None)
        assert find_planned(tx).occurrence.note == ""


def test_reason_with_control_characters_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        for verb in (occurrences.skip_occurrence, occurrences.send_now):
            with pytest.raises(InputError, match="control characters"):
                verb(tx, STAFF, find_planned(tx), NOW, reason="a\0b")
        assert tx.schedules.list_occurrences("weekly") == []
