"""Many conversations in one thread: a small loop that runs coroutines.

With a thread for each connection, much of the time goes on handing the interpreter round: measured
on two cores with 16 connections, 5.8 context switches a message, 180 to 215 µs of CPU and 4,600 to
5,400 messages a second; over this loop 1.3 switches, 137 to 161 µs and 5,600 to 6,500. A trial
without error handling made 5,000 to 7,500 over epoll and 5,700 to 6,000 over asyncio, which takes a
future and two turns of its loop for each wait.

A coroutine waits for a socket, for a :class:`Bell` that any thread may ring, or for a moment. It
may be woken too early, so it asks in a loop whether what it waits for has come.
"""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")
NEVER = float("inf")


class Bell:
    """Wakes who waits for it; any thread may ring it.

    So that none is missed: note :attr:`rings`, look whether there is something to do, and if not,
    wait with that note: ``Loop.hear`` comes back at once when it was rung in between."""

    def __init__(self) -> None:
        self.rings = 0
        self.waiting: set[_Task] = set()

    def ring(self) -> None:
        self.rings += 1
        if self.waiting:
            for loop in {task.loop for task in tuple(self.waiting)}:
                loop.rung(self)


class _Task:
    """A coroutine that is run. It waits for `bell`, or for `sock` if `listens`, or just until
    `deadline`; `watched` is the socket that the selector knows of, for those `events`."""

    __slots__ = ("bell", "deadline", "events", "listens", "loop", "steps", "watched")

    def __init__(self, loop: "Loop", steps: Coroutine[Any, Any, None]) -> None:
        self.loop = loop
        self.steps = steps
        self.deadline = NEVER
        self.bell: Bell | None = None
        self.listens = False
        self.watched: socket.socket | None = None
        self.events = 0


class _Pause:
    """Leaves the coroutine until the loop goes on with it; whether what it waited for has come."""

    def __await__(self) -> Generator[None, bool, bool]:
        return (yield)


_PAUSE = _Pause()


