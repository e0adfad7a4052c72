"""When to kill: moments that are spread over all that a worker does.

Half of them come up to 30 ms after it has said something, most of which it says within the very
transaction that is to be torn, or after the relay has taken a message. A third fall anywhere within
the time in which it is busy, the others from its start on, so that start-up and recovery are met
too.
"""

import random
from dataclasses import dataclass

BUSY = 2.5
"""Seconds after its first line in which a worker has something to do, mostly."""

MESSAGE = "message"
LOGGED_EVENTS = ("occurrence", "assembled", "ready", "started", "told", "delivered")
"""What it says on its way."""

PAUSE, SOON = 0.03, 0.005
_TORN_EVENTS = (*LOGGED_EVENTS, "lease taken", MESSAGE, MESSAGE)


@dataclass(frozen=True, slots=True)
class KillMoment:
    """Kill `seconds` after the worker's start (`event` empty), or `pause` seconds after it has said
    `event` (or the relay has taken a message) so many `times`; when it doesn't, `seconds` after its
    first line."""

    event: str
    times: int
    pause: float
    seconds: float

    def __str__(self) -> str:
        if self.event:
            return f"{self.pause * 1000:.0f} ms after {self.times} × {self.event!r}"
        return f"{self.seconds:.2f} s after the start"


def choose_moment(dice: random.Random, start: float, busy: float = BUSY) -> KillMoment:
    """The next moment; `start`: the seconds that a worker took here until its first line."""
    draw = dice.random()
    if draw < 0.5:
        event = dice.choice(_TORN_EVENTS)
        times = 1 if event == "lease taken" else dice.randint(1, 4)
        return KillMoment(event, times, dice.uniform(0, PAUSE), dice.uniform(busy, 2 * busy))
    if draw < 0.85:
        return KillMoment("", 0, 0.0, start + dice.uniform(0, busy))
    return KillMoment("", 0, 0.0, dice.uniform(0, start + busy))
