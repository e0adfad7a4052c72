"""Putting an edition back to draft: what a changed story and a changed edition both do."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from mailer.editions import EditionState
from mailer.store.schema import approval, edition, edition_body, edition_event


def back_to_draft(
    db: Connection, edition_id: int, reason: str, now: datetime, actor: str = ""
) -> None:
    """Drop the frozen bodies, void the approval, and say why in the edition's events."""
    db.execute(delete(edition_body).where(edition_body.c.edition_id == edition_id))
    db.execute(
        update(approval)
        .where(approval.c.edition_id == edition_id, approval.c.voided_at.is_(None))
        .values(voided_at=now, void_reason=reason)
    )
    db.execute(
        update(edition)
        .where(edition.c.id == edition_id)
        .values(state=EditionState.DRAFT.value, reason=reason, content_hash="")
    )
    db.execute(
        insert(edition_event).values(
            edition_id=edition_id, at=now, what="draft", actor=actor, detail=reason
        )
    )
