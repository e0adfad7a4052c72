"""Check whether the addresses of links and pictures work in a mail."""

import re
from urllib.parse import urlsplit

from mailer.articles import is_svg
from mailer.assets import is_reference

_TEL = re.compile(r"tel:\+?[0-9().*#-]{3,30}(?:;[\w.=+-]{1,40})*", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:[^\s?@]+@[^\s?@]+(?:\?\S*)?", re.IGNORECASE)
_DOMAIN = re.compile(
    r"[\w-]+(?:\.[\w-]+)*\.(?!(?:html?|php|aspx?|pdf|docx?|png|jpe?g|gif|webp|md)(?:[/?#]|$))"
    r"[a-z]{2,}(?:[/?#]|$)",
    re.IGNORECASE,
)

Problem = tuple[str, str]
"""(message, hint)"""

_ALT_HINT = "describe it for readers who can't see it: ![…]"


def describe_link_problem(address: str) -> Problem | None:
    """Return (message, hint) for an address that leads nowhere from a mail; otherwise None.

    Web addresses with a host, mail addresses and telephone numbers (RFC 3966) lead somewhere."""
    quoted = f"the link {_shorten(address)!r}"
    if not address:
        return "a link has no address", "write its address in the round brackets"
    if address.startswith("#"):
        return f"{quoted} leads to a place in the text, which mails don't have", (
            "write the address of a web page, or remove the link"
        )
    scheme = _parse_scheme(address)
    if scheme in {"http", "https"}:
        if not _get_host(address):
            return f"{quoted} has no host", "write it as https://www.example.org/page"
        return None
    if scheme == "mailto":
        if not _MAILTO.fullmatch(address):
            return f"{quoted} has no mail address", "write it as mailto:ana@example.org"
        return None
    if scheme == "tel":
        if not _TEL.fullmatch(address):
            return f"{quoted} is not a telephone number", (
                "write it without spaces, as tel:+442079460018"
            )
        return None
    if scheme and not _DOMAIN.match(address):
        return f"{quoted} does not lead to a web page, a mail address or a telephone number", (
            "use https://, mailto: or tel:"
        )
    if "@" in address and "/" not in address:
        return f"{quoted} leads nowhere in a mail", f"write mailto:{address}"
    return f"{quoted} leads nowhere in a mail", _suggest(address)


def describe_picture_problem(address: str, alt: str) -> Problem | None:
    """Return (message, hint) for a picture that mail programs can't show or that has no alt text;
    otherwise None."""
    quoted = f"the picture {_shorten(address)!r}"
    scheme = _parse_scheme(address)
    if is_reference(address):
        return None if alt.strip() else (f"{quoted} has no alt text", _ALT_HINT)
    if not address or scheme not in {"http", "https"} or not _get_host(address):
        hint = "put it on the web" if scheme == "data" or not address else _suggest(address)
        return f"{quoted} has no web address", hint
    if is_svg(address):
        return f"{quoted} is an SVG, which mail programs don't show", "use a PNG or a JPEG"
    if not alt.strip():
        return f"{quoted} has no alt text", _ALT_HINT
    return None


def is_local_picture(address: str) -> bool:
    """Check that a picture's address names a file: it has no scheme and no host. What looks like a
    host counts as one only before a slash, as in ``example.org/boats.jpg``."""
    return bool(
        address
        and not _parse_scheme(address)
        and not address.startswith(("//", "www."))
        and not ("/" in address and _DOMAIN.match(address))
    )


def _suggest(address: str) -> str:
    if address.startswith("//"):
        return f"write https:{_shorten(address)}"
    if _DOMAIN.match(address):
        return f"write https://{_shorten(address)}"
    return "write the whole address, from https:// on"


def _shorten(address: str) -> str:
    return address if len(address) <= 80 else f"{address[:79]}…"


def _parse_scheme(address: str) -> str:
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", address)
    return match[1].lower() if match else ""


def _get_host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
