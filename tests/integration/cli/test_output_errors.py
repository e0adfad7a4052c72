"""Output that can't be written is an error of its own, not an internal one."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("words", [("--help",), ("topic", "--help")])
def test_full_disk_under_stdout_is_reported(words: tuple[str, ...]) -> None:
    with FULL.open("w") as out:
        outcome = subprocess.run(
            [sys.executable, "-m", "mailer", *words],
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert outcome.returncode == 1
    assert outcome.stderr == b"error: the output can't be written (No space left on device)\n"
