"""Read files that people or other programs name: regular files only, and never without a bound.

Opening a named pipe waits for its writer, a device may never end, and a file may grow while it is
read. Each of them would stop the process that reads it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

MAX_CATALOGUE_BYTES = 5_000_000
"""Maximum size of a catalogue of translations."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class FileTooLarge(OSError):
    """The file has more bytes than its reader accepts."""


@contextmanager
def open_regular_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file for reading.

    The file is opened without waiting (O_NONBLOCK) and checked once it is open, so that no other
    file can take its place between check and opening. Raises OSError, with EINVAL for a file that
    is not regular."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device that is not there
            raise _create_kind_error("a socket or a device", path) from error
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "of another kind")
            raise _create_kind_error(kind, path)
    except OSError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _create_kind_error(kind: str, path: Path) -> OSError:
    return OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most `max_bytes` bytes.

    Raises FileTooLarge for a larger file, and OSError as :func:`open_regular_file` does."""
    with open_regular_file(path) as file:
        return read_bounded(file, max_bytes, str(path))


def read_bounded(file: IO[bytes], max_bytes: int, name: str) -> bytes:
    """Return the rest of an open file or pipe. Raises FileTooLarge beyond `max_bytes` bytes."""
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        size = f"{max_bytes // 1_000_000} MB" if max_bytes >= 1_000_000 else f"{max_bytes:,} bytes"
        raise FileTooLarge(errno.EFBIG, f"it is larger than {size}", name)
    return data


def describe_non_file(path: Path) -> str:
    """Describe why a path does not lead to a file of settings."""
    if path.is_dir():
        return "it is a folder, not a file of settings"
    return "it is a pipe, socket or device" if path.exists() else "there is no such file"
