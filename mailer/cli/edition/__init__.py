"""``mailer edition``: one mailing, from draft to sent.

common.py    the group, and what its commands share
making.py    new, arrange, reorder, edit
showing.py   list, show, preview, report
archiving.py publish, unpublish
steering.py  approve, reopen, pause, resume, cancel, retry
"""

from mailer.cli.edition import archiving, making, showing, steering
from mailer.cli.edition.common import Number, app
from mailer.cli.edition.showing import print_report

__all__ = ["Number", "app", "archiving", "making", "print_report", "showing", "steering"]
