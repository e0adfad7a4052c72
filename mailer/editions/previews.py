"""Do something with an edition to see its effect, and roll it back."""

from collections.abc import Iterator
from contextlib import contextmanager

from mailer.model.transaction import Transaction


class _DiscardWork(Exception):
    """Ends a part of a transaction whose changes are rolled back."""


@contextmanager
def discard_changes(tx: Transaction) -> Iterator[None]:
    """Run a part of the transaction, then roll it back, so that a preview changes nothing."""
    try:
        with tx.open_savepoint():
            yield
            raise _DiscardWork
    except _DiscardWork:
        pass
