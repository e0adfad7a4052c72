"""The header fields of a response that the mailer reads (RFC 9110)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from mailer.intake.charsets import normalise_charset
from mailer.intake.request_fields import Validators, is_valid_validator

LONGEST_WAIT = 86_400.0
"""Maximum seconds that a server can ask the mailer to wait."""


class ResponseFields:
    """The fields of one response. They are looked up by name, in upper or lower case."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(_decode_value(value))

    def get_values(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def get_value(self, name: str) -> str:
        """Return a field's value, or "". Several values are joined as a list (RFC 9110 §5.3)."""
        return ", ".join(self.get_values(name))

    def get_content_length(self) -> int | None:
        """Return the Content-Length (RFC 9110 §8.6), or None if it is missing or invalid."""
        value = self.get_value("content-length")
        return int(value) if re.fullmatch("[0-9]{1,20}", value) else None

    def get_media_type(self) -> tuple[str, str]:
        """Return (media_type, charset), in lower case. A missing part is "", as is a charset that
        is not trusted."""
        value = self.get_value("content-type")
        if not re.match(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(?:;|$)", value, re.ASCII):
            return "", ""
        message = Message()
        message["Content-Type"] = value[:500]
        try:
            return message.get_content_type(), normalise_charset(message.get_content_charset(""))
        except (LookupError, ValueError):
            return message.get_content_type(), ""

    def get_validators(self) -> Validators:
        etag, modified = self.get_value("etag"), self.get_value("last-modified")
        return Validators(
            etag if is_valid_validator(etag) else "",
            modified if is_valid_validator(modified) else "",
        )

    def get_retry_after(self) -> float | None:
        """Return the seconds that the server asks to wait (RFC 9110 §10.2.3), a day at most.

        A date is compared with the server's own Date field if there is one. Returns None if the
        field is missing or invalid."""
        value = self.get_value("retry-after").strip()
        if re.fullmatch("[0-9]+", value):
            return min(float(value[:9]), LONGEST_WAIT)
        until = _parse_date(value)
        if until is None:
            return None
        now = _parse_date(self.get_value("date")) or datetime.now(UTC)
        return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _decode_value(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _parse_date(value: str) -> datetime | None:
    """Parse an HTTP date (RFC 9110 §5.6.7). Returns None for an invalid date."""
    try:
        moment = parsedate_to_datetime(value[:60])
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
