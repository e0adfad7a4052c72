"""Choose when to kill: at moments spread over all the work of a worker.

Half of them come up to 30 ms after the worker has logged an event, mostly within the transaction
that the kill is meant to interrupt, or after the relay has accepted a message. A third fall
anywhere within the time in which the worker is busy. The others come at any time after its start,
so that they can hit start-up and recovery.
"""

import random
from dataclasses import dataclass

BUSY_SECONDS = 2.5
"""Seconds after its first log line for which a worker usually has work."""

MESSAGE = "message"
"""The event that the relay has accepted a message."""
LOGGED_EVENTS = ("occurrence", "assembled", "ready", "started", "notified", "delivered")
"""Events that a worker logs during its work."""

LONGEST_PAUSE, SHORT_PAUSE = 0.03, 0.005
"""Seconds between an event and a kill."""

_TARGET_EVENTS = (*LOGGED_EVENTS, "lease taken", MESSAGE, MESSAGE)


@dataclass(frozen=True, slots=True)
class KillMoment:
    """Kill `pause` seconds after `event` has occurred so many `times`, but at latest `seconds`
    after the worker's first log line. If `event` is empty, kill `seconds` after its start."""

    event: str
    times: int
    pause: float
    seconds: float

    def __str__(self) -> str:
        if self.event:
            return f"{self.pause * 1000:.0f} ms after {self.times} × {self.event!r}"
        return f"{self.seconds:.2f} s after the start"


def choose_moment(
    random_source: random.Random, startup_seconds: float, busy_seconds: float = BUSY_SECONDS
) -> KillMoment:
    """Choose the next moment. `startup_seconds` is the time that workers took here to their first
    log line."""
    draw = random_source.random()
    if draw < 0.5:
        event = random_source.choice(_TARGET_EVENTS)
        times = 1 if event == "lease taken" else random_source.randint(1, 4)
        return KillMoment(
            event,
            times,
            random_source.uniform(0, LONGEST_PAUSE),
            random_source.uniform(busy_seconds, 2 * busy_seconds),
        )
    if draw < 0.85:
        return KillMoment("", 0, 0.0, startup_seconds + random_source.uniform(0, busy_seconds))
    return KillMoment("", 0, 0.0, random_source.uniform(0, startup_seconds + busy_seconds))
