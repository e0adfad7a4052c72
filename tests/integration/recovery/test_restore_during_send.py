"""A backup that is taken and restored in mid-send: no reader gets a second copy without a person's
word.

`RESTORES=n` sets the number of restorations of the proof. The short form runs in the suite.
"""

import os
import random
import threading
from pathlib import Path

import pytest

from mailer import outbox, recovery
from mailer.editions import get_edition, resume_edition
from mailer.errors import DatabaseUnrecognised
from mailer.model.deliveries import DeliveryState
from mailer.model.editions import Edition
from tests.actors import STAFF
from tests.fake_relay import Envelope, Step
from tests.integration import factories
from tests.integration.delivery.worker_processes import MailerProcesses
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due
from tests.integration.recovery.test_recognition import only_sqlite

RESTORES = int(os.environ.get("RESTORES", "20"))
READERS = 120


def accept_restored(office: RecoveryOffice) -> None:
    mailer = office.open_mailer()
    with mailer.store.begin() as tx:
        recovery.accept_database(tx, STAFF, [], factories.NOW)
    mailer.guard.save_accepted_marker()


def take_backup_during_run(
    office: RecoveryOffice, edition: Edition, after_count: int, stop_count: int, number: int
) -> Path:
    """Send an edition; back the database up after `after_count` messages, and stop after
    `stop_count`."""
    mailer, backing_mailer = office.open_mailer(), office.open_mailer()
    backups: list[Path] = []
    stop = threading.Event()
    start_count = len(office.relay.accepted)

    def back_up_or_stop(_: Envelope) -> str:
        count = len(office.relay.accepted) - start_count
        if count >= after_count and not backups:
            backups.append(office.back_up(backing_mailer, f"backup{number}"))
        if count >= stop_count:
            stop.set()
        return "250 2.0.0 queued"

    office.relay.answer_always(Step.DOT, back_up_or_stop)
    settings = mailer.settings.relay.model_copy(update={"connections": 2, "window": 3})
    mailer.settings = mailer.settings.model_copy(update={"relay": settings})
    mailer.deliver_editions([edition], stop)
    office.relay.answer_always(Step.DOT, "250 2.0.0 queued")
    mailer.close()
    backing_mailer.close()
    return backups[0]


def check_restoration(office: RecoveryOffice, edition: Edition, backup: Path) -> None:
    """Restore, and check that no reader gets a second copy until a person says so."""
    accepted = list(office.relay.accepted)
    office.restore(backup).close()
    with pytest.raises(DatabaseUnrecognised):
        deliver_due(office.open_mailer())
    accept_restored(office)
    mailer = office.open_mailer()
    assert deliver_due(mailer) == 0
    assert office.relay.accepted == accepted
    assert len(set(accepted)) == len(accepted)
    states = factories.read_delivery_states(mailer.store, edition)
    unsent = {address for address, state in states.items() if state is not DeliveryState.SENT}
    assert {states[address] for address in unsent} <= {DeliveryState.IN_DOUBT}
    assert unsent | set(accepted) == set(states), "nobody is lost"


def send_in_doubt_again(office: RecoveryOffice, edition: Edition) -> None:
    """Send again what is in doubt, as a person decides."""
    mailer = office.open_mailer()
    with mailer.store.begin() as tx:
        paused = get_edition(tx, edition.id)
        outbox.send_in_doubt_again(tx, STAFF, paused, factories.NOW)
        resume_edition(tx, STAFF, paused, factories.NOW)
    deliver_due(mailer)
    assert set(office.relay.accepted) == set(factories.make_addresses(READERS))


def run_restorations(office: RecoveryOffice, count: int, seed: int) -> None:
    randomness = random.Random(seed)
    for number in range(count):
        mailer = office.open_mailer()
        if number == 0:
            edition = begin_edition(mailer, READERS)
            backup_of_start = office.back_up(mailer, "start")
        else:
            office.restore(backup_of_start).close()
            with mailer.store.begin() as tx:
                identity = recovery.create_identity(tx, STAFF, factories.NOW)  # as if new
                assert identity
            mailer.guard.save_accepted_marker()
        office.relay.received.clear()
        after_count = randomness.randrange(1, READERS - 10)
        stop_count = randomness.randrange(after_count, READERS)
        backup = take_backup_during_run(office, edition, after_count, stop_count, number)
        check_restoration(office, edition, backup)
    send_in_doubt_again(office, edition)


def test_restore_during_send_sends_no_second_copy(
    recovery_office: RecoveryOffice, backend: str
) -> None:
    run_restorations(recovery_office, 2 if backend == "sqlite" else 1, seed=7)


@pytest.mark.proof
def test_many_restores_during_send_send_no_second_copy(recovery_office: RecoveryOffice) -> None:
    run_restorations(recovery_office, RESTORES, seed=11)


def check_killed_sender(
    office: RecoveryOffice, processes: MailerProcesses, edition: Edition, copy_at: int, kill_at: int
) -> None:
    """Copy the file of the database without a mark, kill the sender soon after, and put the copy
    into its place."""
    copy = office.folder / f"copy{copy_at}.db"
    copied, killed = threading.Event(), threading.Event()

    def copy_or_kill(_: Envelope) -> str:
        count = len(office.relay.accepted)
        if count >= copy_at and not copied.is_set():
            copied.set()
            office.copy_file(copy)
        if count >= kill_at and not killed.is_set():
            killed.set()
            process.end_process()
        return "250 2.0.0 queued"

    office.relay.answer_always(Step.DOT, copy_or_kill)
    process = processes.send_edition(edition, relay_connections=2, relay_window=3)
    assert killed.wait(60)
    office.relay.answer_always(Step.DOT, "250 2.0.0 queued")
    office.put_file(copy)
    second_run = processes.send_edition(edition).wait(60)
    assert second_run.code == 5, second_run.output
    assert "this host has sent from a later state" in second_run.output
    accepted = office.relay.accepted
    assert len(accepted) == len(set(accepted)) < READERS


@only_sqlite
def test_unmarked_copy_of_a_killed_sender_is_noticed(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    edition = begin_edition(mailer, READERS)
    processes = MailerProcesses(mailer)
    mailer.close()
    try:
        check_killed_sender(recovery_office, processes, edition, copy_at=20, kill_at=40)
    finally:
        processes.end_processes()
