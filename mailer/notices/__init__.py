"""Mails to staff: notices, which tell them about an edition and what they should do, and test
mails.

records.py     the record of a notice, and the commands that it suggests
due.py         which notice is due for an edition, and when
recipients.py  the recipients of a notice
building.py    an edition -> the record of its notice
audience.py    the audience of an edition, as its history records it
notifying.py   put notices into the outbox, and record what staff were notified of
test_mails.py  put the mail of an edition as one reader would get it into the outbox

This package has no mail texts: `mailer/render` composes notices.
"""

from mailer.notices.audience import parse_audience
from mailer.notices.due import is_notice_due, list_editions_to_notify
from mailer.notices.notifying import (
    AUDIENCE_EVENT,
    NoticeComposer,
    NoticeResult,
    find_asking_time,
    notify_of_kill,
    notify_of_occurrence,
    notify_staff,
    remind_approvers,
)
from mailer.notices.recipients import StaffAddresses, choose_addresses
from mailer.notices.records import (
    ASKING_KINDS,
    FIGURE_WORDS,
    HASH_LENGTH,
    DecisionLink,
    EditionMail,
    Notice,
    NoticeKind,
    suggest_commands,
)
from mailer.notices.test_mails import QueuedTest, queue_test_mail

__all__ = [
    "ASKING_KINDS",
    "AUDIENCE_EVENT",
    "FIGURE_WORDS",
    "HASH_LENGTH",
    "DecisionLink",
    "EditionMail",
    "Notice",
    "NoticeComposer",
    "NoticeKind",
    "NoticeResult",
    "QueuedTest",
    "StaffAddresses",
    "choose_addresses",
    "find_asking_time",
    "is_notice_due",
    "list_editions_to_notify",
    "notify_of_kill",
    "notify_of_occurrence",
    "notify_staff",
    "parse_audience",
    "queue_test_mail",
    "remind_approvers",
    "suggest_commands",
]
