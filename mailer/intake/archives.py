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
        raise _refused(f"it is larger than {LARGEST // 1_000_000} MB", where, "make it smaller")
    # counted before zipfile makes an object for each: the number in the directory isn't asked there
    if data.count(_ENTRY) > MOST_ENTRIES:
        raise _refused(f"it holds more than {MOST_ENTRIES:,} files", where)
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries, directory = archive.infolist(), archive.start_dir
    except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise _refused(f"it is no zip archive ({error})", where, "save it again") from error
    names = [_name(entry, where) for entry in entries]
    if len(set(names)) < len(names):
        raise _refused("it holds two files of one name", where)
    places = sorted((*_place(data, entry, where), entry) for entry in entries)
    before = 0
    for begin, start, entry in places:
        if begin < before:
            raise _refused("its files overlap", where)
        before = start + entry.compress_size
    if before > directory:
        raise _refused("its files overlap", where)
    left = LARGEST
    for _, start, entry in places:
        left -= _unpack(memoryview(data)[start : start + entry.compress_size], entry, left, where)


def _name(entry: ZipInfo, where: str) -> str:
    """Its name as programs compare names. zipfile itself cuts one at a NUL."""
    name = entry.orig_filename
    if "\0" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise _refused("one of its files has a name that leads out of it", where)
    return name.casefold()


def _place(data: bytes, entry: ZipInfo, where: str) -> tuple[int, int]:
    """Where its own header begins, and where its bytes do. What that header says must be what the
    directory does: some programs read the one, some the other."""
    begin = entry.header_offset
    if begin < 0 or begin + _LOCAL.size > len(data):
        raise _refused("it is cut off", where, "save it again")
    head = _LOCAL.unpack_from(data, begin)
    names = begin + _LOCAL.size
    start = names + head[9] + head[10]
    encoding = "utf-8" if entry.flag_bits & _UTF_8 else "cp437"
    if head[0] != b"PK\x03\x04" or data[names : names + head[9]] != entry.orig_filename.encode(
        encoding
    ):
        raise _refused("its directory doesn't say what it holds", where, "save it again")
    flags = entry.flag_bits | head[2]
    if flags & _LOCKED:
        raise _refused("it is locked with a password", where, "save it without one")
    if (
        flags & _UNCOMMON
        or entry.compress_type != head[3]
        or entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}
    ):
        raise _refused("its files are packed in an uncommon way", where, "save it again")
    if start + entry.compress_size > len(data):
        raise _refused("it is cut off", where, "save it again")
    return begin, start


def _unpack(packed: memoryview, entry: ZipInfo, left: int, where: str) -> int:
    """How large it is unpacked. Raises InputError past `left` bytes, or where it isn't as named."""
    size, crc, ended = 0, 0, False
    if entry.compress_type == ZIP_STORED:
        size, crc, ended = len(packed), zlib.crc32(packed), True
    else:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        for at in range(0, len(packed), _PIECE):
            piece = bytes(packed[at : at + _PIECE])
            while piece:
                try:
                    made = unpacker.decompress(piece, _PIECE * 4)
                except zlib.error as error:
                    raise _refused("it can't be unpacked", where, "save it again") from error
                size += len(made)
                crc = zlib.crc32(made, crc)
                if size > min(left, entry.file_size):
                    break
                piece = unpacker.unconsumed_tail
            if unpacker.unused_data or size > min(left, entry.file_size):
                break
        ended = unpacker.eof and not unpacker.unused_data
    if size > left or entry.file_size > left:
        raise _refused(
            f"it unpacks to more than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )
    if not ended or (size, crc) != (entry.file_size, entry.CRC):
        raise _refused("its directory doesn't say what it holds", where, "save it again")
    return size


def _refused(what: str, where: str, hint: str = "ask its sender for another") -> InputError:
    return InputError(what, where=where, hint=hint)
