"""Mail addresses in their canonical spelling: in lower case, with the domain in Unicode.

RFC 5321 §2.4 lets the receiving host decide whether the case of the local part matters, but advises
hosts to ignore the case, and nearly all hosts do. A person who types ``Ana@`` at one time and
``ana@`` at another is one subscriber, gets one mail, and unsubscribes both spellings at once.
"""

import re
import unicodedata
from functools import cache, lru_cache

from mailer.errors import InputError

LONGEST_LOCAL_PART = 64
"""Maximum number of octets before the @ (RFC 5321 §4.5.3.1.1)."""


@cache
def _load_rules() -> tuple[re.Pattern[str], frozenset[str], int]:
    """Return email_validator's rules: the form of plain addresses, the local parts that
    email_validator writes in lower case, and the maximum length. Loading the rules takes 20 ms."""
    from email_validator import rfc_constants

    atext = rfc_constants.ATEXT
    plain = re.compile(rf"([{atext}]+(?:\.[{atext}]+)*)@([A-Za-z0-9.-]+)")
    any_case = frozenset(rfc_constants.CASE_INSENSITIVE_MAILBOX_NAMES)
    return plain, any_case, rfc_constants.EMAIL_MAX_LENGTH


def normalise_address(address: str, field: str = "address") -> str:
    """Return the canonical spelling of `address`. Raises InputError, which says what is wrong.

    Only the form is checked. Only the relay can tell whether the domain accepts mail."""
    plain, any_case, max_length = _load_rules()
    address = address.strip()
    try:
        match = plain.fullmatch(address)
        if (
            match
            and len(address) <= max_length
            and len(match[1]) <= LONGEST_LOCAL_PART
            and match[1].lower() not in any_case
        ):
            domain = _normalise_domain(match[2])
            if domain.isascii():  # decoding it from A-labels would change its length
                return f"{match[1].lower()}@{domain}"
        from email_validator import validate_email

        validated = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
        if len(validated.local_part.encode()) > LONGEST_LOCAL_PART:
            raise ValueError(f"The part before the @-sign is over {LONGEST_LOCAL_PART} octets.")
        _check_dot(validated.domain)
        return unicodedata.normalize("NFC", validated.normalized.lower())
    except ValueError as error:  # EmailNotValidError
        reason = str(error).rstrip(".")
        raise InputError(
            f"{address!r} is not a mail address ({reason})",
            field=field,
            hint="write it as name@example.org",
        ) from error


@lru_cache(maxsize=16384)
def _normalise_domain(domain: str) -> str:
    """Return a domain's normal form. Results are cached, since normalising took 40 % of the time of
    an import."""
    from email_validator import validate_email

    validated = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    _check_dot(validated.domain)
    return validated.domain


def _check_dot(domain: str) -> None:
    """Raise ValueError for a domain of one label, which no public mailbox has. email_validator's
    test environment accepts ``test``."""
    if "." not in domain:
        raise ValueError("The part after the @-sign is not valid. It should have a period.")


@lru_cache(maxsize=4096)
def to_ascii_domain(domain: str) -> str:
    """Return the domain in A-labels (RFC 5890), as SMTP carries it."""
    if domain.isascii():
        return domain.lower()
    import idna

    return idna.encode(domain, uts46=True).decode()


def to_wire_form(address: str) -> str:
    """Return the address for an SMTP envelope: the local part unchanged, the domain in A-labels."""
    if address.isascii():  # a normalised address is in lower case already
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{to_ascii_domain(domain)}"


def extract_wire_domain(address: str) -> str:
    """Return the domain of an address in A-labels."""
    return to_ascii_domain(address.rpartition("@")[2])


GMAIL_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
"""The domains of one mail host that ignores dots in the local part, and knows each mailbox by both
domains (support.google.com/mail/answer/7436150)."""


def guess_mailbox(address: str) -> str:
    """Guess the mailbox behind an address: in lower case, without a ``+tag`` (RFC 5233), and for
    Gmail without dots.

    Most hosts deliver all these spellings to one person, who would get a mail for each of them. The
    guess is used only for counting; mail goes to the original address."""
    local, _, domain = address.rpartition("@")
    local = (local.partition("+")[0] or local).lower()
    domain = domain.lower()
    if domain in GMAIL_DOMAINS:
        return f"{local.replace('.', '') or local}@gmail.com"
    return f"{local}@{domain}"


def mask_address(address: str) -> str:
    """Shorten the address to ``a…@example.org``, which only its owner can recognise."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def format_isolated_address(address: str) -> str:
    """Isolate the address, so that it stays in order among words that run from right to left
    (Unicode UAX #9, LRI and PDI)."""
    return f"\N{LEFT-TO-RIGHT ISOLATE}{address}\N{POP DIRECTIONAL ISOLATE}"
