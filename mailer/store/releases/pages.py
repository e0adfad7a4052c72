"""Press pages: the public pages of releases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from mailer import embargoes
from mailer.model.articles import ArticleState
from mailer.model.edition_states import EditionRole, EditionState
from mailer.model.releases import ReleaseCorrection, ReleasePage
from mailer.releases.pages import from_dict
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.releases.embargoes import SqlEmbargoStore

_BEGUN = (
    EditionState.SENDING,
    EditionState.SENT,
    EditionState.PAUSED,
    EditionState.CANCELLED,
)
_APPROVED = (EditionState.APPROVED, EditionState.SCHEDULED)


class ReleasePageQueries(SqlStore):
    """The part of ``ReleaseStore`` about press pages. A story counts as embargoed if it is
    embargoed by the database's clock or by the caller's."""

    def find_page(self, slug: str, now: datetime) -> ReleasePage | None:
        """Return the newest public version of a release, or None."""
        return next(
            iter(
                self._fetch_pages(
                    self._select_open_pages(now).where(schema.edition_story.c.slug == slug)
                )
            ),
            None,
        )

    def list_newest_pages(self, now: datetime, limit: int, offset: int = 0) -> list[ReleasePage]:
        """Return the page with the newest version of each release. The page that opened last comes
        first."""
        groups = self._group_by_story(self._select_open_pages(now))
        return [self._build_page(group) for group in groups[offset : offset + limit]]

    def find_page_of_edition(self, edition_id: int) -> ReleasePage | None:
        """Return the page that was approved with an edition, even if its story is embargoed. The
        caller must check that the reader may see the page."""
        statement = _SELECT.where(schema.edition.c.id == edition_id)
        return next(iter(self._fetch_pages(statement)), None)

    def _select_open_pages(self, now: datetime) -> Select[Any]:
        embargo_store = SqlEmbargoStore(self._db, self._key)
        embargoed_stories = {
            **embargoes.find_embargoed(embargo_store, now),
            **embargoes.find_embargoed(embargo_store, embargo_store.read_clock()),
        }
        statement = _SELECT.where(_is_out(now), _is_queued)
        # A page does not open while a kill waits for the second person.
        killed_slugs = (
            select(schema.kill.c.slug)
            .join(schema.embargo, schema.embargo.c.slug == schema.kill.c.slug)
            .where(schema.kill.c.asked_at < schema.embargo.c.until)
        )
        statement = statement.where(schema.edition_story.c.slug.not_in(killed_slugs))
        return (
            statement.where(schema.edition_story.c.slug.not_in(embargoed_stories))
            if embargoed_stories
            else statement
        )

    def _fetch_pages(self, statement: Select[Any]) -> list[ReleasePage]:
        return [self._build_page(group) for group in self._group_by_story(statement)]

    def _group_by_story(self, statement: Select[Any]) -> list[list[Row[Any]]]:
        """Return the editions of each release, the oldest first. The release that opened last comes
        first."""
        by_slug: dict[str, list[Row[Any]]] = {}
        for row in self._db.execute(statement.order_by(schema.edition.c.id)):
            by_slug.setdefault(row.slug, []).append(row)
        shown_groups = [group for group in by_slug.values() if any(map(_is_shown, group))]
        return sorted(
            shown_groups, key=lambda group: (_get_opened_at(group[0]), group[0].id), reverse=True
        )

    def _build_page(self, rows: Sequence[Row[Any]]) -> ReleasePage:
        """Build the page of a release from its newest edition. The page opened with the first
        edition."""
        first_row, last_row = rows[0], next(row for row in reversed(rows) if _is_shown(row))
        pages = self._db.execute(
            select(schema.edition_body.c.page)
            .where(
                schema.edition_body.c.edition_id == last_row.id,
                schema.edition_body.c.page.is_not(None),
            )
            .order_by(schema.edition_body.c.language)
        ).scalars()
        parsed_pages = [from_dict(plain) for plain in pages]
        return ReleasePage(
            slug=last_row.slug,
            edition_id=last_row.id,
            language=last_row.language,
            opened_at=_get_opened_at(first_row),
            updated_at=_get_opened_at(last_row),
            pages=tuple({one.language: one for one in parsed_pages}.values()),
            corrections=tuple(
                ReleaseCorrection(
                    _get_opened_at(row), row.change["descriptions"], row.change["reasons"]
                )
                for row in rows
                if row.role == EditionRole.CORRECTION.value and row.planned_at and row.change
            ),
        )

    def was_open(self, slug: str) -> bool:
        """Check whether a killed release was public before."""
        row = self._db.execute(
            select(schema.kill.c.confirmed_at, schema.embargo.c.until)
            .outerjoin(schema.embargo, schema.embargo.c.slug == schema.kill.c.slug)
            .where(schema.kill.c.slug == slug, schema.kill.c.confirmed_at.is_not(None))
        ).one_or_none()
        return row is not None and (row.until is None or row.until <= row.confirmed_at)


_is_queued = (
    select(schema.article.c.id)
    .where(
        schema.article.c.slug == schema.edition_story.c.slug,
        schema.article.c.state == ArticleState.QUEUED.value,
    )
    .exists()
)
_has_page = (
    select(schema.edition_body.c.edition_id)
    .where(
        schema.edition_body.c.edition_id == schema.edition.c.id,
        schema.edition_body.c.page.is_not(None),
    )
    .exists()
)
_SELECT = (
    select(
        schema.edition.c.id,
        schema.edition.c.language,
        schema.edition.c.planned_at,
        schema.edition.c.send_at,
        schema.edition.c.created_at,
        schema.edition.c.state,
        schema.edition.c.role,
        schema.edition.c.change,
        schema.edition_story.c.slug,
        schema.embargo.c.until,
    )
    .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
    .outerjoin(schema.embargo, schema.embargo.c.slug == schema.edition_story.c.slug)
    .where(schema.is_of_release, _has_page)
)


def _is_out(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an edition has started, or that it is approved and its time has
    come: a page opens even if no worker runs."""
    return or_(
        and_(
            schema.edition.c.state.in_([state.value for state in _BEGUN]),
            schema.edition.c.planned_at.is_not(None),
        ),
        and_(
            schema.edition.c.state.in_([state.value for state in _APPROVED]),
            schema.edition.c.send_at <= now,
        ),
    )


def _is_shown(row: Row[Any]) -> bool:
    """Check whether the page of an edition may be shown, which is not so for a cancelled edition. A
    cancelled edition still counts for the time when the release's page opened."""
    return bool(row.state != EditionState.CANCELLED.value)


def _get_opened_at(row: Row[Any]) -> datetime:
    """Return when an edition's page could first be read: when sending had started and the embargo
    had ended."""
    published_at: datetime = row.planned_at or row.send_at or row.created_at
    return max(published_at, row.until) if row.until else published_at
