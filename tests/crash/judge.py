"""The relay's record against the database: who was lost, who was sent a message twice, who was in
doubt. Pure: records in, a :class:`Verdict` out.

A recipient is **lost** who was never accepted by the relay, or whose row is missing or in no final
state. One is **resent** who was accepted after a snapshot had the row as sent, or accepted twice
with no snapshot between the two that had the row in doubt. A second acceptance with such a doubt
is a **duplicate** that the guarantee allows: at most as many as there were doubts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.crash.recorder import Accepted
from tests.crash.scene import Moved, Row

FINAL = frozenset({"sent", "failed", "expired", "suppressed", "cancelled"})
DOUBTFUL = frozenset({"on_wire", "in_doubt"})
EXAMPLES = 5

_DELIVERY = re.compile(r"\.(\d+)@")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a look at the database after a kill gave, in numbers of deliveries. `doubted` are those
    that no earlier snapshot had in doubt."""

    at: float
    sent: int
    claimed: int
    in_doubt: int
    doubted: int


@dataclass(slots=True)
class Witness:
    """What the snapshots have shown so far, by delivery id."""

    sent: dict[int, float] = field(default_factory=dict)
    """When a delivery was first seen as sent."""
    doubts: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When a delivery was seen in doubt."""
    fell: set[int] = field(default_factory=set)
    """Deliveries that were sent in one snapshot, and something else in a later one."""
    in_doubt: int = 0
    """Doubts that kills left: a row that two snapshots have in doubt for one attempt is one."""
    _counted: set[tuple[int, int]] = field(default_factory=set)

    def note(self, at: float, rows: Iterable[Moved]) -> Snapshot:
        """Take in a snapshot that was taken at `at`."""
        by_state: dict[str, list[Moved]] = defaultdict(list)
        for row in rows:
            by_state[row.state].append(row)
        sent = {row.id for row in by_state["sent"]}
        self.fell |= self.sent.keys() - sent
        for one in sent - self.sent.keys():
            self.sent[one] = at
        doubtful = [row for state in DOUBTFUL for row in by_state[state]]
        for row in doubtful:
            self.doubts[row.id].append(at)
        new = {(row.id, row.attempt) for row in doubtful} - self._counted
        self._counted |= new
        self.in_doubt += len(new)
        return Snapshot(at, len(sent), len(by_state["claimed"]), len(doubtful), len(new))

    def of(self, number: int | None) -> tuple[float | None, Sequence[float]]:
        """When delivery `number` was first seen as sent, and when it was seen in doubt."""
        if number is None:
            return None, ()
        return self.sent.get(number), self.doubts.get(number, ())


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many recipients, each counted once; `duplicates` counts messages. `examples` are a few
    cases of what must not be, to look into."""

    lost: int
    resent: int
    duplicates: int
    astray: int
    """Messages that were made for another than the one they were sent to."""
    examples: tuple[str, ...]


def judge(
    expected: Iterable[str],
    rows: Sequence[Row],
    record: Iterable[Accepted],
    witness: Witness,
) -> Verdict:
    """What became of `expected`, the addresses that should each have got one message."""
    ids = {row.address: row.id for row in rows}
    times: dict[str, list[float]] = defaultdict(list)
    astray = []
    for one in record:
        times[one.recipient].append(one.at)
        made_for = _DELIVERY.search(one.message_id)
        if made_for is None or int(made_for[1]) != ids.get(one.recipient):
            astray.append(f"astray: {one.recipient} was given {one.message_id}")
    lost = _lost(expected, rows, times)
    resent = []
    for address, accepted in times.items():
        known, doubts = witness.of(ids.get(address))
        if _resent(accepted, known, doubts):
            seen = f"seen as sent at {known:.3f}" if known else "never seen as sent"
            resent.append(
                f"resent: {address}, accepted at {_times(accepted)}; {seen}, "
                f"in doubt at {_times(doubts) or 'no snapshot'}"
            )
    duplicates = sum(len(accepted) - 1 for accepted in times.values())
    examples = (*lost[:EXAMPLES], *resent[:EXAMPLES], *astray[:EXAMPLES])
    return Verdict(len(lost), len(resent), duplicates, len(astray), examples)


def _lost(
    expected: Iterable[str], rows: Sequence[Row], accepted: Mapping[str, Sequence[float]]
) -> list[str]:
    states = {row.address: row.state for row in rows}
    return [
        f"lost: {address}, row {states.get(address, 'missing')}, "
        f"accepted {len(accepted.get(address, ()))} times"
        for address in expected
        if address not in accepted or states.get(address) not in FINAL
    ]


def _resent(accepted: Sequence[float], known: float | None, doubts: Sequence[float]) -> bool:
    if known is not None and accepted[-1] > known:
        return True
    return any(
        not any(first <= doubt < second for doubt in doubts) for first, second in pairwise(accepted)
    )


def _times(moments: Sequence[float]) -> str:
    return ", ".join(f"{moment:.3f}" for moment in moments)
