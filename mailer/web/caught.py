"""A folder of .eml files: an index of their headers, and one message read for showing.

Nothing here trusts a message. Whatever stands in a file, reading it gives something to show and
raises nothing but OSError. Paths are never made from what a browser sends: an id is looked up
among the names that the folder has.
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

SHOWN_HEADERS = ("From", "To", "Subject", "Date", "List-Id", "List-Unsubscribe")

HEAD = 65_536
"""Bytes of a file that the index reads: the headers, and as a rule the opening of the HTML."""

LONGEST_SOURCE = 1_000_000
"""Bytes of a message that are shown as source; the whole can be downloaded."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")
_LANGUAGE = re.compile(rb"<html\b[^>]*?\slang=(?:3D)?[\"']?([A-Za-z0-9-]{2,35})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list. `date` is aware: the Date header, or when the file was written where
    that is missing or makes no sense. `language` is a tag, or empty."""

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
            return languages.name(self.language) if self.language else ""
        except InputError:
            return self.language

    def holds(self, words: Iterable[str]) -> bool:
        """Each of the casefolded `words` is in an address, a name or the subject."""
        text = f"{self.recipient}\n{self.sender}\n{self.subject}\n{self.id}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message read for showing: its headers by name (empty where it has none; the date
    for people, or as it stands where it is none), its parts, its source.

    `cut`: the source is longer than what is shown."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    source: str
    cut: bool


class Caught:
    """A folder of .eml files. Safe to use from several threads.

    Each look lists the folder, but reads only files that are new or have changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Entry] = {}

    def entries(self) -> dict[str, Entry]:
        """All messages by id. A folder that isn't there holds none."""
        with self._lock:
            self._known = {entry.id: entry for entry in self._look()}
            return self._known

    def _look(self) -> Iterator[Entry]:
        try:
            found = os.scandir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with found:
            for file in found:
                if not file.name.lower().endswith(".eml") or file.name.startswith("."):
                    continue
                try:
                    if not file.is_file(follow_symlinks=False):
                        continue
                    facts = file.stat(follow_symlinks=False)
                    stamp = (facts.st_mtime_ns, facts.st_size)
                    # A name that is not UTF-8 gets an id that can stand in an address.
                    key = file.name[:-4].encode("utf-8", "backslashreplace").decode()
                    known = self._known.get(key)
                    if known is not None and known.stamp == stamp:
                        yield known
                    else:
                        yield _entry(key, Path(file.path), stamp)
                except FileNotFoundError:
                    continue  # removed between listing and reading


def select(entries: Iterable[Entry], query: str, order: str) -> list[Entry]:
    """Those that hold every word of `query`, newest first, or by recipient where `order` is
    ``name``."""
    words = query.casefold().split()
    chosen = [entry for entry in entries if entry.holds(words)]
    if order == "name":
        chosen.sort(key=lambda entry: (entry.recipient.casefold(), entry.id))
    else:
        chosen.sort(key=lambda entry: entry.id)
        chosen.sort(key=lambda entry: (entry.date, entry.stamp[0]), reverse=True)
    return chosen


def read(entry: Entry) -> Letter:
    """The whole message. Raises OSError where the file has gone."""
    raw = entry.path.read_bytes()
    message = BytesParser(policy=compat32).parsebytes(raw)
    headers = _headers(message)
    if (date := _date(headers.get("date", ""))) is not None:
        headers["date"] = when(date)
    parts: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        if kind in {"text/plain", "text/html"} and kind not in parts:
            parts[kind] = _body(part)
    return Letter(
        tuple((name, headers.get(name.lower(), "")) for name in SHOWN_HEADERS),
        parts.get("text/plain"),
        parts.get("text/html"),
        _clean(raw[:LONGEST_SOURCE].decode("utf-8", "replace").replace("\r\n", "\n")),
        len(raw) > LONGEST_SOURCE,
    )


def _entry(key: str, path: Path, stamp: tuple[int, int]) -> Entry:
    with path.open("rb") as file:
        start = file.read(HEAD)
    headers = _headers(BytesHeaderParser(policy=compat32).parsebytes(start))
    tag = headers.get("content-language", "").partition(",")[0].strip()
    if not tag and (found := _LANGUAGE.search(start.replace(b"=\r\n", b""))):
        tag = found[1].decode()
    return Entry(
        key,
        path,
        stamp,
        _mailbox(headers.get("from", "")),
        _mailbox(headers.get("to", "")) or key,
        headers.get("subject", ""),
        _date(headers.get("date", "")) or datetime.fromtimestamp(stamp[0] / 1e9, UTC),
        tag[:35],
    )


def _headers(message: Message) -> dict[str, str]:
    """Decoded header values by lower-case name, the first of each."""
    values: dict[str, str] = {}
    for name, value in message.raw_items():
        if name.lower() not in values:
            values[name.lower()] = _decoded(str(value))
    return values


def _decoded(value: str) -> str:
    """A header's value for people: unfolded, encoded words (RFC 2047) and raw UTF-8 (RFC 6532)
    decoded, what can't be read marked."""
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    value = " ".join(re.sub(r"\r?\n[ \t]*", " ", value).split())
    if "=?" in value:
        with contextlib.suppress(HeaderParseError, ValueError):  # then it stays as it is
            value = "".join(
                piece if isinstance(piece, str) else _characters(piece, charset or "ascii")
                for piece, charset in decode_header(value)
            )
    return " ".join(_clean(value).split())


def _characters(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        charset = part.get_content_charset("utf-8")
    except (LookupError, ValueError):
        charset = "utf-8"
    return _clean(_characters(data, charset).replace("\r\n", "\n"))


def _mailbox(value: str) -> str:
    """The first address of a header, or its text where it holds none."""
    try:
        return next((address for _, address in getaddresses([value]) if address), value)
    except (ValueError, IndexError):
        return value


def _date(value: str) -> datetime | None:
    """A Date header, aware: ``-0000`` means UTC of unknown place (RFC 5322 §3.3)."""
    try:
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        date.astimezone(UTC)  # the years 1 and 9999 have no neighbours
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date


def when(date: datetime, *, short: bool = False) -> str:
    """``Friday 18 December 2026, 09:00 UTC+1``: the weekday and the zone always stand there."""
    offset = date.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset else 0
    sign, (hours, rest) = "+" if minutes >= 0 else "−", divmod(abs(minutes), 60)
    zone = "UTC" + (f"{sign}{hours}" if minutes else "") + (f":{rest:02}" if rest else "")
    day, month = f"{date:%A}", f"{date:%B}"
    if short:
        day, month = day[:3], month[:3]
    return f"{day} {date.day} {month} {date.year}, {date:%H:%M} {zone}"
