"""A coroutine of a loop, run by itself."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from mailer.delivery.event_loop import EventLoop

Result = TypeVar("Result")


def run_coroutine(coroutine: Coroutine[Any, Any, Result], loop: EventLoop | None = None) -> Result:
    """What a coroutine gives, run on a loop to its end."""
    loop = loop or EventLoop()
    results: list[Result] = []

    async def store_result() -> None:
        results.append(await coroutine)

    loop.spawn_task(store_result())
    loop.run()
    return results[0]