class Loop:
    """Runs coroutines until the last one has ended. For one thread, but for :meth:`rung` and
    :meth:`shake`."""

    def __init__(self) -> None:
        self._selector: selectors.BaseSelector
        self._alarm: socket.socket
        self._bedside: socket.socket
        self._tasks: set[_Task] = set()
        self._ready: deque[tuple[_Task, bool | None]] = deque()
        self._rung: deque[Bell | None] = deque()
        self._asleep = False
        self._soonest = NEVER
        self._current: _Task | None = None

    def spawn(self, steps: Coroutine[Any, Any, None]) -> None:
        """Begin a coroutine. What it raises ends :meth:`run`."""
        task = _Task(self, steps)
        self._tasks.add(task)
        self._ready.append((task, None))

    def run(self) -> None:
        alarm, bedside = self._alarm, self._bedside = socket.socketpair()
        with alarm, bedside, selectors.DefaultSelector() as selector:
            self._selector = selector
            alarm.setblocking(False)
            bedside.setblocking(False)
            selector.register(bedside, selectors.EVENT_READ)
            try:
                while self._tasks:
                    self._turn()
            finally:
                while self._tasks:
                    with suppress(Exception):  # what has ended the loop is told, not this
                        self._tasks.pop().steps.close()

    # ---- for coroutines -------------------------------------------------------------------------

    async def readable(self, sock: socket.socket, deadline: float) -> bool:
        """Wait until there is something to read, at most until `deadline` (of the monotonic clock,
        in seconds). False: nothing came in time."""
        self._until(self._listening(sock, selectors.EVENT_READ), deadline)
        return await _PAUSE

    async def writable(self, sock: socket.socket, deadline: float) -> bool:
        """Wait until it takes more, as :meth:`readable` does."""
        self._until(self._listening(sock, selectors.EVENT_WRITE), deadline)
        return await _PAUSE

    async def hear(
        self, bell: Bell, seen: int, deadline: float = NEVER, sock: socket.socket | None = None
    ) -> bool:
        """Wait until the bell has been rung more often than the `seen` times, or `sock` has
        something to say: whether that was it."""
        task = self._task
        bell.waiting.add(task)
        if bell.rings != seen:
            bell.waiting.discard(task)
            return False
        task.bell = bell
        if sock is not None:
            self._listening(sock, selectors.EVENT_READ)
        self._until(task, deadline)
        return await _PAUSE

    async def sleep(self, until: float) -> None:
        """Wait until that moment of the monotonic clock; :meth:`shake` ends it early."""
        self._until(self._task, until)
        await _PAUSE

    async def in_thread(
        self,
        work: Callable[[], Result],
        name: str,
        halt: threading.Event,
        discard: Callable[[Result], None],
    ) -> Result | None:
        """What `work` returns or raises: something that blocks, done in a thread of its own. None
        when `halt` is set before (and the loop shaken): the thread goes on by itself, and what it
        brings then is discarded. Raises OSError when no thread can be started."""
        done = Bell()
        results: list[Result] = []
        errors: list[BaseException] = []
        lock = threading.Lock()
        waits = True

        def run() -> None:
            try:
                brought = work()
            except BaseException as error:
                errors.append(error)
            else:
                with lock:
                    wanted = waits
                    if wanted:
                        results.append(brought)
                if not wanted:
                    discard(brought)
            done.ring()

        try:
            threading.Thread(target=run, name=name, daemon=True).start()
        except RuntimeError as error:
            raise OSError(str(error)) from error
        try:
            while not (results or errors or halt.is_set()):
                await self.hear(done, 0)
        finally:
            with lock:
                waits = False
        if errors:
            raise errors[0]
        return results[0] if results else None

    def forget(self, sock: socket.socket) -> None:
        """It will be closed."""
        for task in self._tasks:
            if task.watched is sock:
                self._selector.unregister(sock)
                task.watched = None

    # ---- for other threads ----------------------------------------------------------------------

    def rung(self, bell: Bell | None) -> None:
        """Somebody has rung the bell."""
        self._rung.append(bell)
        if self._asleep:
            with suppress(OSError):  # it is full of alarms already, or the loop has ended
                self._alarm.send(b"!")

    def shake(self) -> None:
        """Wake all that wait for a bell or a moment, so that they look round."""
        self.rung(None)

    # ---- within ---------------------------------------------------------------------------------

    @property
    def _task(self) -> _Task:
        assert self._current is not None, "for coroutines of this loop"
        return self._current

    def _until(self, task: _Task, deadline: float) -> None:
        task.deadline = deadline
        self._soonest = min(self._soonest, deadline)

    def _listening(self, sock: socket.socket, events: int) -> _Task:
        task = self._task
        if task.watched is not sock:
            if task.watched is not None:
                self._selector.unregister(task.watched)
            self._selector.register(sock, events, task)
            task.watched, task.events = sock, events
        elif task.events != events:
            self._selector.modify(sock, events, task)
            task.events = events
        task.listens = True
        return task

    def _wake(self, task: _Task, came: bool) -> None:
        task.listens = False
        task.deadline = NEVER
        if task.bell is not None:
            task.bell.waiting.discard(task)
            task.bell = None
        self._ready.append((task, came))

    def _turn(self) -> None:
        ready, self._ready = self._ready, deque()
        for task, came in ready:
            self._current = task
            try:
                task.steps.send(came)
            except StopIteration:
                self._tasks.discard(task)
        self._current = None
        self._asleep = True
        pause: float | None = None
        if self._ready or self._rung or not self._tasks:
            pause = 0.0
        elif self._soonest != NEVER:
            pause = max(self._soonest - time.monotonic(), 0.0)
        events = self._selector.select(pause)
        self._asleep = False
        for key, _ in events:
            task = key.data
            if task is None:
                with suppress(BlockingIOError):
                    self._bedside.recv(4096)
            elif task.listens:
                self._wake(task, True)
            else:  # it says something, or is closed, while nobody listens
                self._selector.unregister(key.fileobj)
                task.watched = None
        while self._rung:
            self._answer(self._rung.popleft())
        if (now := time.monotonic()) >= self._soonest:
            self._expire(now)

    def _answer(self, bell: Bell | None) -> None:
        if bell is not None:
            waiting = [task for task in bell.waiting if task.loop is self]
        else:
            busy = {task for task, _ in self._ready}
            deaf = (task for task in self._tasks if task.bell is not None or not task.listens)
            waiting = [task for task in deaf if task not in busy]
        for task in waiting:
            self._wake(task, False)

    def _expire(self, now: float) -> None:
        self._soonest = NEVER
        for task in self._tasks:
            if task.deadline <= now:
                self._wake(task, False)
            else:
                self._soonest = min(self._soonest, task.deadline)
