"""One thread that carries out the writes of all pages, many of them in one transaction.

SQLite has one writer at a time. A worker that delivers at full speed takes the lock again as soon
as it has released it, so each page would have to wait for a separate gap, and 60 writes per second
would be too many. Therefore the thread carries out all waiting writes once it has the lock, each in
its own savepoint. Requests are answered only after the commit. On PostgreSQL, each page has its own
transaction.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Response

from mailer.errors import DatabaseUnavailable
from mailer.store import SqlTransaction, Store

T = TypeVar("T")

MAX_JOIN_TIME = 0.02
"""Seconds for which a transaction accepts writes that were asked for after it had begun."""

MAX_LOCK_TIME = 0.2
"""Seconds after which a transaction accepts no further writes, so that other processes get the
lock. Until then it accepts all writes that were waiting when it began: if it left some behind, a
busy server would do fewer writes per second than are asked for."""


class UndoWrite(Exception, Generic[T]):
    """Raised by a write that should be rolled back. `make_answer` makes the answer, in the same
    transaction."""

    def __init__(self, make_answer: Callable[[SqlTransaction], T]) -> None:
        super().__init__()
        self.make_answer = make_answer


@dataclass(frozen=True, slots=True)
class AnswerAfterCommit:
    """Returned by the handler of a form: `make_answer` makes the answer once the changes are
    committed, in a transaction of its own if it needs one. No other writer waits for it."""

    make_answer: Callable[[], Response]


class _WriteJob(Generic[T]):
    def __init__(self, store: Store, write: Callable[[SqlTransaction], T]) -> None:
        self._store = store
        self._write = write
        self.answer: Future[T] = Future()
        self._result: T | None = None
        self._error: Exception | None = None

    def apply_write(self, tx: SqlTransaction) -> None:
        """Run the write. Raises only errors of the database, after which the transaction can't be
        used."""
        try:
            with tx.open_savepoint():
                self._result = self._write(tx)
        except UndoWrite as undo:
            self._result = undo.make_answer(tx)
        except Exception as error:
            if self._store.translate_error(error) is not error:
                raise
            self._error = error

    def publish_answer(self) -> None:
        """Pass the result or the error to the request, once the transaction is committed."""
        with suppress(InvalidStateError):  # the request was cancelled
            if self._error is not None:
                self.answer.set_exception(self._error)
            else:
                self.answer.set_result(self._result)  # type: ignore[arg-type]

    def fail_with(self, error: Exception) -> None:
        """Pass the error to the request, because the transaction could not be committed."""
        with suppress(InvalidStateError):
            self.answer.set_exception(error)


class PageWriter:
    """Carries out the writes of pages. The first write starts the thread; `stop` ends the thread
    after all waiting writes are done."""

    def __init__(self, store: Store, threads: int) -> None:
        self._store = store
        self._jobs: SimpleQueue[_WriteJob[Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._shares_transactions = store.engine.dialect.name == "sqlite"
        self._threads = threads
        self._limit: CapacityLimiter | None = None

    async def run_in_transaction(
        self, write: Callable[[SqlTransaction], T], *, may_repeat: bool = False
    ) -> T:
        """Run `write` in a transaction and return its result after the commit.

        If the link to the database is lost, the transaction is run once more over another link. If
        the link was lost during the commit, the change may be saved already, so the transaction is
        run again only with `may_repeat`.

        Raises the errors of `write`, and DatabaseUnavailable if the database cannot be used."""
        job = _WriteJob(self._store, write)
        if self._shares_transactions:
            self._jobs.put(job)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run_batches, name="writer", daemon=True
                )
                self._thread.start()
            return await asyncio.wrap_future(job.answer)
        if self._limit is None:
            # Writes that wait for a lock must not use up the threads that serve pages.
            self._limit = CapacityLimiter(max(self._threads // 2, 1))
        await to_thread.run_sync(self._run_single, job, may_repeat, limiter=self._limit)
        return job.answer.result()

    def stop(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run_single(self, job: _WriteJob[T], may_repeat: bool) -> None:
        try:
            self._apply_single(job)
        except DatabaseUnavailable as error:
            if not error.is_link_lost or (error.outcome_unknown and not may_repeat):
                raise
            self._apply_single(job)
        job.publish_answer()

    def _apply_single(self, job: _WriteJob[T]) -> None:
        with self._store.begin() as tx:
            job.apply_write(tx)

    def _run_batches(self) -> None:
        while (first_job := self._jobs.get()) is not None:
            jobs = [first_job]
            is_stopping = False
            try:
                with self._store.begin() as tx:
                    started_at = time.monotonic()
                    waiting_count = self._jobs.qsize()
                    first_job.apply_write(tx)
                    while time.monotonic() - started_at < (
                        MAX_LOCK_TIME if len(jobs) <= waiting_count else MAX_JOIN_TIME
                    ):
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
