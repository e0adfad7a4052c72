"""The public archive of editions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select

from mailer import embargoes, message
from mailer.model.archive import ARCHIVED_STATES, ArchivedVersion, ArchiveEntry, StoryCorrection
from mailer.model.articles import Image
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionRole
from mailer.model.editions import EditionBody, SendDay
from mailer.model.lists import Visibility
from mailer.model.searches import SearchMethod
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions.contents import build_body
from mailer.store.editions.finding import build_appointment
from mailer.store.releases.embargoes import SqlEmbargoStore
from mailer.store.search.conditions import build_conditions, build_exact_conditions
from mailer.store.search.indexes import find_method

_KILLED = select(schema.kill.c.slug).where(schema.kill.c.confirmed_at.is_not(None))
_IN_ARCHIVE = and_(
    schema.edition.c.kind == EditionKind.MAILING.value,
    schema.edition.c.archive == ArchiveVisibility.PUBLIC.value,
    schema.edition.c.state.in_([state.value for state in ARCHIVED_STATES]),
    schema.edition.c.planned_at.is_not(None),
    schema.mailing_list.c.visibility == Visibility.PUBLIC.value,
    or_(
        schema.edition.c.role == EditionRole.KILL.value,
        schema.edition.c.id.not_in(
            select(schema.edition_story.c.edition_id).where(
                schema.edition_story.c.slug.in_(_KILLED)
            )
        ),
    ),
)
"""``archive.is_in_archive`` in SQL. ``planned_at`` is set when an edition starts."""

_SELECT = select(
    schema.edition.c.id,
    schema.edition.c.uid,
    schema.edition.c.name,
    schema.edition.c.language,
    schema.edition.c.planned_at,
    schema.edition.c.send_at,
    schema.edition.c.wall,
    schema.edition.c.zone,
    schema.edition.c.send_time,
    schema.mailing_list.c.slug.label("list"),
).join(schema.mailing_list, schema.mailing_list.c.id == schema.edition.c.list_id)


_NEWEST = (schema.edition.c.planned_at.desc(), schema.edition.c.id.desc())

RARE_MATCHES = 1000
"""The number of matches up to which a search collects all of them before sorting: the index gives
them in no order of time. More common words are looked for in the newest editions first."""

FIRST_SEARCH_BATCH = 50
"""Number of editions in the first batch of a search. Each further batch is four times as large."""


class ArchiveQueries(SqlStore):
    """The archive's part of :class:`mailer.model.stores.sending.EditionStore`."""

    @property
    def _visible_condition(self) -> ColumnElement[bool]:
        """The condition that none of an edition's stories is killed, or embargoed by the database's
        clock."""
        embargo_store = SqlEmbargoStore(self._db, self._key)
        if embargoed_stories := embargoes.find_embargoed(embargo_store, embargo_store.read_clock()):
            embargoed_edition_ids = select(schema.edition_story.c.edition_id).where(
                schema.edition_story.c.slug.in_(embargoed_stories)
            )
            return and_(_IN_ARCHIVE, schema.edition.c.id.not_in(embargoed_edition_ids))
        return _IN_ARCHIVE

    def find_entries(
        self, list_slug: str, needles: Sequence[str] = (), limit: int = 20, offset: int = 0
    ) -> list[ArchiveEntry]:
        """Return entries of a list, the newest first. With `needles` (``words.build_needle``),
        return only editions with a body that contains all of them."""
        is_visible = self._visible_condition
        statement = _SELECT.where(is_visible, schema.mailing_list.c.slug == list_slug)
        if needles:
            matching_ids = self._find_rare_matches(needles)
            if matching_ids is None:
                edition_ids = self._search_editions(is_visible, list_slug, needles, offset + limit)[
                    offset:
                ]
                return self._fetch_entries(
                    statement.where(schema.edition.c.id.in_(edition_ids)).order_by(*_NEWEST)
                )
            statement = statement.where(schema.edition.c.id.in_(matching_ids))
        return self._fetch_entries(statement.order_by(*_NEWEST).limit(limit).offset(offset))

    def _find_rare_matches(self, needles: Sequence[str]) -> list[int] | None:
        """Return the ids of all editions that contain the needles, or None if there are more than
        :data:`RARE_MATCHES` of them, or no index of trigrams."""
        column = schema.edition_words.c.words
        if find_method(self._db, column) is not SearchMethod.PARTS:
            return None
        matches = (
            select(schema.edition_words.c.edition_id)
            .where(*build_conditions(self._db, column, needles))
            .limit(RARE_MATCHES + 1)
        )
        edition_ids = list(self._db.scalars(matches))
        return edition_ids if len(edition_ids) <= RARE_MATCHES else None

    def _search_editions(
        self,
        is_visible: ColumnElement[bool],
        list_slug: str,
        needles: Sequence[str],
        max_count: int,
    ) -> list[int]:
        """Return the ids of the newest `max_count` editions that contain the needles.

        The search proceeds in batches, since a single statement would search all editions before
        sorting them. For a common word, the first batch is enough."""
        candidates = (
            select(schema.edition.c.id, schema.edition.c.planned_at)
            .join(schema.mailing_list, schema.mailing_list.c.id == schema.edition.c.list_id)
            .where(is_visible, schema.mailing_list.c.slug == list_slug)
        )
        candidate_count = (
            self._db.scalar(select(func.count()).select_from(candidates.subquery())) or 0
        )
        edition_ids: list[int] = []
        position, batch_size = 0, FIRST_SEARCH_BATCH
        while position < candidate_count and len(edition_ids) < max_count:
            batch = candidates.order_by(*_NEWEST).limit(batch_size).offset(position).subquery()
            in_edition = schema.edition_words.c.edition_id == batch.c.id
            word_conditions = build_exact_conditions(
                self._db, schema.edition_words.c.words, needles
            )
            edition_ids += self._db.scalars(
                select(batch.c.id)
                .where(exists().where(in_edition, *word_conditions))
                .order_by(batch.c.planned_at.desc(), batch.c.id.desc())
            )
            position, batch_size = position + batch_size, batch_size * 4
        return edition_ids[:max_count]

    def list_all_entries(self, limit: int) -> list[ArchiveEntry]:
        """Return the entries of all lists, the newest first."""
        return self._fetch_entries(
            _SELECT.where(self._visible_condition).order_by(*_NEWEST).limit(limit)
        )

    def find_entry(self, list_slug: str, uid: str) -> ArchiveEntry | None:
        statement = _SELECT.where(
            self._visible_condition,
            schema.mailing_list.c.slug == list_slug,
            schema.edition.c.uid == uid,
        )
        return next(iter(self._fetch_entries(statement)), None)

    def _fetch_entries(self, statement: Select[Any]) -> list[ArchiveEntry]:
        rows = self._db.execute(statement).all()
        send_days = {
            row.id: SendDay(build_appointment(row), row.planned_at, row.planned_at) for row in rows
        }
        versions = self._fetch_versions(send_days)
        # Every edition that is being sent should have a body, but pages must not depend on it.
        corrections = self._fetch_corrections([row.id for row in rows])
        return [
            _build_entry(row, versions[row.id], corrections.get(row.id, ()), send_days[row.id])
            for row in rows
            if row.id in versions
        ]

    def _fetch_corrections(self, edition_ids: Sequence[int]) -> dict[int, list[StoryCorrection]]:
        """Return, by edition, the corrections of its stories that were sent after it."""
        corrections: dict[int, list[StoryCorrection]] = {}
        if not edition_ids:
            return corrections
        own_story = schema.edition_story.alias("own_story")
        corrected_story = schema.edition_story.alias("corrected_story")
        sent_edition = schema.edition.alias("sent_edition")
        correcting_edition = schema.edition.alias("correcting_edition")
        for row in self._db.execute(
            select(
                own_story.c.edition_id,
                own_story.c.slug,
                correcting_edition.c.planned_at,
                correcting_edition.c.change,
            )
            .join(sent_edition, sent_edition.c.id == own_story.c.edition_id)
            .join(corrected_story, corrected_story.c.slug == own_story.c.slug)
            .join(correcting_edition, correcting_edition.c.id == corrected_story.c.edition_id)
            .where(
                own_story.c.edition_id.in_(edition_ids),
                correcting_edition.c.role == EditionRole.CORRECTION.value,
                correcting_edition.c.planned_at > sent_edition.c.planned_at,
            )
            .order_by(correcting_edition.c.planned_at, correcting_edition.c.id)
        ):
            corrected = StoryCorrection(
                row.slug, row.planned_at, row.change["descriptions"] if row.change else {}
            )
            corrections.setdefault(row.edition_id, []).append(corrected)
        return corrections

    def _fetch_versions(self, send_days: Mapping[int, SendDay]) -> dict[int, list[ArchivedVersion]]:
        """Return the versions of each edition, by edition. `send_days` are the editions' days of
        sending."""
        edition_ids = list(send_days)
        versions: dict[int, list[ArchivedVersion]] = {}
        if not edition_ids:
            return versions
        columns = schema.edition_body.c
        base_statement = select(
            columns.edition_id,
            columns.language,
            columns.subject,
            columns.marker,
            columns.stories,
            columns.titles,
            columns.summary,
            columns.picture,
        )
        statement = base_statement.where(columns.edition_id.in_(edition_ids)).order_by(
            columns.language
        )
        for row in self._db.execute(statement):
            body = EditionBody(row.language, row.subject, "", "", row.marker, row.stories)
            version = ArchivedVersion(
                row.language,
                message.render_heading(body, send_days[row.edition_id]),
                row.summary,
                tuple(row.titles),
                Image(**row.picture) if row.picture else None,
            )
            versions.setdefault(row.edition_id, []).append(version)
        return versions

    def find_story_sent_at(self, slug: str) -> datetime | None:
        """Return when a story was first sent to a list with a public archive. Return None if it was
        never sent to such a list, if it is embargoed or killed, or if a kill was requested.

        The statements are the same for every story, so that their duration does not reveal whether
        a story exists."""
        embargo_store = SqlEmbargoStore(self._db, self._key)
        embargoed_slugs = embargoes.find_embargoed(embargo_store, embargo_store.read_clock())
        first_sent_at: datetime | None = self._db.scalar(
            self._select_sent_times(slug)
            .where(
                schema.edition_story.c.slug.not_in([*embargoed_slugs]),
                schema.edition_story.c.slug.not_in(select(schema.kill.c.slug)),
            )
            .order_by(schema.edition.c.planned_at)
            .limit(1)
        )
        return first_sent_at

    def find_story_last_sent_at(self, slug: str) -> datetime | None:
        """Return the moment at which a story was last sent to a list with a public archive."""
        last_sent_at: datetime | None = self._db.scalar(
            self._select_sent_times(slug).order_by(schema.edition.c.planned_at.desc()).limit(1)
        )
        return last_sent_at

    def _select_sent_times(self, slug: str) -> Select[Any]:
        return (
            select(schema.edition.c.planned_at)
            .join(schema.mailing_list, schema.mailing_list.c.id == schema.edition.c.list_id)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(self._visible_condition, schema.edition_story.c.slug == slug)
        )

    def was_taken_back(self, edition_id: int) -> bool:
        """Check whether an edition has a story that was public and then killed. A reader with an
        old link may then learn why the page is gone."""
        story_slugs = select(schema.edition_story.c.slug).where(
            schema.edition_story.c.edition_id == edition_id
        )
        open_before_kill = (
            select(schema.kill.c.slug)
            .outerjoin(schema.embargo, schema.embargo.c.slug == schema.kill.c.slug)
            .where(
                schema.kill.c.slug.in_(story_slugs),
                schema.kill.c.confirmed_at.is_not(None),
                or_(
                    schema.embargo.c.until.is_(None),
                    schema.embargo.c.until <= schema.kill.c.confirmed_at,
                ),
            )
        )
        return bool(self._db.scalar(select(open_before_kill.exists())))

    def find_body(self, edition_id: int, language: str) -> EditionBody | None:
        """Return the frozen body of a mailing in any state, or of a copy for new members. The
        caller has checked that the reader
        has a signed link, or has found the edition with :meth:`find_entry`.

        Return None while a story of the edition is embargoed, since the link may have been passed
        on, or if a story was killed, except in the mail that announces the kill."""
        story_slugs = select(schema.edition_story.c.slug).where(
            schema.edition_story.c.edition_id == edition_id
        )
        embargo_store = SqlEmbargoStore(self._db, self._key)
        embargoed_stories = embargoes.find_embargoed(embargo_store, embargo_store.read_clock())
        if embargoed_stories and embargoed_stories.keys() & {*self._db.scalars(story_slugs)}:
            return None
        is_killed = self._db.scalar(
            select(_KILLED.where(schema.kill.c.slug.in_(story_slugs)).exists())
        )
        role = select(schema.edition.c.role).where(schema.edition.c.id == edition_id)
        if is_killed and self._db.scalar(role) != EditionRole.KILL.value:
            return None
        row = self._db.execute(
            select(schema.edition_body)
            .join(schema.edition, schema.edition.c.id == schema.edition_body.c.edition_id)
            .where(
                schema.edition.c.id == edition_id,
                schema.edition.c.kind.in_([EditionKind.MAILING.value, EditionKind.WELCOME.value]),
                schema.edition_body.c.language == language,
            )
        ).one_or_none()
        return build_body(row) if row else None


def _build_entry(
    row: Row[Any],
    versions: Sequence[ArchivedVersion],
    corrections: Sequence[StoryCorrection],
    send_day: SendDay,
) -> ArchiveEntry:
    return ArchiveEntry(
        edition_id=row.id,
        uid=row.uid,
        name=row.name,
        list=row.list,
        language=row.language,
        sent_at=row.planned_at,
        versions=tuple(versions),
        corrections=tuple(corrections),
        send_day=send_day,
    )
