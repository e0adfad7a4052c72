"""Sources and the entries imported from them."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from mailer.actor import Actor
from mailer.model.articles import ArticleKind
from mailer.model.sources import (
    OnImport,
    Source,
    SourceItem,
    SourceKind,
    SourceSettings,
    SourceState,
)
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id
from mailer.store.upsert import build_upsert


class SqlSourceStore(SqlStore):
    """Implements :class:`mailer.model.stores.content.SourceStore`."""

    def list_sources(self) -> list[Source]:
        rows = self._db.execute(select(schema.source).order_by(schema.source.c.name))
        return [_build_source(row) for row in rows]

    def find_current(self, source: Source) -> Source | None:
        """Return the present record of the source, or None if the source was removed. A source that
        was added later and has the same id does not count."""
        row = self._db.execute(
            select(schema.source).where(
                schema.source.c.id == source.id, schema.source.c.created_at == source.created_at
            )
        ).one_or_none()
        return _build_source(row) if row else None

    def add_source(self, settings: SourceSettings, now: datetime, added_by: Actor) -> Source:
        result = self._db.execute(
            insert(schema.source).values(
                **_build_columns(settings),
                state=SourceState.ACTIVE.value,
                etag="",
                last_modified="",
                failures=0,
                last_result="",
                next_at=now,
                created_at=now,
                added_by=added_by.key,
            )
        )
        source_id = get_inserted_id(result)
        row = self._db.execute(select(schema.source).where(schema.source.c.id == source_id)).one()
        return _build_source(row)

    def save_source(self, source: Source) -> None:
        self._db.execute(
            update(schema.source)
            .where(schema.source.c.id == source.id)
            .values(
                **_build_columns(source.settings),
                state=source.state.value,
                etag=source.etag,
                last_modified=source.last_modified,
                failures=source.failures,
                last_result=source.last_result,
                next_at=source.next_at,
                last_read_at=source.last_read_at,
            )
        )

    def remove_source(self, source: Source) -> None:
        self._db.execute(
            delete(schema.source_item).where(schema.source_item.c.source_id == source.id)
        )
        self._db.execute(delete(schema.source).where(schema.source.c.id == source.id))

    def find_item(self, source: Source, key: str) -> SourceItem | None:
        row = self._db.execute(
            select(schema.source_item).where(
                schema.source_item.c.source_id == source.id,
                schema.source_item.c.key == _hash_key(key),
            )
        ).one_or_none()
        return _build_item(row, key) if row else None

    def find_item_by_fingerprint(self, source: Source, fingerprint: str) -> SourceItem | None:
        row = self._db.execute(
            select(schema.source_item)
            .where(
                schema.source_item.c.source_id == source.id,
                schema.source_item.c.fingerprint == fingerprint,
            )
            .limit(1)
        ).one_or_none()
        return _build_item(row, "") if row else None

    def save_item(self, source: Source, item: SourceItem, now: datetime) -> None:
        values = {
            "fingerprint": item.fingerprint,
            "slug": item.slug,
            "language": item.language,
            "seen_at": now,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.source_item)
            .values(source_id=source.id, key=_hash_key(item.key), **values)
            .on_conflict_do_update(index_elements=["source_id", "key"], set_=values)
        )


def _hash_key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _build_columns(settings: SourceSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "kind": settings.kind.value,
        "place": settings.place,
        "every_minutes": int(settings.every.total_seconds()) // 60,
        "on_import": settings.on_import.value,
        "article_kind": settings.article_kind.value,
        "language": settings.language,
        "topics": list(settings.topics),
    }


def _build_source(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        settings=SourceSettings(
            name=row.name,
            kind=SourceKind(row.kind),
            place=row.place,
            every=timedelta(minutes=row.every_minutes),
            on_import=OnImport(row.on_import),
            article_kind=ArticleKind(row.article_kind),
            language=row.language,
            topics=tuple(row.topics),
        ),
        state=SourceState(row.state),
        etag=row.etag,
        last_modified=row.last_modified,
        failures=row.failures,
        last_result=row.last_result,
        next_at=row.next_at,
        last_read_at=row.last_read_at,
        created_at=row.created_at,
        added_by=row.added_by,
    )


def _build_item(row: Row[Any], key: str) -> SourceItem:
    return SourceItem(key, row.fingerprint, row.slug, row.language)
