"""Combinations of topics, each kept once.

A million people share a few thousand combinations. Planning masks the combinations, then joins
people to them: one integer a person, whatever the number of topics.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from mailer.store.ids import new_id
from mailer.store.schema import topic, topic_set, topic_set_topic


class TopicSets:
    """Finds or makes combinations within one transaction, and remembers them for its length."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._ids: dict[str, int] | None = None
        self._sets: dict[tuple[str, ...], int] = {}

    def id_of(self, slugs: Iterable[str]) -> int | None:
        """The combination's id; None for no topic, which means all. The topics must exist."""
        wanted = tuple(sorted(set(slugs)))
        if not wanted:
            return None
        if wanted not in self._sets:
            self._sets[wanted] = self._find_or_make(wanted)
        return self._sets[wanted]

    def _find_or_make(self, slugs: tuple[str, ...]) -> int:
        if self._ids is None:
            self._ids = dict(self._db.execute(select(topic.c.slug, topic.c.id)).all())
        ids = sorted(self._ids[slug] for slug in slugs)
        key = ",".join(map(str, ids))
        found = self._db.scalar(select(topic_set.c.id).where(topic_set.c.key == key))
        if found is None:
            made = self._db.execute(insert(topic_set).values(key=key))
            found = new_id(made)
        held = set(
            self._db.scalars(
                select(topic_set_topic.c.topic_id).where(topic_set_topic.c.topic_set_id == found)
            )
        )
        if missing := [one for one in ids if one not in held]:
            self._db.execute(
                insert(topic_set_topic),
                [{"topic_set_id": found, "topic_id": one} for one in missing],
            )
        return int(found)

    def slugs(self, set_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The topics of combinations, sorted."""
        found: dict[int, list[str]] = {}
        ids = list(set(set_ids))
        for start in range(0, len(ids), 500):
            for set_id, slug in self._db.execute(
                select(topic_set_topic.c.topic_set_id, topic.c.slug)
                .join(topic, topic.c.id == topic_set_topic.c.topic_id)
                .where(topic_set_topic.c.topic_set_id.in_(ids[start : start + 500]))
                .order_by(topic.c.slug)
            ):
                found.setdefault(set_id, []).append(slug)
        return {set_id: tuple(slugs) for set_id, slugs in found.items()}
