"""``mailer report``: numbers of lists, topics, editions and growth.

group.py     the group of commands, and their common options
commands.py  the commands
tables.py    the reports in words and tables, and as CSV
"""

from mailer.cli.report import commands
from mailer.cli.report.group import app

__all__ = ["app", "commands"]
