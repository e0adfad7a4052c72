"""The keys of links in a running process, which reads them again when they may have changed."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from mailer import signing_keys
from mailer.errors import ConfigError, TokenError
from mailer.signing_keys import REFRESH_SECONDS
from mailer.store import SqlTransaction, Store
from mailer.tokens import KeyRing

Link = TypeVar("Link")

RETRY_SECONDS = 1.0
"""Minimum time in seconds between two searches for newer keys after links did not verify, since a
stranger can send any number of invalid links."""


class LinkKeySource:
    """The ring of keys of one process. Threads may share it."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._ring: KeyRing | None = None
        self._read_at = 0.0

    @property
    def ring(self) -> KeyRing:
        """The present keys, at most :data:`REFRESH_SECONDS` old."""
        self.refresh_keys(REFRESH_SECONDS)
        assert self._ring is not None
        return self._ring

    def load_keys(self, tx: SqlTransaction) -> KeyRing:
        """Return the ring, with the keys as this transaction sees them."""
        keys = signing_keys.derive_keys(
            self._store.key, tx.signing_keys.list_signing_keys(), self._clock()
        )
        with self._lock:
            return self._replace_keys(keys)

    def _replace_keys(self, keys: list[bytes]) -> KeyRing:
        self._read_at = time.monotonic()
        if self._ring is None:
            self._ring = KeyRing(keys)
        else:
            self._ring.replace_keys(keys)
        return self._ring

    def refresh_keys(self, max_age: float = REFRESH_SECONDS) -> None:
        """Read the keys again if they are older than `max_age` seconds. While the database can't be
        used, the present keys stay. Raises ConfigError if this process has not read any keys
        yet."""
        if self._ring is not None and time.monotonic() - self._read_at < max_age:
            return
        if self._ring is None:
            self._read_keys()
        else:
            with suppress(ConfigError):
                self._read_keys()

    def _read_keys(self) -> None:
        with self._store.read() as tx:
            self.load_keys(tx)

    def read_link(self, verify: Callable[[KeyRing], Link]) -> Link:
        """Return the records that a link names. A link that does not verify is tried again if
        another process has rotated the keys since. Raises TokenError."""
        ring = self.ring
        keys = ring.keys
        try:
            return verify(ring)
        except TokenError:
            self.refresh_keys(RETRY_SECONDS)
            if ring.keys == keys:
                raise
            return verify(ring)
