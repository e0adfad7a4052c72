"""``mailer subscriber``: people, and their membership of lists.

common.py    the group, and what its commands share
people.py    add, show, edit, list
records.py   erase
standing.py  unsubscribe
tables.py    import, export
"""

from mailer.cli.subscriber import people, records, standing, tables
from mailer.cli.subscriber.common import app

__all__ = ["app", "people", "records", "standing", "tables"]
