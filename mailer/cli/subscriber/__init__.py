"""``mailer subscriber``: people, and their membership of lists.

common.py    the group, and what its commands share
people.py    add, show, edit, list
records.py   history, data, erase, merge
selected.py  change
standing.py  unsubscribe, unsubscribe-mail, pause, resume
tables.py    import, export
"""

from mailer.cli.subscriber import people, records, selected, standing, tables
from mailer.cli.subscriber.common import app

__all__ = ["app", "people", "records", "selected", "standing", "tables"]
