"""A worker's name tells that its process has ended."""

import subprocess
import sys

import pytest

from mailer.delivery.process_identity import is_dead

_PRINT_NAME = (
    "from mailer.delivery.process_identity import create_worker_name; print(create_worker_name())"
)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_worker_whose_process_has_ended_is_dead() -> None:
    worker_name = subprocess.run(
        [sys.executable, "-c", _PRINT_NAME], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert is_dead(worker_name)
