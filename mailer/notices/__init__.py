"""Mails to staff: notices, which tell them about an edition and what they should do, and test
mails.

records.py     the record of a notice, and the commands that it suggests
due.py         which notice is due for an edition, and when
recipients.py  the recipients of a notice
building.py    an edition -> the record of its notice
notifying.py   put notices into the outbox, and record what staff were notified of
test_mails.py  put the mail of an edition as one reader would get it into the outbox

This package has no mail texts: `mailer/render` composes notices.
"""

from mailer.notices.due import is_notice_due, list_editions_to_notify
from mailer.notices.notifying import (
    NoticeComposer,
    NoticeResult,
    notify_of_occurrence,
    notify_staff,
    remind_approvers,
)
from mailer.notices.recipients import StaffAddresses, choose_addresses
from mailer.notices.records import (
    FIGURE_WORDS,
    HASH_LENGTH,
    Notice,
    NoticeKind,
    suggest_commands,
)
from mailer.notices.test_mails import QueuedTest, queue_test_mail

__all__ = [
    "FIGURE_WORDS",
    "HASH_LENGTH",
    "Notice",
    "NoticeComposer",
    "NoticeKind",
    "NoticeResult",
    "QueuedTest",
    "StaffAddresses",
    "choose_addresses",
    "is_notice_due",
    "list_editions_to_notify",
    "notify_of_occurrence",
    "notify_staff",
    "queue_test_mail",
    "remind_approvers",
    "suggest_commands",
]
