"""The options before the command, as in `mailer --database office.db topic list`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailer.config import Settings


@dataclass
class GlobalOptions:
    """The options given before the command. `settings` are those that they name, once they are
    loaded."""

    config: Path | None = None
    database: str | None = None
    debug: bool = False
    settings: "Settings | None" = None


GLOBALS = GlobalOptions()
"""Set by the root's callback, before any command runs."""
