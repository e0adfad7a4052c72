"""``mailer release``: from a file to journalists."""

from mailer.cli.release import correcting, sending, showing
from mailer.cli.release.common import app

__all__ = ["app", "correcting", "sending", "showing"]
