"""One worker of several ticks, and another one after it has stopped."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from mailer import digests, editions
from mailer.actor import Actor
from mailer.delivery.process_identity import create_worker_name
from mailer.digests import due_occurrences
from mailer.errors import ConcurrencyError
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState
from mailer.worker.status import read_status
from tests.actors import STAFF
from tests.fake_relay import Step
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, WorkerHarness

NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)


def make_remote_name(number: int) -> str:
    """Make the name of a worker of another host, whose process cannot be checked here."""
    return f"other:{number}:1:aa"


def make_dead_name() -> str:
    """Make the name of a worker that has ended: it had our process id, and began before."""
    host, pid, started, nonce = create_worker_name().split(":")
    return f"{host}:{pid}:{int(started) - 1}:{nonce}"


def test_one_of_two_workers_ticks(harness: WorkerHarness) -> None:
    first, second = (
        harness.create_worker(make_remote_name(1)),
        harness.create_worker(make_remote_name(2)),
    )
    assert first.run_tick()
    assert not second.run_tick()
    assert first.run_tick()
    assert (first.has_lease, second.has_lease) == (True, False)


def test_released_lease_is_taken_at_once(harness: WorkerHarness) -> None:
    first, second = (
        harness.create_worker(make_remote_name(1)),
        harness.create_worker(make_remote_name(2)),
    )
    first.run_tick()
    first.release_lease()
    assert second.run_tick()
    assert not first.run_tick()


def test_lease_of_dead_local_worker_is_taken_at_once(harness: WorkerHarness) -> None:
    assert harness.create_worker(make_dead_name()).run_tick()
    assert harness.create_worker(make_remote_name(2)).run_tick()


def test_lease_without_heartbeat_is_taken_only_after_its_time(
    harness: WorkerHarness,
) -> None:
    first, second = (
        harness.create_worker(make_remote_name(1)),
        harness.create_worker(make_remote_name(2)),
    )
    assert first.run_tick()
    assert not second.run_tick()
    harness.stopwatch += 59
    assert not second.run_tick()
    first.run_tick()  # it lives: a beat is due after a quarter of the lease
    harness.stopwatch += 2
    assert not second.run_tick()
    harness.stopwatch += 59
    assert not second.run_tick()
    harness.stopwatch += 2
    assert second.run_tick()


def test_frozen_worker_that_lost_its_lease_changes_nothing(
    harness: WorkerHarness,
) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("daily")
    first, second = (
        harness.create_worker(make_remote_name(1)),
        harness.create_worker(make_remote_name(2)),
    )
    first.run_tick()
    second.run_tick()
    harness.stopwatch += 61
    assert second.run_tick()
    harness.now = NINE - HOUR
    assert not first.run_tick(), "there is something to do, and it is not for this one"
    assert [one["epoch"] for one in harness.find_log_lines("lease lost")] == [1]
    with harness.mailer.store.read() as tx:
        assert tx.editions.list_recent_editions([], 9) == []
    assert second.run_tick()
    assert harness.get_edition().digest == "weekly"
    assert not first.run_tick()


def test_heartbeat_continues_without_jobs(harness: WorkerHarness) -> None:
    scheduler = harness.create_worker(make_remote_name(1))
    scheduler.run_tick()
    heartbeats = []
    for _ in range(4):
        harness.stopwatch += 16
        scheduler.run_tick()
        with harness.mailer.store.read() as tx:
            lease = tx.leases.find_lease("tick")
            assert lease is not None
            heartbeats.append(lease.heartbeat)
    assert [later - earlier for earlier, later in pairwise(heartbeats)] == [1, 1, 1]


def test_failing_step_does_not_stop_the_other_steps(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("first", "weekly", "third"):
        harness.add_digest(slug, approval=ApprovalRule.NONE)
        harness.add_schedule("2027-03-02", slug=slug)
    assemble = digests.assemble_edition

    def fail_for_weekly(tx: Any, actor: Actor, slug: str, *rest: Any) -> Any:
        if slug == "weekly":
            raise ZeroDivisionError("a fault of ours")
        return assemble(tx, actor, slug, *rest)

    monkeypatch.setattr(due_occurrences, "assemble_edition", fail_for_weekly)
    harness.run_tick(NINE - HOUR)
    harness.run_tick()
    with harness.mailer.store.read() as tx:
        assert {edition.digest for edition in tx.editions.list_recent_editions([], 9)} == {
            "first",
            "third",
        }
        assert tx.schedules.list_occurrences("weekly", 9) == [], "all of the step, or nothing"
    (failed,) = harness.find_log_lines("step failed")
    assert "ZeroDivisionError: a fault of ours" in failed["error"], "said once, not at each tick"
    monkeypatch.undo()
    harness.run_tick()
    assert harness.get_edition().digest == "weekly"


def test_step_in_conflict_is_logged_at_its_second_failure(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    assemble = digests.assemble_edition
    conflicts_left = [1]

    def fail_in_conflict(*arguments: Any) -> Any:
        if conflicts_left[0]:
            conflicts_left[0] -= 1
            raise ConcurrencyError("somebody else was changing the same")
        return assemble(*arguments)

    monkeypatch.setattr(due_occurrences, "assemble_edition", fail_in_conflict)
    harness.run_tick(NINE - HOUR)
    harness.run_tick()
    assert harness.get_edition().digest == "weekly"
    assert harness.find_log_lines("step failed") == []
    conflicts_left[0] = 2
    harness.add_schedule("2027-03-03")
    for _ in range(3):
        harness.run_tick(NINE + 23 * HOUR)
    (failed,) = harness.find_log_lines("step failed")
    assert "somebody else" in failed["error"]


def test_invalid_setting_is_logged_once_and_edition_is_sent_after_fix(
    harness: WorkerHarness,
) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    whole = harness.mailer.settings
    relay = whole.relay.model_copy(update={"user": "mailer"})
    harness.mailer.settings = whole.model_copy(update={"relay": relay})
    harness.run_tick(NINE)
    harness.run_tick()
    assert harness.get_edition().state is EditionState.SCHEDULED
    (failed,) = harness.find_log_lines("step failed")
    assert "the relay has a user but no password" in failed["error"]
    harness.mailer.settings = whole
    harness.run_tick()
    assert harness.get_edition().state is EditionState.SENDING


def test_waiting_approval_is_a_problem_only_from_its_reminder_on(harness: WorkerHarness) -> None:
    def list_problems() -> list[str]:
        with harness.mailer.store.read() as tx:
            return list(read_status(harness.mailer, tx).problems)

    harness.add_digest(reminders=(HOUR / 2,))
    harness.add_schedule("daily")
    harness.run_tick()
    harness.run_tick(NINE - HOUR)
    assert list_problems() == []
    harness.run_tick(NINE - HOUR / 2)
    (problem,) = list_problems()
    assert problem.endswith("waits for approval, and its approvers were reminded")
    harness.approve_edition()
    assert list_problems() == []


def test_edition_that_only_a_person_can_send_is_told_with_its_reason(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    harness.add_schedule("daily")
    harness.run_tick()
    harness.run_tick(NINE - HOUR)
    harness.approve_edition()
    edition = harness.get_edition()
    with harness.mailer.store.begin() as tx:
        editions.set_send_time(tx, STAFF, edition, None, harness.now)
    with harness.mailer.store.read() as tx:
        problems = list(read_status(harness.mailer, tx).problems)
    assert problems == [f"edition {edition.id} is approved, and has no send time"]


# ---- how things stand -------------------------------------------------------------------------


def test_status_lists_due_waiting_sending_and_failed(harness: WorkerHarness) -> None:
    def load_status() -> Any:
        with harness.mailer.store.read() as tx:
            return read_status(harness.mailer, tx)

    assert not load_status().worker.alive
    assert list(load_status().problems) == ["no worker runs"]
    harness.add_digest()
    harness.add_schedule("daily")
    harness.run_tick()
    worker_status = load_status()
    assert worker_status.worker.alive
    assert [one.schedule.settings.digest_slug for one in worker_status.due] == ["weekly"]
    assert list(worker_status.problems) == []
    harness.run_tick(NINE - HOUR)
    assert [one.id for one in load_status().waiting] == [harness.get_edition().id]
    harness.approve_edition()
    assert [one.id for one in load_status().scheduled] == [harness.get_edition().id]
    harness.run_tick(NINE)
    (sending,) = load_status().sending
    assert (sending.remaining, sending.report.total) == (2, 2)
    number = harness.get_edition().id
    headline = f"a worker is sending edition {number} (The week): 0 of 2 done"
    assert load_status().headline == headline
    harness.relay.answer_always(Step.RCPT, "550 5.7.1 not today", to="amal@example.org")
    harness.deliver_editions()
    (failed,) = load_status().failed
    assert failed.edition.id == harness.get_edition().id
    assert list(load_status().problems) == [f"edition {harness.get_edition().id}: 1 failed"]
    harness.now += timedelta(days=8)
    assert load_status().failed == ()


def test_status_lists_an_overdue_occurrence_once(harness: WorkerHarness) -> None:
    harness.now = NINE - 2 * HOUR
    harness.add_digest()
    harness.add_schedule("daily")
    for minutes, overdue, due in ((0, [], [NINE]), (1, [NINE], [NINE + timedelta(days=1)])):
        harness.now = NINE - HOUR + timedelta(minutes=minutes)
        with harness.mailer.store.read() as tx:
            worker_status = read_status(harness.mailer, tx)
        assert [one.starts_at for one in worker_status.overdue] == overdue
        assert [one.starts_at for one in worker_status.due] == due


def test_status_lists_held_occurrences(harness: WorkerHarness) -> None:
    harness.add_digest(grace=timedelta())
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE + HOUR)
    with harness.mailer.store.read() as tx:
        worker_status = read_status(harness.mailer, tx)
    assert [occurrence.digest_slug for occurrence in worker_status.held_occurrences] == ["weekly"]
    assert "weekly of Tue 02 Mar 09:00 is on hold" in list(worker_status.problems)


def test_edition_without_digest_and_time_stays_a_draft(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.create_edition(tx, "boats")
    harness.run_tick()
    harness.run_tick(NINE)
    assert harness.get_edition().state is EditionState.DRAFT
    assert harness.relay.accepted == []
