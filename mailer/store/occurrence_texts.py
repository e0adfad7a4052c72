"""The texts that staff write ahead for the edition of an occurrence.

They have a table of their own, by the time that the rule gives: an occurrence has a row only once
staff have decided about it or its time has come.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, select, update

from mailer.model.schedules import OccurrenceState, OccurrenceText
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.locks import lock_calendar
from mailer.store.slug_lookup import find_id
from mailer.store.upsert import build_upsert
from mailer.store.wall_times import format_wall_time


class OccurrenceTextQueries(SqlStore):
    """The part of ``ScheduleStore`` about texts written ahead."""

    def list_texts(self, digest_slug: str, since: datetime) -> list[OccurrenceText]:
        """Return the texts for a digest's occurrences whose rule gives a wall-clock time from
        `since` on, in order of time and language."""
        rows = self._db.execute(
            select(schema.occurrence_text, schema.digest.c.slug)
            .join(schema.digest, schema.digest.c.id == schema.occurrence_text.c.digest_id)
            .where(
                schema.digest.c.slug == digest_slug,
                schema.occurrence_text.c.rule_time >= format_wall_time(since),
            )
            .order_by(
                schema.occurrence_text.c.rule_time,
                schema.occurrence_text.c.zone,
                schema.occurrence_text.c.language,
            )
        )
        return [_build_text(row) for row in rows]

    def list_texts_of_occurrence(
        self, digest_slug: str, rule_time: datetime, zone: str
    ) -> list[OccurrenceText]:
        """Return the texts for one occurrence, by language."""
        rows = self._db.execute(
            select(schema.occurrence_text, schema.digest.c.slug)
            .join(schema.digest, schema.digest.c.id == schema.occurrence_text.c.digest_id)
            .where(
                schema.digest.c.slug == digest_slug,
                schema.occurrence_text.c.rule_time == format_wall_time(rule_time),
                schema.occurrence_text.c.zone == zone,
            )
            .order_by(schema.occurrence_text.c.language)
        )
        return [_build_text(row) for row in rows]

    def save_text(self, text: OccurrenceText) -> bool:
        """Save a text in one language, in place of the earlier one; an empty text is deleted.
        Returns False, and saves nothing, if the occurrence has its edition already."""
        digest_id = find_id(self._db, schema.digest, text.digest_slug, "digest")
        lock_calendar(self._db, digest_id)
        key = {
            "digest_id": digest_id,
            "rule_time": format_wall_time(text.rule_time),
            "zone": text.zone,
        }
        state = self._db.scalar(
            select(schema.occurrence.c.state).where(*_match_columns(schema.occurrence, key))
        )
        if state == OccurrenceState.MADE.value:
            return False
        key["language"] = text.language
        if not text.fields:
            self._db.execute(
                delete(schema.occurrence_text).where(*_match_columns(schema.occurrence_text, key))
            )
            return True
        values = {
            "subject": text.subject,
            "preheader": text.preheader,
            "opening": text.opening,
            "authors": dict(text.authors),
            "updated_at": text.updated_at,
        }
        columns = schema.occurrence_text.c
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.occurrence_text)
            .values(**key, **values)
            .on_conflict_do_update(
                index_elements=[
                    columns.digest_id,
                    columns.rule_time,
                    columns.zone,
                    columns.language,
                ],
                set_=values,
            )
        )
        return True

    def move_texts(
        self, digest_slug: str, rule_time: datetime, zone: str, new_time: datetime, new_zone: str
    ) -> None:
        """Give the texts of an occurrence to another occurrence of the digest, which has none."""
        digest_id = find_id(self._db, schema.digest, digest_slug, "digest")
        key = {"digest_id": digest_id, "rule_time": format_wall_time(rule_time), "zone": zone}
        self._db.execute(
            update(schema.occurrence_text)
            .where(*_match_columns(schema.occurrence_text, key))
            .values(rule_time=format_wall_time(new_time), zone=new_zone)
        )


def _match_columns(table: Table, values: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values.items()]


def _build_text(row: Row[Any]) -> OccurrenceText:
    return OccurrenceText(
        digest_slug=row.slug,
        rule_time=datetime.fromisoformat(row.rule_time),
        zone=row.zone,
        language=row.language,
        subject=row.subject,
        preheader=row.preheader,
        opening=row.opening,
        authors=row.authors,
        updated_at=row.updated_at,
    )
