"""``mailer schedule``: when a digest is sent.

group.py        the group of commands, and its panels
rules.py        add, edit, list, remove
preview.py      preview, and how occurrences are shown
occurrences.py  move, skip, restore, send-now, history
texts.py        show, write
text_notes.py   notes on texts that no edition will get
"""

from mailer.cli.schedule import rules  # isort: skip  (help lists commands in this order)
from mailer.cli.schedule import preview  # isort: skip
from mailer.cli.schedule import occurrences  # isort: skip
from mailer.cli.schedule import texts
from mailer.cli.schedule.group import app

__all__ = ["app", "occurrences", "preview", "rules", "texts"]
