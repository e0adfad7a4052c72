"""``mailer release``: from a file to journalists.

group.py         the group of commands, and shared options
confirmation.py  ask a person before sending
story.py         the articles that a command names, and how they are shown
sending.py       send
showing.py       show, follow-up
corrections.py   correct, kill
"""

from mailer.cli.release import sending  # isort: skip  (help lists commands in this order)
from mailer.cli.release import showing  # isort: skip
from mailer.cli.release import corrections
from mailer.cli.release.group import app

__all__ = ["app", "corrections", "sending", "showing"]
