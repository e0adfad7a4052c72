"""Fill a database with the data of an office that has sent for years.

Staff's own verbs make an edition of each kind; the other editions are copies of one of them. One
edition a day was sent, each to some of the people, and the newest two to everyone: the one is
finished, the other was interrupted. So whatever the scale, the last days look alike, and a command
about them has the same work to do.
"""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from sqlalchemy import text

from mailer import digests, editions
from mailer.app import Mailer
from mailer.model.edition_states import EditionState
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.bench.large import deliveries, history, people, stories
from tests.postgresql import run_sql

PEOPLE_FOR_AN_EDITION = 200

DELIVERIES_OF_A_PERSON = 20


@dataclass(frozen=True, slots=True)
class LargeScale:
    """The number of people, of past editions, and of each person's deliveries."""

    people: int
    editions: int
    deliveries_of_person: int = DELIVERIES_OF_A_PERSON

    @classmethod
    def for_people(cls, people: int) -> "LargeScale":
        """Return the scale for so many people: a million have 5,000 editions."""
        return cls(people, max(20, people // PEOPLE_FOR_AN_EDITION))

    @property
    def deliveries_of_edition(self) -> int:
        """The number of deliveries of each edition that did not go to everyone."""
        rest = self.people * (self.deliveries_of_person - 2)
        return min(self.people, rest // self.editions)

    def __str__(self) -> str:
        count = self.deliveries_of_edition * self.editions + 2 * self.people
        return f"{self.people:,} people, {self.editions:,} editions, {count:,} deliveries"


@dataclass(frozen=True, slots=True)
class LargeOffice:
    """The ids of the records that commands and pages are about. `old_edition` was sent to some of
    the people, `whole_edition` to everyone, and `open_edition` was interrupted."""

    scale: LargeScale
    old_edition: int
    whole_edition: int
    open_edition: int
    draft: int
    reviewed_edition: int
    release: str
    seconds: float


def fill_database(mailer: Mailer, scale: LargeScale) -> LargeOffice:
    """Fill a database that has the newest schema and no rows. The office's settings need no relay.

    PostgreSQL's statistics are brought up to date, as its autovacuum does. SQLite gets none, as the
    program makes none."""
    start = monotonic()
    now = mailer.clock()
    with mailer.store.begin() as tx:
        stories.add_topics_and_lists(tx, now)
        stories.add_stories(tx, now)
        stories.add_schedule(tx, now)
        model, _ = digests.assemble_edition(tx, STAFF, stories.DIGEST, now)
        model = editions.approve_edition(tx, AMINA, model, mailer.renderer, now)
        history.add_past_stories(tx, scale.editions)
        history.add_past_editions(tx, model, scale.editions, now)
        history.add_past_embargoes(tx, scale.editions)
    people.add_people(mailer, scale.people)
    deliveries.add_past_deliveries(mailer, model.id, scale)
    with mailer.store.begin() as tx:
        release = history.publish_release(tx, mailer)
        history.add_past_releases(tx, release, scale.editions)
    whole_edition = _start_edition(mailer, scale)
    deliveries.settle_deliveries(mailer, whole_edition, share=1.0)
    with mailer.store.begin() as tx:
        edition = editions.get_edition(tx, whole_edition)
        tx.editions.set_state(edition, EditionState.SENT, now - timedelta(days=1), STAFF)
    open_edition = _start_edition(mailer, scale)
    deliveries.settle_deliveries(mailer, open_edition, share=0.5)
    with mailer.store.begin() as tx:
        draft = _assemble_edition(tx, mailer, composed=False)
        reviewed_edition = _assemble_edition(tx, mailer, composed=True)
    _update_statistics(mailer)
    return LargeOffice(
        scale,
        model.id + 2,
        whole_edition,
        open_edition,
        draft,
        reviewed_edition,
        stories.RELEASE,
        monotonic() - start,
    )


def _start_edition(mailer: Mailer, scale: LargeScale) -> int:
    """Assemble an edition, and plan it for everyone."""
    with mailer.store.begin() as tx:
        edition_id = _assemble_edition(tx, mailer, composed=False)
        edition = editions.get_edition(tx, edition_id)
        now = mailer.clock()
        edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, now)
        _, plan = editions.start_edition(tx, STAFF, edition, mailer.renderer, now)
    assert plan is not None
    assert plan.planned > scale.people * 0.9
    return edition_id


def _assemble_edition(tx: SqlTransaction, mailer: Mailer, *, composed: bool) -> int:
    """Assemble an edition of new stories; if `composed`, compose it and ask for its approval."""
    now = mailer.clock()
    stories.add_stories(tx, now, suffix=f"-of-{tx.editions.list_recent_editions([], 1)[0].id}")
    edition, _ = digests.assemble_edition(tx, STAFF, stories.DIGEST, now)
    if composed:
        edition, _ = editions.compose_edition(tx, STAFF, edition, mailer.renderer)
        editions.request_approval(tx, STAFF, edition, now)
    return edition.id


def _update_statistics(mailer: Mailer) -> None:
    url = mailer.store.engine.url
    if url.get_backend_name() == "postgresql":
        run_sql(url.render_as_string(hide_password=False), "VACUUM ANALYZE")
        return
    with mailer.store.read() as tx:  # a log of gigabytes would slow down each reader
        tx.connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
