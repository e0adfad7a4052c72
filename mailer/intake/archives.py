"""Zip archives, such as Word's files, looked at before anybody unpacks them.

A small archive can unpack to any size: zeros pack to a thousandth, entries can share the same bytes
("overlapping" bombs pack 281 TB into 10 MB), and the sizes in its directory say what its author
wants. So every entry is unpacked here once, within a bound, and thrown away.
"""

import re
import struct
import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from mailer.errors import InputError

LARGEST = 50_000_000
"""Bytes that an archive may have, and all its entries together once unpacked."""

MOST_ENTRIES = 2_000

_ENTRY = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_PIECE = 1 << 16
_LOCKED = 0x1
_UNCOMMON = 0x20 | 0x40 | 0x2000
"""Patches, strong encryption and a masked directory (APPNOTE.TXT §4.4.4)."""

_UTF_8 = 0x800


def check_zip(data: bytes, where: str) -> None:
    """Let `data` pass when it is a zip archive that is what its directory says: entries apart from
    each other, each of the size and the CRC that are named, packed by deflate or not at all, and
    of :data:`LARGEST` bytes together. Raises InputError.

    What the entries hold is not looked at; an archive in an archive is but bytes."""
    if len(data) > LARGEST:
        raise _create_error(
            f"it is larger than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    # counted before zipfile makes an object for each: the number in the directory isn't asked there
    if data.count(_ENTRY) > MOST_ENTRIES:
        raise _create_error(f"it holds more than {MOST_ENTRIES:,} files", where)
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries, directory = archive.infolist(), archive.start_dir
    except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise _create_error(f"it is no zip archive ({error})", where, "save it again") from error
    names = [_normalise_name(entry, where) for entry in entries]
    if len(set(names)) < len(names):
        raise _create_error("it holds two files of one name", where)
    located_entries = sorted((*_locate_entry(data, entry, where), entry) for entry in entries)
    previous_end = 0
    for header_start, data_start, entry in located_entries:
        if header_start < previous_end:
            raise _create_error("its files overlap", where)
        previous_end = data_start + entry.compress_size
    if previous_end > directory:
        raise _create_error("its files overlap", where)
    remaining = LARGEST
    for _, data_start, entry in located_entries:
        remaining -= _measure_unpacked(
            memoryview(data)[data_start : data_start + entry.compress_size], entry, remaining, where
        )


def _normalise_name(entry: ZipInfo, where: str) -> str:
    """Its name as programs compare names. zipfile itself cuts one at a NUL."""
    name = entry.orig_filename
    if "\0" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise _create_error("one of its files has a name that leads out of it", where)
    return name.casefold()


def _locate_entry(data: bytes, entry: ZipInfo, where: str) -> tuple[int, int]:
    """Where its own header begins, and where its bytes do. What that header says must be what the
    directory does: some programs read the one, some the other."""
    header_start = entry.header_offset
    if header_start < 0 or header_start + _LOCAL.size > len(data):
        raise _create_error("it is cut off", where, "save it again")
    head = _LOCAL.unpack_from(data, header_start)
    name_start = header_start + _LOCAL.size
    data_start = name_start + head[9] + head[10]
    encoding = "utf-8" if entry.flag_bits & _UTF_8 else "cp437"
    if head[0] != b"PK\x03\x04" or data[
        name_start : name_start + head[9]
    ] != entry.orig_filename.encode(encoding):
        raise _create_error("its directory doesn't say what it holds", where, "save it again")
    flags = entry.flag_bits | head[2]
    if flags & _LOCKED:
        raise _create_error("it is locked with a password", where, "save it without one")
    if (
        flags & _UNCOMMON
        or entry.compress_type != head[3]
        or entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}
    ):
        raise _create_error("its files are packed in an uncommon way", where, "save it again")
    if data_start + entry.compress_size > len(data):
        raise _create_error("it is cut off", where, "save it again")
    return header_start, data_start


def _measure_unpacked(packed: memoryview, entry: ZipInfo, remaining: int, where: str) -> int:
    """How large it is unpacked. Raises InputError past `left` bytes, or where it isn't as named."""
    size, crc, is_complete = 0, 0, False
    if entry.compress_type == ZIP_STORED:
        size, crc, is_complete = len(packed), zlib.crc32(packed), True
    else:
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        for offset in range(0, len(packed), _PIECE):
            piece = bytes(packed[offset : offset + _PIECE])
            while piece:
                try:
                    unpacked = decompressor.decompress(piece, _PIECE * 4)
                except zlib.error as error:
                    raise _create_error("it can't be unpacked", where, "save it again") from error
                size += len(unpacked)
                crc = zlib.crc32(unpacked, crc)
                if size > min(remaining, entry.file_size):
                    break
                piece = decompressor.unconsumed_tail
            if decompressor.unused_data or size > min(remaining, entry.file_size):
                break
        is_complete = decompressor.eof and not decompressor.unused_data
    if size > remaining or entry.file_size > remaining:
        raise _create_error(
            f"it unpacks to more than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    if not is_complete or (size, crc) != (entry.file_size, entry.CRC):
        raise _create_error("its directory doesn't say what it holds", where, "save it again")
    return size


def _create_error(message: str, where: str, hint: str = "ask its sender for another") -> InputError:
    return InputError(message, where=where, hint=hint)
