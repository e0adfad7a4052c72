"""Choose when to kill: at moments spread over all the work of a worker.

Most moments come after a random number of further messages, exponential around a fair share of the
remaining ones, and then up to 30 ms later, so that they fall anywhere within a batch. One in five
comes at a random time after the start of the process, so that it can hit start-up, recovery and
claiming; so does the first, the only one that can hit the planning. No moment waits for so many
messages that too few are left for the remaining kills.
"""

import random
from dataclasses import dataclass

BY_CLOCK = 0.2
LONGEST_START = 2.5
LONGEST_PAUSE = 0.03
PATIENCE = 120.0
"""Seconds without a message after which a worker counts as stalled."""


@dataclass(frozen=True, slots=True)
class KillMoment:
    """Kill `pause` seconds after this worker has sent `messages`, or `seconds` after its start; in
    any case after `max_messages`."""

    messages: int | None
    pause: float
    seconds: float
    max_messages: int

    def __str__(self) -> str:
        if self.messages is None:
            return f"{self.seconds:.3f} s after the start"
        return f"{self.pause * 1000:.0f} ms after {self.messages} messages"


def choose_moment(
    random_source: random.Random,
    remaining: int,
    remaining_kills: int,
    *,
    is_first: bool = False,
    start_time: float = 0.0,
) -> KillMoment:
    """Choose the next moment, with `remaining` messages still to be sent and `remaining_kills` to
    be made, including this one.

    `start_time` is the longest time in seconds that a worker has taken to its first message."""
    share = remaining / (remaining_kills + 1)
    max_messages = max(1, int(min(3 * share, 0.9 * remaining)))
    if is_first or random_source.random() < BY_CLOCK:
        return KillMoment(
            None, 0.0, random_source.uniform(0, max(LONGEST_START, 1.25 * start_time)), max_messages
        )
    messages = min(int(random_source.expovariate(1) * share), max_messages)
    return KillMoment(messages, random_source.uniform(0, LONGEST_PAUSE), PATIENCE, max_messages)
