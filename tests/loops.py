"""A coroutine of a loop, run by itself."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from mailer.delivery.loop import Loop

Result = TypeVar("Result")


def run(steps: Coroutine[Any, Any, Result], loop: Loop | None = None) -> Result:
    """What a coroutine gives, run on a loop to its end."""
    loop = loop or Loop()
    results: list[Result] = []

    async def go() -> None:
        results.append(await steps)

    loop.spawn(go())
    loop.run()
    return results[0]
