"""Encode the files that are sent with a mail, as parts of it (RFC 2183, RFC 2231)."""

import binascii
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from mailer.message.headers import clean_header_text
from mailer.model.editions import MESSAGE_TYPE

_LINE_BYTES = 57
"""Number of bytes that fill a base64 line of 76 characters (RFC 2045 §6.8)."""


class AttachedFile(NamedTuple):
    """A file to attach. `media_type` is, for example, ``application/pdf``."""

    name: str
    media_type: str
    content: bytes


def encode_attachments(files: Sequence[AttachedFile], boundary: bytes) -> bytes:
    """Encode the files as parts of a multipart/mixed, from the delimiter after the text to the
    closing delimiter. Return no bytes if there are no files."""
    if not files:
        return b""
    parts = []
    for file in files:
        if file.media_type == MESSAGE_TYPE:
            parts.append(_encode_message(file, boundary))
            continue
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


def _encode_message(file: AttachedFile, boundary: bytes) -> bytes:
    """Encode a mail that this package built. Its lines are short enough for SMTP, begin with no
    dot, and are ASCII. It must not be in base64 (RFC 2046 §5.2.1)."""
    return b"".join(
        [
            b"\r\n--" + boundary + b"\r\nContent-Type: message/rfc822\r\n",
            b"" if file.content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n",
            b"Content-Disposition: attachment;\r\n" + _format_filename(file.name) + b"\r\n\r\n",
            file.content,
        ]
    )


def format_disposition(name: str) -> str:
    """Format the Content-Disposition of a download (RFC 6266)."""
    name = clean_header_text(name)
    plain_name = "".join(
        character if character.isascii() and character not in '\\"' else "_" for character in name
    )
    return f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _format_filename(name: str) -> bytes:
    """Format a file's name: quoted if it is ASCII and short, otherwise in RFC 2231's form, which is
    split into several lines if it is long.

    Only one form is written, because programs that don't know RFC 2231 would show both."""
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
