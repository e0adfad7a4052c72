"""Who ticks: one worker of several, and another one when that one is gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer import digests
from mailer.delivery.owner import new_owner
from mailer.digests import ApprovalRule
from mailer.editions import EditionState
from mailer.errors import Conflict
from mailer.worker.status import look
from tests.integration import office
from tests.integration.worker.conftest import HOUR, Desk
from tests.smtpd import Step

NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)


def elsewhere(number: int) -> str:
    """A worker of whose process nothing is known here."""
    return f"other:{number}:1:aa"


def dead() -> str:
    """A worker whose process has certainly ended: its number is ours, and it began before us."""
    place, pid, started, nonce = new_owner().split(":")
    return f"{place}:{pid}:{int(started) - 1}:{nonce}"


def test_of_two_workers_one_ticks(desk: Desk) -> None:
    first, second = desk.another(elsewhere(1)), desk.another(elsewhere(2))
    assert first.tick()
    assert not second.tick()
    assert first.tick()
    assert (first.ticks, second.ticks) == (True, False)


def test_the_lease_of_a_worker_that_gives_it_up_is_taken_at_once(desk: Desk) -> None:
    first, second = desk.another(elsewhere(1)), desk.another(elsewhere(2))
    first.tick()
    first.give_up()
    assert second.tick()
    assert not first.tick()


def test_the_lease_of_a_worker_that_has_died_here_is_taken_at_once(desk: Desk) -> None:
    assert desk.another(dead()).tick()
    assert desk.another(elsewhere(2)).tick()


def test_a_lease_that_stands_still_is_taken_over_after_its_time_and_not_before(
    desk: Desk,
) -> None:
    first, second = desk.another(elsewhere(1)), desk.another(elsewhere(2))
    assert first.tick()
    assert not second.tick()
    desk.stopwatch += 59
    assert not second.tick()
    first.tick()  # it lives: a beat is due after a quarter of the lease
    desk.stopwatch += 2
    assert not second.tick()
    desk.stopwatch += 59
    assert not second.tick()
    desk.stopwatch += 2
    assert second.tick()


def test_a_worker_that_was_frozen_finds_its_lease_taken_and_changes_nothing(
    desk: Desk,
) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("daily")
    first, second = desk.another(elsewhere(1)), desk.another(elsewhere(2))
    first.tick()
    second.tick()
    desk.stopwatch += 61
    assert second.tick()
    desk.now = NINE - HOUR
    assert not first.tick(), "there is something to do, and it is not for this one"
    assert [one["epoch"] for one in desk.said("lease lost")] == [1]
    with desk.mailer.store.read() as tx:
        assert tx.editions.recent([], 9) == []
    assert second.tick()
    assert desk.edition().digest == "weekly"
    assert not first.tick()


def test_the_beat_goes_on_while_there_is_nothing_to_do(desk: Desk) -> None:
    keeper = desk.another(elsewhere(1))
    keeper.tick()
    beats = []
    for _ in range(4):
        desk.stopwatch += 16
        keeper.tick()
        with desk.mailer.store.read() as tx:
            found = tx.leases.find("tick")
            assert found is not None
            beats.append(found.beat)
    assert beats == [1, 2, 3, 4]


def test_one_step_that_fails_keeps_none_of_the_others_from_being_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("first", "weekly", "third"):
        desk.digest(slug, approval=ApprovalRule.NONE)
        desk.schedule("2027-03-02", slug=slug)
    assemble = digests.assemble

    def fails_for_one(store: Any, slug: str, *rest: Any) -> Any:
        if slug == "weekly":
            raise ZeroDivisionError("a fault of ours")
        return assemble(store, slug, *rest)

    monkeypatch.setattr(digests, "assemble", fails_for_one)
    desk.tick(NINE - HOUR)
    desk.tick()
    with desk.mailer.store.read() as tx:
        assert {one.digest for one in tx.editions.recent([], 9)} == {"first", "third"}
        assert tx.schedules.occurrences("weekly", 9) == [], "all of the step, or nothing"
    (failed,) = desk.said("step failed")
    assert "ZeroDivisionError: a fault of ours" in failed["error"], "said once, not at each tick"
    monkeypatch.undo()
    desk.tick()
    assert desk.edition().digest == "weekly"


def test_a_step_that_somebody_is_in_the_way_of_is_complained_of_the_second_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02")
    assemble = digests.assemble
    left = [1]

    def crossed(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise Conflict("somebody else was changing the same")
        return assemble(*given)

    monkeypatch.setattr(digests, "assemble", crossed)
    desk.tick(NINE - HOUR)
    desk.tick()
    assert desk.edition().digest == "weekly"
    assert desk.said("step failed") == []
    left[0] = 2
    desk.schedule("2027-03-03")
    for _ in range(3):
        desk.tick(NINE + 23 * HOUR)
    (failed,) = desk.said("step failed")
    assert "somebody else" in failed["error"]


def test_a_setting_that_is_wrong_is_said_once_and_the_edition_goes_when_it_is_mended(
    desk: Desk,
) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    whole = desk.mailer.settings
    relay = whole.relay.model_copy(update={"user": "mailer"})
    desk.mailer.settings = whole.model_copy(update={"relay": relay})
    desk.tick(NINE)
    desk.tick()
    assert desk.edition().state is EditionState.SCHEDULED
    (failed,) = desk.said("step failed")
    assert "there is a user and no password" in failed["error"]
    desk.mailer.settings = whole
    desk.tick()
    assert desk.edition().state is EditionState.SENDING


# ---- how things stand -------------------------------------------------------------------------


def test_the_status_tells_what_is_due_waiting_sending_and_failed(desk: Desk) -> None:
    def status() -> Any:
        with desk.mailer.store.read() as tx:
            return look(desk.mailer, tx)

    assert not status().worker.alive
    assert list(status().needs) == ["no worker runs"]
    desk.digest()
    desk.schedule("daily")
    desk.tick()
    found = status()
    assert found.worker.alive
    assert [one.schedule.new.digest for one in found.due] == ["weekly"]
    assert list(found.needs) == []
    desk.tick(NINE - HOUR)
    assert [one.id for one in status().waiting] == [desk.edition().id]
    desk.approve()
    assert [one.id for one in status().scheduled] == [desk.edition().id]
    desk.tick(NINE)
    (sending,) = status().sending
    assert (sending.left, sending.report.total) == (2, 2)
    desk.relay.always(Step.RCPT, "550 5.1.1 no such user", to="amal@example.org")
    desk.deliver()
    (failed,) = status().failed
    assert failed.edition.id == desk.edition().id
    assert list(status().needs) == [f"edition {desk.edition().id}: 1 failed"]
    desk.now += timedelta(days=8)
    assert status().failed == ()


def test_the_status_tells_what_is_held(desk: Desk) -> None:
    desk.digest(grace=timedelta())
    desk.schedule("2027-03-02")
    desk.tick(NINE + HOUR)
    with desk.mailer.store.read() as tx:
        found = look(desk.mailer, tx)
    assert [one.digest for one in found.held] == ["weekly"]
    assert "weekly of Tue 02 Mar 09:00 is held" in list(found.needs)


def test_an_edition_by_itself_without_a_time_is_left_alone(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        office.edition(tx, "boats")
    desk.tick()
    desk.tick(NINE)
    assert desk.edition().state is EditionState.DRAFT
    assert desk.relay.accepted == []
