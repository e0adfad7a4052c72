"""Patience with a database that can't be used: how long the ledger waits for it, and what it says.

A run that may go on waits ten minutes. A run that was asked to stop must end in the time that it
promises (`docs/how-to/admins/worker.md`), a run that was told to end at once sooner still.
"""

import threading
import time
from collections.abc import Callable

from mailer.delivery.outcomes import DeliveryProgress
from mailer.errors import ConcurrencyError, DatabaseUnavailable, MailerError
from mailer.model.transaction import Database, Transaction

SETTLE_TIMEOUT = 600.0
"""Seconds for which the ledger keeps trying to write replies while the database can't be used."""

STOP_TIMEOUT = 30.0
"""The same, from the moment at which the run was asked to stop."""

HURRIED_TIMEOUT = 5.0
"""The same, if the run was told to stop at once."""

RETRY_DELAY = 0.2
"""Seconds between two attempts."""

SLOW_SECONDS = 5.0
"""Seconds after which a transaction that has no answer yet is told."""

SILENT = "the database does not answer"


class OutagePatience:
    """The ledger's patience. Any thread may hurry it; only the ledger's thread waits."""

    def __init__(self, progress: DeliveryProgress) -> None:
        self._progress = progress
        self._hurry_event = threading.Event()
        self._stop_deadline = float("inf")
        self._transaction_since: float | None = None

    def limit_by_stop(self) -> None:
        """Note that the run was asked to stop."""
        self._stop_deadline = min(self._stop_deadline, time.monotonic() + STOP_TIMEOUT)

    def note_hurry(self) -> None:
        """Note that the run was told to stop at once."""
        self._hurry_event.set()

    def begin_wait(self) -> None:
        """Note that a transaction begins."""
        self._transaction_since = time.monotonic()

    def end_wait(self) -> None:
        self._transaction_since = None

    @property
    def slow_text(self) -> str:
        """The words for a transaction that has had no answer for long; otherwise empty."""
        since = self._transaction_since
        return SILENT if since is not None and time.monotonic() - since > SLOW_SECONDS else ""

    def note_outage(self, error: MailerError) -> None:
        self._progress.waiting = error.message

    def note_recovery(self) -> None:
        self._progress.waiting = ""

    def wait_or_raise(self, error: MailerError, started_at: float) -> None:
        """Tell of an outage, and wait a moment before the next attempt.

        Raises the error if there has been no success since `started_at` for too long."""
        self.note_outage(error)
        now = time.monotonic()
        timeout = HURRIED_TIMEOUT if self._hurry_event.is_set() else SETTLE_TIMEOUT
        if now - started_at > timeout or now > self._stop_deadline:
            raise error
        self._hurry_event.wait(RETRY_DELAY)

    def run_with_retries(self, action: Callable[[], None]) -> None:
        """Run `action`, again and again while the database can't be used."""
        started_at = time.monotonic()
        while True:
            try:
                action()
            except (DatabaseUnavailable, ConcurrencyError) as error:
                self.wait_or_raise(error, started_at)
            else:
                self.note_recovery()
                return

    def write(self, store: Database, write: Callable[[Transaction], None]) -> None:
        """Run `write` in a transaction, again and again while the database can't be used."""

        def write_in_transaction() -> None:
            with store.begin() as tx:
                write(tx)

        self.run_with_retries(write_in_transaction)
