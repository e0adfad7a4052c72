"""A run: the ledger's thread, that of the connections' loop, and who watches over both.

It ends when all that was due has been tried once, when every edition is paused or cancelled, when
it is asked to stop, or when no relay can be used; in each case what was claimed and not sent is
back in the queue.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.config import Relay, Throttle
from mailer.delivery.carrier import Carrier
from mailer.delivery.dispatch import Dispatch
from mailer.delivery.ledger import Ledger
from mailer.delivery.loop import Loop
from mailer.delivery.outcomes import Pace, Progress
from mailer.delivery.relays import Health
from mailer.delivery.smtp import Credentials
from mailer.delivery.throttle import Throttles
from mailer.delivery.turn import Consignment
from mailer.errors import RelayError
from mailer.outbox import Store

TICK = 0.1
"""Seconds between two looks at how it goes."""

ABORT = 5.0
"""Seconds that connections have to end after they were killed."""


@dataclass(frozen=True, slots=True)
class Route:
    """How mail leaves: the relays, who we are to them, and what recipient domains are spared.

    `sender` is the envelope's (RFC 5321 §3.3). `lease` and `patience` are in seconds."""

    relays: tuple[Relay, ...]
    credentials: dict[str, Credentials]
    throttles: dict[str, Throttle]
    sender: str
    lease: float
    patience: float


class Courier:
    """Carries editions' messages to relays, over many connections."""

    def __init__(
        self,
        store: Store,
        route: Route,
        clock: Callable[[], datetime],
        more: Callable[[Sequence[int]], Iterable[Consignment]],
    ) -> None:
        """`more`: see :class:`Ledger`."""
        self._route = route
        dispatch = Dispatch(route.relays, Throttles(route.throttles))
        self._ledger = Ledger(store, dispatch, clock, route.lease, more)
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._pace = Pace(self._started)
        self._healths = [Health(relay) for relay in route.relays]
        self._loop = Loop()
        self._carriers = [
            Carrier(self._loop, self._ledger, health, route, clock, self._stop, number)
            for health in self._healths
            for number in range(health.relay.connections)
        ]

    @property
    def progress(self) -> Progress:
        """How it stands; a copy. For the thread that runs it."""
        now = time.monotonic()
        known = self._ledger.roster.progress
        return replace(
            known,
            rate=self._pace.rate(now, known.done),
            seconds=now - self._started,
            troubles={one.relay.name: why for one in self._healths if (why := one.trouble)},
        )

    def run(
        self,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Progress:
        """Send all that is due. Set `stop` to drain: what is on the wire is finished, the rest goes
        back. An exception in `on_progress` or a signal's handler ends it at once.

        Raises RelayError when no relay can be used: nothing is lost, and where waiting won't help
        the editions are paused. Raises ConfigError when the database is gone for too long."""
        keeper = threading.Thread(target=self._ledger.run, name="ledger")
        wire = threading.Thread(target=self._carry, name="wire", daemon=True)
        keeper.start()
        wire.start()
        trouble: RelayError | None = None
        try:
            while not self._ledger.over.wait(TICK):
                on_progress(self.progress)
                if stop.is_set() or trouble:
                    self._drain()
                else:
                    trouble = self._hopeless()
            on_progress(self.progress)
        except BaseException:
            self._abort(wire)
            raise
        finally:
            self._drain()
            keeper.join()
            wire.join(ABORT)
        if self._ledger.error:
            raise self._ledger.error
        if trouble:
            raise trouble
        return self.progress

    def _carry(self) -> None:
        """The thread of the connections."""
        for carrier in self._carriers:
            self._loop.spawn(carrier.run())
        try:
            self._loop.run()
        except BaseException as error:
            self._ledger.fail(error)
            self._ledger.abandon()

    def _drain(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._ledger.drain()
            self._loop.shake()

    def _abort(self, wire: threading.Thread) -> None:
        """End at once: what is on the wire will be in doubt."""
        self._drain()
        self._ledger.drain(hurry=True)
        ends = time.monotonic() + ABORT
        while wire.is_alive() and time.monotonic() < ends:
            for carrier in self._carriers:
                carrier.kill()
            wire.join(0.02)
        self._ledger.abandon()

    def _hopeless(self) -> RelayError | None:
        """Why the run should end, when no relay can be used; a lasting reason pauses editions."""
        first = [one for one in self._healths if one.relay.weight != 0]
        spare = [one for one in self._healths if one.relay.weight == 0]
        down = all(one.down for one in first)
        for one in spare:
            if one.standing_by is down:
                one.stand_by(not down)
        if not all(one.hopeless(self._route.patience) for one in self._healths):
            return None
        errors = [one.error for one in self._healths if one.error]
        if not errors:
            return None
        error = errors[0]
        if all(one.lasting for one in errors):
            self._ledger.pause("; ".join(f"{one.where}: {one.what}" for one in errors))
        return error
