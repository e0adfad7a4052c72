"""Coroutines miss no event, and wait no longer than they should."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from mailer.delivery.event_loop import NEVER, EventLoop, WakeEvent


@pytest.fixture
def socket_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    sock, peer = socket.socketpair()
    sock.setblocking(False)
    with sock, peer:
        yield sock, peer


def in_seconds(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_wait_readable_ends_when_data_has_come(
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = socket_pair
    loop = EventLoop()
    received: list[bytes] = []

    async def receive_words() -> None:
        for _ in range(3):
            assert await loop.wait_readable(sock, in_seconds())
            received.append(sock.recv(100))
        loop.forget_socket(sock)

    async def send_words() -> None:
        for word in (b"one", b"two", b"three"):
            await loop.sleep_until(in_seconds(0.02))
            peer.send(word)

    loop.spawn_task(receive_words())
    loop.spawn_task(send_words())
    loop.run()
    assert received == [b"one", b"two", b"three"]


def test_wait_readable_returns_false_at_deadline(
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = socket_pair
    loop = EventLoop()
    results: list[tuple[bool, float]] = []

    async def listen(seconds: float) -> None:
        started_at = time.monotonic()
        has_data = await loop.wait_readable(sock, started_at + seconds)
        results.append((has_data, time.monotonic() - started_at))
        loop.forget_socket(sock)

    async def listen_twice() -> None:
        await listen(0.3)
        peer.send(b"x")
        await listen(60)

    loop.spawn_task(listen_twice())
    loop.run()
    (has_data, seconds), (had_data, _) = results
    assert not has_data
    assert 0.29 < seconds < 2
    assert had_data


def test_wait_writable_ends_when_full_socket_accepts_data(
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = socket_pair
    loop = EventLoop()
    sent_size = 0

    async def fill_socket() -> None:
        nonlocal sent_size
        while True:
            try:
                sent_size += sock.send(b"x" * 100_000)
            except BlockingIOError:
                break
        assert not await loop.wait_writable(sock, in_seconds(0.1)), "the peer has not read"
        peer.recv(sent_size)
        assert await loop.wait_writable(sock, in_seconds())
        sock.send(b"y")
        assert not await loop.wait_readable(sock, in_seconds(0.1)), (
            "the loop must now wait for reading"
        )
        loop.forget_socket(sock)

    loop.spawn_task(fill_socket())
    loop.run()


def test_unread_data_does_not_make_loop_spin(
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = socket_pair
    loop = EventLoop()
    iteration_count = 0

    async def listen() -> None:
        assert not await loop.wait_readable(sock, in_seconds(0.01))
        peer.send(b"hello")
        await loop.sleep_until(in_seconds(0.3))
        assert await loop.wait_readable(sock, in_seconds())
        assert sock.recv(100) == b"hello"
        loop.forget_socket(sock)

    def count_iteration() -> None:
        nonlocal iteration_count
        iteration_count += 1
        run_iteration()

    run_iteration = loop._run_iteration
    loop._run_iteration = count_iteration  # type: ignore[method-assign]
    loop.spawn_task(listen())
    loop.run()
    assert iteration_count < 20, "the loop must not spin while unread data waits"


def test_event_triggered_by_many_threads_is_never_missed() -> None:
    loop = EventLoop()
    event = WakeEvent()
    work: list[int] = []
    done: list[int] = []
    per_thread, thread_count = 3000, 4

    def add_work(start: int) -> None:
        for number in range(start, start + per_thread):
            work.append(number)
            event.trigger_event()

    async def do_work() -> None:
        while len(done) < per_thread * thread_count:
            trigger_count = event.trigger_count
            if work:
                done.append(work.pop())
            else:
                await loop.wait_for_event(event, trigger_count, in_seconds(20))
                assert work or event.trigger_count != trigger_count, (
                    "without a trigger it would have waited forever"
                )

    threads = [
        threading.Thread(target=add_work, args=(n * per_thread,)) for n in range(thread_count)
    ]
    for thread in threads:
        thread.start()
    loop.spawn_task(do_work())
    loop.run()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(per_thread * thread_count))


def test_one_trigger_wakes_every_waiting_coroutine() -> None:
    loop = EventLoop()
    event = WakeEvent()
    woken_numbers: list[int] = []

    async def wait_once(number: int) -> None:
        await loop.wait_for_event(event, event.trigger_count, NEVER)
        woken_numbers.append(number)

    for number in range(20):
        loop.spawn_task(wait_once(number))
    timer = threading.Timer(0.1, event.trigger_event)
    timer.start()
    loop.run()
    assert sorted(woken_numbers) == list(range(20))
    assert not event.waiting_tasks


def test_event_triggered_before_wait_ends_it_at_once() -> None:
    loop = EventLoop()
    event = WakeEvent()

    async def wait_once() -> None:
        trigger_count = event.trigger_count
        event.trigger_event()
        await loop.wait_for_event(event, trigger_count, NEVER)
        assert not event.waiting_tasks

    loop.spawn_task(wait_once())
    loop.run()


def test_wake_all_wakes_every_coroutine_except_socket_waits(
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = socket_pair
    loop = EventLoop()
    is_over = threading.Event()
    results: list[bool] = []

    async def sleep_forever() -> None:
        while not is_over.is_set():
            await loop.sleep_until(NEVER)

    async def wait_forever() -> None:
        event = WakeEvent()
        while not is_over.is_set():
            await loop.wait_for_event(event, event.trigger_count)

    async def listen() -> None:
        results.append(await loop.wait_readable(sock, in_seconds()))
        loop.forget_socket(sock)

    def wake_loop() -> None:
        is_over.set()
        loop.wake_all()
        time.sleep(0.1)
        peer.send(b"x")

    for coroutine in (sleep_forever(), wait_forever(), listen()):
        loop.spawn_task(coroutine)
    timer = threading.Timer(0.1, wake_loop)
    timer.start()
    loop.run()
    timer.join()
    assert results == [True]


def test_blocking_work_in_thread_does_not_block_loop() -> None:
    loop = EventLoop()
    results: list[str | None] = []
    stop_event = threading.Event()

    def block() -> str:
        time.sleep(0.3)
        return "slow"

    async def run_blocking() -> None:
        results.append(await loop.run_in_thread(block, "slow", stop_event, results.remove))

    async def run_quickly() -> None:
        await loop.sleep_until(in_seconds(0.01))
        results.append("quick")

    async def run_failing() -> None:
        def fail() -> None:
            raise OSError("no route")

        with pytest.raises(OSError, match="no route"):
            await loop.run_in_thread(fail, "failing", stop_event, results.remove)

    for coroutine in (run_blocking(), run_quickly(), run_failing()):
        loop.spawn_task(coroutine)
    loop.run()
    assert results == ["quick", "slow"]


def test_late_thread_result_is_discarded_after_stop() -> None:
    loop = EventLoop()
    stop_event, may_end, was_discarded = threading.Event(), threading.Event(), threading.Event()
    results: list[str | None] = []

    def end_late() -> str:
        assert may_end.wait(30)
        return "late"

    def discard(result: str | None) -> None:
        results.append(f"discarded {result}")
        was_discarded.set()

    async def wait_for_thread() -> None:
        results.append(await loop.run_in_thread(end_late, "late", stop_event, discard))

    async def stop_waiting() -> None:
        await loop.sleep_until(in_seconds(0.01))
        stop_event.set()
        loop.wake_all()

    loop.spawn_task(wait_for_thread())
    loop.spawn_task(stop_waiting())
    loop.run()
    may_end.set()
    assert was_discarded.wait(30)
    assert results == [None, "discarded late"]


def test_error_in_coroutine_ends_loop_and_other_coroutines() -> None:
    loop = EventLoop()
    ended: list[str] = []

    async def wait_forever() -> None:
        try:
            await loop.sleep_until(NEVER)
        finally:
            ended.append("wait")

    async def fail() -> None:
        await loop.sleep_until(in_seconds(0.01))
        raise RuntimeError("internal error")

    loop.spawn_task(wait_forever())
    loop.spawn_task(fail())
    with pytest.raises(RuntimeError, match="internal error"):
        loop.run()
    assert ended == ["wait"]
    loop.wake_all()  # harmless after the loop has ended
