"""Reading files that a person or an article names, with errors in words for people."""

from pathlib import Path

from mailer.errors import InputError
from mailer.regular_files import FileTooLarge, read_regular_file


def read_named_file(path: Path, max_bytes: int, where: str, *, too_large_hint: str) -> bytes:
    """Return the content of a file of at most `max_bytes` bytes, a number of whole megabytes.

    Raises InputError that names `where`; for a larger file, its hint is `too_large_hint`."""
    try:
        return read_regular_file(path, max_bytes)
    except FileTooLarge as error:
        raise InputError(
            f"the file is larger than {max_bytes // 1_000_000} MB", where=where, hint=too_large_hint
        ) from error
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=where) from error


def resolve_named_file(folder: Path, name: str, where: str) -> Path | None:
    """Return where the name of a file in a folder leads, or None for a place outside the folder.

    All links are followed. Raises InputError that names `where` for links in a circle, a name that
    is too long, and a folder that can't be read."""
    try:
        path = (folder / name).resolve()
        path.exists()  # raises for a name that is too long, which `resolve` accepts
        is_inside = not Path(name).is_absolute() and path.is_relative_to(folder.resolve())
    except RuntimeError as error:  # Path.resolve of Python 3.11 and 3.12
        raise InputError("the file can't be read (its links form a circle)", where=where) from error
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=where) from error
    return path if is_inside else None
