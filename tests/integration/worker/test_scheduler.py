"""One worker of several ticks, and another one after it has stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer import digests
from mailer.actor import Actor
from mailer.delivery.process_identity import create_worker_name
from mailer.errors import ConcurrencyError
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState
from mailer.worker.status import read_status
from tests.fake_relay import Step
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, WorkerHarness

NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)


def elsewhere(number: int) -> str:
    """Make the name of a worker of another host, whose process cannot be checked here."""
    return f"other:{number}:1:aa"


def dead() -> str:
    """Make the name of a worker that has ended: it had our process id, and began before."""
    place, pid, started, nonce = create_worker_name().split(":")
    return f"{place}:{pid}:{int(started) - 1}:{nonce}"


def test_one_of_two_workers_ticks(desk: WorkerHarness) -> None:
    first, second = desk.create_worker(elsewhere(1)), desk.create_worker(elsewhere(2))
    assert first.run_tick()
    assert not second.run_tick()
    assert first.run_tick()
    assert (first.has_lease, second.has_lease) == (True, False)


def test_released_lease_is_taken_at_once(desk: WorkerHarness) -> None:
    first, second = desk.create_worker(elsewhere(1)), desk.create_worker(elsewhere(2))
    first.run_tick()
    first.release_lease()
    assert second.run_tick()
    assert not first.run_tick()


def test_lease_of_dead_local_worker_is_taken_at_once(desk: WorkerHarness) -> None:
    assert desk.create_worker(dead()).run_tick()
    assert desk.create_worker(elsewhere(2)).run_tick()


def test_lease_without_heartbeat_is_taken_only_after_its_time(
    desk: WorkerHarness,
) -> None:
    first, second = desk.create_worker(elsewhere(1)), desk.create_worker(elsewhere(2))
    assert first.run_tick()
    assert not second.run_tick()
    desk.stopwatch += 59
    assert not second.run_tick()
    first.run_tick()  # it lives: a beat is due after a quarter of the lease
    desk.stopwatch += 2
    assert not second.run_tick()
    desk.stopwatch += 59
    assert not second.run_tick()
    desk.stopwatch += 2
    assert second.run_tick()


def test_frozen_worker_that_lost_its_lease_changes_nothing(
    desk: WorkerHarness,
) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("daily")
    first, second = desk.create_worker(elsewhere(1)), desk.create_worker(elsewhere(2))
    first.run_tick()
    second.run_tick()
    desk.stopwatch += 61
    assert second.run_tick()
    desk.now = NINE - HOUR
    assert not first.run_tick(), "there is something to do, and it is not for this one"
    assert [one["epoch"] for one in desk.find_log_lines("lease lost")] == [1]
    with desk.mailer.store.read() as tx:
        assert tx.editions.list_recent_editions([], 9) == []
    assert second.run_tick()
    assert desk.get_edition().digest == "weekly"
    assert not first.run_tick()


def test_heartbeat_continues_without_jobs(desk: WorkerHarness) -> None:
    keeper = desk.create_worker(elsewhere(1))
    keeper.run_tick()
    beats = []
    for _ in range(4):
        desk.stopwatch += 16
        keeper.run_tick()
        with desk.mailer.store.read() as tx:
            found = tx.leases.find_lease("tick")
            assert found is not None
            beats.append(found.heartbeat)
    assert beats == [1, 2, 3, 4]


def test_failing_step_does_not_stop_the_other_steps(
    desk: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("first", "weekly", "third"):
        desk.add_digest(slug, approval=ApprovalRule.NONE)
        desk.add_schedule("2027-03-02", slug=slug)
    assemble = digests.assemble_edition

    def fails_for_one(tx: Any, actor: Actor, slug: str, *rest: Any) -> Any:
        if slug == "weekly":
            raise ZeroDivisionError("a fault of ours")
        return assemble(tx, actor, slug, *rest)

    monkeypatch.setattr(digests, "assemble_edition", fails_for_one)
    desk.run_tick(NINE - HOUR)
    desk.run_tick()
    with desk.mailer.store.read() as tx:
        assert {one.digest for one in tx.editions.list_recent_editions([], 9)} == {"first", "third"}
        assert tx.schedules.list_occurrences("weekly", 9) == [], "all of the step, or nothing"
    (failed,) = desk.find_log_lines("step failed")
    assert "ZeroDivisionError: a fault of ours" in failed["error"], "said once, not at each tick"
    monkeypatch.undo()
    desk.run_tick()
    assert desk.get_edition().digest == "weekly"


def test_step_in_conflict_is_logged_at_its_second_failure(
    desk: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02")
    assemble = digests.assemble_edition
    left = [1]

    def crossed(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise ConcurrencyError("somebody else was changing the same")
        return assemble(*given)

    monkeypatch.setattr(digests, "assemble_edition", crossed)
    desk.run_tick(NINE - HOUR)
    desk.run_tick()
    assert desk.get_edition().digest == "weekly"
    assert desk.find_log_lines("step failed") == []
    left[0] = 2
    desk.add_schedule("2027-03-03")
    for _ in range(3):
        desk.run_tick(NINE + 23 * HOUR)
    (failed,) = desk.find_log_lines("step failed")
    assert "somebody else" in failed["error"]


def test_invalid_setting_is_logged_once_and_edition_is_sent_after_fix(
    desk: WorkerHarness,
) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    whole = desk.mailer.settings
    relay = whole.relay.model_copy(update={"user": "mailer"})
    desk.mailer.settings = whole.model_copy(update={"relay": relay})
    desk.run_tick(NINE)
    desk.run_tick()
    assert desk.get_edition().state is EditionState.SCHEDULED
    (failed,) = desk.find_log_lines("step failed")
    assert "the relay has a user but no password" in failed["error"]
    desk.mailer.settings = whole
    desk.run_tick()
    assert desk.get_edition().state is EditionState.SENDING


# ---- how things stand -------------------------------------------------------------------------


def test_status_lists_due_waiting_sending_and_failed(desk: WorkerHarness) -> None:
    def status() -> Any:
        with desk.mailer.store.read() as tx:
            return read_status(desk.mailer, tx)

    assert not status().worker.alive
    assert list(status().problems) == ["no worker runs"]
    desk.add_digest()
    desk.add_schedule("daily")
    desk.run_tick()
    found = status()
    assert found.worker.alive
    assert [one.schedule.settings.digest_slug for one in found.due] == ["weekly"]
    assert list(found.problems) == []
    desk.run_tick(NINE - HOUR)
    assert [one.id for one in status().waiting] == [desk.get_edition().id]
    desk.approve_edition()
    assert [one.id for one in status().scheduled] == [desk.get_edition().id]
    desk.run_tick(NINE)
    (sending,) = status().sending
    assert (sending.remaining, sending.report.total) == (2, 2)
    desk.relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to="amal@example.org")
    desk.deliver_editions()
    (failed,) = status().failed
    assert failed.edition.id == desk.get_edition().id
    assert list(status().problems) == [f"edition {desk.get_edition().id}: 1 failed"]
    desk.now += timedelta(days=8)
    assert status().failed == ()


def test_status_lists_held_occurrences(desk: WorkerHarness) -> None:
    desk.add_digest(grace=timedelta())
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE + HOUR)
    with desk.mailer.store.read() as tx:
        found = read_status(desk.mailer, tx)
    assert [one.digest_slug for one in found.held_occurrences] == ["weekly"]
    assert "weekly of Tue 02 Mar 09:00 is on hold" in list(found.problems)


def test_edition_without_digest_and_time_stays_a_draft(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        factories.create_edition(tx, "boats")
    desk.run_tick()
    desk.run_tick(NINE)
    assert desk.get_edition().state is EditionState.DRAFT
    assert desk.relay.accepted == []
