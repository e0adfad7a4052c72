"""One spelling for each mail address: in lower case, its domain in Unicode.

RFC 5321 §2.4 leaves the case of the local part to the receiving host, and advises hosts against
telling mailboxes apart by it; hardly any does. Whoever types ``Ana@`` at one time and ``ana@`` at
another is one person, gets one mail, and has left with both.
"""

import re
import unicodedata
from functools import cache, lru_cache

from mailer.errors import InputError


@cache
def _load_rules() -> tuple[re.Pattern[str], frozenset[str], int]:
    """Return email_validator's rules: the form of plain addresses, the local parts that it writes
    in lower case, and the longest address. Loading them takes 20 ms."""
    from email_validator import rfc_constants

    atext = rfc_constants.ATEXT
    plain = re.compile(rf"([{atext}]+(?:\.[{atext}]+)*)@([A-Za-z0-9.-]+)")
    any_case = frozenset(rfc_constants.CASE_INSENSITIVE_MAILBOX_NAMES)
    return plain, any_case, rfc_constants.EMAIL_MAX_LENGTH


def normalise_address(address: str, where: str = "address") -> str:
    """Return the canonical spelling of `address`. Raises InputError, which says what is wrong.

    Only the form is checked: whether the domain takes mail is for the relay to find out."""
    plain, any_case, max_length = _load_rules()
    address = address.strip()
    try:
        match = plain.fullmatch(address)
        if match and len(address) <= max_length and match[1].lower() not in any_case:
            domain = _normalise_domain(match[2])
            if domain.isascii():  # nothing of it is decoded: it is as long as it was
                return f"{match[1].lower()}@{domain}"
        from email_validator import validate_email

        validated = validate_email(address, check_deliverability=False, test_environment=True)
        return unicodedata.normalize("NFC", validated.normalized.lower())
    except ValueError as error:  # EmailNotValidError
        reason = str(error).rstrip(".")
        raise InputError(
            f"{address!r} is not a mail address ({reason})",
            where=where,
            hint="write it as name@example.org",
        ) from error


@lru_cache(maxsize=16384)
def _normalise_domain(domain: str) -> str:
    """A domain's normal form, worked out once: it took 40 % of the time of an import."""
    from email_validator import validate_email

    validated = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    return validated.domain


@lru_cache(maxsize=4096)
def to_ascii_domain(domain: str) -> str:
    """The domain as it goes over the wire: A-labels (RFC 5890)."""
    if domain.isascii():
        return domain.lower()
    import idna

    return idna.encode(domain, uts46=True).decode()


def to_wire_form(address: str) -> str:
    """The address for an SMTP envelope: the local part as it is, the domain in A-labels."""
    if address.isascii():  # normalised: it is in lower case
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{to_ascii_domain(domain)}"


def extract_wire_domain(address: str) -> str:
    """The wire form of an address's domain."""
    return to_ascii_domain(address.rpartition("@")[2])


def guess_mailbox(address: str) -> str:
    """Whose mailbox it most likely is: in lower case, and without a ``+tag`` (RFC 5233). Most hosts
    deliver them all to one person, who would get a mail for each way of writing it. For counting
    only: what is sent goes to the address as it was given."""
    local, _, domain = address.rpartition("@")
    return f"{(local.partition('+')[0] or local).lower()}@{domain}"


def mask_address(address: str) -> str:
    """``a…@example.org``: enough for its owner to know it, too little for anyone else."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def format_isolated_address(address: str) -> str:
    """The address as its owner may see it: isolated, so that it stays in order among words that run
    from right to left (Unicode UAX #9, LRI and PDI)."""
    return f"\N{LEFT-TO-RIGHT ISOLATE}{address}\N{POP DIRECTIONAL ISOLATE}"
