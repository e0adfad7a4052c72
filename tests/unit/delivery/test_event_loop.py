"""Nothing that a coroutine waits for is missed, and nothing is waited for too long."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from mailer.delivery.event_loop import NEVER, EventLoop, WakeEvent


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_each_wait_ends_when_what_it_waits_for_has_come(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    loop = EventLoop()
    said: list[bytes] = []

    async def listen() -> None:
        for _ in range(3):
            assert await loop.wait_readable(ours, soon())
            said.append(ours.recv(100))
        loop.forget_socket(ours)

    async def speak() -> None:
        for word in (b"one", b"two", b"three"):
            await loop.sleep_until(soon(0.02))
            theirs.send(word)

    loop.spawn_task(listen())
    loop.spawn_task(speak())
    loop.run()
    assert said == [b"one", b"two", b"three"]


def test_a_wait_ends_with_its_deadline_and_says_so(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    loop = EventLoop()
    waited: list[tuple[bool, float]] = []

    async def listen(seconds: float) -> None:
        began = time.monotonic()
        came = await loop.wait_readable(ours, began + seconds)
        waited.append((came, time.monotonic() - began))
        loop.forget_socket(ours)

    async def both() -> None:
        await listen(0.3)
        theirs.send(b"x")
        await listen(60)

    loop.spawn_task(both())
    loop.run()
    (came, seconds), (came_then, _) = waited
    assert not came
    assert 0.29 < seconds < 2
    assert came_then


def test_a_full_socket_is_waited_for_until_it_takes_more(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    loop = EventLoop()
    sent = 0

    async def fill() -> None:
        nonlocal sent
        while True:
            try:
                sent += ours.send(b"x" * 100_000)
            except BlockingIOError:
                break
        assert not await loop.wait_writable(ours, soon(0.1)), "nobody has read"
        theirs.recv(sent)
        assert await loop.wait_writable(ours, soon())
        ours.send(b"y")
        assert not await loop.wait_readable(ours, soon(0.1)), "it waits for the other thing again"
        loop.forget_socket(ours)

    loop.spawn_task(fill())
    loop.run()


def test_what_a_socket_says_while_nobody_listens_is_there_later(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    loop = EventLoop()
    turns = 0

    async def listen() -> None:
        assert not await loop.wait_readable(ours, soon(0.01))
        theirs.send(b"hello")
        await loop.sleep_until(soon(0.3))
        assert await loop.wait_readable(ours, soon())
        assert ours.recv(100) == b"hello"
        loop.forget_socket(ours)

    def counted() -> None:
        nonlocal turns
        turns += 1
        turn()

    turn = loop._run_iteration
    loop._run_iteration = counted  # type: ignore[method-assign]
    loop.spawn_task(listen())
    loop.run()
    assert turns < 20, "it does not spin while the socket has something to say"


def test_no_ring_is_missed_however_many_threads_ring() -> None:
    loop = EventLoop()
    bell = WakeEvent()
    work: list[int] = []
    done: list[int] = []
    each, threads = 3000, 4

    def give(start: int) -> None:
        for number in range(start, start + each):
            work.append(number)
            bell.trigger_event()

    async def take() -> None:
        while len(done) < each * threads:
            seen = bell.trigger_count
            if work:
                done.append(work.pop())
            else:
                await loop.wait_for_event(bell, seen, soon(20))
                assert work or bell.trigger_count != seen, "it would have waited for ever"

    givers = [threading.Thread(target=give, args=(n * each,)) for n in range(threads)]
    for giver in givers:
        giver.start()
    loop.spawn_task(take())
    loop.run()
    for giver in givers:
        giver.join()
    assert sorted(done) == list(range(each * threads))


def test_one_ring_wakes_all_that_wait() -> None:
    loop = EventLoop()
    bell = WakeEvent()
    woken: list[int] = []

    async def wait(number: int) -> None:
        await loop.wait_for_event(bell, bell.trigger_count, NEVER)
        woken.append(number)

    for number in range(20):
        loop.spawn_task(wait(number))
    ringer = threading.Timer(0.1, bell.trigger_event)
    ringer.start()
    loop.run()
    assert sorted(woken) == list(range(20))
    assert not bell.waiting_tasks


def test_a_bell_rung_since_one_looked_is_not_waited_for() -> None:
    loop = EventLoop()
    bell = WakeEvent()

    async def wait() -> None:
        seen = bell.trigger_count
        bell.trigger_event()
        await loop.wait_for_event(bell, seen, NEVER)
        assert not bell.waiting_tasks

    loop.spawn_task(wait())
    loop.run()


def test_shaken_all_look_round_but_those_that_listen(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    loop = EventLoop()
    over = threading.Event()
    heard: list[bool] = []

    async def sleep() -> None:
        while not over.is_set():
            await loop.sleep_until(NEVER)

    async def hear() -> None:
        bell = WakeEvent()
        while not over.is_set():
            await loop.wait_for_event(bell, bell.trigger_count)

    async def listen() -> None:
        heard.append(await loop.wait_readable(ours, soon()))
        loop.forget_socket(ours)

    def end() -> None:
        over.set()
        loop.wake_all()
        time.sleep(0.1)
        theirs.send(b"x")

    for steps in (sleep(), hear(), listen()):
        loop.spawn_task(steps)
    ender = threading.Timer(0.1, end)
    ender.start()
    loop.run()
    ender.join()
    assert heard == [True]


def test_what_blocks_is_done_in_a_thread_and_holds_nobody_up() -> None:
    loop = EventLoop()
    seen: list[str | None] = []
    halt = threading.Event()

    def slowly() -> str:
        time.sleep(0.3)
        return "slow"

    async def slow() -> None:
        seen.append(await loop.run_in_thread(slowly, "slow", halt, seen.remove))

    async def quick() -> None:
        await loop.sleep_until(soon(0.01))
        seen.append("quick")

    async def failing() -> None:
        def fail() -> None:
            raise OSError("no route")

        with pytest.raises(OSError, match="no route"):
            await loop.run_in_thread(fail, "failing", halt, seen.remove)

    for steps in (slow(), quick(), failing()):
        loop.spawn_task(steps)
    loop.run()
    assert seen == ["quick", "slow"]


def test_what_a_thread_brings_when_nobody_waits_any_more_is_discarded() -> None:
    loop = EventLoop()
    halt, goes_on, gone = threading.Event(), threading.Event(), threading.Event()
    seen: list[str | None] = []

    def late() -> str:
        assert goes_on.wait(30)
        return "late"

    def discard(brought: str | None) -> None:
        seen.append(f"discarded {brought}")
        gone.set()

    async def wait() -> None:
        seen.append(await loop.run_in_thread(late, "late", halt, discard))

    async def stop() -> None:
        await loop.sleep_until(soon(0.01))
        halt.set()
        loop.wake_all()

    loop.spawn_task(wait())
    loop.spawn_task(stop())
    loop.run()
    goes_on.set()
    assert gone.wait(30)
    assert seen == [None, "discarded late"]


def test_an_error_ends_the_loop_and_every_coroutine() -> None:
    loop = EventLoop()
    ended: list[str] = []

    async def wait() -> None:
        try:
            await loop.sleep_until(NEVER)
        finally:
            ended.append("wait")

    async def fail() -> None:
        await loop.sleep_until(soon(0.01))
        raise RuntimeError("a fault of ours")

    loop.spawn_task(wait())
    loop.spawn_task(fail())
    with pytest.raises(RuntimeError, match="a fault"):
        loop.run()
    assert ended == ["wait"]
    loop.wake_all()  # by somebody who doesn't know yet
