"""Compare a database with the marker outside it.

A process that delivers increments the database's generation at its start, while it runs and at its
end, and writes it into a marker on its host after the commit. It also writes the heartbeat of its
worker's row there after each commit. If a database's generation or heartbeat is lower than the
marker's, the database is an older state of itself: mails that are unsent according to it may have
been sent.
"""

from collections.abc import Callable, Mapping

from mailer.errors import DatabaseUnrecognised, NextStep
from mailer.model.recovery import (
    DatabaseIdentity,
    DatabaseRefusal,
    DatabaseState,
    Marker,
    Recognition,
)
from mailer.model.transaction import Transaction


def judge_database(
    tx: Transaction,
    identity: DatabaseIdentity | None,
    location: str,
    marker: Marker | None,
    local_marker: Marker | None,
    exists: Callable[[str], bool],
) -> Recognition:
    """Compare a database with this host's markers.

    `marker` is the marker of the database's identity, `local_marker` the marker of its location.
    Both were read before the database. A marker is written after the commit, so it never states
    more than the database did at that time. `exists` says whether there is a database at a
    location."""
    if identity is None:
        is_older = local_marker is not None and tx.recovery.has_content()
        return Recognition.OLDER if is_older else Recognition.NEW
    if identity.state is DatabaseState.RESTORED:
        return Recognition.RESTORED
    if identity.state in {DatabaseState.MOVING, DatabaseState.MOVED}:
        return Recognition.MOVED
    if marker is None:
        has_sent = identity.generation > 0 and tx.recovery.has_begun_editions()
        return Recognition.NO_MARKER if has_sent else Recognition.RECOGNISED
    if marker.generation > identity.generation or _has_gone_back(
        {worker.id: worker.heartbeat for worker in tx.outbox.list_workers()}, marker
    ):
        return Recognition.OLDER
    # After a move, the other hosts' markers still have the former location.
    locations = {location, identity.former_location}
    if marker.location not in locations and exists(marker.location):
        return Recognition.COPIED
    return Recognition.RECOGNISED


class GenerationWatch:
    """The generation of a shared database, as a process on a host without a marker has seen it."""

    def __init__(self) -> None:
        self._observed: DatabaseIdentity | None = None

    def judge_joining(self, identity: DatabaseIdentity | None) -> Recognition:
        """Recognise the database if its generation has grown since this process saw it first: then
        a process that is recognised on another host delivers from this database now."""
        observed = self._observed
        if observed is None or identity is None:
            self._observed = identity
            return Recognition.NO_MARKER
        has_grown = (
            observed.identity == identity.identity and observed.generation < identity.generation
        )
        return Recognition.RECOGNISED if has_grown else Recognition.NO_MARKER


def _has_gone_back(heartbeats: Mapping[int, int], marker: Marker) -> bool:
    return any(
        heartbeats.get(worker_id, heartbeat) < heartbeat
        for worker_id, heartbeat in marker.heartbeats.items()
    )


_REASONS = {
    Recognition.RESTORED: "it was restored from a backup",
    Recognition.OLDER: "this host has sent from a later state of it",
    Recognition.COPIED: "this host sends from the database of which it is a copy",
    Recognition.MOVED: "it was moved",
    Recognition.NO_MARKER: "mails were sent from it, but not from this host",
}


def describe_refusal(
    recognition: Recognition, identity: DatabaseIdentity | None
) -> DatabaseRefusal | None:
    """Describe why nothing is sent from a database, and what to do; None if it may send."""
    if recognition.may_deliver:
        return None
    reason = _REASONS[recognition]
    has_own_reason = recognition in {Recognition.RESTORED, Recognition.MOVED}
    if identity is not None and identity.reason and has_own_reason:
        reason = identity.reason
    hint = "look which of its mails were sent since"
    steps: tuple[NextStep, ...] = (NextStep("accept_database"), NextStep("declare_clone"))
    if recognition is Recognition.COPIED:
        hint = "send from the original"
        steps = (NextStep("declare_clone"),)
    elif recognition is Recognition.MOVED:
        is_moving = identity is not None and identity.state is DatabaseState.MOVING
        hint = "finish the copy" if is_moving else "set database.url to the new database"
        steps = (NextStep("copy_database"), NextStep("cancel_copy")) if is_moving else ()
    return DatabaseRefusal(recognition, reason, hint, steps)


def build_refusal(
    recognition: Recognition, identity: DatabaseIdentity | None, where: str, folder: str
) -> DatabaseUnrecognised:
    """Build the error of a process that may not deliver from a database. `folder` is where this
    host's markers are."""
    refusal = describe_refusal(recognition, identity)
    assert refusal is not None
    hint = refusal.hint
    if recognition is Recognition.NO_MARKER:
        hint = f"no marker of it is in {folder}: check paths.state, and the user that runs this"
    return DatabaseUnrecognised(
        f"nothing is sent: {refusal.reason}",
        where=where,
        hint=hint,
        value=recognition.value,
        next_steps=refusal.next_steps,
    )
