"""Consent, kept as evidence: who agreed to what wording, when, and where they were asked.

The log is only added to. An erasure takes the address out of its entries and leaves the keyed hash,
so that it can still be shown that somebody had agreed, to whoever brings the address.
"""

from mailer import addresses
from mailer.errors import InputError
from mailer.model.subscribers import ConsentEntry, LawfulBasis
from mailer.model.transaction import Transaction


def list_consent_entries(tx: Transaction, address: str) -> list[ConsentEntry]:
    """All that the log holds of whoever has, or had, this address, the oldest first; what an
    erasure has left is found by the address's hash."""
    return tx.subscribers.list_consent_entries(addresses.normalise_address(address))


def check_basis(value: str, where: str = "--basis") -> LawfulBasis:
    """Raises InputError naming those there are."""
    try:
        return LawfulBasis(value.strip().lower().replace("-", "_"))
    except ValueError as error:
        raise InputError(
            f"{value!r} is no lawful basis",
            where=where,
            hint=f"use one of {', '.join(LawfulBasis)}",
        ) from error
