"""Code that several stores share: returning an edition to draft, and recording events."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from mailer.actor import Actor
from mailer.errors import ConcurrencyError
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState
from mailer.store import schema


def list_sources(state: EditionState) -> list[str]:
    """Return the states from which the table of transitions allows a change to `state`."""
    return [source.value for source, targets in EDITION_TRANSITIONS.items() if state in targets]


def revert_to_draft(
    db: Connection, edition_id: int, reason: str, now: datetime, actor: Actor | None
) -> None:
    """Return an edition to draft: delete its frozen bodies, void its approval, and record why.

    An edition that is a draft already loses its frozen bodies and stays a draft. Raises
    ConcurrencyError if the edition is in a state that cannot become draft, because another process
    has changed it first."""
    result = db.execute(
        update(schema.edition)
        .where(
            schema.edition.c.id == edition_id,
            schema.edition.c.state.in_(
                [EditionState.DRAFT.value, *list_sources(EditionState.DRAFT)]
            ),
        )
        .values(state=EditionState.DRAFT.value, reason=reason, content_hash="")
    )
    if result.rowcount == 0:
        raise ConcurrencyError(
            f"edition {edition_id} was changed by another process, and can't become a draft",
            hint="look at it again",
        )
    db.execute(delete(schema.edition_body).where(schema.edition_body.c.edition_id == edition_id))
    db.execute(
        update(schema.approval)
        .where(schema.approval.c.edition_id == edition_id, schema.approval.c.voided_at.is_(None))
        .values(voided_at=now, void_reason=reason)
    )
    insert_event(db, edition_id, EditionState.DRAFT.value, reason, now, actor)


def insert_event(
    db: Connection,
    edition_id: int,
    event_type: str,
    detail: str,
    now: datetime,
    actor: Actor | None,
) -> None:
    """Record an event of an edition. If `actor` is None, the actor is unknown."""
    db.execute(
        insert(schema.edition_event).values(
            edition_id=edition_id,
            at=now,
            event_type=event_type,
            actor=actor.name if actor else "",
            actor_key=actor.key if actor else "",
            detail=detail,
        )
    )
