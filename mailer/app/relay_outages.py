"""Record the outages of relays while a run delivers."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from mailer import outbox
from mailer.actor import DELIVERY
from mailer.delivery.outcomes import DeliveryProgress
from mailer.errors import MailerError
from mailer.model.relay_outages import RelayRest
from mailer.store import Store

UPDATE_INTERVAL = 5.0
"""Minimum number of seconds between two updates of the record of a relay that keeps failing for the
same reason."""


class OutageRecorder:
    """Records the outages that a run's progress tells of, and removes the record once a relay
    answers. A database that can't be written to does not end the run: the next progress is recorded
    instead."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._written_rests: dict[str, tuple[RelayRest, float]] = {}
        self._recorded_relays: set[str] | None = None

    def record_progress(self, progress: DeliveryProgress) -> None:
        """Write what has changed since the last call."""
        now = time.monotonic()
        news = {
            relay: rest
            for relay, rest in progress.relay_rests.items()
            if self._is_news(relay, rest, now)
        }
        answering = {*progress.answering_relays} - {*progress.relay_rests}
        if not (news or answering):
            return
        with suppress(MailerError):
            ended = answering & self._load_recorded_relays()
            if news or ended:
                self._write_changes(news, ended, now)

    def _load_recorded_relays(self) -> set[str]:
        """Return the relays with a record, which an earlier run may have written."""
        if self._recorded_relays is None:
            with self._store.read() as tx:
                self._recorded_relays = {outage.relay for outage in tx.outbox.list_relay_outages()}
        return self._recorded_relays

    def _write_changes(self, news: dict[str, RelayRest], ended: set[str], now: float) -> None:
        with self._store.begin() as tx:
            for relay, rest in news.items():
                outbox.record_relay_outage(tx, DELIVERY, relay, rest, self._clock())
            for relay in ended:
                outbox.end_relay_outage(tx, DELIVERY, relay)
        for relay in ended:
            self._written_rests.pop(relay, None)
        self._written_rests.update({relay: (rest, now) for relay, rest in news.items()})
        self._recorded_relays = (self._load_recorded_relays() | {*news}) - ended

    def _is_news(self, relay: str, rest: RelayRest, now: float) -> bool:
        if relay not in self._written_rests:
            return True
        written, written_at = self._written_rests[relay]
        if (written.reason, written.seconds is None) != (rest.reason, rest.seconds is None):
            return True
        if written.seconds is None or rest.seconds is None:
            return False
        has_moved = abs(now + rest.seconds - written_at - written.seconds) > 1
        return has_moved and now - written_at >= UPDATE_INTERVAL
