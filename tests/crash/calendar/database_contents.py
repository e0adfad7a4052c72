"""Read the database in plain SQL and one snapshot: live, or without changing the state after a
crash (:mod:`tests.crash.trial_database`) while no worker runs."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.trial_database import MovedDelivery, TrialDatabase
from tests.postgresql import run_sql

FINAL_EDITION_STATES = frozenset({"sent", "skipped", "expired", "held", "cancelled"})
"""Final states of editions."""
FINAL_DELIVERY_STATES = frozenset(
    {"sent", "failed", "expired", "suppressed", "cancelled", "diverted"}
)
"""Final states of deliveries."""

_STORY = re.compile(r"example\.org/en/(t\d+-\d+)\b")


class Occurrence(NamedTuple):
    digest: str
    wall: str
    zone: str
    state: str
    edition: int | None
    reason: str


class Edition(NamedTuple):
    id: int
    uid: str
    digest: str
    kind: str
    state: str
    last_notified_state: str
    wall: str
    zone: str
    name: str
    is_review_requested: bool


class Delivery(NamedTuple):
    id: int
    edition: int
    address: str
    state: str
    attempt: int


class Notification(NamedTuple):
    edition: int
    kind: str


class StoryRun(NamedTuple):
    digest: str
    story: str
    edition: int


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    """The rows of one snapshot.

    `bodies` are the stories in each edition's frozen body, by edition id; empty unless the reader
    was told to read them."""

    occurrences: tuple[Occurrence, ...]
    editions: tuple[Edition, ...]
    deliveries: tuple[Delivery, ...]
    notifications: tuple[Notification, ...]
    runs: tuple[StoryRun, ...]
    bodies: dict[int, frozenset[str]]

    @property
    def moved_deliveries(self) -> list[MovedDelivery]:
        """The deliveries that are no longer queued, for the witness."""
        return [
            MovedDelivery(delivery.id, delivery.state, delivery.attempt)
            for delivery in self.deliveries
            if delivery.state != "queued"
        ]

    def count_undone(self, occurrence_count: int) -> int:
        """Return how many occurrences, editions and deliveries are still to be finished, if
        `occurrence_count` occurrences are expected."""
        seen_count = sum(occurrence.state != "planned" for occurrence in self.occurrences)
        open_count = sum(
            edition.state not in FINAL_EDITION_STATES
            or (edition.kind == "mailing" and edition.last_notified_state != edition.state)
            for edition in self.editions
        )
        return (
            occurrence_count
            - seen_count
            + open_count
            + sum(delivery.state not in FINAL_DELIVERY_STATES for delivery in self.deliveries)
        )


_OCCURRENCES = """
SELECT d.slug, o.rule_time, o.zone, o.state, o.edition_id, o.reason
FROM occurrence o JOIN digest d ON d.id = o.digest_id ORDER BY o.id
"""
_EDITIONS = """
SELECT e.id, e.uid, coalesce(d.slug, ''), e.kind, e.state, e.last_notified_state, e.wall, e.zone,
       e.name, e.asked_at IS NOT NULL
FROM edition e LEFT JOIN digest d ON d.id = e.digest_id ORDER BY e.id
"""
_DELIVERIES = "SELECT id, edition_id, address, state, attempt FROM delivery ORDER BY id"
_NOTIFICATIONS = """
SELECT edition_id, detail FROM edition_event WHERE event_type = 'notified' ORDER BY id
"""
_RUNS = """
SELECT d.slug, s.slug, s.edition_id FROM digest_story s JOIN digest d ON d.id = s.digest_id
"""
_BODIES = "SELECT edition_id, html FROM edition_body"


class DatabaseReader(TrialDatabase):
    """Reader of a trial's database."""

    def read_contents(self, *, bodies: bool = False) -> DatabaseContents:
        """Read the database while no worker runs."""
        with self._open_connection() as connection:
            return _read_contents(connection, bodies)

    def read_live_contents(self) -> DatabaseContents:
        """Read the database while workers run. Bodies are left out."""
        if self._url.get_backend_name() == "sqlite":
            with closing(sqlite3.connect(str(self._url.database), timeout=30)) as connection:
                return _read_contents(connection, False)
        return self.read_contents()

    @contextmanager
    def _open_connection(self) -> Iterator[Any]:
        with super()._open_connection() as connection:
            if self._url.get_backend_name() == "postgresql":
                import psycopg

                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield connection


def _read_contents(connection: Any, bodies: bool) -> DatabaseContents:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN")  # all that follows is one snapshot

    def fetch_rows(query: str) -> list[Any]:
        return list(connection.execute(query).fetchall())

    stories: dict[int, frozenset[str]] = {}
    for edition, html in fetch_rows(_BODIES) if bodies else ():
        stories[edition] = stories.get(edition, frozenset()) | set(_STORY.findall(html))
    return DatabaseContents(
        occurrences=tuple(map(Occurrence._make, fetch_rows(_OCCURRENCES))),
        editions=tuple(map(Edition._make, fetch_rows(_EDITIONS))),
        deliveries=tuple(map(Delivery._make, fetch_rows(_DELIVERIES))),
        notifications=tuple(
            Notification(edition_id, detail.partition(":")[0])
            for edition_id, detail in fetch_rows(_NOTIFICATIONS)
        ),
        runs=tuple(map(StoryRun._make, fetch_rows(_RUNS))),
        bodies=stories,
    )


# ---- a log of doubts --------------------------------------------------------------------------

_DOUBT_TRIGGER = """
CREATE TABLE doubted (id BIGINT NOT NULL);
CREATE FUNCTION keep_doubt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO doubted VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER keep_doubt AFTER UPDATE OF state ON delivery
FOR EACH ROW WHEN (NEW.state = 'in_doubt' AND OLD.state <> 'in_doubt')
EXECUTE FUNCTION keep_doubt()
"""


def record_doubts(url: str) -> None:
    """Let PostgreSQL log each delivery that comes to be in doubt: snapshots would miss a doubt that
    a living worker settles."""
    run_sql(url, _DOUBT_TRIGGER)


def list_doubted(url: str, folder: Path) -> list[int]:
    """List the ids of deliveries that were in doubt, once for each time."""
    with DatabaseReader(url, folder)._open_connection() as connection:
        return [
            delivery_id
            for (delivery_id,) in connection.execute("SELECT id FROM doubted").fetchall()
        ]
