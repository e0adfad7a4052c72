"""Counted clicks, and the frozen bodies in which their links stand."""

from collections.abc import Sequence

from sqlalchemy import func, select

from mailer.model.clicks import ClickCount, Clicker, CountedBody
from mailer.model.edition_states import EditionKind
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions.contents import build_body
from mailer.store.editions.records import EditionQueries
from mailer.store.upsert import build_upsert

_KEYS = ("edition_id", "story", "hour", "clicker")


class SqlClickStore(SqlStore):
    """Implements :class:`mailer.model.stores.reports.ClickStore`."""

    def find_counted_body(self, edition_id: int, language: str) -> CountedBody | None:
        """Return the frozen body of a mailing, also if one of its stories was killed: the links of
        the others still work."""
        edition = EditionQueries(self._db, self._key).find_edition(edition_id)
        if edition is None or edition.kind is not EditionKind.MAILING:
            return None
        row = self._db.execute(
            select(schema.edition_body).where(
                schema.edition_body.c.edition_id == edition_id,
                schema.edition_body.c.language == language,
            )
        ).one_or_none()
        return CountedBody(edition, build_body(row)) if row else None

    def add_clicks(self, counts: Sequence[ClickCount]) -> None:
        """Add clicks. In the order of their keys, so that two transactions wait for each other in
        the same order."""
        if not counts:
            return
        statement = build_upsert(self._db.dialect.name, schema.click_count)
        rows = [
            {
                "edition_id": count.edition_id,
                "story": count.story,
                "hour": count.hour,
                "clicker": count.clicker.value,
                "clicks": count.clicks,
            }
            for count in counts
        ]
        self._db.execute(
            statement.on_conflict_do_update(
                index_elements=_KEYS,
                set_={"clicks": schema.click_count.c.clicks + statement.excluded.clicks},
            ),
            sorted(rows, key=lambda row: tuple(str(row[key]) for key in _KEYS)),
        )

    def list_story_clicks(self, edition_id: int) -> list[tuple[str, Clicker, int]]:
        """Return (story, clicker, clicks) of an edition, over all hours."""
        columns = schema.click_count.c
        rows = self._db.execute(
            select(columns.story, columns.clicker, func.sum(columns.clicks))
            .where(columns.edition_id == edition_id)
            .group_by(columns.story, columns.clicker)
            .order_by(columns.story, columns.clicker)
        )
        return [(story, Clicker(clicker), int(clicks)) for story, clicker, clicks in rows]
