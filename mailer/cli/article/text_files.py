"""Reading text files that commands name."""

from pathlib import Path

from mailer.errors import InputError


def read_text(path: Path) -> str:
    """Read a text file in UTF-8. Raises InputError."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file can't be read ({error})", where=str(path)) from error


def read_bytes(path: Path) -> bytes:
    """Read a file of any encoding. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=str(path)) from error
