"""A folder of .eml files: an index of their headers, and one message parsed for display.

Messages are not trusted. Whatever a file contains, reading it returns a message to show, or raises
OSError. Paths are never made from a browser's input: an id is looked up among the names of the
files in the folder.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

from mailer import languages
from mailer.errors import InputError
from mailer.regular_files import open_regular_file, read_regular_file

SHOWN_HEADERS = ("From", "To", "Subject", "Date", "List-Id", "List-Unsubscribe")

INDEXED_BYTES = 65_536
"""Bytes of a file that the index reads. They contain the headers, and usually the beginning of the
HTML."""

MAX_MESSAGE_BYTES = 50_000_000
"""Maximum size of a message that is read."""

MAX_SOURCE_BYTES = 1_000_000
"""Maximum number of bytes that are shown as a message's source. The whole message can be
downloaded."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")
_LANGUAGE = re.compile(rb"<html\b[^>]*?\slang=(?:3D)?[\"']?([A-Za-z0-9-]{2,35})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One line of the list. `date` is aware: the Date header, or the file's time if the header is
    missing or invalid. `language` is a tag, or empty."""

    id: str
    path: Path
    stamp: tuple[int, int]
    sender: str
    recipient: str
    subject: str
    date: datetime
    language: str

    @property
    def language_name(self) -> str:
        try:
            return languages.get_language_name(self.language) if self.language else ""
        except InputError:
            return self.language

    def contains_words(self, words: Iterable[str]) -> bool:
        """Check that each of `words`, which are casefolded, is part of an address, a name or the
        subject."""
        text = f"{self.recipient}\n{self.sender}\n{self.subject}\n{self.id}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A message parsed for display: its headers by name, its text and HTML parts, its source.

    A missing header is empty. The date is formatted for people; an invalid date stays unchanged.
    `is_cut`: only the beginning of the source is shown."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    source: str
    is_cut: bool


class MailFolder:
    """A folder of .eml files. Threads may share it.

    Each scan lists the folder, but reads only files that are new or have changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._entries_by_id: dict[str, CaughtMail] = {}

    def scan_entries(self) -> dict[str, CaughtMail]:
        """Return all messages by id. A folder that does not exist has none."""
        with self._lock:
            self._entries_by_id = {entry.id: entry for entry in self._scan_folder()}
            return self._entries_by_id

    def _scan_folder(self) -> Iterator[CaughtMail]:
        try:
            files = os.scandir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with files:
            for file in files:
                if not file.name.lower().endswith(".eml") or file.name.startswith("."):
                    continue
                try:
                    if not file.is_file(follow_symlinks=False):
                        continue
                    file_stat = file.stat(follow_symlinks=False)
                    stamp = (file_stat.st_mtime_ns, file_stat.st_size)
                    # A name that is not UTF-8 gets an id that is valid in an address.
                    key = file.name[:-4].encode("utf-8", "backslashreplace").decode()
                    cached_entry = self._entries_by_id.get(key)
                    if cached_entry is not None and cached_entry.stamp == stamp:
                        yield cached_entry
                    else:
                        yield _read_entry(key, Path(file.path), stamp)
                except FileNotFoundError:
                    continue  # removed between listing and reading


def select_entries(entries: Iterable[CaughtMail], query: str, order: str) -> list[CaughtMail]:
    """Return the entries that contain every word of `query`, newest first, or by recipient if
    `order` is ``name``."""
    words = query.casefold().split()
    selected_entries = [entry for entry in entries if entry.contains_words(words)]
    if order == "name":
        selected_entries.sort(key=lambda entry: (entry.recipient.casefold(), entry.id))
    else:
        selected_entries.sort(key=lambda entry: entry.id)
        selected_entries.sort(key=lambda entry: (entry.date, entry.stamp[0]), reverse=True)
    return selected_entries


def read_mail(entry: CaughtMail) -> ParsedMail:
    """Read and parse the whole message. Raises OSError if the file was removed."""
    raw_message = read_regular_file(entry.path, MAX_MESSAGE_BYTES)
    message = BytesParser(policy=compat32).parsebytes(raw_message)
    headers = _decode_headers(message)
    if (date := _parse_date(headers.get("date", ""))) is not None:
        headers["date"] = format_mail_date(date)
    parts: dict[str, str] = {}
    for part in message.walk():
        content_type = part.get_content_type()
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        if content_type in {"text/plain", "text/html"} and content_type not in parts:
            parts[content_type] = _decode_body(part)
    return ParsedMail(
        tuple((name, headers.get(name.lower(), "")) for name in SHOWN_HEADERS),
        parts.get("text/plain"),
        parts.get("text/html"),
        _replace_unprintable(
            raw_message[:MAX_SOURCE_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")
        ),
        len(raw_message) > MAX_SOURCE_BYTES,
    )


def _read_entry(key: str, path: Path, stamp: tuple[int, int]) -> CaughtMail:
    with open_regular_file(path) as file:
        head_bytes = file.read(INDEXED_BYTES)
    headers = _decode_headers(BytesHeaderParser(policy=compat32).parsebytes(head_bytes))
    tag = headers.get("content-language", "").partition(",")[0].strip()
    if not tag and (language_match := _LANGUAGE.search(head_bytes.replace(b"=\r\n", b""))):
        tag = language_match[1].decode()
    return CaughtMail(
        key,
        path,
        stamp,
        _extract_address(headers.get("from", "")),
        _extract_address(headers.get("to", "")) or key,
        headers.get("subject", ""),
        _parse_date(headers.get("date", "")) or datetime.fromtimestamp(stamp[0] / 1e9, UTC),
        tag[:35],
    )


def _decode_headers(message: Message) -> dict[str, str]:
    """Return the decoded headers by lower-case name. If a name occurs several times, the first
    header counts."""
    values: dict[str, str] = {}
    for name, value in message.raw_items():
        if name.lower() not in values:
            values[name.lower()] = _decode_header_value(str(value))
    return values


def _decode_header_value(value: str) -> str:
    """Return a header's value for people: unfolded, with encoded words (RFC 2047) and raw UTF-8
    (RFC 6532) decoded, and with U+FFFD for each character that cannot be decoded."""
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    value = " ".join(re.sub(r"\r?\n[ \t]*", " ", value).split())
    if "=?" in value:
        with contextlib.suppress(HeaderParseError, ValueError):  # an invalid value stays as it is
            value = "".join(
                piece if isinstance(piece, str) else _decode_bytes(piece, charset or "ascii")
                for piece, charset in decode_header(value)
            )
    return " ".join(_replace_unprintable(value).split())


def _decode_bytes(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _replace_unprintable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _decode_body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        charset = part.get_content_charset("utf-8")
    except (LookupError, ValueError):
        charset = "utf-8"
    return _replace_unprintable(_decode_bytes(data, charset).replace("\r\n", "\n"))


def _extract_address(value: str) -> str:
    """Return the first address of a header, or the header's text if it has no address."""
    try:
        return next((address for _, address in getaddresses([value]) if address), value)
    except (ValueError, IndexError):
        return value


def _parse_date(value: str) -> datetime | None:
    """Return a Date header as an aware datetime, or None if it is invalid.

    ``-0000`` means UTC, with no information about the place (RFC 5322 §3.3)."""
    try:
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        date.astimezone(UTC)  # overflows at the ends of the years 1 and 9999
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date


def format_mail_date(date: datetime, *, short: bool = False) -> str:
    """Return ``Friday 18 December 2026, 09:00 UTC+1``, always with the weekday and the zone."""
    offset = date.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset else 0
    sign, (hours, rest_minutes) = "+" if minutes >= 0 else "−", divmod(abs(minutes), 60)
    zone = (
        "UTC"
        + (f"{sign}{hours}" if minutes else "")
        + (f":{rest_minutes:02}" if rest_minutes else "")
    )
    day, month = f"{date:%A}", f"{date:%B}"
    if short:
        day, month = day[:3], month[:3]
    return f"{day} {date.day} {month} {date.year}, {date:%H:%M} {zone}"
