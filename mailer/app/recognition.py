"""The guard between a database and the processes that deliver from it.

It compares the database with the marker of this host before anything is sent, and again while a
process runs; the rules are in ``mailer/recovery``. A host without a marker may join on PostgreSQL
while a process on another host delivers: it waits until it has seen the generation grow.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mailer import recovery
from mailer.actor import DELIVERY
from mailer.app.markers import HeartbeatFiles, MarkerFolder
from mailer.errors import DatabaseUnrecognised
from mailer.model.recovery import DatabaseIdentity, DatabaseRefusal, Marker, Recognition
from mailer.recovery.recognition import GenerationWatch
from mailer.store import SqlTransaction, Store

IDLE_INTERVAL = 5.0
"""Seconds between two comparisons while nothing is sent."""

SENDING_INTERVAL = 1.0
"""Seconds between two comparisons while mails are sent."""

JOIN_WAIT = 3 * IDLE_INTERVAL
"""Seconds for which a process without a marker watches for another host's process."""


class RecognitionGuard:
    """Says whether this process may deliver from a database. Threads may share it."""

    def __init__(self, store: Store, folder: Path, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._folder = MarkerFolder(folder)
        self._clock = clock
        self._lock = threading.Lock()
        self._confirmed_at: float | None = None
        self._generation_watch = GenerationWatch()
        self._identity = ""

    def find_refusal(self) -> DatabaseRefusal | None:
        """Return why nothing may be sent, or None if mails may be sent. On PostgreSQL, a host
        without a marker is in order, since a host that does not deliver needs no marker."""
        recognition, identity, _ = self._judge_now()
        if recognition is Recognition.NO_MARKER and self._is_shared:
            return None
        return recovery.describe_refusal(recognition, identity)

    def may_join(self) -> bool:
        """Check whether this host has no marker of a database of PostgreSQL that another host
        delivers from."""
        recognition, _, _ = self._judge_now()
        return recognition is Recognition.NO_MARKER and self._is_shared

    def is_original(self) -> bool:
        """Check whether this host has begun to send from this very database, as its own."""
        recognition, identity, _ = self._judge_now()
        if recognition is not Recognition.RECOGNISED or identity is None:
            return False
        with self._store.read() as tx:
            return not recovery.is_clone(tx) and tx.recovery.has_begun_editions()

    def _judge_now(self) -> tuple[Recognition, DatabaseIdentity | None, str]:
        """Judge the database in a transaction of its own, since the markers must be read before the
        transaction begins. While a process delivers, the marker moves with each of its commits, and
        an older snapshot of the database would look like an older state of it."""
        markers = self._folder.read_markers()
        with self._store.read() as tx:
            return self._judge(tx, markers)

    def check_database(self) -> None:
        """Check that mails may be sent. Nothing is written except a marker, if the database has
        none on this host yet: once an edition is started, a database without a marker looks like
        one that has sent mails from another host. Raises DatabaseUnrecognised."""
        deadline = time.monotonic() + JOIN_WAIT
        while True:
            with self._folder.lock_folder():
                markers = self._folder.read_markers()
                with self._store.read() as tx:
                    recognition, identity, location = self._judge(tx, markers)
                if recognition.may_deliver:
                    identities = {marker.identity for marker in markers}
                    if identity and identity.identity not in identities:
                        marker = Marker(identity.identity, identity.generation, location)
                        self._folder.save_marker(marker)
                    return
            may_join = recognition is Recognition.NO_MARKER and self._is_shared
            if not may_join or time.monotonic() >= deadline:
                raise self._build_refusal(recognition, identity)
            time.sleep(0.5)

    def confirm_database(self, max_age: float = 0.0) -> None:
        """Check that mails may be sent, and note in the database and in the marker that this
        process may send them. Nothing is done if this was done within the last `max_age` seconds.
        Raises DatabaseUnrecognised."""
        with self._lock:
            now = time.monotonic()
            if self._confirmed_at is not None and now - self._confirmed_at < max_age:
                return
            self._confirmed_at = None
            with self._folder.lock_folder():
                marker = self._save_generation()
                self._folder.save_marker(marker)
                if not marker.generation:  # the marker exists before the first generation does
                    self._folder.save_marker(self._save_generation())
            self._confirmed_at = now

    def _save_generation(self) -> Marker:
        """Increment the generation in the database, and return the marker with the new
        generation."""
        markers = self._folder.read_markers()
        with self._store.begin() as tx:
            recognition, identity, location = self._judge(tx, markers, is_locking=True)
            if not recognition.may_deliver:
                raise self._build_refusal(recognition, identity)
            if identity is None:
                self._identity = recovery.create_identity(tx, DELIVERY, self._clock())
                return Marker(self._identity, 0, location)
            self._identity = identity.identity
            living_ids = {worker.id for worker in tx.outbox.list_workers()}
            generation = recovery.increment_generation(tx, DELIVERY)
        for marker in markers:
            if marker.identity == self._identity:
                self._folder.remove_heartbeats(marker, living_ids)
        return Marker(self._identity, generation, location)

    def _judge(
        self, tx: SqlTransaction, markers: list[Marker], *, is_locking: bool = False
    ) -> tuple[Recognition, DatabaseIdentity | None, str]:
        identity = tx.recovery.lock_identity() if is_locking else tx.recovery.find_identity()
        location = tx.recovery.read_location()
        own_marker = next(
            (marker for marker in markers if identity and marker.identity == identity.identity),
            None,
        )
        local_marker = next((marker for marker in markers if marker.location == location), None)
        recognition = recovery.judge_database(
            tx, identity, location, own_marker, local_marker, _exists
        )
        if recognition is Recognition.NO_MARKER and self._is_shared:
            recognition = self._generation_watch.judge_joining(identity)
        return recognition, identity, location

    @property
    def _is_shared(self) -> bool:
        return self._store.engine.dialect.name == "postgresql"

    def _build_refusal(
        self, recognition: Recognition, identity: DatabaseIdentity | None
    ) -> DatabaseUnrecognised:
        return recovery.build_refusal(
            recognition, identity, self._store.display_url, str(self._folder.folder)
        )

    @contextmanager
    def watch_run(self) -> Iterator[HeartbeatFiles]:
        """Confirm that mails may be sent before a run and after it. Yields the files of the run's
        heartbeats."""
        self.confirm_joining()
        heartbeats = HeartbeatFiles(self._folder.folder, self._identity)
        try:
            yield heartbeats
        finally:
            try:
                self.confirm_database()
                heartbeats.remove_files()
            finally:
                heartbeats.close()

    def confirm_joining(self) -> None:
        """Confirm that mails may be sent. On a host without a marker, first wait for a sign that a
        process on another host delivers."""
        self.check_database()
        self.confirm_database()

    def save_accepted_marker(self) -> None:
        """Save the marker of a database that a person has just accepted."""
        self.save_marker()
        self.confirm_database()

    def save_marker(self) -> None:
        """Save the marker of the database as it is now: an earlier state of it is older."""
        with self._folder.lock_folder():
            with self._store.read() as tx:
                identity = tx.recovery.find_identity()
                location = tx.recovery.read_location()
            assert identity is not None
            self._folder.save_marker(Marker(identity.identity, identity.generation, location))


def _exists(location: str) -> bool:
    """Check whether the database at a marker's location still exists, since a file may have been
    moved. A database on a server counts as existing."""
    kind, _, place = location.partition(":")
    return kind != "sqlite" or Path(place).exists()
