"""``make bench`` runs, in small: what it prints can't be held against anything here, that it counts
can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.delivery.sink import find_program
from tests.conftest import skip_without

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_parts_run_and_every_message_is_counted() -> None:
    if not (find_program("smtp-sink") and find_program("smtp-source")):
        skip_without("Postfix's smtp-sink and smtp-source: apt-get install postfix")
    small = {"N": "100", "RUNS": "1", "PLAIN_N": "20", "LATENCY_N": "40", "CONNECTIONS": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_delivery", "throughput", "plain"],
        cwd=ROOT,
        env={**os.environ, **small},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "smtp-source" in done.stdout
    assert "goal" in done.stdout
