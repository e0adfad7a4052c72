"""Safe mode: only the recipients of the settings get mail, whatever is sent to anyone else.

Safe mode is on if the settings name recipients, or if the database is a clone. The gate checks each
message in the statement that lets it pass (``statements.py``), so nothing gets past it: editions,
releases, notices, service mails and test mails all pass that gate. The condition is part of the
statement, and costs one look at the database's identity while safe mode is off.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from mailer.model.recovery import DatabaseState
from mailer.model.safe_mode import SafeMode
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import build_json_columns

_identity_state = (
    select(schema.database_identity.c.state)
    .where(schema.database_identity.c.id == literal_column("1"))
    .scalar_subquery()
)
is_no_clone: ColumnElement[bool] = func.coalesce(
    _identity_state, literal_column("''")
) != literal_column("'clone'")
"""The condition that the database is not a clone; for the gate while the settings name no
recipient."""

(_entry,) = build_json_columns("safe", Text())
_address = func.lower(schema.delivery.c.address)
is_safe_recipient: ColumnElement[bool] = (
    select(literal(1))
    .where(
        or_(
            _address == _entry,
            and_(
                func.substr(_entry, 1, 1) == "@",
                func.substr(_address, func.length(_address) - func.length(_entry) + 1) == _entry,
            ),
        )
    )
    .correlate(schema.delivery)
    .exists()
)
"""The condition that a delivery goes to a recipient of the settings, which are in the parameter
``safe`` (:func:`encode_recipients`)."""


def encode_recipients(recipients: Sequence[str]) -> str:
    """Encode the recipients for :data:`is_safe_recipient`."""
    return json.dumps([[recipient] for recipient in recipients])


class SafeModeQueries(SqlStore):
    """The part of ``OutboxStore`` about safe mode. `safe_recipients` are the addresses, and domains
    that begin with an @, of the settings; if there are none, the settings leave safe mode off."""

    def __init__(
        self, connection: Connection, key: bytes, safe_recipients: Sequence[str] = ()
    ) -> None:
        super().__init__(connection, key)
        self._safe_recipients = tuple(safe_recipients)

    def find_safe_mode(self) -> SafeMode | None:
        """Return the safe mode that the gate keeps now, or None if it is off."""
        is_clone = self._db.scalar(select(_identity_state)) == DatabaseState.CLONE.value
        if not (is_clone or self._safe_recipients):
            return None
        return SafeMode(self._safe_recipients, is_clone)

    @property
    def _may_pass_safely(self) -> ColumnElement[bool]:
        """The condition that safe mode lets a delivery pass. A statement with this condition gets
        the parameters :attr:`_safe_values`."""
        return is_safe_recipient if self._safe_recipients else is_no_clone

    @property
    def _safe_values(self) -> dict[str, Any]:
        if not self._safe_recipients:
            return {}
        return {"safe": encode_recipients(self._safe_recipients)}
