"""A sender's name tells whether it has ended."""

import sys

import pytest

from mailer.delivery.process_identity import create_worker_name, is_dead

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_names_are_short_and_each_is_its_own() -> None:
    names = {create_worker_name() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) <= 64 for name in names)


def test_who_lives_is_not_dead() -> None:
    assert not is_dead(create_worker_name())


@linux_only
def test_a_process_with_the_number_of_one_that_ended_is_not_taken_for_it() -> None:
    place, pid, started, nonce = create_worker_name().split(":")
    assert is_dead(f"{place}:{pid}:{int(started) - 1}:{nonce}")


@pytest.mark.parametrize("name", ["", "somewhere:1:2:3", ":1:2:3", "garbage", "a:b:c:d"])
def test_of_whom_nothing_can_be_told_only_the_lease_counts(name: str) -> None:
    assert not is_dead(name)
