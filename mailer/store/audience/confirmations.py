"""Sign-ups and changes of address that wait for confirmation, and the counters of rate limits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)

from mailer.model.signup import (
    MAIL_COUNT_LASTS,
    Confirmation,
    ConfirmationKind,
    ConfirmationState,
    SignUpWishes,
)
from mailer.model.subscribers import Wording
from mailer.store import schema
from mailer.store.audience.consents import find_or_create_wording
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id
from mailer.store.upsert import build_upsert
from mailer.tokens import hash_address

_SELECT = select(
    schema.confirmation, schema.wording.c.text, schema.wording.c.language.label("wording_language")
).outerjoin(schema.wording, schema.wording.c.id == schema.confirmation.c.wording_id)
_ADD = insert(schema.confirmation)
_OPEN = (ConfirmationState.ASKED.value, ConfirmationState.MAILED.value)


class ConfirmationQueries(SqlStore):
    """The part of :class:`mailer.model.stores.audience.SignUpStore` for confirmations."""

    def add_confirmation(self, confirmation: Confirmation) -> Confirmation:
        result = self._db.execute(_ADD, self._build_columns(confirmation))
        return replace(confirmation, id=get_inserted_id(result))

    def find_confirmation(self, confirmation_id: int) -> Confirmation | None:
        row = self._db.execute(
            self._select_locked(schema.confirmation.c.id == confirmation_id)
        ).one_or_none()
        return _build_confirmation(row) if row else None

    def _select_locked(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """Select confirmations. A transaction that may write locks them. Without the lock, a second
        request could reset a state that the worker has just changed."""
        statement = _SELECT.where(*conditions)
        reading = self._db.get_execution_options().get("reading", False)
        if self._db.dialect.name == "postgresql" and not reading:
            return statement.with_for_update(of=schema.confirmation)
        return statement

    def replace_wishes(self, confirmation: Confirmation) -> None:
        """Replace the wishes of the newest open confirmation of this kind for the same address, if
        there is one. This takes a single statement, so that a change by the address's owner or the
        worker is not undone."""
        key = hash_address(self._key, confirmation.address)
        newest_id = (
            select(schema.confirmation.c.id)
            .where(
                schema.confirmation.c.address_key == key,
                schema.confirmation.c.kind == confirmation.kind.value,
                schema.confirmation.c.state.in_(_OPEN),
            )
            .order_by(schema.confirmation.c.id.desc())
            .limit(1)
        )
        self._db.execute(
            update(schema.confirmation)
            .where(
                schema.confirmation.c.id == newest_id.scalar_subquery(),
                schema.confirmation.c.subscriber_id == confirmation.subscriber_id,
                # The state is checked again, as PostgreSQL may have waited for the row.
                schema.confirmation.c.state.in_(_OPEN),
            )
            .values(
                wishes=confirmation.wishes.to_plain(),
                language=confirmation.language,
                source=confirmation.source,
            )
        )

    def update_confirmation(self, confirmation: Confirmation) -> Confirmation:
        self._db.execute(
            update(schema.confirmation)
            .where(schema.confirmation.c.id == confirmation.id)
            .values(**self._build_columns(confirmation))
        )
        return self._reload_confirmation(confirmation.id)

    def list_in_state(self, states: Sequence[ConfirmationState], limit: int) -> list[Confirmation]:
        """Return the oldest confirmations in these states."""
        rows = self._db.execute(
            _SELECT.where(schema.confirmation.c.state.in_([state.value for state in states]))
            .order_by(schema.confirmation.c.id)
            .limit(limit)
        )
        return [_build_confirmation(row) for row in rows]

    def list_for_address(self, address: str) -> list[Confirmation]:
        key = hash_address(self._key, address)
        rows = self._db.execute(
            _SELECT.where(schema.confirmation.c.address_key == key).order_by(
                schema.confirmation.c.id
            )
        )
        return [_build_confirmation(row) for row in rows]

    def list_for_subscriber(self, subscriber_id: int, address: str) -> list[Confirmation]:
        """Return the confirmations of an address, and the changes of address that this subscriber
        has requested."""
        key = hash_address(self._key, address)
        rows = self._db.execute(
            _SELECT.where(
                or_(
                    schema.confirmation.c.address_key == key,
                    schema.confirmation.c.subscriber_id == subscriber_id,
                )
            ).order_by(schema.confirmation.c.id)
        )
        return [_build_confirmation(row) for row in rows]

    def has_confirmations_before(self, moment: datetime) -> bool:
        """Check whether there is a confirmation that was requested before a moment."""
        statement = (
            select(schema.confirmation.c.id).where(schema.confirmation.c.asked_at < moment).limit(1)
        )
        return self._db.scalar(statement) is not None

    def delete_confirmations_before(self, moment: datetime, limit: int) -> int:
        """Delete up to `limit` confirmations that were requested before a moment. Returns the
        number of deleted confirmations."""
        old_ids = (
            select(schema.confirmation.c.id)
            .where(schema.confirmation.c.asked_at < moment)
            .limit(limit)
        )
        return self._db.execute(
            delete(schema.confirmation).where(schema.confirmation.c.id.in_(old_ids))
        ).rowcount

    def _build_columns(self, confirmation: Confirmation) -> dict[str, Any]:
        return {
            "kind": confirmation.kind.value,
            "state": confirmation.state.value,
            "address": confirmation.address,
            "address_key": hash_address(self._key, confirmation.address),
            "subscriber_id": confirmation.subscriber_id,
            "language": confirmation.language,
            "wishes": confirmation.wishes.to_plain(),
            "wording_id": find_or_create_wording(
                self._db, confirmation.wording, confirmation.asked_at
            )
            if confirmation.wording
            else None,
            "source": confirmation.source,
            "asked_at": confirmation.asked_at,
            "answered_at": confirmation.answered_at,
        }

    def _reload_confirmation(self, confirmation_id: int) -> Confirmation:
        confirmation = self.find_confirmation(confirmation_id)
        assert confirmation is not None
        return confirmation


def _build_confirmation(row: Row[Any]) -> Confirmation:
    return Confirmation(
        id=row.id,
        kind=ConfirmationKind(row.kind),
        state=ConfirmationState(row.state),
        address=row.address,
        subscriber_id=row.subscriber_id,
        language=row.language,
        wishes=SignUpWishes.from_plain(row.wishes),
        wording=Wording(row.wording_language, row.text) if row.text is not None else None,
        source=row.source,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
    )


@lru_cache
def _build_count_statement(dialect: str) -> Executable:
    now = bindparam("now", type_=schema.allowance.c.since.type)
    statement = build_upsert(dialect, schema.allowance).values(
        key=bindparam("name"), since=now, used=1, refused=0
    )
    is_window_over = schema.allowance.c.since <= bindparam(
        "begins", type_=schema.allowance.c.since.type
    )
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "used": case((is_window_over, 1), else_=schema.allowance.c.used + 1),
            "since": case((is_window_over, now), else_=schema.allowance.c.since),
        },
    ).returning(schema.allowance.c.used)


@lru_cache
def _build_mail_statement(dialect: str, wait_count: int) -> Executable:
    """Build the statement that counts a mail to an address if the wait after the last mail is over,
    and otherwise counts a refused request.

    The first `maximum` mails need no wait. The next mail needs the first wait, the mail after it
    the second wait, and so on; every mail after the last wait was used needs the last wait
    again."""
    table = schema.allowance
    moment_type = table.c.since.type
    now = bindparam("now", type_=moment_type)
    maximum = bindparam("maximum", type_=Integer)
    waits_are_over = [
        and_(
            table.c.used >= maximum + number
            if number == wait_count - 1
            else table.c.used == maximum + number,
            table.c.since <= bindparam(f"wait_{number}_begins", type_=moment_type),
        )
        for number in range(wait_count)
    ]
    is_forgotten = table.c.since <= bindparam("count_begins", type_=moment_type)
    is_due = or_(table.c.used < maximum, is_forgotten, *waits_are_over)
    statement = build_upsert(dialect, table).values(
        key=bindparam("name"), since=now, used=1, refused=0
    )
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "used": case((is_forgotten, 1), (is_due, table.c.used + 1), else_=table.c.used),
            "since": case((is_due, now), else_=table.c.since),
            "refused": case((is_due, 0), else_=table.c.refused + 1),
        },
    ).returning(table.c.refused)


def _is_window_over(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that a window began before a moment. The window of mails to an address
    lasts longer than the others, because the waits between such mails are longer."""
    table = schema.allowance
    return and_(
        table.c.since < moment,
        or_(table.c.key.not_like("mail:%"), table.c.since < moment - MAIL_COUNT_LASTS),
    )


