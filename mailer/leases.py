"""The lease of the worker that ticks: taking it, keeping it, and releasing it.

An observer measures with its own monotonic clock how long a heartbeat has been unchanged, because
the clocks of machines are not compared.
"""

from collections.abc import Callable
from datetime import datetime

from mailer.actor import Actor
from mailer.model.leases import TICK, Lease
from mailer.model.transaction import Transaction


class LeaseObserver:
    """The observation of the lease by one worker while another worker holds it. `is_dead` says
    whether the holder of that name is known to be dead."""

    def __init__(self, seconds: float, is_dead: Callable[[str], bool]) -> None:
        self._seconds = seconds
        self._is_dead = is_dead
        self._observed: Lease | None = None
        self._observed_at = 0.0

    def may_take(self, lease: Lease | None, monotonic_now: float) -> bool:
        """Check that the lease is free: it was never taken or was released, its holder is dead, or
        this worker has seen no heartbeat for the duration of a lease."""
        if lease is None or self._observed is None or self._observed[:3] != lease[:3]:
            self._observed, self._observed_at = lease, monotonic_now
        has_expired = monotonic_now - self._observed_at >= self._seconds
        return lease is None or not lease.holder or self._is_dead(lease.holder) or has_expired

    def forget_lease(self) -> None:
        """Begin to observe again."""
        self._observed = None


def find_lease(tx: Transaction) -> Lease | None:
    """Return the lease as it stands, or None if no worker has ever taken it."""
    return tx.leases.find_lease(TICK)


def take_lease(
    tx: Transaction, actor: Actor, holder: str, last_lease: Lease | None, now: datetime
) -> int | None:
    """Take the lease for the worker `holder`, unless it has changed since `last_lease` was read.

    Returns the new epoch, or None if another worker was first or the holder is alive."""
    return tx.leases.take_lease(TICK, holder, last_lease, now)


def keep_lease(tx: Transaction, actor: Actor, epoch: int, now: datetime) -> bool:
    """Show that the holder of this epoch is alive. Returns False if another worker holds the lease
    now."""
    return tx.leases.update_heartbeat(TICK, epoch, now)


def release_lease(tx: Transaction, actor: Actor, epoch: int) -> None:
    """Release the lease, so that any worker can take it at once."""
    tx.leases.release_lease(TICK, epoch)


def clear_lease(tx: Transaction, actor: Actor) -> None:
    """Release the lease of any holder, after the database was restored: its row is older than the
    workers that run now."""
    if (lease := find_lease(tx)) is not None:
        tx.leases.release_lease(TICK, lease.epoch)
