"""Assets and their renditions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from mailer.model.assets import PictureAsset, Rendition
from mailer.store import schema
from mailer.store.releases.files import FileQueries
from mailer.store.schema.base import Utc
from mailer.store.upsert import build_upsert


class SqlAssetStore(FileQueries):
    """Implements :class:`mailer.model.stores.content.AssetStore`."""

    def find_asset(self, sha256: str) -> PictureAsset | None:
        row = self._db.execute(
            select(schema.asset).where(schema.asset.c.sha256 == sha256)
        ).one_or_none()
        return _build_asset(row) if row else None

    def list_assets(
        self, limit: int | None = None, after: PictureAsset | None = None
    ) -> list[PictureAsset]:
        """Return up to `limit` assets, the newest first, or those that follow `after`."""
        created_at, sha256 = schema.asset.c.created_at, schema.asset.c.sha256
        statement = select(schema.asset).order_by(created_at.desc(), sha256.desc()).limit(limit)
        if after is not None:
            place = tuple_(literal(after.created_at, Utc), literal(after.sha256))
            statement = statement.where(tuple_(created_at, sha256) < place)
        return [_build_asset(row) for row in self._db.execute(statement)]

    def add_asset(
        self, asset: PictureAsset, content: bytes, renditions: Sequence[Rendition]
    ) -> None:
        self.save_file(asset.sha256, asset.media_type, content, asset.created_at)
        self._insert_once(schema.asset, asdict(asset))
        for rendition in renditions:
            self._add_rendition(asset.sha256, rendition, asset.created_at)

    def _add_rendition(self, asset_sha256: str, rendition: Rendition, now: datetime) -> None:
        sha256 = hashlib.sha256(rendition.content).hexdigest()
        self.save_file(sha256, rendition.media_type, rendition.content, now)
        values = {
            "asset_sha256": asset_sha256,
            "max_width": rendition.max_width,
            "width": rendition.width,
            "height": rendition.height,
            "file_sha256": sha256,
        }
        self._insert_once(schema.asset_rendition, values)

    def _insert_once(self, table: Table, values: Mapping[str, Any]) -> None:
        """Insert a row, unless another process has added the same picture in the meantime."""
        statement = build_upsert(self._db.dialect.name, table).values(**values)
        self._db.execute(statement.on_conflict_do_nothing())

    def save_asset(self, asset: PictureAsset) -> None:
        """Save the texts of an asset; its file never changes."""
        values = asdict(asset)
        names = ("alts", "captions", "credit", "terms", "terms_end", "updated_at")
        self._db.execute(
            update(schema.asset)
            .where(schema.asset.c.sha256 == asset.sha256)
            .values({name: values[name] for name in names})
        )

    def remove_asset(self, asset: PictureAsset) -> None:
        """Remove an asset, its renditions, and their files unless other records name them."""
        file_hashes = {
            asset.sha256,
            *self._db.scalars(
                select(schema.asset_rendition.c.file_sha256).where(
                    schema.asset_rendition.c.asset_sha256 == asset.sha256
                )
            ),
        }
        self._db.execute(
            delete(schema.asset_rendition).where(
                schema.asset_rendition.c.asset_sha256 == asset.sha256
            )
        )
        self._db.execute(delete(schema.asset).where(schema.asset.c.sha256 == asset.sha256))
        for sha256 in file_hashes:
            self._remove_unused_file(sha256)

    def _remove_unused_file(self, sha256: str) -> None:
        """Remove a file unless an asset, a rendition or a release names it."""
        needle = f"%{sha256}%"
        self._db.execute(
            delete(schema.file).where(
                schema.file.c.sha256 == sha256,
                ~exists().where(schema.asset.c.sha256 == sha256),
                ~exists().where(schema.asset_rendition.c.file_sha256 == sha256),
                ~exists().where(cast(schema.article_revision.c.content, Text).like(needle)),
                ~exists().where(cast(schema.edition_body.c.page, Text).like(needle)),
                ~exists().where(cast(schema.edition_body.c.attachments, Text).like(needle)),
            )
        )

    def find_users(self, sha256: str) -> list[str]:
        """Return the articles and editions that refer to an asset now, or ever did."""
        needle = f"%{sha256}.%"
        mail_needle = f"%{sha256}-%"
        slugs = self._db.scalars(
            select(schema.article.c.slug)
            .join(
                schema.article_revision,
                schema.article_revision.c.article_id == schema.article.c.id,
            )
            .where(cast(schema.article_revision.c.content, Text).like(needle))
            .distinct()
            .order_by(schema.article.c.slug)
        ).all()
        edition_ids = self._db.scalars(
            select(schema.edition_body.c.edition_id)
            .where(
                or_(
                    schema.edition_body.c.html.like(mail_needle),
                    cast(schema.edition_body.c.page, Text).like(needle),
                )
            )
            .distinct()
            .order_by(schema.edition_body.c.edition_id)
        ).all()
        return [*slugs, *(f"edition {edition_id}" for edition_id in edition_ids)]

    def read_rendition(self, sha256: str, max_width: int, suffix: str) -> tuple[str, bytes] | None:
        """Return (media_type, content) of an asset's rendition, or None."""
        row = self._db.execute(
            select(schema.file.c.media_type, schema.file.c.content)
            .select_from(schema.asset_rendition)
            .join(
                schema.asset,
                and_(
                    schema.asset.c.sha256 == schema.asset_rendition.c.asset_sha256,
                    schema.asset.c.suffix == suffix,
                ),
            )
            .join(schema.file, schema.file.c.sha256 == schema.asset_rendition.c.file_sha256)
            .where(
                schema.asset_rendition.c.asset_sha256 == sha256,
                schema.asset_rendition.c.max_width == max_width,
            )
        ).one_or_none()
        return (row.media_type, row.content) if row else None


def _build_asset(row: Row[Any]) -> PictureAsset:
    return PictureAsset(**row._mapping)
