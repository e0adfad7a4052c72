"""A worker's name shows whether its process has ended."""

import sys

import pytest

from mailer.delivery.process_identity import create_worker_name, is_dead

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_worker_names_are_short_and_unique() -> None:
    names = {create_worker_name() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) <= 64 for name in names)


def test_living_worker_is_not_dead() -> None:
    assert not is_dead(create_worker_name())


@linux_only
def test_reused_pid_is_not_mistaken_for_dead_worker() -> None:
    boot_identity, pid, start_time, nonce = create_worker_name().split(":")
    assert is_dead(f"{boot_identity}:{pid}:{int(start_time) - 1}:{nonce}")


@pytest.mark.parametrize("name", ["", "somewhere:1:2:3", ":1:2:3", "garbage", "a:b:c:d"])
def test_unknown_worker_name_is_not_dead(name: str) -> None:
    assert not is_dead(name)
