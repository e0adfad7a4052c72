"""One thread that does all that pages write, many of them in one transaction.

SQLite has one writer at a time. Beside a sender at full speed, which takes the lock again as soon
as it has let it go, each page by itself waited for a gap: 60 writes a second were too many here.
So whoever has the lock does what all are waiting for, each in a savepoint of its own, and nobody is
answered before the commit. PostgreSQL needs none of it: there each page has its own transaction.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from anyio import CapacityLimiter, to_thread

from mailer.store import Store, Transaction

T = TypeVar("T")

MAX_LOCK_TIME = 0.02
"""Seconds from which on no more is taken into a transaction: others want to write too."""


class UndoWrite(Exception, Generic[T]):
    """Raised by what writes: undo it, and answer with what `instead` gives."""

    def __init__(self, make_answer: Callable[[Transaction], T]) -> None:
        super().__init__()
        self.make_answer = make_answer


class _WriteJob(Generic[T]):
    def __init__(self, write: Callable[[Transaction], T]) -> None:
        self._write = write
        self.answer: Future[T] = Future()
        self._result: T | None = None
        self._error: Exception | None = None

    def apply_write(self, tx: Transaction) -> None:
        try:
            with tx.open_savepoint():
                self._result = self._write(tx)
        except UndoWrite as undo:
            self._result = undo.make_answer(tx)
        except Exception as error:
            self._error = error

    def publish_answer(self) -> None:
        """It is committed."""
        with suppress(InvalidStateError):  # nobody waits any more
            if self._error is not None:
                self.answer.set_exception(self._error)
            else:
                self.answer.set_result(self._result)  # type: ignore[arg-type]

    def fail_with(self, error: Exception) -> None:
        """Nothing of it is committed."""
        with suppress(InvalidStateError):
            self.answer.set_exception(error)


class PageWriter:
    """Runs what pages write. Its thread begins with the first of them; `stop` ends it, when what
    was given to it until then is done."""

    def __init__(self, store: Store, threads: int) -> None:
        self._store = store
        self._jobs: SimpleQueue[_WriteJob[Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._shares_transactions = store.engine.dialect.name == "sqlite"
        self._threads = threads
        self._limit: CapacityLimiter | None = None

    async def run_in_transaction(self, write: Callable[[Transaction], T]) -> T:
        """`do` it in a transaction; what it gave, once that is committed. Raises what it raised,
        and ConfigError where the database can't be used."""
        job = _WriteJob(write)
        if self._shares_transactions:
            self._jobs.put(job)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run_batches, name="writer", daemon=True
                )
                self._thread.start()
            return await asyncio.wrap_future(job.answer)
        if self._limit is None:
            # What waits for a lock must not keep others from looking at a page.
            self._limit = CapacityLimiter(max(self._threads // 2, 1))
        await to_thread.run_sync(self._run_single, job, limiter=self._limit)
        return job.answer.result()

    def stop(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run_single(self, job: _WriteJob[T]) -> None:
        with self._store.begin() as tx:
            job.apply_write(tx)
        job.publish_answer()

    def _run_batches(self) -> None:
        while (first_job := self._jobs.get()) is not None:
            jobs = [first_job]
            is_stopping = False
            try:
                with self._store.begin() as tx:
                    started_at = time.monotonic()
                    first_job.apply_write(tx)
                    while time.monotonic() - started_at < MAX_LOCK_TIME:
                        try:
                            job = self._jobs.get_nowait()
                        except Empty:
                            break
                        if job is None:
                            is_stopping = True
                            break
                        jobs.append(job)
                        job.apply_write(tx)
            except Exception as error:
                for pending_job in jobs:
                    pending_job.fail_with(error)
            else:
                for pending_job in jobs:
                    pending_job.publish_answer()
            if is_stopping:
                return
