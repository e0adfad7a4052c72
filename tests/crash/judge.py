"""Compare the relay's record with the database: find lost, resent and in-doubt messages. Pure:
records in, a :class:`Verdict` out.

A recipient is **lost** if the relay never accepted their message, or if their row is missing or not
in a final state. A message is **resent** if it was accepted after a snapshot showed its row as
sent, or accepted twice without a snapshot in between that showed the row in doubt. A second
acceptance after such a doubt is a **duplicate** that the guarantee allows: at most as many as there
were doubts.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.crash.recorder import AcceptedMessage
from tests.crash.trial_database import FinalDelivery, MovedDelivery

FINAL_STATES = frozenset({"sent", "failed", "expired", "suppressed", "cancelled", "diverted"})
DOUBTFUL_STATES = frozenset({"on_wire", "in_doubt"})
MAX_EXAMPLES = 5

_DELIVERY = re.compile(r"\.(\d+)@")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers of deliveries in the database after a kill.

    `newly_in_doubt` counts those that no earlier snapshot had in doubt."""

    at: float
    sent: int
    claimed: int
    in_doubt: int
    newly_in_doubt: int


@dataclass(slots=True)
class Witness:
    """The observations of all snapshots so far, by delivery id."""

    sent_at: dict[int, float] = field(default_factory=dict)
    """The moment when a delivery was first seen as sent."""
    doubts_at: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The moments when a delivery was seen in doubt."""
    regressed_ids: set[int] = field(default_factory=set)
    """Deliveries that were sent in one snapshot, and in another state in a later one."""
    in_doubt: int = 0
    """The doubts that kills left; a row in doubt in two snapshots for one attempt counts once."""
    _counted: set[tuple[int, int]] = field(default_factory=set)

    def note_snapshot(self, at: float, rows: Iterable[MovedDelivery]) -> Snapshot:
        """Note the deliveries of a snapshot taken at `at`, and return their numbers."""
        by_state: dict[str, list[MovedDelivery]] = defaultdict(list)
        for row in rows:
            by_state[row.state].append(row)
        sent_ids = {row.id for row in by_state["sent"]}
        self.regressed_ids |= self.sent_at.keys() - sent_ids
        for delivery_id in sent_ids - self.sent_at.keys():
            self.sent_at[delivery_id] = at
        doubtful = [row for state in DOUBTFUL_STATES for row in by_state[state]]
        for row in doubtful:
            self.doubts_at[row.id].append(at)
        new_doubts = {(row.id, row.attempt) for row in doubtful} - self._counted
        self._counted |= new_doubts
        self.in_doubt += len(new_doubts)
        return Snapshot(at, len(sent_ids), len(by_state["claimed"]), len(doubtful), len(new_doubts))

    def get_sightings(self, delivery_id: int | None) -> tuple[float | None, Sequence[float]]:
        """Return (when the delivery was first seen as sent, when it was seen in doubt)."""
        if delivery_id is None:
            return None, ()
        return self.sent_at.get(delivery_id), self.doubts_at.get(delivery_id, ())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of recipients, each counted once; `duplicates` counts messages. `examples` are a
    few cases that break the guarantee, to investigate."""

    lost: int
    resent: int
    duplicates: int
    misaddressed: int
    """Messages that were made for another recipient, or for one that safe mode lets get none."""
    examples: tuple[str, ...]


def judge_trial(
    expected: Iterable[str],
    rows: Sequence[FinalDelivery],
    record: Iterable[AcceptedMessage],
    witness: Witness,
    diverted: Collection[str] = (),
) -> Verdict:
    """Judge a trial. `expected` are the addresses that should each have got one message, and
    `diverted` those that safe mode should have kept from getting one."""
    ids = {row.address: row.id for row in rows}
    accepted_times: dict[str, list[float]] = defaultdict(list)
    misaddressed = []
    for acceptance in record:
        accepted_times[acceptance.recipient].append(acceptance.accepted_at)
        delivery_match = _DELIVERY.search(acceptance.message_id)
        if delivery_match is None or int(delivery_match[1]) != ids.get(acceptance.recipient):
            misaddressed.append(f"astray: {acceptance.recipient} was given {acceptance.message_id}")
        elif acceptance.recipient in diverted:
            misaddressed.append(f"not diverted: {acceptance.recipient}")
    lost = _find_lost(expected, rows, accepted_times) + [
        f"lost: {row.address}, row {row.state}"
        for row in rows
        if row.address in diverted and row.state != "diverted"
    ]
    resent = []
    for address, accepted in accepted_times.items():
        sent_at, doubts_at = witness.get_sightings(ids.get(address))
        if _was_resent(accepted, sent_at, doubts_at):
            sighting = f"seen as sent at {sent_at:.3f}" if sent_at else "never seen as sent"
            resent.append(
                f"resent: {address}, accepted at {_format_times(accepted)}; {sighting}, "
                f"in doubt at {_format_times(doubts_at) or 'no snapshot'}"
            )
    duplicates = sum(len(accepted) - 1 for accepted in accepted_times.values())
    examples = (*lost[:MAX_EXAMPLES], *resent[:MAX_EXAMPLES], *misaddressed[:MAX_EXAMPLES])
    return Verdict(len(lost), len(resent), duplicates, len(misaddressed), examples)


def _find_lost(
    expected: Iterable[str], rows: Sequence[FinalDelivery], accepted: Mapping[str, Sequence[float]]
) -> list[str]:
    states = {row.address: row.state for row in rows}
    return [
        f"lost: {address}, row {states.get(address, 'missing')}, "
        f"accepted {len(accepted.get(address, ()))} times"
        for address in expected
        if address not in accepted or states.get(address) not in FINAL_STATES
    ]


def _was_resent(accepted: Sequence[float], sent_at: float | None, doubts: Sequence[float]) -> bool:
    if sent_at is not None and accepted[-1] > sent_at:
        return True
    return any(
        not any(first <= doubt < second for doubt in doubts) for first, second in pairwise(accepted)
    )


def _format_times(moments: Sequence[float]) -> str:
    return ", ".join(f"{moment:.3f}" for moment in moments)
