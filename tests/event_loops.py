"""Run a single coroutine on an event loop."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from mailer.delivery.event_loop import EventLoop

Result = TypeVar("Result")


def run_coroutine(coroutine: Coroutine[Any, Any, Result], loop: EventLoop | None = None) -> Result:
    """Run a coroutine on a loop to its end, and return its result."""
    loop = loop or EventLoop()
    results: list[Result] = []

    async def store_result() -> None:
        results.append(await coroutine)

    loop.spawn_task(store_result())
    loop.run()
    return results[0]
