"""Real `mailer` processes that deliver, and a log of every change of a delivery's state, which the
database writes itself."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from mailer.app import Mailer
from mailer.model.editions import Edition
from mailer.store import Store
from tests.postgresql import run_sql

ROOT = Path(__file__).parents[3]

# ---- processes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProcessResult:
    """The exit code and output of a process."""

    code: int
    output: str


class MailerProcess:
    """A running `mailer` process, which tests can signal, freeze and await."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "mailer", *arguments],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self._running.pid

    def send_signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    def freeze_process(self) -> None:
        """Send SIGSTOP, and wait until the process has stopped."""
        self.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in "TZ":
            time.sleep(0.001)

    def resume_process(self) -> None:
        self.send_signal(signal.SIGCONT)

    def wait(self, seconds: float = 30) -> ProcessResult:
        output, _ = self._running.communicate(timeout=seconds)
        return ProcessResult(self._running.returncode, output)

    @property
    def has_ended(self) -> bool:
        return self._running.poll() is not None

    def end_process(self) -> None:
        """Kill the process if it still runs, in any state."""
        if not self.has_ended:
            self._running.kill()
        with contextlib.suppress(ValueError):  # its output was read already
            self._running.communicate(timeout=10)


class MailerProcesses:
    """Starts processes for one office's database and relay.

    Keyword `settings` are environment variables, without ``MAILER_``."""

    def __init__(self, mailer: Mailer) -> None:
        relay = mailer.settings.relay
        self._env = {
            **{name: value for name, value in os.environ.items() if name[:7] != "MAILER_"},
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            "MAILER_DATABASE_URL": mailer.store.engine.url.render_as_string(hide_password=False),
            "MAILER_SECRET_KEY": mailer.settings.secret.key.get_secret_value(),
            "MAILER_RELAY_HOST": relay.host,
            "MAILER_RELAY_PORT": str(relay.port),
            "MAILER_RELAY_TLS": "none",
        }
        self._processes: list[MailerProcess] = []

    def start_process(self, *arguments: str, **settings: object) -> MailerProcess:
        """Start `mailer` with these arguments."""
        environment = {f"MAILER_{name}": str(value) for name, value in settings.items()}
        process = MailerProcess(arguments, self._env | environment)
        self._processes.append(process)
        return process

    def send_edition(self, edition: Edition, **settings: object) -> MailerProcess:
        return self.start_process("send", str(edition.id), "--progress", "none", **settings)

    def end_processes(self) -> None:
        for process in self._processes:
            process.end_process()


# ---- the state log ----------------------------------------------------------------------------

_CREATE_TABLE = """
CREATE TABLE state_log (id {serial}, address TEXT NOT NULL, state TEXT NOT NULL)
"""
_SQLITE_TRIGGER = """
CREATE TRIGGER log_state AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state
BEGIN INSERT INTO state_log (address, state) VALUES (NEW.address, NEW.state); END
"""
_POSTGRESQL_TRIGGER = """
CREATE FUNCTION log_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO state_log (address, state) VALUES (NEW.address, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER log_state AFTER UPDATE OF state ON delivery
FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION log_state()
"""
_DROP_TABLE = "DROP TABLE state_log; DROP FUNCTION log_state CASCADE"


class StateLog:
    """A log of each change of a delivery's state, written by a trigger of the database."""

    def __init__(self, store: Store, url: str, *, exists: bool = False) -> None:
        """With `exists`, the trigger is there already."""
        self._store = store
        self._url = url
        if exists:
            return
        if url.startswith("sqlite"):
            run_sql(url, _CREATE_TABLE.format(serial="INTEGER PRIMARY KEY"), _SQLITE_TRIGGER)
        else:
            run_sql(url, _CREATE_TABLE.format(serial="SERIAL PRIMARY KEY"), _POSTGRESQL_TRIGGER)

    def find_addresses(self, state: str) -> set[str]:
        """Return the addresses whose deliveries were ever in this state."""
        with self._store.read() as tx:
            addresses = tx.connection.execute(
                text("SELECT address FROM state_log WHERE state = :state"), {"state": state}
            )
            return set(addresses.scalars())

    @property
    def in_doubt_addresses(self) -> set[str]:
        return self.find_addresses("in_doubt")

    def close(self) -> None:
        if not self._url.startswith("sqlite"):
            run_sql(self._url, _DROP_TABLE)
