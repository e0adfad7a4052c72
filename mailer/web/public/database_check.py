"""A bounded check of the database, for the health check."""

import asyncio
import threading
from concurrent.futures import Future

from mailer.errors import ConcurrencyError, ConfigError, DatabaseUnavailable
from mailer.store import Store

HEALTH_SECONDS = 3.0
"""Seconds in which the database must answer. Load balancers wait for 5 seconds, as a rule."""

UNUSABLE = "the database can't be used"
SILENT = "the database does not answer"


class DatabaseCheck:
    """Reads from the database in a thread of its own, so that the answer does not wait for pages
    that wait for the database. Requests that come during a check share its result."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: Future[str] | None = None

    async def find_trouble(self) -> str:
        """Describe what is wrong with the database, or return "" if it can be read. Call this only
        on the event loop."""
        if self._running is None or self._running.done():
            self._running = Future()
            threading.Thread(
                target=self._read_database, args=(self._running,), name="health", daemon=True
            ).start()
        try:
            return await asyncio.wait_for(
                asyncio.shield(asyncio.wrap_future(self._running)), HEALTH_SECONDS
            )
        except TimeoutError:
            return SILENT

    def _read_database(self, answer: Future[str]) -> None:
        try:
            try:
                self._read_once()
            except DatabaseUnavailable as error:
                if not error.is_link_lost:
                    raise
                self._read_once()
        except (ConfigError, ConcurrencyError) as error:
            answer.set_result(SILENT if error.code == "database_silent" else UNUSABLE)
        except BaseException as error:
            answer.set_exception(error)
        else:
            answer.set_result("")

    def _read_once(self) -> None:
        with self._store.read() as tx:
            tx.lists.list_topics()
