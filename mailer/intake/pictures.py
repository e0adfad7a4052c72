"""Read a picture's type and size from the first bytes of its file, without decoding it.

Pillow is not used. With Pillow 13, merely opening a file with 20 MB of empty JPEG segments took 21
s and 716 MB, and opening a file with 20 MB of PNG chunks took 11 s. Pillow's limit on pixels is
only a warning, and is set for the whole process.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from mailer.errors import InputError

LARGEST = 20_000_000
"""Maximum size of a picture's file in bytes."""

MOST_PIXELS = 50_000_000

_SEGMENTS = 1_000
"""Maximum number of a JPEG's segments before its size. A camera writes some dozens, and a colour
profile needs up to 255."""

_FILL = re.compile(rb"\xff+")
_MARKERS_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL_FRAMES = {0xC0, 0xC1}


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture's media type, and its width and height in pixels.

    The size is that of the stored picture; a camera's note about rotation is ignored. The size of
    an animation is that of its canvas."""

    media_type: str
    width: int
    height: int


def inspect_picture(data: bytes, where: str) -> PictureFacts:
    """Return the type and size of a JPEG, PNG, GIF or WebP picture.

    Raises InputError for other types, broken files, files of more than :data:`LARGEST` bytes, and
    pictures of more than :data:`MOST_PIXELS` pixels."""
    if len(data) > LARGEST:
        raise _create_error(
            f"the picture is larger than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    kind = next((kind for kind in _FORMATS if re.match(kind[0], data, re.DOTALL)), None)
    if kind is None:
        raise _create_error(
            "the file is not a picture that mails can show", where, "use a JPEG, PNG or GIF"
        )
    _, media_type, read_size = kind
    try:
        width, height = read_size(data)
    except (struct.error, ValueError, IndexError) as error:
        raise _create_error(
            f"the picture is broken ({media_type})", where, "save it again"
        ) from error
    if not width or not height:
        raise _create_error(f"the picture has no size ({media_type})", where, "save it again")
    if width * height > MOST_PIXELS:
        raise _create_error(
            f"the picture has more than {MOST_PIXELS // 1_000_000} megapixels ({width} × {height})",
            where,
            "make it smaller",
        )
    return PictureFacts(media_type, width, height)


def may_be_transparent(data: bytes) -> bool:
    """Check whether a PNG or WebP of a checked type may have transparent pixels, or has a palette,
    as drawings do (PNG, third edition, §11.2.1; RFC 9649 §2.7 and §3.4)."""
    if data.startswith(b"\x89PNG"):
        return data[25] in {3, 4, 6}
    kind = data[12:16]
    if kind == b"VP8X":
        return bool(data[20] & 0x10)
    return kind == b"VP8L" and bool(data[24] & 0x10)


def _read_png_size(data: bytes) -> tuple[int, int]:
    """Read the size from the header chunk, which comes first (PNG, third edition, §11.2.1), and
    check the chunk's CRC."""
    (length,), (crc,) = struct.unpack_from(">L", data, 8), struct.unpack_from(">L", data, 29)
    head = data[12:29]
    if length != 13 or head[:4] != b"IHDR" or zlib.crc32(head) != crc:
        raise ValueError("no header")
    width, height = struct.unpack_from(">2L", head, 4)
    return width, height


def _read_gif_size(data: bytes) -> tuple[int, int]:
    """Read the size of the logical screen (GIF89a §18)."""
    width, height = struct.unpack_from("<2H", data, 6)
    return width, height


def _read_jpeg_size(data: bytes) -> tuple[int, int]:
    _, width, height = _find_jpeg_frame(data)
    return width, height


def is_progressive_jpeg(data: bytes) -> bool:
    """Check whether a JPEG of a checked type is progressive: such a JPEG is in memory as a whole
    while it is decoded (ITU-T T.81 §G)."""
    return _find_jpeg_frame(data)[0] not in _SEQUENTIAL_FRAMES


def _find_jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """Return (marker, width, height) from the frame header, which comes after other segments (ITU-T
    T.81 §B.2)."""
    offset = 2
    for _ in range(_SEGMENTS):
        fill = _FILL.match(data, offset)
        if fill is None:
            raise ValueError("no marker")
        marker, offset = data[fill.end()], fill.end() + 1
        if marker in _MARKERS_WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", data, offset)
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">2H", data, offset + 3)
            return marker, width, height
        if marker in {0x00, 0xD8, 0xD9, 0xDA} or length < 2:
            raise ValueError("no frame")
        offset += length
    raise ValueError("too many segments")


def _read_webp_size(data: bytes) -> tuple[int, int]:
    """Return the size from the first chunk: extended, lossless or lossy.

    RFC 9649 §2.5 to §2.7 and §3.1; RFC 6386 §9.1."""
    kind = data[12:16]
    if kind == b"VP8X":
        sides = data[24:30]
        if len(sides) < 6:
            raise ValueError("cut off")
        return int.from_bytes(sides[:3], "little") + 1, int.from_bytes(sides[3:], "little") + 1
    if kind == b"VP8L":
        mark, bits = struct.unpack_from("<BL", data, 20)
        if mark != 0x2F:
            raise ValueError("no header")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<2H", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown chunk")


_FORMATS: tuple[tuple[bytes, str, Callable[[bytes], tuple[int, int]]], ...] = (
    (rb"\xff\xd8\xff", "image/jpeg", _read_jpeg_size),
    (rb"\x89PNG\r\n\x1a\n", "image/png", _read_png_size),
    (rb"GIF8[79]a", "image/gif", _read_gif_size),
    (rb"RIFF....WEBP", "image/webp", _read_webp_size),
)


def _create_error(message: str, where: str, hint: str) -> InputError:
    return InputError(message, where=where, hint=hint)
