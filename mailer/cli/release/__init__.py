"""``mailer release``: from a file to journalists."""

from mailer.cli.release import sending, showing
from mailer.cli.release.common import app

__all__ = ["app", "sending", "showing"]
