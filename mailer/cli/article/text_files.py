"""Reading text files that commands name."""

from pathlib import Path

from mailer.errors import InputError


def read_text(path: Path) -> str:
    """Read a text file in UTF-8. Raises InputError."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file can't be read ({error})", where=str(path)) from error
