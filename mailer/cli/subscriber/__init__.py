"""``mailer subscriber``: people, and their membership of lists.

group.py          the group of commands, its panels, and the argument that most take
people.py         add, list, show
editing.py        edit
memberships.py    unsubscribe, pause, resume
mail_pipe.py      unsubscribe-mail
bulk_changes.py   change
import_export.py  import, export
personal_data.py  history, data, merge, erase
"""

from mailer.cli.subscriber import people  # isort: skip  (help lists commands in this order)
from mailer.cli.subscriber import editing  # isort: skip
from mailer.cli.subscriber import memberships  # isort: skip
from mailer.cli.subscriber import mail_pipe  # isort: skip
from mailer.cli.subscriber import bulk_changes  # isort: skip
from mailer.cli.subscriber import import_export  # isort: skip
from mailer.cli.subscriber import personal_data
from mailer.cli.subscriber.group import app

__all__ = [
    "app",
    "bulk_changes",
    "editing",
    "import_export",
    "mail_pipe",
    "memberships",
    "people",
    "personal_data",
]
