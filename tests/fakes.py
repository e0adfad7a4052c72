"""Stand-ins for what a unit test does not need whole."""

from types import SimpleNamespace
from typing import Any, cast

from mailer.model.transaction import Transaction


def make_transaction(**stores: Any) -> Transaction:
    """Make a transaction that has these stores and no others."""
    return cast("Transaction", SimpleNamespace(**stores))
