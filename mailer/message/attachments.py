"""Files that come with a mail, as parts of it (RFC 2183, RFC 2231)."""

import binascii
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from mailer.message.headers import clean_header_text

_LINE_BYTES = 57
"""Bytes that base64 makes a line of 76 characters of (RFC 2045 §6.8)."""


class AttachedFile(NamedTuple):
    """`media_type` as ``application/pdf``."""

    name: str
    media_type: str
    content: bytes


def encode_attachments(files: Sequence[AttachedFile], boundary: bytes) -> bytes:
    """The parts of a multipart/mixed that hold these files, from the delimiter after the text to
    the last one; empty where there are none."""
    if not files:
        return b""
    parts = []
    for file in files:
        parts.append(
            b"\r\n--" + boundary + b"\r\nContent-Type: " + file.media_type.encode("ascii") + b"\r\n"
            b"Content-Transfer-Encoding: base64\r\n"
            b"Content-Disposition: attachment;\r\n" + _format_filename(file.name) + b"\r\n\r\n"
        )
        content = memoryview(file.content)
        parts += [
            binascii.b2a_base64(content[offset : offset + _LINE_BYTES], newline=False) + b"\r\n"
            for offset in range(0, len(content), _LINE_BYTES)
        ]
    return b"".join([*parts, b"\r\n--" + boundary + b"--\r\n"])


def format_disposition(name: str) -> str:
    """The Content-Disposition of a download (RFC 6266)."""
    name = clean_header_text(name)
    plain_name = "".join(
        character if character.isascii() and character not in '\\"' else "_" for character in name
    )
    return f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _format_filename(name: str) -> bytes:
    """A file's name: quoted where it is ASCII; else in RFC 2231's form, in pieces of its own lines
    where it is long, and no other: programs that don't know it would show both."""
    name = clean_header_text(name)
    if name.isascii() and len(name) < 60:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f' filename="{escaped}"'.encode("ascii")
    encoded = quote(name, safe="")
    pieces: list[str] = []
    while encoded:
        cut = 50
        while cut < len(encoded) and "%" in encoded[max(cut - 2, 0) : cut]:
            cut -= 1  # not within an octet
        pieces.append(encoded[:cut])
        encoded = encoded[cut:]
    if len(pieces) == 1:
        return f" filename*=utf-8''{pieces[0]}".encode("ascii")
    lines = [
        f" filename*{number}*={'' if number else 'utf-8' + chr(39) * 2}{piece}"
        for number, piece in enumerate(pieces)
    ]
    return ";\r\n".join(lines).encode("ascii")
