"""The header fields of an answer that we read (RFC 9110)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from mailer.intake.charsets import charset

LONGEST_WAIT = 86_400.0
"""Seconds for which a server is left alone at most, whatever it asks."""

_VALIDATOR = re.compile(r"[\x20-\x7e]{0,500}")


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave to ask whether its content is still the same (RFC 9110 §8.8), as sent."""

    etag: str = ""
    last_modified: str = ""

    def conditions(self) -> dict[str, str]:
        """The fields that ask (RFC 9110 §13.1). One that was changed on its way to something that
        no field may hold is left out: at worst the content comes again."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value and _sound(value)}


class Fields:
    """The fields of one answer, their names in any case."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(_text(value))

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def one(self, name: str) -> str:
        """Its value; several are joined as a list is (RFC 9110 §5.3)."""
        return ", ".join(self.all(name))

    def length(self) -> int | None:
        """What Content-Length says (RFC 9110 §8.6)."""
        value = self.one("content-length")
        return int(value) if re.fullmatch("[0-9]{1,20}", value) else None

    def media_type(self) -> tuple[str, str]:
        """Media type in lower case, and the charset where it names one that is believed. "" for
        each that is not there."""
        value = self.one("content-type")
        if not re.match(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(?:;|$)", value, re.ASCII):
            return "", ""
        message = Message()
        message["Content-Type"] = value[:500]
        try:
            return message.get_content_type(), charset(message.get_content_charset(""))
        except (LookupError, ValueError):
            return message.get_content_type(), ""

    def validators(self) -> Validators:
        etag, modified = self.one("etag"), self.one("last-modified")
        return Validators(etag if _sound(etag) else "", modified if _sound(modified) else "")

    def retry_after(self) -> float | None:
        """Seconds that the server wants to be left alone for (RFC 9110 §10.2.3), a day at most.
        A date is held against the server's own clock, where it tells the time."""
        value = self.one("retry-after").strip()
        if re.fullmatch("[0-9]+", value):
            return min(float(value[:9]), LONGEST_WAIT)
        until = _date(value)
        if until is None:
            return None
        now = _date(self.one("date")) or datetime.now(UTC)
        return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _sound(value: str) -> bool:
    return _VALIDATOR.fullmatch(value) is not None


def _date(value: str) -> datetime | None:
    """A date as HTTP writes it (RFC 9110 §5.6.7)."""
    try:
        moment = parsedate_to_datetime(value[:60])
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
