"""A turn of the ledger: what one transaction is to do, in which order, and what it gave.

1. The sender's beat: if it was taken for dead meanwhile, nothing that follows counts, but for news
   of messages that a relay accepted.
2. Settle what was handed over.
3. What is embargoed is kept in.
4. The gate for the next messages, and a second look at those that have waited too long for the
   wire. What the gate refuses was never sent.
5. Claim more.

Each step gives the same when it is repeated, so a turn whose commit was never answered, because
the database went away, is done again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import editions
from mailer.delivery.dispatch import Pick, Seat
from mailer.delivery.loop import Bell
from mailer.delivery.outcomes import Alike, Passed
from mailer.editions import Edition, EditionState
from mailer.message import Stencil
from mailer.outbox import Claim, DeliveryState, Settlement, Transaction


@dataclass(slots=True)
class Consignment:
    """An edition that is being delivered, with a stencil for each language.

    `out` counts its messages past the gate and not settled. `recheck` is when to claim again,
    after there was nothing due; `waits_until` until when messages wait for their turn in a
    throttled domain (both in seconds of the monotonic clock). `asked`: whether it was asked if it
    is done, since it last had something to do."""

    edition: Edition
    stencils: Mapping[str, Stencil]
    alike: Alike = field(default_factory=Alike)
    recheck: float = 0.0
    waits_until: float = 0.0
    out: int = 0
    asked: bool = False


class Grant(NamedTuple):
    """Messages let out; or, as the answer to a second look at `again`, whether it may go."""

    passed: list[Passed]
    again: Passed | None = None
    may_go: bool = False


@dataclass(eq=False, slots=True)
class Place(Seat):
    """A connection at the ledger. What it is let have is put into its `inbox`, and its `bell` rung;
    None there means that there is no more."""

    inbox: deque[Grant | None] = field(default_factory=deque)
    bell: Bell = field(default_factory=Bell)

    def put(self, grant: Grant | None) -> None:
        """From the ledger's thread."""
        self.inbox.append(grant)
        self.bell.ring()


@dataclass(slots=True)
class Turn:
    """What one transaction is to do, and, from `fenced` on, what it gave.

    `need` is how many to claim of which edition; `put_off` sends claims back to the queue for so
    many seconds; `loose` are stopped editions of which something is settled."""

    settlements: list[Settlement]
    picks: list[tuple[Place, Pick]]
    again: list[tuple[Place, Passed]]
    need: list[tuple[int, int]]
    put_off: list[tuple[int, float]]
    loose: set[int]
    fenced: bool = False
    passed: set[int] = field(default_factory=set)
    gone: int = 0
    states: dict[int, EditionState] = field(default_factory=dict)
    claimed: dict[int, list[Claim]] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        return not (self.settlements or self.picks or self.again or self.need or self.put_off)


def transact(
    tx: Transaction,
    turn: Turn,
    sender: int,
    roster: Mapping[int, Consignment],
    now: datetime,
    *,
    known: list[int] | None = None,
) -> None:
    """Do the turn. `known`, given when it is done again: the ids of all claims that wait here; an
    attempt before may have claimed others."""
    turn.claimed, turn.passed, turn.gone = {}, set(), 0
    turn.fenced = not tx.senders.beat(sender)
    if turn.fenced:
        tx.queue.settle([one for one in turn.settlements if one.state is DeliveryState.SENT])
        return
    turn.states = tx.queue.states(list(roster))
    if turn.settlements:
        tx.queue.settle(turn.settlements)
    if known is not None:
        keep = [*known, *(pick.claim.id for _, pick in turn.picks)]
        for number in roster:
            tx.queue.give_back(number, sender, keep=keep)
    barred = _hold_embargoes(tx, turn, sender, roster)
    _gate(tx, turn, sender, barred, anew=known is not None)
    tx.queue.put_off(sender, turn.put_off)
    for entry in roster.values():
        _stop_if_asked(tx, turn, sender, entry, now)
    for number in turn.loose:
        if tx.queue.states([number]).get(number) is EditionState.CANCELLED:
            tx.queue.cancel_waiting(number)
    for number, limit in turn.need:
        if turn.states.get(number) is EditionState.SENDING:
            turn.claimed[number] = tx.queue.claim(number, sender, limit)


def _hold_embargoes(
    tx: Transaction, turn: Turn, sender: int, roster: Mapping[int, Consignment]
) -> set[int]:
    """Keep in what is embargoed: the ids of what may not be asked of the gate. An edition of which
    nothing may pass waits as a whole until the embargo ends; of an advance copy, nothing goes to
    those who are not, or no longer, trusted with it; of a correction of one, they get it then."""
    barred: set[int] = set()
    for number, hold in tx.queue.embargoed(list(roster)).items():
        if turn.states.get(number) is not EditionState.SENDING:
            continue
        mine = [pick.claim for _, pick in turn.picks if pick.claim.edition_id == number]
        mine += [one.claim for _, one in turn.again if one.claim.edition_id == number]
        if not hold.states:
            barred |= {claim.id for claim in mine}
            tx.queue.hold_back(number, sender, hold.until, hold.reply)
        elif mine:
            trusted = tx.queue.trusted([claim.subscriber_id for claim in mine])
            others = [claim.id for claim in mine if claim.subscriber_id not in trusted]
            if hold.keeps:
                tx.queue.keep_back(sender, others, hold.until)
            else:
                turn.gone += tx.queue.distrust(sender, others)
            barred |= {*others}
    return barred


def _gate(tx: Transaction, turn: Turn, sender: int, barred: set[int], *, anew: bool) -> None:
    fresh = [pick.claim.id for _, pick in turn.picks if pick.claim.id not in barred]
    again = [passed.claim.id for _, passed in turn.again if passed.claim.id not in barred]
    if anew:  # some may have passed in the attempt before
        fresh, again = [], fresh + again
    if fresh:
        turn.passed |= tx.queue.gate(sender, fresh)
    if again:
        turn.passed |= tx.queue.look_again(sender, again)
    if refused := [one for one in (*fresh, *again) if one not in turn.passed]:
        turn.gone += tx.queue.turn_away(sender, refused, turn.states)


def _stop_if_asked(
    tx: Transaction, turn: Turn, sender: int, entry: Consignment, now: datetime
) -> None:
    """Of an edition that somebody has stopped, what is claimed goes back. One that was refused
    alike is stopped here: a relay that refuses everyone for the same reason speaks of us, so what
    it refused is queued again."""
    number = entry.edition.id
    state = turn.states.get(number)
    alike = entry.alike
    if state is EditionState.SENDING and alike.too_many:
        tx.queue.requeue(number, [DeliveryState.FAILED], alike.ids)
        edition = editions.get(tx.editions, number)
        reason = f"{len(alike.ids)} recipients were refused alike ({alike.said})"
        editions.pause(tx.editions, edition, now, reason=reason, actor="delivery")
        turn.states[number] = state = EditionState.PAUSED
    if state is not EditionState.SENDING:
        tx.queue.give_back(number, sender)
    if state is EditionState.CANCELLED:
        tx.queue.cancel_waiting(number)
