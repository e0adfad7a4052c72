"""Editions: their stories, frozen bodies, approvals and events."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mailer.articles import ArticleState, Query, stories
from mailer.audience.lists import MailingList
from mailer.audience.segments import All, Filter, from_plain
from mailer.audience.subscribers import MembershipState
from mailer.editions import (
    Approval,
    Body,
    Edition,
    EditionState,
    Event,
    InDoubt,
    Manuscript,
    NewEdition,
    Priority,
)
from mailer.store import void
from mailer.store.articles import Articles
from mailer.store.audience.lists import Lists
from mailer.store.audience.segments import mailed_language, members
from mailer.store.ids import id_of, new_id
from mailer.store.schema import (
    approval,
    article,
    digest,
    digest_story,
    edition,
    edition_body,
    edition_event,
    edition_story,
    mailing_list,
    membership,
    segment,
)

_SELECT = (
    select(
        edition,
        digest.c.slug.label("digest_slug"),
        mailing_list.c.slug.label("list_slug"),
        segment.c.slug.label("segment_slug"),
    )
    .join(mailing_list, mailing_list.c.id == edition.c.list_id)
    .outerjoin(digest, digest.c.id == edition.c.digest_id)
    .outerjoin(segment, segment.c.id == edition.c.segment_id)
)


_ENDED = (EditionState.SENT, EditionState.CANCELLED)


class Editions:
    """Implements ``editions.EditionStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def find(self, edition_id: int) -> Edition | None:
        row = self._db.execute(_SELECT.where(edition.c.id == edition_id)).one_or_none()
        return self._record(row) if row else None

    def recent(self, states: Sequence[EditionState] = (), limit: int = 50) -> list[Edition]:
        """Newest first."""
        wanted = _SELECT.order_by(edition.c.id.desc()).limit(limit)
        if states:
            wanted = wanted.where(edition.c.state.in_([state.value for state in states]))
        return [self._record(row) for row in self._db.execute(wanted).all()]

    def _record(self, row: Row[Any]) -> Edition:
        slugs = self._db.scalars(
            select(edition_story.c.slug)
            .where(edition_story.c.edition_id == row.id)
            .order_by(edition_story.c.position)
        )
        given = self._db.execute(
            select(approval)
            .where(approval.c.edition_id == row.id, approval.c.voided_at.is_(None))
            .order_by(approval.c.id.desc())
            .limit(1)
        ).one_or_none()
        return Edition(
            id=row.id,
            uid=row.uid,
            name=row.name,
            digest=row.digest_slug or "",
            list=row.list_slug,
            segment=row.segment_slug or "",
            template=row.template,
            subject=row.subject,
            language=row.language,
            opening=row.opening,
            state=EditionState(row.state),
            reason=row.reason,
            in_doubt=InDoubt(row.in_doubt),
            priority=Priority(row.priority),
            stories=tuple(slugs),
            content_hash=row.content_hash,
            approval=Approval(given.approver, given.at, given.content_hash, given.comment)
            if given
            else None,
            created_at=row.created_at,
            planned_at=row.planned_at,
            finished_at=row.finished_at,
        )

    def create(self, new: NewEdition, now: datetime) -> Edition:
        made = self._db.execute(
            insert(edition).values(
                uid=secrets.token_hex(8),
                name=new.name,
                digest_id=id_of(self._db, digest, new.digest, "digest") if new.digest else None,
                list_id=id_of(self._db, mailing_list, new.list, "list"),
                segment_id=id_of(self._db, segment, new.segment, "segment")
                if new.segment
                else None,
                template=new.template,
                subject=new.subject,
                language=new.language,
                opening=dict(new.opening or {}),
                state=new.state.value,
                reason=new.reason,
                in_doubt=InDoubt.RESEND.value,
                priority=new.priority.value,
                content_hash="",
                created_at=now,
            )
        )
        number = new_id(made)
        self._set_stories(number, new.stories)
        self._event(number, new.state.value, new.reason, now, "")
        return self._again(number)

    def _set_stories(self, number: int, slugs: Sequence[str]) -> None:
        self._db.execute(delete(edition_story).where(edition_story.c.edition_id == number))
        if slugs:
            self._db.execute(
                insert(edition_story),
                [
                    {"edition_id": number, "slug": slug, "position": position}
                    for position, slug in enumerate(slugs)
                ],
            )

    def change(self, known: Edition, changed: Edition) -> Edition:
        """Write what staff may change; the frozen bodies are dropped, to be composed anew."""
        self._db.execute(
            update(edition)
            .where(edition.c.id == known.id)
            .values(
                name=changed.name,
                subject=changed.subject,
                opening=dict(changed.opening),
                language=changed.language,
                in_doubt=changed.in_doubt.value,
                priority=changed.priority.value,
                segment_id=id_of(self._db, segment, changed.segment, "segment")
                if changed.segment
                else None,
                content_hash="",
            )
        )
        self._db.execute(delete(edition_body).where(edition_body.c.edition_id == known.id))
        if changed.stories != known.stories:
            self._set_stories(known.id, changed.stories)
        return self._again(known.id)

    def set_state(
        self,
        known: Edition,
        state: EditionState,
        now: datetime,
        *,
        reason: str = "",
        actor: str = "",
    ) -> Edition:
        if state is EditionState.DRAFT:
            void.back_to_draft(self._db, known.id, reason, now, actor)
            return self._again(known.id)
        values: dict[str, Any] = {"state": state.value, "reason": reason}
        if state is not EditionState.PAUSED:
            values["finished_at"] = now if state in _ENDED else None
        self._db.execute(update(edition).where(edition.c.id == known.id).values(**values))
        self._event(known.id, state.value, reason, now, actor)
        return self._again(known.id)

    def manuscript(self, known: Edition) -> Manuscript:
        """All that composing needs; withdrawn articles are left out."""
        queued = [
            found
            for found in Articles(self._db).matching(Query(slugs=known.stories))
            if found.state is ArticleState.QUEUED
        ]
        by_slug = {story.slug: story for story in stories(queued)}
        list_ = self.list_of(known)
        languages = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(
                membership.c.list_id == list_.id,
                membership.c.state == MembershipState.ACTIVE.value,
            )
            .distinct()
        ).all()
        return Manuscript(
            edition=known,
            stories=tuple(by_slug[slug] for slug in known.stories if slug in by_slug),
            topics=tuple(Lists(self._db).topics()),
            list=list_,
            filter=self.filter_of(known),
            languages=tuple(sorted({known.language, *languages})),
        )

    def list_of(self, known: Edition) -> MailingList:
        """Its list, whose members are not counted."""
        return Lists(self._db).uncounted(known.list)

    def filter_of(self, known: Edition) -> Filter:
        """The edition's segment as a tree; everyone, when it has none."""
        if not known.segment:
            return All(())
        tree = self._db.scalar(select(segment.c.tree).where(segment.c.slug == known.segment))
        assert tree is not None
        return from_plain(tree)

    def bodies(self, known: Edition) -> list[Body]:
        rows = self._db.execute(
            select(edition_body)
            .where(edition_body.c.edition_id == known.id)
            .order_by(edition_body.c.language)
        )
        return [
            Body(row.language, row.subject, row.text, row.html, row.marker, row.stories)
            for row in rows
        ]

    def freeze(
        self, known: Edition, bodies: Sequence[Body], order: Sequence[str], content_hash: str
    ) -> Edition:
        """Keep the composed bodies, and give each story its bit by its place in `order`."""
        self._db.execute(delete(edition_body).where(edition_body.c.edition_id == known.id))
        self._db.execute(
            insert(edition_body),
            [
                {
                    "edition_id": known.id,
                    "language": body.language,
                    "subject": body.subject,
                    "text": body.text,
                    "html": body.html,
                    "marker": body.marker,
                    "stories": body.stories,
                }
                for body in bodies
            ],
        )
        here = edition_story.c.edition_id == known.id
        self._db.execute(update(edition_story).where(here).values(bit=None))
        for bit, slug in enumerate(order):
            self._db.execute(
                update(edition_story).where(here, edition_story.c.slug == slug).values(bit=bit)
            )
        self._db.execute(
            update(edition).where(edition.c.id == known.id).values(content_hash=content_hash)
        )
        return self._again(known.id)

    def story_bits(self, known: Edition) -> dict[str, int]:
        """Each composed story's bit in a delivery's mask, by slug."""
        rows = self._db.execute(
            select(edition_story.c.slug, edition_story.c.bit).where(
                edition_story.c.edition_id == known.id, edition_story.c.bit.is_not(None)
            )
        )
        return dict(rows.all())

    def approve(self, known: Edition, given: Approval) -> Edition:
        self._db.execute(
            insert(approval).values(
                edition_id=known.id,
                approver=given.approver,
                at=given.at,
                content_hash=given.content_hash,
                comment=given.comment,
            )
        )
        return self._again(known.id)

    def release_stories(self, known: Edition, slugs: Sequence[str]) -> None:
        """Strike stories from the ledger: the digest may run them in a later edition."""
        self._db.execute(
            delete(digest_story).where(
                digest_story.c.edition_id == known.id, digest_story.c.slug.in_(slugs)
            )
        )

    def reserve_stories(self, known: Edition, slugs: Sequence[str]) -> None:
        """Write stories into the digest's ledger, but for those that it has run before: staff may
        run a story again on purpose."""
        if not known.digest or not slugs:
            return
        digest_id = id_of(self._db, digest, known.digest, "digest")
        run = set(
            self._db.scalars(
                select(digest_story.c.slug).where(
                    digest_story.c.digest_id == digest_id, digest_story.c.slug.in_(slugs)
                )
            )
        )
        rows = [
            {"digest_id": digest_id, "slug": slug, "edition_id": known.id}
            for slug in slugs
            if slug not in run
        ]
        if rows:
            self._db.execute(insert(digest_story), rows)

    def known_stories(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(
            self._db.scalars(
                select(article.c.slug).where(
                    article.c.slug.in_(slugs), article.c.state == ArticleState.QUEUED.value
                )
            )
        )

    def events(self, known: Edition) -> list[Event]:
        rows = self._db.execute(
            select(edition_event)
            .where(edition_event.c.edition_id == known.id)
            .order_by(edition_event.c.id)
        )
        return [Event(row.at, row.what, row.actor, row.detail) for row in rows]

    def note(self, known: Edition, what: str, detail: str, now: datetime, actor: str = "") -> None:
        """Write into the edition's events what is no change of its state."""
        self._event(known.id, what, detail, now, actor)

    def _event(self, number: int, what: str, detail: str, now: datetime, actor: str) -> None:
        self._db.execute(
            insert(edition_event).values(
                edition_id=number, at=now, what=what, actor=actor, detail=detail
            )
        )

    def _again(self, number: int) -> Edition:
        found = self.find(number)
        assert found is not None
        return found
