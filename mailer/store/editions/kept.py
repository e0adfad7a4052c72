"""Editions: their states, approvals, times and events."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update

from mailer.archive import search_words
from mailer.audience.lists import Frequency
from mailer.editions import (
    Appointment,
    Approval,
    Archive,
    Body,
    Change,
    Edition,
    EditionState,
    Event,
    InDoubt,
    Kind,
    NewEdition,
    Priority,
    Role,
    SendTime,
)
from mailer.store import void
from mailer.store.editions.contents import Contents
from mailer.store.ids import id_of, new_id
from mailer.store.schema import (
    approval,
    digest,
    edition,
    edition_body,
    edition_event,
    edition_story,
    edition_words,
    mailing_list,
    occurrence,
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


class Editions(Contents):
    """Implements ``editions.EditionStore``."""

    def find(self, edition_id: int) -> Edition | None:
        """The edition; in a transaction that writes nobody else moves it meanwhile. On PostgreSQL
        two would else read the same state, and the second undo what the first made of it."""
        wanted = _SELECT.where(edition.c.id == edition_id)
        if self._locks:
            wanted = wanted.with_for_update(of=edition)
        row = self._db.execute(wanted).one_or_none()
        return self._record(row) if row else None

    @property
    def _locks(self) -> bool:
        """Whether what is found is kept from being moved until the transaction ends."""
        reading = self._db.get_execution_options().get("reading", False)
        return self._db.dialect.name == "postgresql" and not reading

    def recent(
        self, states: Sequence[EditionState] = (), limit: int = 50, *, notices: bool = False
    ) -> list[Edition]:
        """Newest first; with `notices` also those to staff."""
        wanted = _SELECT.order_by(edition.c.id.desc()).limit(limit)
        if not notices:
            wanted = wanted.where(edition.c.kind == Kind.MAILING.value)
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
            kind=Kind(row.kind),
            appointment=Appointment(
                row.send_at, datetime.fromisoformat(row.wall), row.zone, SendTime(row.send_time)
            )
            if row.send_at
            else None,
            asked_at=row.asked_at,
            reminded_at=row.reminded_at,
            told=row.told,
            told_hash=row.told_hash,
            frequency=Frequency(row.frequency),
            archive=Archive(row.archive),
            role=Role(row.role),
            embargo_until=row.embargo_until,
            change=Change(**row.change) if row.change else None,
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
                frequency=new.frequency.value,
                archive=new.archive.value,
                role=new.role.value,
                change=asdict(new.change) if new.change else None,
                content_hash="",
                kind=new.kind.value,
                created_at=now,
                **_appointed(new.appointment),
            )
        )
        number = new_id(made)
        self._set_stories(number, new.stories)
        self._event(number, new.state.value, new.reason, now, "")
        return self._again(number)

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
                archive=changed.archive.value,
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

    def freeze(
        self,
        known: Edition,
        bodies: Sequence[Body],
        order: Sequence[str],
        content_hash: str,
        embargo_until: datetime | None = None,
    ) -> Edition:
        """Keep the composed bodies, and give each story its bit by its place in `order`.
        `embargo_until` is what they state."""
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
                    "page": body.page,
                    "attachments": [asdict(one) for one in body.attachments],
                    "titles": list(body.titles),
                    "summary": body.summary,
                }
                for body in bodies
            ],
        )
        self._db.execute(
            insert(edition_words),
            [
                {
                    "edition_id": known.id,
                    "language": body.language,
                    "words": search_words(body),
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
        self._set(known, content_hash=content_hash, embargo_until=embargo_until)
        return self._again(known.id)

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

    def appoint(self, known: Edition, appointment: Appointment | None) -> Edition:
        """Set or take away the time at which it is to be sent."""
        self._set(known, **_appointed(appointment))
        return self._again(known.id)

    def asked(self, known: Edition, now: datetime) -> Edition:
        """It was put up for approval."""
        self._set(known, asked_at=now, reminded_at=now)
        return self._again(known.id)

    def reminded(self, known: Edition, now: datetime) -> None:
        """Its approvers were reminded."""
        self._set(known, reminded_at=now)

    def shelve(self, known: Edition, archive: Archive) -> Edition:
        """Whether it stands in the archive; its bodies stay as they are."""
        self._set(known, archive=archive.value)
        return self._again(known.id)

    def told(self, known: Edition) -> None:
        """Staff have heard of the state and the content that it has."""
        self._set(known, told=known.state.value, told_hash=known.content_hash)

    def untold(self, limit: int) -> list[Edition]:
        """Mailings of whose state, or while in review of whose content, staff last heard something
        else; the oldest first."""
        changed = and_(
            edition.c.state == EditionState.IN_REVIEW.value,
            edition.c.told_hash != edition.c.content_hash,
        )
        wanted = _SELECT.where(
            edition.c.kind == Kind.MAILING.value, or_(edition.c.told != edition.c.state, changed)
        )
        rows = self._db.execute(wanted.order_by(edition.c.id).limit(limit)).all()
        return [self._record(row) for row in rows]

    def appointed(self, states: Sequence[EditionState]) -> list[Edition]:
        """Editions in these states that have a time to be sent, the earliest first."""
        wanted = _SELECT.where(
            edition.c.state.in_([state.value for state in states]), edition.c.send_at.is_not(None)
        )
        rows = self._db.execute(wanted.order_by(edition.c.send_at, edition.c.id)).all()
        return [self._record(row) for row in rows]

    def of_occurrences(self, slug: str, states: Sequence[EditionState]) -> list[Edition]:
        """A digest's editions in these states that occurrences were made into."""
        wanted = _SELECT.where(
            digest.c.slug == slug,
            edition.c.state.in_([state.value for state in states]),
            edition.c.id.in_(
                select(occurrence.c.edition_id).where(occurrence.c.edition_id.is_not(None))
            ),
        )
        rows = self._db.execute(wanted.order_by(edition.c.id)).all()
        return [self._record(row) for row in rows]

    def of_release(self, slug: str, list_: str = "") -> list[Edition]:
        """The editions in the course of a story's release, to one list or all, the first made
        first."""
        holding = select(edition_story.c.edition_id).where(edition_story.c.slug == slug)
        wanted = _SELECT.where(
            edition.c.id.in_(holding),
            edition.c.role != Role.PLAIN.value,
        )
        if list_:
            wanted = wanted.where(mailing_list.c.slug == list_)
        wanted = wanted.order_by(edition.c.id)
        if self._locks:
            wanted = wanted.with_for_update(of=edition)
        return [self._record(row) for row in self._db.execute(wanted).all()]

    def begun_releases(self, since: datetime) -> list[Edition]:
        """Editions in the course of releases that have begun since, and were not stopped."""
        going = [EditionState.SENDING.value, EditionState.SENT.value]
        wanted = _SELECT.where(
            edition.c.role != Role.PLAIN.value,
            edition.c.state.in_(going),
            edition.c.planned_at > since,
        )
        return [self._record(row) for row in self._db.execute(wanted.order_by(edition.c.id)).all()]

    def _set(self, known: Edition, **values: Any) -> None:
        self._db.execute(update(edition).where(edition.c.id == known.id).values(**values))

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


def _appointed(appointment: Appointment | None) -> dict[str, Any]:
    if appointment is None:
        return {"send_at": None, "wall": "", "zone": "", "send_time": SendTime.OFFICE.value}
    return {
        "send_at": appointment.moment,
        "wall": f"{appointment.wall:%Y-%m-%dT%H:%M}",
        "zone": appointment.zone,
        "send_time": appointment.send_time.value,
    }
