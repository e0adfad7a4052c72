"""A process that would deliver recognises its database, and a restored or copied one."""

import shutil
import threading
from pathlib import Path

import pytest

from mailer import recovery
from mailer.app import Mailer
from mailer.config import Settings
from mailer.delivery.process_identity import create_worker_name
from mailer.errors import DatabaseUnrecognised
from mailer.model.deliveries import DeliveryState
from mailer.model.leases import TICK
from mailer.worker.status import read_status
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due

only_sqlite = pytest.mark.parametrize("backend", ["sqlite"])
only_postgresql = pytest.mark.parametrize("backend", ["postgresql"])


def change_host(mailer: Mailer, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Mailer:
    """Return the same office on a host that has no marker."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "other-host"))
    return Mailer(mailer.settings, mailer.store)


def expect_refusal(mailer: Mailer, outcome: str) -> DatabaseUnrecognised:
    with pytest.raises(DatabaseUnrecognised) as caught:
        deliver_due(mailer)
    assert caught.value.value == outcome
    return caught.value


def find_trouble(mailer: Mailer) -> str:
    refusal = mailer.guard.find_refusal()
    return refusal.reason if refusal else ""


def test_first_start_on_a_new_database_delivers(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    assert find_trouble(mailer) == ""
    assert deliver_due(mailer) == 3
    assert deliver_due(recovery_office.open_mailer()) == 0
    assert find_trouble(mailer) == ""


@only_sqlite
def test_begun_database_without_marker_is_not_recognised(
    recovery_office: RecoveryOffice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    deliver_due(mailer)
    other_mailer = change_host(mailer, monkeypatch, tmp_path)
    error = expect_refusal(other_mailer, "no marker")
    assert "paths.state" in error.hint
    assert {step.action for step in error.next_steps} == {"accept_database", "declare_clone"}
    assert "not from this host" in find_trouble(other_mailer)


@only_sqlite
def test_older_file_in_place_is_not_recognised(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    mailer.guard.confirm_database()
    copy = recovery_office.folder / "copy.db"
    recovery_office.copy_file(copy)
    assert deliver_due(mailer) == 2
    mailer.close()
    recovery_office.put_file(copy)
    expect_refusal(recovery_office.open_mailer(), "older")
    assert len(recovery_office.relay.accepted) == 2


@only_sqlite
def test_file_from_before_the_first_delivery_is_not_recognised(
    recovery_office: RecoveryOffice,
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    copy = recovery_office.folder / "copy.db"
    recovery_office.copy_file(copy)
    deliver_due(mailer)
    mailer.close()
    recovery_office.put_file(copy)
    expect_refusal(recovery_office.open_mailer(), "older")


@only_sqlite
def test_copied_folder_sends_nothing_but_a_moved_one_does(
    recovery_office: RecoveryOffice, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    mailer.guard.confirm_database()
    mailer.close()
    copy = tmp_path / "copy.db"
    shutil.copy(recovery_office.database_file, copy)
    copied = recovery_office.open_mailer(f"sqlite:///{copy}")
    expect_refusal(copied, "copied")
    copied.close()
    moved = tmp_path / "moved.db"
    recovery_office.database_file.rename(moved)
    assert deliver_due(recovery_office.open_mailer(f"sqlite:///{moved}")) == 2


@only_sqlite
def test_heartbeat_behind_the_marker_is_noticed(recovery_office: RecoveryOffice) -> None:
    """The generation grows each second; the heartbeat with each commit."""
    mailer = recovery_office.open_mailer()
    mailer.guard.confirm_database()
    with mailer.store.begin() as tx:
        worker_id = factories.register_worker(tx)
        heartbeat = tx.outbox.update_heartbeat(worker_id)
    assert heartbeat is not None
    with mailer.store.read() as tx:
        identity = tx.recovery.find_identity()
    assert identity is not None
    beat_file = mailer.settings.state_folder / f"{identity.identity}.{worker_id}.beat"
    beat_file.write_text(f"{heartbeat:020}")
    assert find_trouble(mailer) == ""
    beat_file.write_text(f"{heartbeat + 1:020}")
    expect_refusal(mailer, "older")


@only_postgresql
def test_second_host_joins_while_the_first_delivers(
    recovery_office: RecoveryOffice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    deliver_due(mailer)
    stop = threading.Event()

    def keep_confirming() -> None:
        while not stop.wait(0.2):
            mailer.guard.confirm_database()

    mailer.guard.check_database()
    thread = threading.Thread(target=keep_confirming)
    thread.start()
    try:
        other_mailer = change_host(mailer, monkeypatch, tmp_path)
        other_mailer.guard.check_database()
        other_mailer.guard.confirm_database()
    finally:
        stop.set()
        thread.join()
    assert deliver_due(other_mailer) == 0
    assert deliver_due(mailer) == 0, "both hosts go on"


@only_postgresql
def test_second_host_does_not_join_a_silent_database(
    recovery_office: RecoveryOffice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mailer.app.recognition.JOIN_WAIT", 0.6)
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    deliver_due(mailer)
    other_mailer = change_host(mailer, monkeypatch, tmp_path)
    expect_refusal(other_mailer, "no marker")
    assert find_trouble(other_mailer) == "", "a host that only shows pages needs no marker"


def test_suspended_database_sends_nothing_until_accepted(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    edition = begin_edition(mailer, 3)
    mailer.guard.confirm_database()
    with mailer.store.begin() as tx:
        recovery.suspend_deliveries(tx, STAFF, "its history went back", factories.NOW)
    error = expect_refusal(mailer, "restored")
    assert "its history went back" in error.message
    with mailer.store.begin() as tx:
        report = recovery.accept_database(tx, STAFF, [], factories.NOW)
    mailer.guard.save_accepted_marker()
    assert report.in_doubt == {edition.id: 3}
    assert deliver_due(recovery_office.open_mailer()) == 0
    states = factories.read_delivery_states(mailer.store, edition)
    assert set(states.values()) == {DeliveryState.IN_DOUBT}
    with mailer.store.read() as tx:
        assert [event.event_type for event in tx.recovery.list_events()] == [
            "suspended",
            "accepted",
        ]


@only_sqlite
def test_clone_delivers_in_safe_mode(recovery_office: RecoveryOffice, tmp_path: Path) -> None:
    mailer = recovery_office.open_mailer()
    edition = begin_edition(mailer, 3)
    mailer.guard.confirm_database()
    copy = tmp_path / "copy.db"
    recovery_office.copy_file(copy)
    clone = recovery_office.open_mailer(f"sqlite:///{copy}")
    with clone.store.begin() as tx:
        assert not clone.guard.is_original()
        recovery.declare_clone(tx, STAFF, factories.NOW)
    assert find_trouble(clone) == ""
    assert deliver_due(clone) == 0
    states = factories.read_delivery_states(clone.store, edition)
    assert set(states.values()) == {DeliveryState.DIVERTED}
    assert deliver_due(recovery_office.open_mailer(f"sqlite:///{copy}")) == 0
    assert find_trouble(clone) == "", "a clone has a marker of its own"
    assert not clone.guard.is_original()
    assert deliver_due(mailer) == 3, "the original is not disturbed"
    assert mailer.guard.is_original()


@only_sqlite
def test_copy_of_a_clone_is_not_recognised(recovery_office: RecoveryOffice, tmp_path: Path) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    with mailer.store.begin() as tx:
        recovery.declare_clone(tx, STAFF, factories.NOW)
    deliver_due(mailer)
    copy = tmp_path / "copy.db"
    recovery_office.copy_file(copy)
    expect_refusal(recovery_office.open_mailer(f"sqlite:///{copy}"), "copied")


def test_clone_stays_one_until_it_is_accepted(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    with mailer.store.begin() as tx:
        assert not recovery.is_clone(tx)
        recovery.declare_clone(tx, STAFF, factories.NOW)
        assert recovery.is_clone(tx)
    backup = recovery_office.back_up(mailer)
    mailer.close()
    restored = recovery_office.restore(backup)
    expect_refusal(restored, "restored")
    with restored.store.begin() as tx:
        assert recovery.is_clone(tx), "it was restored from the backup of a clone"
        recovery.accept_database(tx, STAFF, [], factories.NOW)
        assert not recovery.is_clone(tx)
        assert tx.outbox.find_safe_mode() is None


def test_unwritable_marker_folder_is_named(
    recovery_office: RecoveryOffice, office: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 1)
    with pytest.raises(Exception, match=r"/proc/nowhere/mailer: .*paths\.state"):
        deliver_due(mailer)


def test_status_beside_a_delivering_process_raises_no_false_alarm(
    recovery_office: RecoveryOffice,
) -> None:
    """The marker moves after the snapshot of the status was taken."""
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    mailer.guard.confirm_database()
    beside = recovery_office.open_mailer()
    with beside.store.read() as tx:
        assert tx.recovery.find_identity() is not None  # takes the snapshot
        mailer.guard.confirm_database()
        assert read_status(beside, tx).refusal is None


@only_sqlite
def test_status_of_a_copy_advises_the_original_or_a_clone(
    recovery_office: RecoveryOffice, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 2)
    mailer.guard.confirm_database()
    with mailer.store.begin() as tx:
        tx.leases.take_lease(TICK, create_worker_name(), None, mailer.clock())
    copy = tmp_path / "copy.db"
    recovery_office.copy_file(copy)
    copied = recovery_office.open_mailer(f"sqlite:///{copy}")
    with mailer.store.read() as tx:
        assert read_status(mailer, tx).worker.alive
    with copied.store.begin() as tx:
        status = read_status(copied, tx)
        assert status.refusal is not None
        assert status.refusal.hint == "send from the original"
        assert [step.action for step in status.refusal.next_steps] == ["declare_clone"]
        assert not status.worker.alive, "the worker is the original's"
        assert not any("worker" in problem for problem in status.problems)
        recovery.declare_clone(tx, STAFF, copied.clock())
    with copied.store.read() as tx:
        status = read_status(copied, tx)
    assert status.refusal is None
    assert status.safe_mode is not None
    assert status.safe_mode.words == "this database is a clone, and no one gets mail"
    assert not status.worker.alive
