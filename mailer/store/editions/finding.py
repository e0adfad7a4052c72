"""Finding editions: by id, state, time, digest or release; and their events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from mailer.model.edition_states import (
    ArchiveVisibility,
    EditionKind,
    EditionRole,
    EditionState,
    InDoubtPolicy,
    Priority,
    SendTimeBasis,
)
from mailer.model.editions import (
    ChangeNote,
    Edition,
    EditionEvent,
    SendAppointment,
)
from mailer.model.lists import Frequency
from mailer.model.senders import SenderIdentity
from mailer.store import schema
from mailer.store.editions.approvals import ApprovalQueries, build_approval
from mailer.store.editions.contents import EditionContentQueries

_SELECT = (
    select(
        schema.edition,
        schema.digest.c.slug.label("digest_slug"),
        schema.mailing_list.c.slug.label("list_slug"),
        schema.segment.c.slug.label("segment_slug"),
    )
    .join(schema.mailing_list, schema.mailing_list.c.id == schema.edition.c.list_id)
    .outerjoin(schema.digest, schema.digest.c.id == schema.edition.c.digest_id)
    .outerjoin(schema.segment, schema.segment.c.id == schema.edition.c.segment_id)
)


class EditionFinder(EditionContentQueries, ApprovalQueries):
    """The part of ``EditionStore`` that finds editions and changes nothing."""

    def find_edition(self, edition_id: int) -> Edition | None:
        """Return the edition, or None. In a transaction that writes, its row is locked: on
        PostgreSQL, two transactions would otherwise read the same state, and the second would undo
        the change of the first."""
        statement = _SELECT.where(schema.edition.c.id == edition_id)
        if self._locks_rows:
            statement = statement.with_for_update(of=schema.edition)
        row = self._db.execute(statement).one_or_none()
        return self._build_edition(row) if row else None

    @property
    def _locks_rows(self) -> bool:
        """Check whether this transaction locks the rows that it reads until it ends."""
        reading = self._db.get_execution_options().get("reading", False)
        return self._db.dialect.name == "postgresql" and not reading

    def list_recent_editions(
        self,
        states: Sequence[EditionState] = (),
        limit: int = 50,
        *,
        notices: bool = False,
        before_id: int | None = None,
    ) -> list[Edition]:
        """Return mailings in these states, the newest first, beginning with the one before
        `before_id`. With `notices`, also return editions of other kinds, such as notices to
        staff."""
        statement = _SELECT.order_by(schema.edition.c.id.desc()).limit(limit)
        if not notices:
            statement = statement.where(schema.edition.c.kind == EditionKind.MAILING.value)
        if before_id is not None:
            statement = statement.where(schema.edition.c.id < before_id)
        if states:
            statement = statement.where(
                schema.edition.c.state.in_([state.value for state in states])
            )
        return [self._build_edition(row) for row in self._db.execute(statement).all()]

    def find_unnotified_editions(self, limit: int) -> list[Edition]:
        """Return mailings that have changed since staff were last notified of them: in their state,
        or, while in review, in their content. The oldest comes first."""
        statement = _SELECT.where(schema.is_unnotified)
        rows = self._db.execute(statement.order_by(schema.edition.c.id).limit(limit)).all()
        return [self._build_edition(row) for row in rows]

    def list_scheduled_editions(self, states: Sequence[EditionState]) -> list[Edition]:
        """Return editions in these states that have a send time, the earliest first."""
        statement = _SELECT.where(
            schema.edition.c.state.in_([state.value for state in states]),
            schema.edition.c.send_at.is_not(None),
        )
        rows = self._db.execute(
            statement.order_by(schema.edition.c.send_at, schema.edition.c.id)
        ).all()
        return [self._build_edition(row) for row in rows]

    def list_list_editions(self, list_slug: str, states: Sequence[EditionState]) -> list[Edition]:
        """Return a list's mailings in these states, the oldest first."""
        statement = _SELECT.where(
            schema.mailing_list.c.slug == list_slug,
            schema.edition.c.state.in_([state.value for state in states]),
            schema.edition.c.kind == EditionKind.MAILING.value,
        )
        rows = self._db.execute(statement.order_by(schema.edition.c.id)).all()
        return [self._build_edition(row) for row in rows]

    def list_occurrence_editions(self, slug: str, states: Sequence[EditionState]) -> list[Edition]:
        """Return a digest's editions in these states that were made for an occurrence."""
        statement = _SELECT.where(
            schema.digest.c.slug == slug,
            schema.edition.c.state.in_([state.value for state in states]),
            select(schema.occurrence.c.id)
            .where(schema.occurrence.c.edition_id == schema.edition.c.id)
            .exists(),
        )
        rows = self._db.execute(statement.order_by(schema.edition.c.id)).all()
        return [self._build_edition(row) for row in rows]

    def list_release_editions(self, slug: str, list_slug: str = "") -> list[Edition]:
        """Return the editions of a story's release, to one list or to all, the oldest first."""
        edition_ids = select(schema.edition_story.c.edition_id).where(
            schema.edition_story.c.slug == slug
        )
        statement = _SELECT.where(
            schema.edition.c.id.in_(edition_ids),
            schema.edition.c.role != EditionRole.PLAIN.value,
        )
        if list_slug:
            statement = statement.where(schema.mailing_list.c.slug == list_slug)
        statement = statement.order_by(schema.edition.c.id)
        if self._locks_rows:
            statement = statement.with_for_update(of=schema.edition)
        return [self._build_edition(row) for row in self._db.execute(statement).all()]

    def list_begun_releases(self, since: datetime) -> list[Edition]:
        """Return editions of releases that started after `since` and were not stopped."""
        begun_states = [EditionState.SENDING.value, EditionState.SENT.value]
        statement = _SELECT.where(
            schema.is_of_release,
            schema.edition.c.state.in_(begun_states),
            schema.edition.c.planned_at > since,
        )
        return [
            self._build_edition(row)
            for row in self._db.execute(statement.order_by(schema.edition.c.id)).all()
        ]

    def list_events(self, edition: Edition) -> list[EditionEvent]:
        rows = self._db.execute(
            select(schema.edition_event)
            .where(schema.edition_event.c.edition_id == edition.id)
            .order_by(schema.edition_event.c.id)
        )
        return [
            EditionEvent(row.at, row.event_type, row.actor, row.detail, row.actor_key)
            for row in rows
        ]

    def _build_edition(self, row: Row[Any]) -> Edition:
        slugs = self._db.scalars(
            select(schema.edition_story.c.slug)
            .where(schema.edition_story.c.edition_id == row.id)
            .order_by(schema.edition_story.c.position)
        )
        approval_row = self._db.execute(
            select(schema.approval)
            .where(schema.approval.c.edition_id == row.id, schema.approval.c.voided_at.is_(None))
            .order_by(schema.approval.c.id.desc())
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
            preheaders=row.preheaders,
            names=row.names,
            subjects=row.subjects,
            state=EditionState(row.state),
            reason=row.reason,
            in_doubt=InDoubtPolicy(row.in_doubt),
            priority=Priority(row.priority),
            stories=tuple(slugs),
            content_hash=row.content_hash,
            approval=build_approval(approval_row) if approval_row else None,
            created_at=row.created_at,
            planned_at=row.planned_at,
            finished_at=row.finished_at,
            kind=EditionKind(row.kind),
            appointment=build_appointment(row),
            asked_at=row.asked_at,
            reminded_at=row.reminded_at,
            last_notified_state=row.last_notified_state,
            last_notified_hash=row.last_notified_hash,
            frequency=Frequency(row.frequency),
            archive=ArchiveVisibility(row.archive),
            role=EditionRole(row.role),
            embargo_until=row.embargo_until,
            change=ChangeNote(**row.change) if row.change else None,
            urgent_reasons=row.urgent_reasons,
            pause_signatures=tuple(row.pause_signatures),
            number=row.number,
            sender=row.sender,
            link_tags=row.link_tags,
            sender_identity=SenderIdentity(**row.sender_identity) if row.sender_identity else None,
            repeated_id=row.repeated_id,
        )


def build_appointment(row: Row[Any]) -> SendAppointment | None:
    """Build the appointment from a row of ``edition``, or return None if the edition has none."""
    if not row.send_at:
        return None
    wall_time = datetime.fromisoformat(row.wall)
    return SendAppointment(row.send_at, wall_time, row.zone, SendTimeBasis(row.send_time))
