"""Sign-ups and changes of address that wait for an answer, and what strangers have used up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)

from mailer.audience.confirmations import (
    Confirmation,
    ConfirmationKind,
    ConfirmationState,
    Wishes,
)
from mailer.audience.consent import Wording
from mailer.store.audience.consents import wording_id
from mailer.store.ids import new_id
from mailer.store.schema import allowance, confirmation, wording
from mailer.store.upsert import upsert
from mailer.tokens import address_key

_SELECT = select(
    confirmation, wording.c.text, wording.c.language.label("wording_language")
).outerjoin(wording, wording.c.id == confirmation.c.wording_id)
_ADD = insert(confirmation)
_OPEN = (ConfirmationState.ASKED.value, ConfirmationState.MAILED.value)


class Confirmations:
    """Implements ``audience.confirmations.ConfirmationStore``."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def add_confirmation(self, new: Confirmation) -> Confirmation:
        made = self._db.execute(_ADD, self._columns(new))
        return replace(new, id=new_id(made))

    def find_confirmation(self, number: int) -> Confirmation | None:
        row = self._db.execute(self._locked(confirmation.c.id == number)).one_or_none()
        return _record(row) if row else None

    def _locked(self, *which: ColumnElement[bool]) -> Select[Any]:
        """In a transaction that writes nobody else moves what is found meanwhile: who asks again
        would else put back to its old state what the worker has answered."""
        wanted = _SELECT.where(*which)
        reading = self._db.get_execution_options().get("reading", False)
        if self._db.dialect.name == "postgresql" and not reading:
            return wanted.with_for_update(of=confirmation)
        return wanted

    def replace_wishes(self, new: Confirmation) -> None:
        """Put what `new` asks for in the place of the newest of its kind that the owner of its
        address has not answered; nothing where there is none. One statement: what its owner or the
        worker does meanwhile is not undone."""
        key = address_key(self._key, new.address)
        newest = (
            select(confirmation.c.id)
            .where(
                confirmation.c.address_key == key,
                confirmation.c.kind == new.kind.value,
                confirmation.c.state.in_(_OPEN),
            )
            .order_by(confirmation.c.id.desc())
            .limit(1)
        )
        self._db.execute(
            update(confirmation)
            .where(
                confirmation.c.id == newest.scalar_subquery(),
                confirmation.c.subscriber_id == new.subscriber_id,
                confirmation.c.state.in_(_OPEN),  # again: PostgreSQL may have waited for the row
            )
            .values(wishes=new.wishes.plain(), language=new.language, source=new.source)
        )

    def change_confirmation(self, changed: Confirmation) -> Confirmation:
        self._db.execute(
            update(confirmation)
            .where(confirmation.c.id == changed.id)
            .values(**self._columns(changed))
        )
        return self._again(changed.id)

    def in_state(self, states: Sequence[ConfirmationState], limit: int) -> list[Confirmation]:
        """The oldest of those in these states."""
        rows = self._db.execute(
            _SELECT.where(confirmation.c.state.in_([one.value for one in states]))
            .order_by(confirmation.c.id)
            .limit(limit)
        )
        return [_record(row) for row in rows]

    def of_address(self, address: str) -> list[Confirmation]:
        key = address_key(self._key, address)
        rows = self._db.execute(
            _SELECT.where(confirmation.c.address_key == key).order_by(confirmation.c.id)
        )
        return [_record(row) for row in rows]

    def of_person(self, number: int, address: str) -> list[Confirmation]:
        """Those of an address, and new addresses that this subscriber has asked for."""
        key = address_key(self._key, address)
        rows = self._db.execute(
            _SELECT.where(
                or_(confirmation.c.address_key == key, confirmation.c.subscriber_id == number)
            ).order_by(confirmation.c.id)
        )
        return [_record(row) for row in rows]

    def any_before(self, moment: datetime) -> bool:
        """Whether any was asked for before a moment."""
        old = select(confirmation.c.id).where(confirmation.c.asked_at < moment).limit(1)
        return self._db.scalar(old) is not None

    def drop_before(self, moment: datetime, limit: int) -> int:
        """Delete up to `limit` that were asked for before a moment; how many."""
        old = select(confirmation.c.id).where(confirmation.c.asked_at < moment).limit(limit)
        return self._db.execute(delete(confirmation).where(confirmation.c.id.in_(old))).rowcount

    def _columns(self, one: Confirmation) -> dict[str, Any]:
        return {
            "kind": one.kind.value,
            "state": one.state.value,
            "address": one.address,
            "address_key": address_key(self._key, one.address),
            "subscriber_id": one.subscriber_id,
            "language": one.language,
            "wishes": one.wishes.plain(),
            "wording_id": wording_id(self._db, one.wording, one.asked_at) if one.wording else None,
            "source": one.source,
            "asked_at": one.asked_at,
            "answered_at": one.answered_at,
        }

    def _again(self, number: int) -> Confirmation:
        found = self.find_confirmation(number)
        assert found is not None
        return found


def _record(row: Row[Any]) -> Confirmation:
    return Confirmation(
        id=row.id,
        kind=ConfirmationKind(row.kind),
        state=ConfirmationState(row.state),
        address=row.address,
        subscriber_id=row.subscriber_id,
        language=row.language,
        wishes=Wishes.from_plain(row.wishes),
        wording=Wording(row.wording_language, row.text) if row.text is not None else None,
        source=row.source,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
    )


@lru_cache
def _count(dialect: str) -> Executable:
    now = bindparam("now", type_=allowance.c.since.type)
    row = upsert(dialect, allowance).values(key=bindparam("name"), since=now, used=1)
    over = allowance.c.since <= bindparam("begins", type_=allowance.c.since.type)
    return row.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "used": case((over, 1), else_=allowance.c.used + 1),
            "since": case((over, now), else_=allowance.c.since),
        },
    ).returning(allowance.c.used)


class Allowances:
    """Implements ``audience.limits.AllowanceStore``."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def _name(self, what: str, by: str) -> str:
        return f"{what}:{address_key(self._key, f'{what} {by}')}"

    def use(self, what: str, by: str, window: timedelta, now: datetime) -> int:
        """Count once more, in one statement; how often it was in this window."""
        values = {"name": self._name(what, by), "now": now, "begins": now - window}
        return int(self._db.execute(_count(self._db.dialect.name), values).scalar_one())

    def forget(self, what: str, by: str) -> None:
        self._db.execute(delete(allowance).where(allowance.c.key == self._name(what, by)))

    def any_before(self, moment: datetime) -> bool:
        """Whether any window began before a moment."""
        old = select(allowance.c.key).where(allowance.c.since < moment).limit(1)
        return self._db.scalar(old) is not None

    def drop_before(self, moment: datetime, limit: int) -> int:
        """Delete up to `limit` whose window began before a moment; how many."""
        old = select(allowance.c.key).where(allowance.c.since < moment).limit(limit)
        return self._db.execute(delete(allowance).where(allowance.c.key.in_(old))).rowcount
