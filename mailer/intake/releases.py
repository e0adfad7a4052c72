"""Read the parts of a press release from front matter, and the files that it names.

An asset's file is named by its path, relative to the article's own file. The file is read here,
once. From then on, the SHA-256 of its bytes identifies it.
"""

import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailer.articles import check_text
from mailer.errors import InputError
from mailer.intake import fields
from mailer.intake.markdown_checks import read_markdown
from mailer.intake.named_files import read_named_file, resolve_named_file
from mailer.lines import CONTROL_CHARACTERS, replace_control
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote, Release

KEYS = ("subhead", "quotes", "notes", "contacts", "assets", "about")

LARGEST = 25_000_000
"""Maximum size in bytes of an asset's file that the mailer stores. Releases should link to larger
files."""

KINDS: Mapping[str, AssetKind] = {
    "image": AssetKind.IMAGE,
    "audio": AssetKind.AUDIO,
    "video": AssetKind.VIDEO,
}
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".pdf", ".docx", ".odt", ".xlsx", ".ods", ".csv",
    ".pptx", ".txt", ".zip", ".mp3", ".m4a", ".ogg", ".wav", ".mp4", ".webm", ".mov",
)  # fmt: skip
"""Types of files that journalists may get. Types that a browser would run are not among them."""


@dataclass(frozen=True, slots=True)
class AssetFile:
    """The bytes of a file, with their SHA-256 in hex."""

    sha256: str
    media_type: str
    content: bytes


_UNSAFE_FILE_NAME = re.compile(
    r"[\\:]|" + CONTROL_CHARACTERS.pattern + "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Characters that a file name must not have: those that Windows reads as a folder or a drive, and
those that change the direction of text, which can hide the real end of a name."""


def read_release(
    values: Mapping[str, Any], article_path: Path
) -> tuple[Release | None, list[AssetFile]]:
    """Return (release, files) from front matter: the release's parts, and the files that it names.

    `release` is None if the front matter has none of the keys of a release. `article_path` is the
    article's own file. Raises InputError, whose `where` begins with the key."""
    if not any(values.get(key) for key in KEYS):
        return None, []
    files: list[AssetFile] = []
    notes = values.get("notes") or ""
    if not isinstance(notes, str):
        raise InputError("the notes are not text", where="notes", hint="begin them with notes: |")
    check_text(notes, "notes")
    parsed = Release(
        subhead=_convert_field("subhead", fields.parse_line, values.get("subhead") or ""),
        quotes=tuple(
            Quote(record["text"], record["speaker"], record["role"])
            for record in _read_records(values, "quotes", ("text", "speaker", "role"))
        ),
        notes=notes.strip(),
        notes_html=_read_notes(notes.strip()),
        contacts=tuple(
            PressContact(record["name"], record["role"], record["phone"], record["email"])
            for record in _read_records(values, "contacts", ("name", "role", "phone", "email"))
        ),
        assets=tuple(
            _build_asset(record, article_path, files) for record in _read_asset_records(values)
        ),
        about=_convert_field("about", fields.parse_topics, values.get("about") or []),
    )
    return parsed, files


def _read_notes(notes: str) -> str:
    try:
        return read_markdown(notes, "notes") if notes else ""
    except InputError as error:
        line = error.where.rpartition(", ")[2]
        raise InputError(
            f"{line} of the notes: {error.message}", where="notes", hint=error.hint
        ) from error


def _convert_field(key: str, convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except InputError as error:
        raise InputError(error.message, where=key, hint=error.hint) from error


def _read_records(
    values: Mapping[str, Any], key: str, names: Sequence[str], flags: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return a key's value as a list of tables. Each table has all of `names`, "" if missing, and
    all of `flags`, False if missing.

    Raises InputError, whose `where` is the path of the value: ``contacts.2.phone``."""
    value = values.get(key) or []
    is_single = isinstance(value, dict)
    if is_single:
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(
            f"{fields.format_value(value)} is not a list of {key}",
            where=key,
            hint=f"begin each with - and give it {', '.join(names)}",
        )
    records = []
    for number, item in enumerate(value, 1):
        path = key if is_single else f"{key}.{number}"
        if unknown := {*item} - {*names} - {*flags}:
            raise InputError(
                f"{min(unknown)!r} is not a key of {key}",
                where=f"{path}.{min(unknown)}",
                hint=f"use {', '.join((*names, *flags))}",
            )
        record: dict[str, Any] = {
            name: _convert_field(f"{path}.{name}", fields.parse_line, item.get(name) or "")
            for name in names
        }
        record |= {
            name: _convert_field(f"{path}.{name}", fields.parse_flag, item.get(name) or "false")
            for name in flags
        }
        records.append(record)
    return records


def _read_asset_records(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = ("kind", "title", "url", "file", "credit", "caption", "alt", "terms")
    return _read_records(values, "assets", names, ("attach",))


def _build_asset(record: Mapping[str, Any], article_path: Path, files: list[AssetFile]) -> Asset:
    file_name = record["file"] or record["url"].split("?")[0]
    media_type = mimetypes.guess_type(file_name)[0] or ""
    asset = Asset(
        kind=_choose_kind(record["kind"], media_type),
        title=record["title"],
        url=record["url"],
        media_type=media_type,
        credit=record["credit"],
        caption=record["caption"],
        alt=record["alt"],
        terms=record["terms"],
        carriage=Carriage.ATTACH if record["attach"] else Carriage.LINK,
    )
    if not record["file"]:
        return asset
    asset_file = _read_asset_file(article_path.parent, record["file"])
    files.append(asset_file)
    return Asset(
        **{name: getattr(asset, name) for name in Asset.__dataclass_fields__}
        | {
            "file": asset_file.sha256,
            "name": Path(record["file"]).name,
            "media_type": asset_file.media_type,
            "size": len(asset_file.content),
        }
    )


def _choose_kind(written: str, media_type: str) -> AssetKind:
    if not written:
        return KINDS.get(media_type.partition("/")[0], AssetKind.DOCUMENT)
    try:
        return AssetKind(written.lower())
    except ValueError as error:
        raise InputError(
            f"the kind {written!r} is unknown", where="assets", hint=f"use {', '.join(AssetKind)}"
        ) from error


def _read_asset_file(folder: Path, file_name: str) -> AssetFile:
    where = f"assets, {replace_control(file_name)}"
    if _UNSAFE_FILE_NAME.search(file_name):
        raise InputError(
            "the name holds a backslash, a colon or an invisible character",
            where=where,
            hint="rename the file: journalists unpack it on their own machines",
        )
    resolved_path = resolve_named_file(folder, file_name, where)
    if resolved_path is None:
        raise InputError(
            "the file lies outside the folder of the release",
            where=where,
            hint="copy the file into the folder of the article",
        )
    if resolved_path.suffix.lower() not in SUFFIXES:
        raise InputError(
            "files of this type are not offered to journalists",
            where=where,
            hint=f"use {', '.join(SUFFIXES)}",
        )
    content = read_named_file(
        resolved_path, LARGEST, where, too_large_hint="put it on the web, and give its url instead"
    )
    if not content:
        raise InputError("the file is empty", where=where)
    media_type = mimetypes.guess_type(resolved_path.name)[0] or "application/octet-stream"
    return AssetFile(hashlib.sha256(content).hexdigest(), media_type, content)
