"""When to kill: moments that are spread over all that a sender does.

Most come after a random number of further messages, exponential around a fair share of what is
left, and then up to 30 ms later, so that they fall anywhere within a turn. One in five comes at a
random time since the process was started, so that start-up, recovery and claiming are met too, and
so does the first, which alone can meet the planning. No moment waits for more messages than can be
spared for the kills that are still to come.
"""

import random
from dataclasses import dataclass

BY_CLOCK = 0.2
LONGEST_START = 2.5
LONGEST_PAUSE = 0.03
PATIENCE = 120.0
"""Seconds without a message after which a sender is said to stand still."""


@dataclass(frozen=True, slots=True)
class KillMoment:
    """Kill after `messages` that this sender handed over and `pause` seconds more, or `seconds`
    after its start; in any case after `at_most` messages."""

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
    """The next moment, when `remaining` messages are still to be sent and `kills` to be made, the
    next one included. `start`: the seconds that a sender took here before its first message."""
    share = remaining / (remaining_kills + 1)
    max_messages = max(1, int(min(3 * share, 0.9 * remaining)))
    if is_first or random_source.random() < BY_CLOCK:
        return KillMoment(
            None, 0.0, random_source.uniform(0, max(LONGEST_START, 1.25 * start_time)), max_messages
        )
    messages = min(int(random_source.expovariate(1) * share), max_messages)
    return KillMoment(messages, random_source.uniform(0, LONGEST_PAUSE), PATIENCE, max_messages)
