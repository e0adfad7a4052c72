"""Runs a real ``mailer serve``, over loopback."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.delivery.fixtures import SETTINGS
from tests.bench.delivery.programs import build_environment, run_program
from tests.bench.web import client
from tests.bench.web.client import BenchRequest
from tests.ports import find_free_port

NO_RATE_LIMITS = {"MAILER_SIGNUP_PER_CLIENT": "0", "MAILER_SIGNUP_PER_DOMAIN": "0"}
"""Settings without rate limits, because all requests come from one address."""

START_SECONDS = 60.0
"""Seconds that the server may take to start."""


@contextmanager
def run_server(folder: Path, database_url: str) -> Iterator[int]:
    """Run `mailer serve` in an office's folder, on a database, and yield its port."""
    port = find_free_port()
    env = SETTINGS | NO_RATE_LIMITS | {"MAILER_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "mailer", "serve", "--port", str(port)]
    with (
        (folder / "serve.log").open("wb") as log,
        run_program(command, cwd=folder, env=build_environment(env), stdout=log, stderr=log),
    ):
        _wait_for_server(port)
        yield port


def _wait_for_server(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            asyncio.run(client.request_one_by_one(port, [BenchRequest("", "GET", "/healthz")]))
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("mailer serve does not answer")
