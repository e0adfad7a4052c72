"""Two people change a release at the same moment: one after the other, on PostgreSQL too."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from mailer import embargoes, releases
from mailer.app import Mailer
from mailer.audience import lists
from mailer.errors import ConcurrencyError, MailerError, Refused
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from mailer.store.schema import topic
from tests.actors import AMINA, STAFF
from tests.integration.releases.factories import (
    SLUG,
    confirm_kill,
    confirm_previewed_kill,
    create_office,
    get_current_minute,
    make_terms,
    request_kill,
)

HOUR = timedelta(hours=1)


def run_during_transaction(
    mailer: Mailer, first: Callable[[SqlTransaction], object], second: Callable[[], object]
) -> Exception | None:
    """Run the second action while the first is done and not yet committed.

    Returns the exception that the second one raised, or None."""
    raised: list[Exception] = []

    def run_second_action() -> None:
        try:
            second()
        except MailerError as error:
            raised.append(error)

    other = threading.Thread(target=run_second_action)
    with mailer.store.begin() as tx:
        first(tx)
        other.start()
        time.sleep(0.3)
        assert other.is_alive()  # it waits
    other.join(30)
    return raised[0] if raised else None


def test_embargo_that_is_being_lifted_is_not_moved(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + HOUR), mailer.clock()
        )

    def move() -> None:
        with mailer.store.begin() as tx:
            embargoes.set_embargo(
                tx, STAFF, SLUG, make_terms(get_current_minute() + 2 * HOUR), mailer.clock()
            )

    error = run_during_transaction(
        mailer,
        lambda tx: embargoes.lift_embargo(tx, AMINA, SLUG, mailer.clock()),
        move,
    )
    assert isinstance(error, Refused)
    with mailer.store.read() as tx:
        assert not embargoes.find_embargoed(tx.embargoes, mailer.clock())


def test_kill_that_is_being_withdrawn_is_not_confirmed(mailer: Mailer, release: Edition) -> None:
    request_kill(mailer)
    error = run_during_transaction(
        mailer,
        lambda tx: releases.withdraw_kill(tx, AMINA, SLUG, mailer.clock()),
        lambda: confirm_kill(mailer),
    )
    assert isinstance(error, Refused)
    with mailer.store.read() as tx:
        assert tx.releases.find_kill(SLUG) is None


def test_kill_is_confirmed_once(mailer: Mailer, release: Edition) -> None:
    request_kill(mailer)
    error = run_during_transaction(
        mailer,
        lambda tx: confirm_previewed_kill(mailer, tx),
        lambda: confirm_kill(mailer, "Chidi"),
    )
    assert isinstance(error, Refused)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_second_writer_is_asked_to_look_and_try_again(mailer: Mailer) -> None:
    """On SQLite there is no second writer: it waits, and sees the change of the first."""
    row: dict[str, Any] = {"slug": "water", "created_at": get_current_minute()}

    def add() -> None:
        with mailer.store.begin() as tx:
            tx.connection.execute(insert(topic).values(**row))

    error = run_during_transaction(
        mailer, lambda tx: tx.connection.execute(insert(topic).values(**row)), add
    )
    assert isinstance(error, ConcurrencyError)
    assert "another process was changing the same records" in str(error)
    assert "try again" in str(error)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_deadlock_asks_one_of_two_processes_to_try_again(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        for slug in ("air", "water"):
            lists.add_topic(tx, STAFF, slug, {}, mailer.clock())
    errors: list[ConcurrencyError] = []
    meet = threading.Barrier(2)

    def lock(*slugs: str) -> None:
        try:
            with mailer.store.begin() as tx:
                for number, slug in enumerate(slugs):
                    statement = text("SELECT 1 FROM topic WHERE slug = :slug FOR UPDATE")
                    tx.connection.execute(statement, {"slug": slug})
                    if number == 0:
                        meet.wait(10)
        except ConcurrencyError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=lock, args=slugs) for slugs in (("air", "water"), ("water", "air"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    (error,) = errors
    assert "deadlock" in str(error)
    assert error.exit_code == 5
