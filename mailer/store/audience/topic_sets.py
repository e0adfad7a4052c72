"""Combinations of topics, each stored once.

A million people share a few thousand combinations. Planning computes the mask of each combination
and then joins people to combinations. So a plan handles one integer for each person, whatever the
number of topics.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from mailer.store import schema
from mailer.store.upsert import build_upsert

_Key = TypeVar("_Key", int, str)

# Built once; subscribers.py says why.
_TOPICS = select(schema.topic.c.slug, schema.topic.c.id)
_BY_KEY = select(schema.topic_set.c.key, schema.topic_set.c.id).where(
    schema.topic_set.c.key.in_(bindparam("some", expanding=True))
)
_TOPIC_IDS = select(schema.topic_set_topic.c.topic_set_id, schema.topic_set_topic.c.topic_id).where(
    schema.topic_set_topic.c.topic_set_id.in_(bindparam("some", expanding=True))
)
_SLUGS = (
    select(schema.topic_set_topic.c.topic_set_id, schema.topic.c.slug)
    .join(schema.topic, schema.topic.c.id == schema.topic_set_topic.c.topic_id)
    .where(schema.topic_set_topic.c.topic_set_id.in_(bindparam("some", expanding=True)))
    .order_by(schema.topic.c.slug)
)


class SqlTopicSetStore:
    """Combinations of topics, found or created within one transaction and cached for its
    duration."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._topic_ids: dict[str, int] | None = None
        self._ids_by_combination: dict[tuple[str, ...], int] = {}

    def find_or_create_id(self, slugs: Iterable[str]) -> int | None:
        """Return the id of a combination, or None for no topics, which means all topics. The topics
        must exist."""
        sorted_slugs = tuple(sorted(set(slugs)))
        if not sorted_slugs:
            return None
        if sorted_slugs not in self._ids_by_combination:
            self._ids_by_combination[sorted_slugs] = self._find_or_create(sorted_slugs)
        return self._ids_by_combination[sorted_slugs]

    def _find_or_create(self, slugs: tuple[str, ...]) -> int:
        self.prepare_ids([slugs])
        return self._ids_by_combination[slugs]

    def prepare_ids(self, combinations: Iterable[Sequence[str]]) -> None:
        """Find or create many combinations at once, so that :meth:`find_or_create_id` needs no
        statement for them."""
        new_combinations = (
            {tuple(sorted({*slugs})) for slugs in combinations}
            - {()}
            - self._ids_by_combination.keys()
        )
        if not new_combinations:
            return
        if self._topic_ids is None:
            self._topic_ids = dict(self._db.execute(_TOPICS).all())
        ids = {slugs: sorted(self._topic_ids[slug] for slug in slugs) for slugs in new_combinations}
        keys = {slugs: ",".join(map(str, numbers)) for slugs, numbers in ids.items()}
        ids_by_key: dict[str, int] = {}
        topics_by_set: dict[int, set[int]] = {}
        for key_batch in _split_into_batches(sorted(keys.values())):
            ids_by_key |= dict(self._db.execute(_BY_KEY, {"some": key_batch}).all())
        for set_batch in _split_into_batches(sorted(ids_by_key.values())):
            for set_id, topic_id in self._db.execute(_TOPIC_IDS, {"some": set_batch}):
                topics_by_set.setdefault(set_id, set()).add(topic_id)
        for slugs in sorted(new_combinations):
            topic_set_id = ids_by_key.get(keys[slugs])
            if topic_set_id is None:
                topic_set_id = self._create_topic_set(keys[slugs])
            if missing := [
                topic_id
                for topic_id in ids[slugs]
                if topic_id not in topics_by_set.get(topic_set_id, ())
            ]:
                rows = [
                    {"topic_set_id": topic_set_id, "topic_id": topic_id} for topic_id in missing
                ]
                statement = build_upsert(
                    self._db.dialect.name, schema.topic_set_topic
                ).on_conflict_do_nothing()
                self._db.execute(statement, rows)
            self._ids_by_combination[slugs] = topic_set_id

    def _create_topic_set(self, key: str) -> int:
        """Create a combination, or return the one that another transaction created first."""
        statement = build_upsert(self._db.dialect.name, schema.topic_set).on_conflict_do_nothing()
        self._db.execute(statement, {"key": key})
        return int(self._db.execute(_BY_KEY, {"some": [key]}).one().id)

    def find_slugs(self, set_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """Return the sorted topics of combinations, by id."""
        slugs_by_set: dict[int, list[str]] = {}
        for batch in _split_into_batches(sorted(set(set_ids))):
            for set_id, slug in self._db.execute(_SLUGS, {"some": batch}):
                slugs_by_set.setdefault(set_id, []).append(slug)
        return {set_id: tuple(slugs) for set_id, slugs in slugs_by_set.items()}


def _split_into_batches(values: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Split into batches that are small enough for one statement."""
    return (values[position : position + 500] for position in range(0, len(values), 500))
