"""Reading text files that commands name."""

import sys
from pathlib import Path

from mailer.errors import InputError
from mailer.regular_files import read_bounded, read_regular_file

MAX_TEXT_BYTES = 20_000_000
"""Maximum size of a text: HTML of 5 million characters, in any script."""


def read_text(path: Path | None) -> str:
    """Read a text file in UTF-8, or stdin. Raises InputError."""
    where = str(path or "stdin")
    try:
        data = _read_bounded(path, where)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            where=f"{where}, line {line}",
            hint="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=where) from error


def read_bytes(path: Path | None) -> bytes:
    """Return the bytes of a file of any encoding, or of stdin if `path` is None. Raises
    InputError."""
    where = str(path or "stdin")
    try:
        return _read_bounded(path, where)
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=where) from error


def _read_bounded(path: Path | None, where: str) -> bytes:
    if path:
        return read_regular_file(path, MAX_TEXT_BYTES)
    return read_bounded(sys.stdin.buffer, MAX_TEXT_BYTES, where)
