"""Combinations of topics, each kept once.

A million people share a few thousand combinations. Planning masks the combinations, then joins
people to them: one integer a person, whatever the number of topics.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from mailer.store.schema import topic, topic_set, topic_set_topic
from mailer.store.upsert import upsert

_Key = TypeVar("_Key", int, str)

# Made once: see subscribers.py.
_TOPICS = select(topic.c.slug, topic.c.id)
_BY_KEY = select(topic_set.c.key, topic_set.c.id).where(
    topic_set.c.key.in_(bindparam("some", expanding=True))
)
_HELD = select(topic_set_topic.c.topic_set_id, topic_set_topic.c.topic_id).where(
    topic_set_topic.c.topic_set_id.in_(bindparam("some", expanding=True))
)
_SLUGS = (
    select(topic_set_topic.c.topic_set_id, topic.c.slug)
    .join(topic, topic.c.id == topic_set_topic.c.topic_id)
    .where(topic_set_topic.c.topic_set_id.in_(bindparam("some", expanding=True)))
    .order_by(topic.c.slug)
)


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
        self.prepare([slugs])
        return self._sets[slugs]

    def prepare(self, some: Iterable[Sequence[str]]) -> None:
        """Find many combinations at once, or make them: :meth:`id_of` then asks nothing."""
        wanted = {tuple(sorted({*one})) for one in some} - {()} - self._sets.keys()
        if not wanted:
            return
        if self._ids is None:
            self._ids = dict(self._db.execute(_TOPICS).all())
        ids = {slugs: sorted(self._ids[slug] for slug in slugs) for slugs in wanted}
        keys = {slugs: ",".join(map(str, numbers)) for slugs, numbers in ids.items()}
        found: dict[str, int] = {}
        held: dict[int, set[int]] = {}
        for some_keys in _in_parts(sorted(keys.values())):
            found |= dict(self._db.execute(_BY_KEY, {"some": some_keys}).all())
        for some_sets in _in_parts(sorted(found.values())):
            for set_id, topic_id in self._db.execute(_HELD, {"some": some_sets}):
                held.setdefault(set_id, set()).add(topic_id)
        for slugs in sorted(wanted):
            number = found.get(keys[slugs])
            if number is None:
                number = self._make(keys[slugs])
            if missing := [one for one in ids[slugs] if one not in held.get(number, ())]:
                rows = [{"topic_set_id": number, "topic_id": one} for one in missing]
                add = upsert(self._db.dialect.name, topic_set_topic).on_conflict_do_nothing()
                self._db.execute(add, rows)
            self._sets[slugs] = number

    def _make(self, key: str) -> int:
        """Another transaction may make the same one meanwhile: then it is that one."""
        row = upsert(self._db.dialect.name, topic_set).on_conflict_do_nothing()
        self._db.execute(row, {"key": key})
        return int(self._db.execute(_BY_KEY, {"some": [key]}).one().id)

    def slugs(self, set_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The topics of combinations, sorted."""
        found: dict[int, list[str]] = {}
        for some in _in_parts(sorted(set(set_ids))):
            for set_id, slug in self._db.execute(_SLUGS, {"some": some}):
                found.setdefault(set_id, []).append(slug)
        return {set_id: tuple(slugs) for set_id, slugs in found.items()}


def _in_parts(some: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """As many at a time as a statement takes."""
    return (some[start : start + 500] for start in range(0, len(some), 500))
