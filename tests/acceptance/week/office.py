"""The office of the week: its commands are counted, and its worker and pages are real processes
that share a clock."""

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.acceptance.conftest import CommandResult, Shell
from tests.acceptance.moved_clock import ENVIRONMENT_NAME, MovedClock
from tests.fake_relay import Relay

PATIENCE = 60.0
EDITOR, WATCHER, OFFICER = "editor@example.org", "watcher@example.org", "officer@example.org"
_REPOSITORY = Path(__file__).parents[3]


@dataclass
class Office:
    """An office. Calling it runs a command, as a shell does."""

    shell: Shell
    relay: Relay
    clock: MovedClock
    port: int
    commands: list[str] = field(default_factory=list)

    def __call__(self, *words: str, code: int = 0) -> CommandResult:
        self.commands.append(" ".join(words))
        return self.shell(*words, code=code)

    def move_clock(self, local_time: str) -> None:
        """Move the clock to a time in December in London, which is UTC: '2026-12-14 09:00'."""
        self.clock.move_to(datetime.fromisoformat(local_time).replace(tzinfo=UTC))

    @contextmanager
    def run_in_background(self, *words: str) -> Iterator[None]:
        """Run a command that lasts, such as `worker`, and ask it to stop at the end."""
        self.commands.append(" ".join(words))
        log = (self.shell.folder.parent / f"{words[0]}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.moved_clock", *words],
            cwd=self.shell.folder,
            env={**self.shell.env, "PYTHONPATH": str(_REPOSITORY)},
            stdout=log,
            stderr=log,
        )
        try:
            yield
            process.terminate()
            assert process.wait(PATIENCE) in {0, -signal.SIGTERM}
        finally:
            process.kill()
            process.wait()
            log.close()

    def request(self, method: str, url: str, form: Mapping[str, str] | None = None) -> str:
        """Open an address of the office's pages, or send a form to it, and return the page."""
        path = urlsplit(url).path
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, path, None if form is None else urlencode(form), headers)
        response = connection.getresponse()
        page = response.read().decode()
        connection.close()
        assert response.status == 200, f"{method} {url}: {response.status}\n{page}"
        return page

    def query(self, statement: str, *values: object) -> list[Any]:
        """Return the rows of a question to the database."""
        connection = sqlite3.connect(self.shell.folder / "subscribers.db")
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def read_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def open_office(shell: Shell, relay: Relay, moment: str) -> Office:
    """Write the settings of the office: what its administrator did once."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    clock_file = shell.folder.parent / "clock.txt"
    clock = MovedClock(clock_file, datetime.fromisoformat(moment).replace(tzinfo=UTC))
    shell.env[ENVIRONMENT_NAME] = str(clock_file)
    office = Office(shell, relay, clock, port)
    office("init")
    config = shell.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    for setting, value in (
        ("postal_address", '"1 Example Quay, London"'),
        ("host", '"127.0.0.1"'),
        ("port", str(relay.port)),
        ("tls", '"none"'),
        ("tick", "0.2"),
        ("approvers", f'["{EDITOR}"]'),
        ("watchers", f'["{WATCHER}"]'),
        ("addresses", f'["{OFFICER}"]'),
        ("base_url", f'"http://127.0.0.1:{port}"'),
    ):
        text, changes = re.subn(rf"(?m)^{setting} = .*$", f"{setting} = {value}", text, count=1)
        assert changes == 1, setting
    config.write_text(text, "utf-8")
    return office
