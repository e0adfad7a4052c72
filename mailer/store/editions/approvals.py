"""The approvals of editions, and the words that were approved."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, literal, select

from mailer.model.editions import Approval, Edition, EditionBody
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id

_TEXT_COLUMNS = ("language", "subject", "text", "marker", "stories")


def save_approval(db: Connection, edition_id: int, approval: Approval) -> None:
    """Save an approval, and the words of the bodies that it covers: the bodies themselves are
    deleted when the edition changes."""
    result = db.execute(
        insert(schema.approval).values(
            edition_id=edition_id,
            approver=approval.approver,
            approver_key=approval.approver_key,
            at=approval.at,
            content_hash=approval.content_hash,
            comment=approval.comment,
        )
    )
    body_columns = [schema.edition_body.c[name] for name in _TEXT_COLUMNS]
    db.execute(
        insert(schema.approved_text).from_select(
            ["approval_id", *_TEXT_COLUMNS],
            select(literal(get_inserted_id(result)), *body_columns).where(
                schema.edition_body.c.edition_id == edition_id
            ),
        )
    )


def build_approval(row: Row[Any]) -> Approval:
    """Build an approval from a row of ``approval``."""
    return Approval(row.approver, row.at, row.content_hash, row.comment, row.approver_key)


class ApprovalQueries(SqlStore):
    """The part of ``EditionStore`` about earlier approvals, void ones included."""

    def find_last_approval(self, edition: Edition, keys: Collection[str]) -> Approval | None:
        """Return the last approval of the edition by the person with these keys, or None."""
        row = self._db.execute(_select_last_approval(edition, keys)).one_or_none()
        return build_approval(row) if row else None

    def list_approved_bodies(self, edition: Edition, keys: Collection[str]) -> list[EditionBody]:
        """Return the bodies that this approval covers, by language, without their HTML."""
        approval_id = _select_last_approval(edition, keys).subquery().c.id
        rows = self._db.execute(
            select(schema.approved_text)
            .where(schema.approved_text.c.approval_id == select(approval_id).scalar_subquery())
            .order_by(schema.approved_text.c.language)
        )
        return [
            EditionBody(row.language, row.subject, row.text, "", row.marker, row.stories)
            for row in rows
        ]


def _select_last_approval(edition: Edition, keys: Collection[str]) -> Select[Any]:
    return (
        select(schema.approval)
        .where(
            schema.approval.c.edition_id == edition.id,
            schema.approval.c.approver_key.in_(sorted(keys)),
        )
        .order_by(schema.approval.c.id.desc())
        .limit(1)
    )
