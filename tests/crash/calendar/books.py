"""What the database holds, in plain SQL and one snapshot: without touching what a crash left
(:mod:`tests.crash.scene`) while no worker runs, and live."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.scene import Moved, Scene
from tests.postgresql import run_sql

ENDED = frozenset({"sent", "skipped", "expired", "held", "cancelled"})
OVER = frozenset({"sent", "failed", "expired", "suppressed", "cancelled"})
"""Final states of editions, and of deliveries."""

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
    told: str
    wall: str
    zone: str
    name: str
    asked: bool


class Delivery(NamedTuple):
    id: int
    edition: int
    address: str
    state: str
    attempt: int


class Told(NamedTuple):
    edition: int
    kind: str


class Run(NamedTuple):
    digest: str
    story: str
    edition: int


@dataclass(frozen=True, slots=True)
class Books:
    """`bodies` are the stories in each edition's frozen body; empty unless asked for."""

    occurrences: tuple[Occurrence, ...]
    editions: tuple[Edition, ...]
    deliveries: tuple[Delivery, ...]
    told: tuple[Told, ...]
    runs: tuple[Run, ...]
    bodies: dict[int, frozenset[str]]

    @property
    def moved(self) -> list[Moved]:
        """Deliveries that were taken up so far, for the witness."""
        return [Moved(one.id, one.state, one.attempt) for one in self.deliveries
                if one.state != "queued"]  # fmt: skip

    def undone(self, occurrences: int) -> int:
        """How much is still to be done, when there are to be so many occurrences."""
        seen = sum(one.state != "planned" for one in self.occurrences)
        open_ = sum(
            one.state not in ENDED or (one.kind == "mailing" and one.told != one.state)
            for one in self.editions
        )
        return occurrences - seen + open_ + sum(one.state not in OVER for one in self.deliveries)


_OCCURRENCES = """
SELECT d.slug, o.wall, o.zone, o.state, o.edition_id, o.reason
FROM occurrence o JOIN digest d ON d.id = o.digest_id ORDER BY o.id
"""
_EDITIONS = """
SELECT e.id, e.uid, coalesce(d.slug, ''), e.kind, e.state, e.told, e.wall, e.zone, e.name,
       e.asked_at IS NOT NULL
FROM edition e LEFT JOIN digest d ON d.id = e.digest_id ORDER BY e.id
"""
_DELIVERIES = "SELECT id, edition_id, address, state, attempt FROM delivery ORDER BY id"
_TOLD = "SELECT edition_id, detail FROM edition_event WHERE what = 'told' ORDER BY id"
_RUNS = """
SELECT d.slug, s.slug, s.edition_id FROM digest_story s JOIN digest d ON d.id = s.digest_id
"""
_BODIES = "SELECT edition_id, html FROM edition_body"


class Bookkeeper(Scene):
    """Looks into the database of a trial."""

    def look(self, *, bodies: bool = False) -> Books:
        """What stands there while no worker runs."""
        with self._connected() as connection:
            return _read(connection, bodies)

    def live(self) -> Books:
        """What stands there while some do."""
        if self._url.get_backend_name() == "sqlite":
            with closing(sqlite3.connect(str(self._url.database), timeout=30)) as connection:
                return _read(connection, False)
        return self.look()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        with super()._connected() as connection:
            if self._url.get_backend_name() == "postgresql":
                import psycopg

                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield connection


def _read(connection: Any, bodies: bool) -> Books:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN")  # so that all that follows is of one moment

    def rows(query: str) -> list[Any]:
        return list(connection.execute(query).fetchall())

    stories: dict[int, frozenset[str]] = {}
    for edition, html in rows(_BODIES) if bodies else ():
        stories[edition] = stories.get(edition, frozenset()) | set(_STORY.findall(html))
    return Books(
        occurrences=tuple(map(Occurrence._make, rows(_OCCURRENCES))),
        editions=tuple(map(Edition._make, rows(_EDITIONS))),
        deliveries=tuple(map(Delivery._make, rows(_DELIVERIES))),
        told=tuple(Told(number, detail.partition(":")[0]) for number, detail in rows(_TOLD)),
        runs=tuple(map(Run._make, rows(_RUNS))),
        bodies=stories,
    )


# ---- doubts, as they come ---------------------------------------------------------------------

_PEN = """
CREATE TABLE doubted (id BIGINT NOT NULL);
CREATE FUNCTION keep_doubt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO doubted VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER keep_doubt AFTER UPDATE OF state ON delivery
FOR EACH ROW WHEN (NEW.state = 'in_doubt' AND OLD.state <> 'in_doubt')
EXECUTE FUNCTION keep_doubt()
"""


def keep_doubts(url: str) -> None:
    """Let PostgreSQL write down which deliveries were ever in doubt: while a worker lives on,
    nobody sees it by looking."""
    run_sql(url, _PEN)


def doubted(url: str, folder: Path) -> list[int]:
    """Deliveries that were in doubt, as often as they were."""
    with Bookkeeper(url, folder)._connected() as connection:
        return [number for (number,) in connection.execute("SELECT id FROM doubted").fetchall()]
