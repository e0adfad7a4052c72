"""The options before the command, as in `mailer --database office.db topic list`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class GlobalOptions:
    """The options given before the command."""

    config: Path | None = None
    database: str | None = None
    debug: bool = False


GLOBALS = GlobalOptions()
"""Set by the root's callback, before any command runs."""
