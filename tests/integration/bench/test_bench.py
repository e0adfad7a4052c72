"""``make bench`` runs at a small scale: its figures can't be checked here, but its counts can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.delivery.sink import find_program
from tests.conftest import skip_without

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_bench_parts_run_and_count_every_message() -> None:
    if not (find_program("smtp-sink") and find_program("smtp-source")):
        skip_without("Postfix's smtp-sink and smtp-source: apt-get install postfix")
    small_scale = {"N": "100", "RUNS": "1", "PLAIN_N": "20", "LATENCY_N": "40", "CONNECTIONS": "2"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_delivery", "throughput", "plain"],
        cwd=ROOT,
        env={**os.environ, **small_scale},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "smtp-source" in result.stdout
    assert "goal" in result.stdout
