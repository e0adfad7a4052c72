"""The log of consent: who agreed to which wording, when, and where they were asked.

Entries are only ever added. An erasure removes the address from a person's entries and leaves its
keyed hash. So the office can still prove an agreement if the person states the address.
"""

from mailer import addresses
from mailer.errors import InputError
from mailer.model.subscribers import ConsentEntry, LawfulBasis
from mailer.model.transaction import Transaction


def list_consent_entries(tx: Transaction, address: str) -> list[ConsentEntry]:
    """Return the log entries of the person who has or had this address, the oldest first. Entries
    of an erased person are found by the hash of the address."""
    return tx.subscribers.list_consent_entries(addresses.normalise_address(address))


def check_basis(value: str, field: str = "basis") -> LawfulBasis:
    """Return the lawful basis by its name. Raises InputError, which lists the names."""
    try:
        return LawfulBasis(value.strip().lower().replace("-", "_"))
    except ValueError as error:
        raise InputError(
            f"{value!r} is not a lawful basis",
            field=field,
            hint=f"use one of {', '.join(LawfulBasis)}",
        ) from error
