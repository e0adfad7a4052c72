"""The only writer of delivery states: every step is on disk before the next one is taken.

One thread a process. Connections tell it what became of their messages, and it lets them have the
next; what all of them said since its last turn goes into one transaction (``turn.py``), so that a
flush to disk is shared. A connection never has more than its window past the gate: when the process
dies, at most connections × window are in doubt.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from mailer import editions
from mailer.delivery.dispatch import Dispatch, Pick
from mailer.delivery.loop import Loop
from mailer.delivery.outcomes import Passed
from mailer.delivery.owner import new_owner
from mailer.delivery.post import Calls, Desk
from mailer.delivery.roster import Roster
from mailer.delivery.turn import Consignment, Grant, Place, Turn, transact
from mailer.delivery.watch import Watch
from mailer.editions import Edition, EditionState
from mailer.errors import ConfigError
from mailer.outbox import Store, Transaction

CLAIM = 250
"""Deliveries claimed at once, at least."""

SETTLE_FOR = 600.0
"""Seconds for which replies are tried to be written down, while the database can't be used."""

HURRY = 5.0
"""The same, for whoever was told to stop at once."""

HELD = "another sender holds deliveries of this edition"

RECHECK = 1.0
"""Seconds after which an edition that had nothing due is asked again, and others looked at."""


