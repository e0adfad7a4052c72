"""Consent, kept as evidence: who agreed to what wording, when, and where they were asked.

The log is only added to. An erasure takes the address out of its entries and leaves the keyed hash,
so that it can still be shown that somebody had agreed, to whoever brings the address.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailer.audience import addresses
from mailer.errors import InputError


class LawfulBasis(StrEnum):
    """Lawful bases for processing: GDPR Article 6(1)(a) to (f), in its order."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class ConsentAction(StrEnum):
    """What somebody did, or what was done with their address."""

    CONFIRMED = "confirmed"
    """They answered the mail that asked whether the sign-up was theirs (double opt-in)."""
    ADDED = "added"
    """Staff put them on a list."""
    IMPORTED = "imported"
    CHANGED = "changed"
    """Topics, language or frequency on a list."""
    PAUSED = "paused"
    RESUMED = "resumed"
    LEFT = "left"
    RETURNED = "returned"
    """They took their leaving back."""
    NEW_ADDRESS = "new_address"
    MERGED = "merged"
    SUPPRESSED = "suppressed"
    RELEASED = "released"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Wording:
    """What somebody was shown when they agreed, as it stood there."""

    language: str
    text: str

    @property
    def key(self) -> str:
        """Its version: SHA-256 of language and text, in hex."""
        return hashlib.sha256(f"{self.language}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """How somebody comes onto a list. `source`: the page, the file, the person; `basis` is None
    where nobody has named one."""

    act: ConsentAction = ConsentAction.ADDED
    source: str = "command line"
    basis: LawfulBasis | None = None
    wording: Wording | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One line of the log. `list` is a slug, empty for what concerns the whole person; `address` is
    empty once it was erased; `detail` says what changed."""

    at: datetime
    act: ConsentAction
    subscriber_id: int
    address: str
    source: str
    list: str = ""
    basis: LawfulBasis | None = None
    wording: Wording | None = None
    detail: str = ""


class ConsentStore(Protocol):
    """The log."""

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None: ...
    def list_consent_entries(self, address: str) -> list[ConsentEntry]: ...


def list_consent_entries(store: ConsentStore, address: str) -> list[ConsentEntry]:
    """All that the log holds of whoever has, or had, this address, the oldest first; what an
    erasure has left is found by the address's hash."""
    return store.list_consent_entries(addresses.normalise_address(address))


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
