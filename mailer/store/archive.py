"""The public archive: what of the editions anybody may read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select

from mailer import embargoes, message
from mailer.archive import SHOWN, Corrected, Entry, Version
from mailer.audience.lists import Visibility
from mailer.editions import Archive, Body, Kind, Role
from mailer.store.editions.contents import body_of
from mailer.store.embargoes import Embargoes
from mailer.store.schema import (
    edition,
    edition_body,
    edition_story,
    edition_words,
    embargo,
    kill,
    mailing_list,
)

_KILLED = select(kill.c.slug).where(kill.c.confirmed_at.is_not(None))
_STANDS = and_(
    edition.c.kind == Kind.MAILING.value,
    edition.c.archive == Archive.PUBLIC.value,
    edition.c.state.in_([state.value for state in SHOWN]),
    edition.c.planned_at.is_not(None),
    mailing_list.c.visibility == Visibility.PUBLIC.value,
    or_(
        edition.c.role == Role.KILL.value,
        edition.c.id.not_in(
            select(edition_story.c.edition_id).where(edition_story.c.slug.in_(_KILLED))
        ),
    ),
)
"""``archive.stands``, in SQL. What has begun is planned."""

_SELECT = select(
    edition.c.id,
    edition.c.uid,
    edition.c.name,
    edition.c.language,
    edition.c.planned_at,
    mailing_list.c.slug.label("list"),
).join(mailing_list, mailing_list.c.id == edition.c.list_id)


_NEWEST = (edition.c.planned_at.desc(), edition.c.id.desc())

FIRST_LOOK = 50
"""Editions that a search looks into at first; then at four times as many, and so on."""


class Archives:
    """Implements ``archive.ArchiveStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    @property
    def _standing(self) -> ColumnElement[bool]:
        """What stands in the archive now: nothing with a story that is embargoed, by the
        database's clock, or that was killed."""
        kept = Embargoes(self._db)
        if held := embargoes.held(kept, kept.now()):
            with_held = select(edition_story.c.edition_id).where(edition_story.c.slug.in_(held))
            return and_(_STANDS, edition.c.id.not_in(with_held))
        return _STANDS

    def entries(
        self, list_: str, words: Sequence[str] = (), limit: int = 20, offset: int = 0
    ) -> list[Entry]:
        """Newest first; with `words` those editions of which one body holds each of them."""
        standing = self._standing
        wanted = _SELECT.where(standing, mailing_list.c.slug == list_)
        if words:
            found = self._holding(standing, list_, words, offset + limit)[offset:]
            return self._entries(wanted.where(edition.c.id.in_(found)).order_by(*_NEWEST))
        return self._entries(wanted.order_by(*_NEWEST).limit(limit).offset(offset))

    def _holding(
        self, stands: ColumnElement[bool], list_: str, words: Sequence[str], most: int
    ) -> list[int]:
        """The newest `most` editions that hold the words. Looked through bit by bit: a word that
        many hold is found in the first of them, while a database would look into all before it
        sorts them."""
        standing = (
            select(edition.c.id, edition.c.planned_at)
            .join(mailing_list, mailing_list.c.id == edition.c.list_id)
            .where(stands, mailing_list.c.slug == list_)
        )
        there = self._db.scalar(select(func.count()).select_from(standing.subquery())) or 0
        found: list[int] = []
        at, step = 0, FIRST_LOOK
        while at < there and len(found) < most:
            some = standing.order_by(*_NEWEST).limit(step).offset(at).subquery()
            of_it = edition_words.c.edition_id == some.c.id
            held = [edition_words.c.words.contains(word, autoescape=True) for word in words]
            found += self._db.scalars(
                select(some.c.id)
                .where(exists().where(of_it, *held))
                .order_by(some.c.planned_at.desc(), some.c.id.desc())
            )
            at, step = at + step, step * 4
        return found[:most]

    def everything(self, limit: int) -> list[Entry]:
        """The editions of all lists, the newest first."""
        return self._entries(_SELECT.where(self._standing).order_by(*_NEWEST).limit(limit))

    def entry(self, list_: str, uid: str) -> Entry | None:
        wanted = _SELECT.where(self._standing, mailing_list.c.slug == list_, edition.c.uid == uid)
        return next(iter(self._entries(wanted)), None)

    def _entries(self, wanted: Select[Any]) -> list[Entry]:
        rows = self._db.execute(wanted).all()
        versions = self._versions([row.id for row in rows])
        # An edition that is being sent has a body; nothing that is shown may hang on it.
        corrections = self._corrections([row.id for row in rows])
        return [
            _entry(row, versions[row.id], corrections.get(row.id, ()))
            for row in rows
            if row.id in versions
        ]

    def _corrections(self, numbers: Sequence[int]) -> dict[int, list[Corrected]]:
        """By edition, those of its stories that were corrected after it was sent."""
        found: dict[int, list[Corrected]] = {}
        if not numbers:
            return found
        mine, theirs = edition_story.alias("mine"), edition_story.alias("theirs")
        shown, correction = edition.alias("shown"), edition.alias("correction")
        for row in self._db.execute(
            select(mine.c.edition_id, mine.c.slug, correction.c.planned_at, correction.c.change)
            .join(shown, shown.c.id == mine.c.edition_id)
            .join(theirs, theirs.c.slug == mine.c.slug)
            .join(correction, correction.c.id == theirs.c.edition_id)
            .where(
                mine.c.edition_id.in_(numbers),
                correction.c.role == Role.CORRECTION.value,
                correction.c.planned_at > shown.c.planned_at,
            )
            .order_by(correction.c.planned_at, correction.c.id)
        ):
            told = Corrected(row.slug, row.planned_at, row.change["what"] if row.change else {})
            found.setdefault(row.edition_id, []).append(told)
        return found

    def _versions(self, numbers: Sequence[int]) -> dict[int, list[Version]]:
        found: dict[int, list[Version]] = {}
        if not numbers:
            return found
        columns = edition_body.c
        light = select(
            columns.edition_id, columns.language, columns.subject, columns.marker,
            columns.stories, columns.titles, columns.summary,
        )  # fmt: skip
        some = light.where(columns.edition_id.in_(numbers)).order_by(columns.language)
        for row in self._db.execute(some):
            body = Body(row.language, row.subject, "", "", row.marker, row.stories)
            version = Version(row.language, message.heading(body), row.summary, tuple(row.titles))
            found.setdefault(row.edition_id, []).append(version)
        return found

    def story(self, slug: str) -> datetime | None:
        """When a story went out first to a list whose archive anybody may read; None where it did
        not, while it is embargoed, and where it is to be killed or was."""
        kept = Embargoes(self._db)
        if slug in embargoes.held(kept, kept.now()):
            return None
        if self._db.scalar(select(kill.c.slug).where(kill.c.slug == slug)):
            return None
        first: datetime | None = self._db.scalar(
            select(edition.c.planned_at)
            .join(mailing_list, mailing_list.c.id == edition.c.list_id)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(self._standing, edition_story.c.slug == slug)
            .order_by(edition.c.planned_at)
            .limit(1)
        )
        return first

    def was_taken_back(self, edition_id: int) -> bool:
        """Whether an edition holds a story that was killed after anybody could have read it: who
        has an old link may know why there is nothing behind it."""
        stories = select(edition_story.c.slug).where(edition_story.c.edition_id == edition_id)
        open_before = (
            select(kill.c.slug)
            .outerjoin(embargo, embargo.c.slug == kill.c.slug)
            .where(
                kill.c.slug.in_(stories),
                kill.c.confirmed_at.is_not(None),
                or_(embargo.c.until.is_(None), embargo.c.until <= kill.c.confirmed_at),
            )
        )
        return bool(self._db.scalar(select(open_before.exists())))

    def body(self, edition_id: int, language: str) -> Body | None:
        """A mailing's frozen body, in whatever state the edition is: whoever asks has a link to it
        that we have signed, or has found it by :meth:`entry`. None while it is embargoed: such a
        link is nobody's own, and may have been passed on. None too for a story that was killed, but
        in the mail that says so."""
        stories = select(edition_story.c.slug).where(edition_story.c.edition_id == edition_id)
        kept = Embargoes(self._db)
        held = embargoes.held(kept, kept.now())
        if held and held.keys() & {*self._db.scalars(stories)}:
            return None
        killed = self._db.scalar(select(_KILLED.where(kill.c.slug.in_(stories)).exists()))
        role = select(edition.c.role).where(edition.c.id == edition_id)
        if killed and self._db.scalar(role) != Role.KILL.value:
            return None
        row = self._db.execute(
            select(edition_body)
            .join(edition, edition.c.id == edition_body.c.edition_id)
            .where(
                edition.c.id == edition_id,
                edition.c.kind == Kind.MAILING.value,
                edition_body.c.language == language,
            )
        ).one_or_none()
        return body_of(row) if row else None


def _entry(row: Row[Any], versions: Sequence[Version], corrections: Sequence[Corrected]) -> Entry:
    return Entry(
        edition_id=row.id,
        uid=row.uid,
        name=row.name,
        list=row.list,
        language=row.language,
        sent_at=row.planned_at,
        versions=tuple(versions),
        corrections=tuple(corrections),
    )
