"""What a press release has beside its text, out of front matter; and the files that it names.

A file of an asset is named by its path beside the article's own file. It is read here, once, and
known by the SHA-256 of its bytes from then on.
"""

import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailer.articles import check_text
from mailer.articles.release import (
    Asset,
    AssetKind,
    Carriage,
    PressContact,
    Quote,
    Release,
)
from mailer.errors import InputError
from mailer.intake import fields
from mailer.intake.markup import to_html
from mailer.lines import CONTROL, without_control

KEYS = ("subhead", "quotes", "notes", "contacts", "assets", "about")

LARGEST = 25_000_000
"""Bytes that a file may have that we keep ourselves; what is larger is better linked to."""

KINDS: Mapping[str, AssetKind] = {
    "image": AssetKind.IMAGE, "audio": AssetKind.AUDIO, "video": AssetKind.VIDEO,
}  # fmt: skip
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".pdf", ".docx", ".odt", ".xlsx", ".ods", ".csv",
    ".pptx", ".txt", ".zip", ".mp3", ".m4a", ".ogg", ".wav", ".mp4", ".webm", ".mov",
)  # fmt: skip
"""Files that journalists are given: nothing that a browser would run."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """The bytes of a file, with their SHA-256 in hex."""

    sha256: str
    media_type: str
    content: bytes


_UNSAFE = re.compile(
    r"[\\:]|" + CONTROL.pattern + "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""In a file's name: what Windows takes for a folder or a drive, and what turns text around so that
a name ends in another way than it seems to."""


def release(values: Mapping[str, Any], beside: Path) -> tuple[Release | None, list[KeptFile]]:
    """What the front matter has of a release, None where it has nothing of one, and the files that
    it names. `beside` is the article's own file. Raises InputError, whose `where` is the key."""
    if not any(values.get(key) for key in KEYS):
        return None, []
    files: list[KeptFile] = []
    notes = values.get("notes") or ""
    if not isinstance(notes, str):
        raise InputError("the notes are not text", where="notes", hint="begin them with notes: |")
    check_text(notes, "notes")
    made = Release(
        subhead=_field("subhead", fields.line, values.get("subhead") or ""),
        quotes=tuple(
            Quote(one["text"], one["speaker"], one["role"])
            for one in _records(values, "quotes", ("text", "speaker", "role"))
        ),
        notes=notes.strip(),
        notes_html=to_html(notes) if notes.strip() else "",
        contacts=tuple(
            PressContact(one["name"], one["role"], one["phone"], one["email"])
            for one in _records(values, "contacts", ("name", "role", "phone", "email"))
        ),
        assets=tuple(_asset(one, beside, files) for one in _assets(values)),
        about=_field("about", fields.topics, values.get("about") or []),
    )
    return made, files


def _field(key: str, make: Any, value: Any) -> Any:
    try:
        return make(value)
    except InputError as error:
        raise InputError(error.what, where=key, hint=error.hint) from error


def _records(
    values: Mapping[str, Any], key: str, names: Sequence[str], flags: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A list of small tables; what one doesn't have is empty."""
    value = values.get(key) or []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InputError(
            f"{fields.shown(value)} is not a list of {key}",
            where=key,
            hint=f"begin each with - and give it {', '.join(names)}",
        )
    found = []
    for one in value:
        if unknown := {*one} - {*names} - {*flags}:
            raise InputError(
                f"{min(map(str, unknown))!r} is nothing that {key} have",
                where=key,
                hint=f"use {', '.join((*names, *flags))}",
            )
        record: dict[str, Any] = {
            name: _field(key, fields.line, one.get(name) or "") for name in names
        }
        record |= {name: _field(key, fields.flag, one.get(name) or False) for name in flags}
        found.append(record)
    return found


def _assets(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = ("kind", "title", "url", "file", "credit", "caption", "alt", "terms")
    return _records(values, "assets", names, ("attach",))


def _asset(one: Mapping[str, Any], beside: Path, files: list[KeptFile]) -> Asset:
    named = one["file"] or one["url"].split("?")[0]
    media_type = mimetypes.guess_type(named)[0] or ""
    made = Asset(
        kind=_kind(one["kind"], media_type),
        title=one["title"],
        url=one["url"],
        media_type=media_type,
        credit=one["credit"],
        caption=one["caption"],
        alt=one["alt"],
        terms=one["terms"],
        carriage=Carriage.ATTACH if one["attach"] else Carriage.LINK,
    )
    if not one["file"]:
        return made
    kept = _read(beside.parent, one["file"])
    files.append(kept)
    return Asset(
        **{name: getattr(made, name) for name in Asset.__dataclass_fields__}
        | {
            "file": kept.sha256,
            "name": Path(one["file"]).name,
            "media_type": kept.media_type,
            "size": len(kept.content),
        }
    )


def _kind(written: str, media_type: str) -> AssetKind:
    if not written:
        return KINDS.get(media_type.partition("/")[0], AssetKind.DOCUMENT)
    try:
        return AssetKind(written.lower())
    except ValueError as error:
        raise InputError(
            f"the kind {written!r} is unknown", where="assets", hint=f"use {', '.join(AssetKind)}"
        ) from error


def _read(folder: Path, named: str) -> KeptFile:
    where = f"assets, {without_control(named)}"
    if _UNSAFE.search(named):
        raise InputError(
            "the name holds a backslash, a colon or a sign that nobody sees",
            where=where,
            hint="rename the file: it is unpacked on other people's machines",
        )
    path = folder / named
    inside = path.resolve()
    if Path(named).is_absolute() or not inside.is_relative_to(folder.resolve()):
        raise InputError(
            "a file of a release lies beside it", where=where, hint="copy it into its folder"
        )
    if inside.suffix.lower() not in SUFFIXES:
        raise InputError(
            "that is no file for journalists", where=where, hint=f"use {', '.join(SUFFIXES)}"
        )
    try:
        if inside.stat().st_size > LARGEST:
            raise InputError(
                f"it is larger than {LARGEST // 1_000_000} MB",
                where=where,
                hint="put it on the web, and give its url:",
            )
        content = inside.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=where) from error
    if not content:
        raise InputError("it is empty", where=where)
    media_type = mimetypes.guess_type(inside.name)[0] or "application/octet-stream"
    return KeptFile(hashlib.sha256(content).hexdigest(), media_type, content)
