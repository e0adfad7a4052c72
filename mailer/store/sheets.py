"""Press pages: what of releases anybody may read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from mailer import embargoes
from mailer.articles import ArticleState
from mailer.editions import EditionState, Role
from mailer.press import Corrected, Sheet, from_plain
from mailer.store.embargoes import Embargoes
from mailer.store.schema import article, edition, edition_body, edition_story, embargo, kill

_BEGUN = (
    EditionState.SENDING,
    EditionState.SENT,
    EditionState.PAUSED,
    EditionState.CANCELLED,
)
_APPROVED = (EditionState.APPROVED, EditionState.SCHEDULED)


class Sheets:
    """Implements ``press.PressStore``. What is embargoed is by the database's clock, and by the
    caller's."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def sheet(self, slug: str, now: datetime) -> Sheet | None:
        """A release's newest version that anybody may read; None where there is none."""
        return next(iter(self._sheets(self._open(now).where(edition_story.c.slug == slug))), None)

    def newest(self, now: datetime, limit: int, offset: int = 0) -> list[Sheet]:
        """The newest version of each release, the last to open first."""
        groups = self._groups(self._open(now))
        return [self._one(group) for group in groups[offset : offset + limit]]

    def of_edition(self, edition_id: int) -> Sheet | None:
        """The sheet that an edition was approved with, embargoed or not: for whoever has shown that
        they may see it."""
        wanted = _SELECT.where(edition.c.id == edition_id)
        return next(iter(self._sheets(wanted)), None)

    def _open(self, now: datetime) -> Select[Any]:
        kept = Embargoes(self._db)
        held = {**embargoes.held(kept, now), **embargoes.held(kept, kept.now())}
        wanted = _SELECT.where(_is_out(now), edition_story.c.slug.in_(_QUEUED))
        # One that is to be killed doesn't open while a second person is looked for.
        shut = (
            select(kill.c.slug)
            .join(embargo, embargo.c.slug == kill.c.slug)
            .where(kill.c.asked_at < embargo.c.until)
        )
        wanted = wanted.where(edition_story.c.slug.not_in(shut))
        return wanted.where(edition_story.c.slug.not_in(held)) if held else wanted

    def _sheets(self, wanted: Select[Any]) -> list[Sheet]:
        return [self._one(group) for group in self._groups(wanted)]

    def _groups(self, wanted: Select[Any]) -> list[list[Row[Any]]]:
        """The editions of each release, the first made first; the last release to open first."""
        by_slug: dict[str, list[Row[Any]]] = {}
        for row in self._db.execute(wanted.order_by(edition.c.id)):
            by_slug.setdefault(row.slug, []).append(row)
        living = [group for group in by_slug.values() if any(map(_lives, group))]
        return sorted(living, key=lambda group: (_opened(group[0]), group[0].id), reverse=True)

    def _one(self, rows: Sequence[Row[Any]]) -> Sheet:
        """The newest of a release's editions, which came out with the first."""
        first, last = rows[0], next(row for row in reversed(rows) if _lives(row))
        pages = self._db.execute(
            select(edition_body.c.page)
            .where(edition_body.c.edition_id == last.id, edition_body.c.page.is_not(None))
            .order_by(edition_body.c.language)
        ).scalars()
        made = [from_plain(plain) for plain in pages]
        return Sheet(
            slug=last.slug,
            edition_id=last.id,
            language=last.language,
            opened_at=_opened(first),
            updated_at=_opened(last),
            pages=tuple({one.language: one for one in made}.values()),
            corrections=tuple(
                Corrected(_opened(row), row.change["what"], row.change["why"])
                for row in rows
                if row.role == Role.CORRECTION.value and row.planned_at and row.change
            ),
        )

    def was_open(self, slug: str) -> bool:
        """Whether a release that was killed could be read by anybody before."""
        row = self._db.execute(
            select(kill.c.confirmed_at, embargo.c.until)
            .outerjoin(embargo, embargo.c.slug == kill.c.slug)
            .where(kill.c.slug == slug, kill.c.confirmed_at.is_not(None))
        ).one_or_none()
        return row is not None and (row.until is None or row.until <= row.confirmed_at)


_QUEUED = select(article.c.slug).where(article.c.state == ArticleState.QUEUED.value)
_HAS_PAGE = select(edition_body.c.edition_id).where(edition_body.c.page.is_not(None))
_SELECT = (
    select(
        edition.c.id,
        edition.c.language,
        edition.c.planned_at,
        edition.c.send_at,
        edition.c.created_at,
        edition.c.state,
        edition.c.role,
        edition.c.change,
        edition_story.c.slug,
        embargo.c.until,
    )
    .join(edition_story, edition_story.c.edition_id == edition.c.id)
    .outerjoin(embargo, embargo.c.slug == edition_story.c.slug)
    .where(edition.c.role != Role.PLAIN.value, edition.c.id.in_(_HAS_PAGE))
)


def _is_out(now: datetime) -> ColumnElement[bool]:
    """Whether an edition has begun, or was approved and its time has come: a page doesn't wait for
    the worker."""
    return or_(
        and_(
            edition.c.state.in_([state.value for state in _BEGUN]),
            edition.c.planned_at.is_not(None),
        ),
        and_(
            edition.c.state.in_([state.value for state in _APPROVED]),
            edition.c.send_at <= now,
        ),
    )


def _lives(row: Row[Any]) -> bool:
    """Whether an edition's page is shown: one that was stopped only tells when it began."""
    return bool(row.state != EditionState.CANCELLED.value)


def _opened(row: Row[Any]) -> datetime:
    """When an edition's page could be read: it was sent, and free by then."""
    out: datetime = row.planned_at or row.send_at or row.created_at
    return max(out, row.until) if row.until else out
