"""Putting an edition back to draft: what a changed story and a changed edition both do."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from mailer.model.edition_states import EditionState
from mailer.store import schema


def revert_to_draft(
    db: Connection, edition_id: int, reason: str, now: datetime, actor: str = ""
) -> None:
    """Drop the frozen bodies, void the approval, and say why in the edition's events."""
    db.execute(delete(schema.edition_body).where(schema.edition_body.c.edition_id == edition_id))
    db.execute(
        update(schema.approval)
        .where(schema.approval.c.edition_id == edition_id, schema.approval.c.voided_at.is_(None))
        .values(voided_at=now, void_reason=reason)
    )
    db.execute(
        update(schema.edition)
        .where(schema.edition.c.id == edition_id)
        .values(state=EditionState.DRAFT.value, reason=reason, content_hash="")
    )
    db.execute(
        insert(schema.edition_event).values(
            edition_id=edition_id, at=now, what="draft", actor=actor, detail=reason
        )
    )
