"""The worker's process: one thread ticks, one delivers, one looks at sources, and the main one
watches over them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mailer.app import Mailer
from mailer.delivery.outcomes import Progress
from mailer.errors import ComposeError, ConfigError, MailerError, RelayError
from mailer.log import Log
from mailer.render.checks import check_organisation
from mailer.worker.clock import Clock
from mailer.worker.gathering import Gathering
from mailer.worker.keeper import Keeper
from mailer.worker.systemd import Systemd

LOOK = 0.5
"""Seconds between two looks whether there is something to deliver."""

REST = 30.0
"""Seconds after which delivery is tried again when no relay can be used."""

SILENT = 120.0
"""Seconds without a tick after which systemd is not told any more that the worker lives: it will
end it and start another."""


GATHERING_ENDS = 2.0
"""Seconds that a look at a source has to end when the worker does."""


@dataclass(slots=True)
class _Seen:
    """When each thread last came round, by the monotonic clock."""

    tick: float
    delivery: float


class Worker:
    """Runs until it is asked to stop. `rest` is in seconds, see :data:`REST`."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        *,
        deliver: bool = True,
        systemd: Systemd | None = None,
        rest: float = REST,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._delivers = deliver
        self._systemd = systemd or Systemd()
        self._rest = rest
        self._keeper = Keeper(mailer, log)
        self._stop = threading.Event()
        now = time.monotonic()
        self._seen = _Seen(now, now)
        self._crashed: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Tick and deliver until `stop` is set, then end cleanly: the tick is ended, messages on
        the wire are finished, the rest goes back to the queue, and the lease is given up.

        Raises what a thread died of: that is a fault of ours."""
        clock = Clock(self._tick, self._mailer.settings.worker.tick)
        delivery = threading.Thread(target=self._deliver, name="delivery")
        # Ends with the process: what it fetches is taken in whole, or not at all.
        gathering = threading.Thread(
            target=Gathering(self._mailer, self._log, lambda: self._keeper.ticks).run,
            args=(self._stop,),
            name="gathering",
            daemon=True,
        )
        self._log.info(
            "worker started", delivers=self._delivers, tick=self._mailer.settings.worker.tick
        )
        self._warn()
        clock.start()
        gathering.start()
        if self._delivers:
            delivery.start()
        self._systemd.say("READY=1", "STATUS=keeping time")
        every = self._systemd.watchdog / 3
        told = 0.0
        try:
            while not stop.wait(min(0.25, every or 0.25)) and self._crashed is None:
                now = time.monotonic()
                if every and now - told >= every and self._lives():
                    told = now
                    self._systemd.say("WATCHDOG=1")
        finally:
            self._systemd.say("STOPPING=1")
            self._log.info("worker stopping")
            self._stop.set()
            clock.stop()
            if self._delivers:
                delivery.join()
            gathering.join(GATHERING_ENDS)
            self._give_up()
        self._log.info("worker stopped")
        if self._crashed is not None:
            raise self._crashed

    def _warn(self) -> None:
        """Say at once what would else be found at the first cut-off."""
        ours = self._mailer.settings
        try:
            check_organisation(ours)
        except ComposeError as error:
            self._log.warning("no mail can be composed", error=str(error))
        if not (ours.notices.approvers or ours.notices.watchers):
            self._log.warning(
                "nobody is told", hint="name somebody in [notices], or in each digest"
            )

    def _lives(self) -> bool:
        oldest = self._seen.tick
        if self._delivers:
            oldest = min(oldest, self._seen.delivery)
        return time.monotonic() - oldest < SILENT

    # ---- the tick's thread ----------------------------------------------------------------------

    def _tick(self) -> None:
        self._guarded("tick", self._keeper.tick)
        self._seen.tick = time.monotonic()

    def _give_up(self) -> None:
        self._guarded("giving up the lease", self._keeper.give_up)

    def _guarded(self, what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except ConfigError as error:
            self._log.error("database", while_doing=what, error=str(error))
        except Exception as error:
            self._log.error("fault of ours", while_doing=what, exc_info=error)

    # ---- delivery's thread ----------------------------------------------------------------------

    def _deliver(self) -> None:
        """Deliver what is due, whoever has begun it, again and again."""
        try:
            while not self._stop.is_set():
                self._seen.delivery = time.monotonic()
                wait = LOOK
                try:
                    with self._mailer.store.read() as tx:
                        ready = tx.queue.ready()
                    if ready:
                        self._run()
                except RelayError as error:
                    self._log.error("relay", error=str(error))
                    wait = self._rest
                except MailerError as error:
                    self._log.error("delivery", error=str(error))
                    wait = min(self._rest, 5.0)
                self._stop.wait(wait)
        except BaseException as error:
            self._crashed = error

    def _run(self) -> None:
        troubles: dict[str, str] = {}

        def see(progress: Progress) -> None:
            self._seen.delivery = time.monotonic()
            for name, why in progress.troubles.items():
                if name not in troubles:
                    self._log.warning("relay rests", relay=name, why=why)
            for name in [one for one in troubles if one not in progress.troubles]:
                self._log.info("relay works again", relay=name)
            troubles.clear()
            troubles.update(progress.troubles)

        done, reports = self._mailer.deliver([], self._stop, see, follow=True)
        if done.done:
            self._log.info(
                "delivered",
                editions=[one.edition.id for one in reports],
                sent=done.sent,
                deferred=done.deferred,
                failed=done.failed,
                turned_away=done.turned_away,
                in_doubt=done.in_doubt,
                seconds=round(done.seconds, 2),
            )
