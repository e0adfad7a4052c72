"""``mailer edition``: mailings to a list, from draft to sent.

group.py        the group of commands, and its panels
editing.py      new, edit, arrange, reorder
showing.py      list, show, preview
testing.py      test
reports.py      report
transitions.py  submit, approve, send-back, schedule, unschedule, reopen, pause, resume, cancel,
                retry
repeating.py    resend
archive.py      publish, unpublish
"""

from mailer.cli.edition import editing  # isort: skip  (help lists commands in this order)
from mailer.cli.edition import showing  # isort: skip
from mailer.cli.edition import testing  # isort: skip
from mailer.cli.edition import reports  # isort: skip
from mailer.cli.edition import transitions  # isort: skip
from mailer.cli.edition import repeating  # isort: skip
from mailer.cli.edition import archive
from mailer.cli.edition.group import app

__all__ = [
    "app",
    "archive",
    "editing",
    "repeating",
    "reports",
    "showing",
    "testing",
    "transitions",
]
