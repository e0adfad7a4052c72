"""Sources and their items."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mailer.articles import Kind
from mailer.sources import Arrival, Item, Order, Source, SourceKind, SourceState
from mailer.store.ids import new_id
from mailer.store.schema import source, source_item
from mailer.store.upsert import upsert


class Sources:
    """Implements ``sources.SourceStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def sources(self) -> list[Source]:
        rows = self._db.execute(select(source).order_by(source.c.name))
        return [_record(row) for row in rows]

    def now(self, known: Source) -> Source | None:
        """It as it is now; None where it was removed, also where another has its number."""
        row = self._db.execute(
            select(source).where(source.c.id == known.id, source.c.created_at == known.created_at)
        ).one_or_none()
        return _record(row) if row else None

    def add(self, order: Order, now: datetime) -> Source:
        made = self._db.execute(
            insert(source).values(
                **_columns(order),
                state=SourceState.ACTIVE.value,
                etag="",
                last_modified="",
                failures=0,
                said="",
                next_at=now,
                created_at=now,
            )
        )
        number = new_id(made)
        row = self._db.execute(select(source).where(source.c.id == number)).one()
        return _record(row)

    def keep(self, known: Source) -> None:
        self._db.execute(
            update(source)
            .where(source.c.id == known.id)
            .values(
                **_columns(known.order),
                state=known.state.value,
                etag=known.etag,
                last_modified=known.last_modified,
                failures=known.failures,
                said=known.said,
                next_at=known.next_at,
                looked_at=known.looked_at,
            )
        )

    def remove(self, known: Source) -> None:
        self._db.execute(delete(source_item).where(source_item.c.source_id == known.id))
        self._db.execute(delete(source).where(source.c.id == known.id))

    def item(self, of: Source, key: str) -> Item | None:
        row = self._db.execute(
            select(source_item).where(
                source_item.c.source_id == of.id, source_item.c.key == _hashed(key)
            )
        ).one_or_none()
        return _item(row, key) if row else None

    def by_fingerprint(self, of: Source, fingerprint: str) -> Item | None:
        row = self._db.execute(
            select(source_item)
            .where(source_item.c.source_id == of.id, source_item.c.fingerprint == fingerprint)
            .limit(1)
        ).one_or_none()
        return _item(row, "") if row else None

    def keep_item(self, of: Source, item: Item, now: datetime) -> None:
        values = {
            "fingerprint": item.fingerprint,
            "slug": item.slug,
            "language": item.language,
            "seen_at": now,
        }
        self._db.execute(
            upsert(self._db.dialect.name, source_item)
            .values(source_id=of.id, key=_hashed(item.key), **values)
            .on_conflict_do_update(index_elements=["source_id", "key"], set_=values)
        )


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _columns(order: Order) -> dict[str, Any]:
    return {
        "name": order.name,
        "kind": order.kind.value,
        "place": order.place,
        "every_minutes": int(order.every.total_seconds()) // 60,
        "arrival": order.arrival.value,
        "article_kind": order.article_kind.value,
        "language": order.language,
        "topics": list(order.topics),
    }


def _record(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        order=Order(
            name=row.name,
            kind=SourceKind(row.kind),
            place=row.place,
            every=timedelta(minutes=row.every_minutes),
            arrival=Arrival(row.arrival),
            article_kind=Kind(row.article_kind),
            language=row.language,
            topics=tuple(row.topics),
        ),
        state=SourceState(row.state),
        etag=row.etag,
        last_modified=row.last_modified,
        failures=row.failures,
        said=row.said,
        next_at=row.next_at,
        looked_at=row.looked_at,
        created_at=row.created_at,
    )


def _item(row: Row[Any], key: str) -> Item:
    return Item(key, row.fingerprint, row.slug, row.language)