class AllowanceQueries(SqlStore):
    """The part of :class:`mailer.model.stores.audience.SignUpStore` for rate limits."""

    def _build_key(self, action: str, subject: str) -> str:
        return f"{action}:{hash_address(self._key, f'{action} {subject}')}"

    def use_allowance(self, action: str, subject: str, window: timedelta, now: datetime) -> int:
        """Count a use, in one statement. Returns the number of uses in this window."""
        values = {"name": self._build_key(action, subject), "now": now, "begins": now - window}
        return int(
            self._db.execute(_build_count_statement(self._db.dialect.name), values).scalar_one()
        )

    def use_mail_allowance(
        self,
        action: str,
        subject: str,
        maximum: int,
        waits: Sequence[timedelta],
        now: datetime,
    ) -> bool:
        """Count a mail, or a refused request for a mail, in one statement. Returns True if the mail
        is due."""
        values: dict[str, Any] = {
            "name": self._build_key(action, subject),
            "now": now,
            "maximum": maximum,
            "count_begins": now - MAIL_COUNT_LASTS,
        }
        values |= {f"wait_{number}_begins": now - wait for number, wait in enumerate(waits)}
        statement = _build_mail_statement(self._db.dialect.name, len(waits))
        return bool(self._db.execute(statement, values).scalar_one() == 0)

    def forget_allowance(self, action: str, subject: str) -> None:
        self._db.execute(
            delete(schema.allowance).where(
                schema.allowance.c.key == self._build_key(action, subject)
            )
        )

    def has_windows_before(self, moment: datetime) -> bool:
        """Check whether there is a window that :meth:`delete_windows_before` would delete."""
        statement = select(schema.allowance.c.key).where(_is_window_over(moment)).limit(1)
        return self._db.scalar(statement) is not None

    def delete_windows_before(self, moment: datetime, limit: int) -> int:
        """Delete up to `limit` windows that began before a moment. Returns the number of deleted
        windows."""
        old_keys = select(schema.allowance.c.key).where(_is_window_over(moment)).limit(limit)
        return self._db.execute(
            delete(schema.allowance).where(schema.allowance.c.key.in_(old_keys))
        ).rowcount
