"""A queue of the processes that want to write to a SQLite database.

SQLite gives its write lock to the process that asks first after it was released, however long
others have waited. A ledger that writes one transaction after another asks at once, and a web page
that looks every few milliseconds rarely meets a gap. Therefore each writer locks the file
``DATABASE-queue`` before it asks SQLite, and unlocks the file as soon as it has SQLite's lock. A
writer that comes back must wait until the first of the queue has had its transaction. If several
wait behind the first, chance decides which of them is next.

The queue only orders writers; SQLite's own lock protects the data. If the file can't be locked,
writers go on without the queue. The kernel unlocks the file of a process that dies. If the process
at the head is frozen, the others stop waiting for it after :data:`PATIENCE_SECONDS`.

The lock is polled, because ``flock`` cannot wait with a time limit. A thread opens the file for
each transaction: locks on the same open file do not exclude each other, and an open file would hold
on to a file that was deleted in the meantime.
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 1.0
"""Seconds after which a writer asks SQLite although it is not at the head of the queue."""

STUCK_PATIENCE_SECONDS = 0.05
"""The same while the head seems to be frozen. A running head asks every few milliseconds."""

QUEUE_SUFFIX = "-queue"


class WriteQueue:
    """The queue of one database. Threads may share it. Without a file there is no queue."""

    def __init__(self, database: str | None) -> None:
        self._database: Path | None = None
        if database and not database.startswith((":memory:", "file:")):
            self._database = Path(database)
        self._is_stuck = False

    def open_place(self) -> "QueuePlace":
        """Return a place in the queue for one transaction."""
        return QueuePlace(self, self._open_file())

    @property
    def patience(self) -> float:
        """Seconds for which a writer waits for the head of the queue."""
        return STUCK_PATIENCE_SECONDS if self._is_stuck else PATIENCE_SECONDS

    def note_state(self, *, is_stuck: bool) -> None:
        """Remember that a writer overtook a head which did not take SQLite's free lock, so that the
        next writers do not wait for it again; or that the queue moves."""
        self._is_stuck = is_stuck

    def _open_file(self) -> int | None:
        """Open the queue's file, and create it with the owner and the rights of the database.
        Return None if it can't be opened."""
        if self._database is None:
            return None
        database = os.path.realpath(self._database)
        path = database + QUEUE_SUFFIX
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with suppress(FileNotFoundError):
                return os.open(path, flags)
            status = Path(database).stat()
            file = os.open(path, flags | os.O_CREAT, 0o600)
            with suppress(OSError):
                if os.geteuid() == 0:  # otherwise the office's own user could not open it
                    os.fchown(file, status.st_uid, status.st_gid)
                os.fchmod(file, stat.S_IMODE(status.st_mode) & 0o660)
        except OSError:
            return None
        return file


class QueuePlace:
    """A writer's place in the queue, which ends with the ``with`` block."""

    def __init__(self, queue: WriteQueue, file: int | None) -> None:
        self._queue = queue
        self._file = file
        self._is_first = file is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)  # also for a copy that a fork has made
            os.close(self._file)

    def may_ask(self, waited_seconds: float) -> bool:
        """Check whether this writer may ask for SQLite's lock: it is the first of the queue, there
        is no queue, or it has waited long enough."""
        return self._take_lead() or waited_seconds >= self._queue.patience

    def note_start(self) -> None:
        """Report that this writer got SQLite's lock."""
        if self._file is not None:
            self._queue.note_state(is_stuck=not self._is_first)

    def _take_lead(self) -> bool:
        if self._is_first or self._file is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Anything else says that this file system has no such locks.
            self._is_first = error.errno not in {errno.EWOULDBLOCK, errno.EINTR}
        else:
            self._is_first = True
        return self._is_first
