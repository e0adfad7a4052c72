"""Read TOML files of tables, within bounds."""

import re
import tomllib
from pathlib import Path
from typing import Any

from mailer.errors import ConfigError
from mailer.regular_files import read_regular_file

MAX_CONFIG_BYTES = 1_000_000

_LONG_KEY = re.compile(r"""(?<![\w."'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){20,}""")
"""Matches a key of more than 20 parts. tomllib takes quadratic time for such a key, and nests its
tables as deep as the key has parts."""


def _find_long_key(text: str) -> int:
    """Return the line of the first key with too many parts, or 0."""
    match = _LONG_KEY.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 0


def read_tables(file: Path) -> dict[str, dict[str, Any]]:
    """Read a TOML file that holds only tables. Raises ConfigError."""
    try:
        text = read_regular_file(file, MAX_CONFIG_BYTES).decode()
        if line := _find_long_key(text):
            raise ConfigError("the key has too many parts", where=f"{file}, line {line}")
        values = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError("its lists or tables nest too deep", where=str(file)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", where=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it can't be read ({error})", where=str(file)) from error
    for section, value in values.items():
        if not isinstance(value, dict):
            raise ConfigError(
                "it is in no section",
                where=f"{file}, {section}",
                hint="write a [section] above it, as in the shipped file",
            )
    return values
