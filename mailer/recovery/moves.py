"""Move a database to another place: its copy takes over its identity.

The rule: at each moment at most one of the two databases may send.

1. :func:`begin_move` forbids all changes to the old database, so the copy is of one moment, and
   nothing is sent from then on.
2. The rows are copied and compared. The copy can't be opened until it is complete.
3. :func:`take_over` lets the new database send, and :func:`finish_move` records in the old one that
   this was done. Instead, :func:`cancel_move` lets the old one go on, while the copy is unfinished.
"""

from datetime import datetime

from mailer.actor import Actor
from mailer.errors import NextStep, Refused
from mailer.model.recovery import DatabaseIdentity, DatabaseState
from mailer.model.transaction import Transaction
from mailer.recovery.decisions import create_identity, is_clone

_MOVING = "it is being moved to "


def check_movable(tx: Transaction, place: str) -> DatabaseIdentity | None:
    """Check that a database may be moved to `place`, and return its identity, which is locked.
    Raises Refused."""
    identity = tx.recovery.lock_identity()
    if identity is None:
        return None
    if identity.state is DatabaseState.RESTORED:
        raise Refused(
            f"{identity.reason}, and no one has decided yet what becomes of it",
            hint="decide first",
            next_steps=[NextStep("accept_database"), NextStep("declare_clone")],
        )
    if identity.state is DatabaseState.MOVING and identity.reason != f"{_MOVING}{place}":
        other_place = identity.reason.removeprefix(_MOVING)
        raise Refused(
            identity.reason,
            where=place,
            hint="finish that copy, or cancel it",
            next_steps=[
                NextStep("copy_database", url=other_place),
                NextStep("cancel_copy", url=other_place),
            ],
        )
    if identity.state is DatabaseState.MOVED:
        raise Refused(
            identity.reason, hint="copy the new database, which the office has sent from since"
        )
    return identity


def begin_move(tx: Transaction, actor: Actor, place: str, now: datetime) -> DatabaseIdentity:
    """Forbid all changes to a database, which is copied to `place` now, and return its identity.
    Nothing is changed if this was done before. Raises Refused."""
    identity = check_movable(tx, place)
    if identity is not None and identity.state is DatabaseState.MOVING:
        return identity
    if identity is None:
        create_identity(tx, actor, now)
        identity = tx.recovery.lock_identity()
        assert identity is not None
    tx.recovery.save_identity(
        identity.identity,
        identity.generation + 1,
        DatabaseState.MOVING,
        f"{_MOVING}{place}",
        now,
        identity.former_location,
    )
    tx.recovery.add_event("moving", f"to {place}", now, actor)
    tx.recovery.refuse_writes()
    moving = tx.recovery.find_identity()
    assert moving is not None
    return moving


def take_over(
    tx: Transaction, actor: Actor, place: str, former_location: str, now: datetime
) -> None:
    """Let a complete copy send. It was copied from the database at `place`; hosts whose markers
    have `former_location` recognise the copy."""
    identity = _lock_moving(tx)
    state = DatabaseState.CLONE if is_clone(tx) else DatabaseState.ACTIVE
    tx.recovery.save_identity(
        identity.identity, identity.generation + 1, state, "", now, former_location
    )
    tx.recovery.add_event("moved here", f"from {place}", now, actor)


def finish_move(tx: Transaction, actor: Actor, place: str, now: datetime) -> None:
    """Record in the old database that its copy at `place` has taken over."""
    identity = _lock_moving(tx)
    tx.recovery.save_identity(
        identity.identity,
        identity.generation,
        DatabaseState.MOVED,
        f"it was moved to {place}",
        now,
        identity.former_location,
    )
    tx.recovery.add_event("moved", f"to {place}", now, actor)


def cancel_move(tx: Transaction, actor: Actor, now: datetime) -> None:
    """Let a database go on that was to be moved. The caller has made sure that the copy can't take
    over. Raises Refused if the database is not being moved."""
    identity = _lock_moving(tx)
    tx.recovery.allow_writes()
    state = DatabaseState.CLONE if is_clone(tx) else DatabaseState.ACTIVE
    tx.recovery.save_identity(
        identity.identity, identity.generation + 1, state, "", now, identity.former_location
    )
    tx.recovery.add_event("move cancelled", identity.reason.removeprefix(_MOVING), now, actor)


def _lock_moving(tx: Transaction) -> DatabaseIdentity:
    identity = tx.recovery.lock_identity()
    if identity is None or identity.state is not DatabaseState.MOVING:
        raise Refused("this database is not being moved", code="not_moving")
    return identity
