"""One spelling for each mail address.

The domain is lower-cased and kept in Unicode, the local part stays as written: RFC 5321 §2.4 leaves
its case to the receiving host. Two addresses that differ only in their domain's case are one.
"""

from functools import lru_cache

import idna
from email_validator import EmailNotValidError, validate_email

from mailer.errors import InputError


def normalise(address: str, where: str = "address") -> str:
    """The canonical spelling of `address`. Raises InputError, which says what is wrong.

    Only the form is checked: whether the domain takes mail is for the relay to find out."""
    try:
        return validate_email(
            address.strip(), check_deliverability=False, test_environment=True
        ).normalized
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"{address.strip()!r} is not a mail address ({reason})",
            where=where,
            hint="write it as name@example.org",
        ) from error


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """The domain as it goes over the wire: A-labels (RFC 5890)."""
    if domain.isascii():
        return domain.lower()
    return idna.encode(domain, uts46=True).decode()


def wire(address: str) -> str:
    """The address for an SMTP envelope: the local part as it is, the domain in A-labels."""
    if address.isascii():  # normalised: its domain is in lower case
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"


def domain_of(address: str) -> str:
    """The wire form of an address's domain."""
    return ascii_domain(address.rpartition("@")[2])


def masked(address: str) -> str:
    """``a…@example.org``: enough for its owner to know it, too little for anyone else."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def shown(address: str) -> str:
    """The address as its owner may see it: isolated, so that it stays in order among words that run
    from right to left (Unicode UAX #9, LRI and PDI)."""
    return f"\N{LEFT-TO-RIGHT ISOLATE}{address}\N{POP DIRECTIONAL ISOLATE}"
