"""When a worker may take the lease of another."""

import pytest

from mailer.leases import LeaseObserver
from mailer.model.leases import Lease
from tests.unit.samples import NOW

LEASE = Lease(3, "other", 17, NOW)
SECONDS = 60.0


@pytest.fixture
def observer() -> LeaseObserver:
    return LeaseObserver(SECONDS, lambda name: name == "dead")


def test_free_lease_is_taken_at_once(observer: LeaseObserver) -> None:
    assert observer.may_take(None, 0.0)
    assert observer.may_take(LEASE._replace(holder=""), 0.0)
    assert observer.may_take(LEASE._replace(holder="dead"), 0.0)


def test_lease_without_heartbeat_is_taken_after_its_duration(observer: LeaseObserver) -> None:
    assert not observer.may_take(LEASE, 1000.0)
    assert not observer.may_take(LEASE, 1000.0 + SECONDS - 1)
    assert observer.may_take(LEASE, 1000.0 + SECONDS)


def test_heartbeat_of_the_holder_begins_a_new_wait(observer: LeaseObserver) -> None:
    assert not observer.may_take(LEASE, 0.0)
    assert not observer.may_take(LEASE._replace(heartbeat=18), SECONDS)
    assert not observer.may_take(LEASE._replace(heartbeat=18), 2 * SECONDS - 1)
    observer.forget_lease()
    assert not observer.may_take(LEASE._replace(heartbeat=18), 2 * SECONDS)


def test_clock_of_the_holder_does_not_count(observer: LeaseObserver) -> None:
    assert not observer.may_take(LEASE, 0.0)
    assert observer.may_take(LEASE._replace(heartbeat_at=NOW.replace(year=2040)), SECONDS)
