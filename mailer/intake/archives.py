"""Check zip archives, such as Word files, before another program unpacks them.

A small archive can unpack to any size: zeros pack to a thousandth, entries can share the same bytes
("overlapping" bombs pack 281 TB into 10 MB), and the directory can state any size. So this module
unpacks every entry once, up to a limit, and throws the result away.
"""

import re
import struct
import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from mailer.errors import InputError

LARGEST = 50_000_000
"""Maximum size of an archive in bytes, and of all its entries together once unpacked."""

MOST_ENTRIES = 2_000

ENTRY_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_PIECE = 1 << 16
_LOCKED = 0x1
_UNCOMMON = 0x20 | 0x40 | 0x2000
"""Flags that common archives never set: patches, strong encryption and a masked directory
(APPNOTE.TXT §4.4.4)."""

_UTF_8 = 0x800


def check_zip(data: bytes, where: str) -> None:
    """Check that `data` is a zip archive whose directory is correct.

    The entries do not overlap, are deflated or stored, and have the sizes and CRCs that the
    directory names. Together they have at most :data:`LARGEST` bytes. The content of the entries is
    not checked; an archive within an archive is just bytes.

    Raises InputError for any other file."""
    if len(data) > LARGEST:
        raise _create_error(
            f"the archive is larger than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    # Entries are counted before zipfile makes an object for each, since zipfile ignores the count
    # in the directory.
    if data.count(ENTRY_SIGNATURE) > MOST_ENTRIES:
        raise _create_error(f"the archive holds more than {MOST_ENTRIES:,} files", where)
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries, directory = archive.infolist(), archive.start_dir
    except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise _create_error(
            f"the file is not a zip archive ({error})", where, "save it again"
        ) from error
    names = [_normalise_name(entry, where) for entry in entries]
    if len(set(names)) < len(names):
        raise _create_error("the archive holds two files of one name", where)
    located_entries = sorted((*_locate_entry(data, entry, where), entry) for entry in entries)
    previous_end = 0
    for header_start, data_start, entry in located_entries:
        if header_start < previous_end:
            raise _create_error("files in the archive overlap", where)
        previous_end = data_start + entry.compress_size
    if previous_end > directory:
        raise _create_error("files in the archive overlap", where)
    remaining = LARGEST
    for _, data_start, entry in located_entries:
        remaining -= _measure_unpacked(
            memoryview(data)[data_start : data_start + entry.compress_size], entry, remaining, where
        )


def _normalise_name(entry: ZipInfo, where: str) -> str:
    """Return the entry's name with its case folded, for comparison. Raises InputError for an unsafe
    name.

    zipfile cuts a name at a NUL, so the original name is used."""
    name = entry.orig_filename
    if "\0" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise _create_error("a file in the archive has a name that leads out of it", where)
    return name.casefold()


def _locate_entry(data: bytes, entry: ZipInfo, where: str) -> tuple[int, int]:
    """Return (header_start, data_start): the offsets of the entry's own header and of its bytes.

    Raises InputError for encrypted or unusually packed entries. Also raises it if the header
    contradicts the directory, since some programs read the header and others the directory."""
    header_start = entry.header_offset
    if header_start < 0 or header_start + _LOCAL.size > len(data):
        raise _create_error("the archive is cut off", where, "save it again")
    head = _LOCAL.unpack_from(data, header_start)
    name_start = header_start + _LOCAL.size
    data_start = name_start + head[9] + head[10]
    encoding = "utf-8" if entry.flag_bits & _UTF_8 else "cp437"
    if head[0] != b"PK\x03\x04" or data[
        name_start : name_start + head[9]
    ] != entry.orig_filename.encode(encoding):
        raise _create_error("the archive's directory is wrong", where, "save it again")
    flags = entry.flag_bits | head[2]
    if flags & _LOCKED:
        raise _create_error("the archive is locked with a password", where, "save it without one")
    if (
        flags & _UNCOMMON
        or entry.compress_type != head[3]
        or entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}
    ):
        raise _create_error(
            "files in the archive are packed in an uncommon way", where, "save it again"
        )
    if data_start + entry.compress_size > len(data):
        raise _create_error("the archive is cut off", where, "save it again")
    return header_start, data_start


def _measure_unpacked(packed: memoryview, entry: ZipInfo, remaining: int, where: str) -> int:
    """Return the entry's unpacked size in bytes.

    Raises InputError if it exceeds `remaining` bytes, or if size or CRC differ from those that
    the directory names."""
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
                    raise _create_error(
                        "the archive can't be unpacked", where, "save it again"
                    ) from error
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
            f"the archive unpacks to more than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    if not is_complete or (size, crc) != (entry.file_size, entry.CRC):
        raise _create_error("the archive's directory is wrong", where, "save it again")
    return size


def _create_error(
    message: str, where: str, hint: str = "ask its sender for another file"
) -> InputError:
    return InputError(message, where=where, hint=hint)
