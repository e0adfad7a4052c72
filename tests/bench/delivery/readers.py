"""Write any number of readers directly into the tables, with the same result as an import.

Their names differ, and some need encoding in a header. They chose one topic or two, in every
combination; one in a hundred chose none and gets every story. Every run makes the same readers.
Names are those of trees and objects by the water, so that they are not mistaken for people.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from mailer.demo.office import FIRST_NAMES, LAST_NAMES
from mailer.model.imports import ImportRow
from mailer.model.lists import MailingList
from mailer.model.subscribers import MembershipState, Person
from mailer.store import SqlTransaction
from mailer.store.audience.subscribers import build_person_columns
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.schema import membership, subscriber
from mailer.store.search.sqlite import index_in_bulk
from tests.bench.delivery.stories import TOPICS

SOURCE = "bench"
BATCH = 20_000

_NAMES = [
    (first, last)
    for tag in ("en", "fr", "es")
    for first in FIRST_NAMES[tag]
    for last in LAST_NAMES[tag]
]


def generate_rows(count: int) -> Iterator[ImportRow]:
    """Generate the readers as rows of an import."""
    for number in range(count):
        first, last = _NAMES[number % len(_NAMES)]
        initial = chr(65 + number // len(_NAMES) % 26)
        chance = number * 2654435761 >> 9
        two_topics = (TOPICS[chance % 12], TOPICS[chance // 12 % 12])
        chosen_topics = () if number % 100 == 99 else two_topics[: 1 + (chance // 144 % 3 > 0)]
        yield ImportRow(
            number + 1,
            Person(f"reader{number:07}@example{number % 997}.org", f"{first} {initial}. {last}"),
            chosen_topics,
        )


def insert_readers(
    tx: SqlTransaction,
    mailing_list: MailingList,
    count: int,
    now: datetime,
    rows: Iterable[ImportRow] | None = None,
) -> None:
    """Add `count` readers, or these `rows`, to a list in a database that has no subscriber yet.

    It makes no checks; an import would check for each reader if it exists and may be mailed."""
    sets = SqlTopicSetStore(tx.connection)
    people: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    for row in generate_rows(count) if rows is None else rows:
        columns = build_person_columns(row.person, tx.key)
        people.append({"id": row.line, **columns, "source": SOURCE, "created_at": now})
        members.append(
            {
                "list_id": mailing_list.id,
                "subscriber_id": row.line,
                "state": MembershipState.ACTIVE.value,
                "topic_set_id": sets.find_or_create_id(row.topics or ()),
                "joined_at": now,
            }
        )
        if len(people) == BATCH:
            _insert_batch(tx, people, members)
    _insert_batch(tx, people, members)


def _insert_batch(
    tx: SqlTransaction, people: list[dict[str, Any]], members: list[dict[str, Any]]
) -> None:
    if people:
        with index_in_bulk(tx.connection, subscriber.c.search_text):
            tx.connection.execute(insert(subscriber), people)
        tx.connection.execute(insert(membership), members)
        people.clear()
        members.clear()
