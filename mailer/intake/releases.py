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
from mailer.errors import InputError
from mailer.intake import fields
from mailer.intake.markup import to_html
from mailer.lines import CONTROL_CHARACTERS, replace_control
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote, Release

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
class AssetFile:
    """The bytes of a file, with their SHA-256 in hex."""

    sha256: str
    media_type: str
    content: bytes


_UNSAFE_FILE_NAME = re.compile(
    r"[\\:]|" + CONTROL_CHARACTERS.pattern + "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""In a file's name: what Windows takes for a folder or a drive, and what turns text around so that
a name ends in another way than it seems to."""


def read_release(
    values: Mapping[str, Any], article_path: Path
) -> tuple[Release | None, list[AssetFile]]:
    """What the front matter has of a release, None where it has nothing of one, and the files that
    it names. `beside` is the article's own file. Raises InputError, whose `where` is the key."""
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
        notes_html=to_html(notes) if notes.strip() else "",
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


def _convert_field(key: str, convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except InputError as error:
        raise InputError(error.message, where=key, hint=error.hint) from error


def _read_records(
    values: Mapping[str, Any], key: str, names: Sequence[str], flags: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A list of small tables; what one doesn't have is empty."""
    value = values.get(key) or []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(
            f"{fields.format_value(value)} is not a list of {key}",
            where=key,
            hint=f"begin each with - and give it {', '.join(names)}",
        )
    records = []
    for item in value:
        if unknown := {*item} - {*names} - {*flags}:
            raise InputError(
                f"{min(map(str, unknown))!r} is nothing that {key} have",
                where=key,
                hint=f"use {', '.join((*names, *flags))}",
            )
        record: dict[str, Any] = {
            name: _convert_field(key, fields.parse_line, item.get(name) or "") for name in names
        }
        record |= {
            name: _convert_field(key, fields.parse_flag, item.get(name) or False) for name in flags
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
            "the name holds a backslash, a colon or a sign that nobody sees",
            where=where,
            hint="rename the file: it is unpacked on other people's machines",
        )
    path = folder / file_name
    resolved_path = path.resolve()
    if Path(file_name).is_absolute() or not resolved_path.is_relative_to(folder.resolve()):
        raise InputError(
            "a file of a release lies beside it", where=where, hint="copy it into its folder"
        )
    if resolved_path.suffix.lower() not in SUFFIXES:
        raise InputError(
            "that is no file for journalists", where=where, hint=f"use {', '.join(SUFFIXES)}"
        )
    try:
        if resolved_path.stat().st_size > LARGEST:
            raise InputError(
                f"it is larger than {LARGEST // 1_000_000} MB",
                where=where,
                hint="put it on the web, and give its url:",
            )
        content = resolved_path.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=where) from error
    if not content:
        raise InputError("it is empty", where=where)
    media_type = mimetypes.guess_type(resolved_path.name)[0] or "application/octet-stream"
    return AssetFile(hashlib.sha256(content).hexdigest(), media_type, content)