class Ledger:
    """One process's. Its thread runs :meth:`run`; the other methods may come from any thread."""

    def __init__(
        self,
        store: Store,
        dispatch: Dispatch,
        clock: Callable[[], datetime],
        lease: float,
        more: Callable[[Sequence[int]], Iterable[Consignment]],
    ) -> None:
        """`more` gives the editions to deliver that are not among those named; it is asked at the
        beginning and every second. `lease` is in seconds."""
        self._store = store
        self._dispatch = dispatch
        self._clock = clock
        self._lease = lease
        self._more = more
        self._name = new_owner()
        self.desk = Desk()
        self._beaten = self._looked = 0.0
        self._watch = Watch(store, lease, clock)
        self._draining = threading.Event()
        self._hurry = threading.Event()
        self._abandoned = False
        self._calls = Calls()
        self.stale_after = min(5.0, lease / 3)
        """Seconds past the gate after which a message is looked at again before it goes."""
        self.sender = 0
        self.roster = Roster(dispatch, clock)
        self.error: BaseException | None = None
        self.over = threading.Event()

    # ---- for connections ------------------------------------------------------------------------

    async def wait_for_work(self, loop: Loop) -> bool:
        """Wait until there is work for one more connection. False: there won't be."""
        return await self._calls.wait(loop)

    def pass_on(self) -> None:
        """A call that was answered is another connection's after all."""
        self._calls.pass_on()

    def is_ours(self, passed: Passed) -> bool:
        """Whether a message in hand is still this sender's, of an edition that goes on."""
        return passed.sender == self.sender and passed.claim.edition_id not in self.roster.stopped

    # ---- for whoever runs it --------------------------------------------------------------------

    def drain(self, *, hurry: bool = False) -> None:
        """Let nothing more out; end when every connection has left. `hurry`: don't try for long
        to write down what became of messages."""
        self._draining.set()
        self._calls.end()
        if hurry:
            self._hurry.set()
        self.desk.knock()

    def fail(self, error: BaseException) -> None:
        """A connection met a fault of ours: the run ends with it."""
        self.error = self.error or error
        self.drain()

    def abandon(self) -> None:
        """End though connections have not left: what they hold will be in doubt."""
        self._abandoned = True
        self.desk.knock()

    def pause(self, reason: str) -> None:
        """Pause the editions, unless somebody has stopped them already."""
        with self._store.begin() as tx:
            for number in list(self.roster.going):
                edition = editions.get(tx.editions, number)
                if edition.state is EditionState.SENDING:
                    now = self._clock()
                    editions.pause(tx.editions, edition, now, reason=reason, actor="delivery")

    def run(self) -> None:
        """Until nothing is due, or it was drained. What goes wrong is kept in `error`."""
        try:
            self._start()
            while self._take_in():
                self._play()
                if not self._draining.is_set() and self._finished():
                    break
        except BaseException as error:
            self.error = error
        finally:
            self._end()
            self.over.set()
            self._calls.end()
            for place in self.desk.places:
                place.put(None)

    # ---- taking in ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._sign_on()
        self._refresh(time.monotonic())
        self._watch.look(self.roster.going.values(), time.monotonic(), at_start=True)
        for entry in self.roster.going.values():
            with self._store.read() as tx:
                self.roster.progress.left += tx.queue.waiting(entry.edition.id)

    @contextmanager
    def _if_there(self) -> Iterator[None]:
        """What can wait until the database is back."""
        try:
            yield
        except ConfigError as error:
            self.roster.progress.waiting = f"the database can't be used ({error.what})"

    def _sign_on(self) -> None:
        with self._store.begin() as tx:
            self.sender = tx.senders.sign_on(self._name, self._clock())
        self._watch.sender = self.sender

    def _refresh(self, now: float) -> None:
        """Take in editions that have begun meanwhile."""
        self._looked = now
        for entry in self._more(list(self.roster.going)):
            self.roster.add(entry)

    def _take_in(self) -> bool:
        """Wait for something to do, and take in all that was said meanwhile. False: it is drained,
        and no connection holds anything."""
        if self._draining.is_set() and not self._holding:
            return False
        self.desk.take_in(self._patience(), self._draining.is_set)
        return not self._draining.is_set() or self._holding

    @property
    def _holding(self) -> bool:
        """Whether a connection holds something, or has said something that is not settled."""
        held = self.desk.places or any(place.out for place in self.desk.left)
        return bool(held and not self._abandoned) or not self.desk.quiet

    def _patience(self) -> float:
        """Seconds until there is something to do, whatever connections say."""
        now = time.monotonic()
        ends = min(self._beaten + self._lease / 4, self._looked + RECHECK)
        if not self._draining.is_set():
            ends = min(ends, self._dispatch.wake_at)
            for number, one in self.roster.going.items():
                if not self._dispatch.stocked(number):
                    ends = min(ends, one.recheck)
        return max(ends - now, 0.0)

    # ---- a turn ---------------------------------------------------------------------------------

    def _play(self) -> None:
        now = time.monotonic()
        if now - self._looked >= RECHECK:
            with self._if_there():
                self._refresh(now)
                if any(self._watch.look(self.roster.going.values(), now)):
                    for entry in self.roster.going.values():
                        entry.recheck = 0.0
        turn = self._decide(now)
        # While messages are out, a pause or a cancellation is looked for each second.
        out = self.desk.anything_out
        if turn.idle and now - self._beaten < (RECHECK if out else self._lease / 4):
            return
        self._write(turn)
        self._beaten = now
        if turn.fenced:
            self._begin_anew(turn)
        else:
            self._tell(turn)

    def _decide(self, now: float) -> Turn:
        unsettled, self.desk.unsettled = self.desk.unsettled, []
        again, self.desk.again = self.desk.again, []
        settlements, loose = self.roster.settle(unsettled, now)
        turn = Turn(settlements, [], again, [], [], loose)
        if self._draining.is_set():
            return turn
        turn.picks = self._pick(now)
        for claim, delay in self._dispatch.put_off():
            turn.put_off.append((claim.id, delay))
            entry = self.roster.going[claim.edition_id]
            entry.waits_until = max(entry.waits_until, now + delay)
        most = max(CLAIM, 2 * sum(place.window for place in self.desk.places))
        for number, one in self.roster.going.items():
            if now >= one.recheck and self._dispatch.stocked(number) < most // 2:
                turn.need.append((number, most))
        return turn

    def _pick(self, now: float) -> list[tuple[Place, Pick]]:
        picks: list[tuple[Place, Pick]] = []
        self._dispatch.wake_at = float("inf")
        window = 10
        for place in self.desk.places:
            window = place.window
            if place.out <= window // 2 and place.room:
                for pick in self._dispatch.pick(place, place.room, now):
                    picks.append((place, pick))
                    place.out += 1
                    place.left -= 1
                    self.roster.going[pick.claim.edition_id].out += 1
        if ready := self._dispatch.ready:
            self._calls.are(-(-ready // max(window // 2, 1)))
        elif not self.desk.places and any(map(self._dispatch.stocked, self.roster.going)):
            self._calls.are(1)
        return picks

    def _write(self, turn: Turn) -> None:
        """The turn's transaction, done again while the database can't be used."""
        begun = time.monotonic()
        known: list[int] | None = None
        while True:
            try:
                with self._store.begin() as tx:
                    transact(tx, turn, self.sender, self.roster.going, self._clock(), known=known)
                    break
            except ConfigError as error:
                known = self._dispatch.known()
                self.roster.progress.waiting = f"the database can't be used ({error.what})"
                if time.monotonic() - begun > (HURRY if self._hurry.is_set() else SETTLE_FOR):
                    raise
                self._hurry.wait(0.2)
        if known is not None:
            self.roster.progress.waiting = ""

    def _tell(self, turn: Turn) -> None:
        now = time.monotonic()
        granted: dict[Place, list[Passed]] = {}
        for place, pick in turn.picks:
            if pick.claim.id in turn.passed:
                passed = Passed(pick.claim, self.sender, now, pick.not_before)
                granted.setdefault(place, []).append(passed)
            else:
                self.roster.is_back(place, pick.claim)
                place.left += 1
        for place, let_out in granted.items():
            place.put(Grant(let_out))
        for place, passed in turn.again:
            may_go = passed.claim.id in turn.passed
            if not may_go:
                self.roster.is_back(place, passed.claim)
            place.put(Grant([], passed, may_go))
        self.roster.turned_away(turn.gone)
        for number, limit in turn.need:
            claims = turn.claimed.get(number, [])
            entry = self.roster.going[number]
            self._dispatch.stock(number, claims)
            if claims:
                self.desk.knock()  # the next turn may pick them
            entry.asked = entry.asked and not claims
            if len(claims) < limit:
                entry.recheck = now + RECHECK
        for number, state in turn.states.items():
            if state is not EditionState.SENDING:
                self.roster.stop(number)

    def _begin_anew(self, turn: Turn) -> None:
        """We were taken for dead, so nothing that we held is ours: sign on under a new number.
        Connections see it by the number, and return what they have in hand."""
        self._dispatch.forget()
        for place, pick in turn.picks:
            self.roster.is_back(place, pick.claim)
        for place, passed in turn.again:
            self.roster.is_back(place, passed.claim)
            place.put(Grant([], passed))
        self._sign_on()
        for entry in self.roster.going.values():
            entry.recheck = 0.0

    # ---- the end --------------------------------------------------------------------------------

    def _finished(self) -> bool:
        """Whether nothing of any edition is due, claimed or out, here or at another sender."""
        now = time.monotonic()
        if not self.desk.quiet:
            return False
        idle = [
            number
            for number, one in self.roster.going.items()
            if not (one.out or self._dispatch.stocked(number))
            and one.waits_until <= now < one.recheck
        ]
        if len(idle) < len(self.roster.going):
            for number in idle:
                self._mark_if_sent(self.roster.going[number])
            return False
        if self.desk.anything_out:
            return False
        if not self.roster.going:
            return True
        held = True
        with self._if_there(), self._store.read() as tx:
            held = tx.queue.held_by_others(idle, self.sender)
            self.roster.progress.waiting = HELD if held else ""
            for number in idle:  # another sender may have given some back meanwhile
                if tx.queue.waiting(number):
                    held, self.roster.going[number].recheck = True, 0.0
        return not held

    def _mark_if_sent(self, entry: Consignment) -> None:
        """Mark an edition that is done while others go on."""
        if not entry.asked:
            with self._if_there(), self._store.begin() as tx:
                entry.asked = True
                self._set_sent(tx, editions.get(tx.editions, entry.edition.id))

    def _set_sent(self, tx: Transaction, edition: Edition) -> None:
        if edition.state is EditionState.SENDING and not tx.queue.undone(edition):
            tx.editions.set_state(edition, EditionState.SENT, self._clock())

    def _end(self) -> None:
        """Give back what is left, and mark as sent what nothing is left of. When the database stays
        away, whoever runs next takes over what was ours."""
        ends = time.monotonic() + HURRY
        while True:
            try:
                with self._store.begin() as tx:
                    # In the order in which another sender's gate takes them: two that begin at
                    # different ends wait for each other, for a second, until PostgreSQL ends one.
                    numbers = sorted({*self.roster.going, *self.roster.stopped})
                    ours = {number: editions.get(tx.editions, number) for number in numbers}
                    tx.senders.sign_off(self.sender)
                    for number, edition in ours.items():
                        if edition.state is EditionState.CANCELLED:
                            tx.queue.cancel_waiting(number)
                        else:
                            self._set_sent(tx, edition)
                return
            except Exception as error:
                if not isinstance(error, ConfigError) or time.monotonic() > ends:
                    self.error = self.error or error
                    return
                time.sleep(0.2)
