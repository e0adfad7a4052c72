"""Fields of requests (RFC 9110): they state who asks, and which content was fetched before. This
module imports no HTTP client, as it is also used for sources that are folders."""

import re
from dataclasses import dataclass

from mailer import __version__

_VALIDATOR_PATTERN = re.compile(r"[\x20-\x7e]{0,500}")


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators (§8.8), as the server sent them: they tell whether content changed."""

    etag: str = ""
    last_modified: str = ""

    def to_request_fields(self) -> dict[str, str]:
        """Return the fields of a conditional request (RFC 9110 §13.1).

        A stored validator that is invalid in a header field is left out; at worst, the server sends
        unchanged content again."""
        request_fields = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {
            name: value
            for name, value in request_fields.items()
            if value and is_valid_validator(value)
        }


def is_valid_validator(value: str) -> bool:
    """Check whether a header field may hold `value`."""
    return _VALIDATOR_PATTERN.fullmatch(value) is not None


def build_user_agent(website: str = "") -> str:
    """Return the User-Agent field (§10.1.5) with the office's website."""
    if website.isascii() and website.isprintable() and " " not in website and website:
        return f"mailer/{__version__} (+{website})"
    return f"mailer/{__version__}"
