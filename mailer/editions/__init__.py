"""Editions: one mailing each, from a digest or by itself.

    states.py    the states, and the one table of where each may go
    records.py   what an edition is, and what it needs kept
    making.py    new, arrange, edit
    approval.py  who lets it go, and what exactly
    steering.py  schedule, hold, pause, resume, cancel …

What is approved is a hash over everything that will be sent and to whom; any later change to the
edition or to one of its articles puts it back to draft.
"""

from mailer.editions.approval import (
    approve,
    check_approval,
    content_hash,
    may_leave_embargoed,
    submit,
)
from mailer.editions.making import EDITED, arrange, create, edit, get, order_first
from mailer.editions.records import (
    MOST_STORIES,
    Appointment,
    Approval,
    Attachment,
    Body,
    Change,
    Edition,
    EditionStore,
    Event,
    Manuscript,
    NewEdition,
)
from mailer.editions.states import (
    OPEN,
    STANDING,
    STATES_EMBARGO,
    TO_ANYONE,
    TO_WHO_HAS_IT,
    TRANSITIONS,
    UNAPPROVED,
    VOIDED,
    Archive,
    EditionState,
    InDoubt,
    Kind,
    Priority,
    Role,
    SendTime,
)
from mailer.editions.steering import (
    appoint,
    cancel,
    check_transition,
    expire,
    hold,
    pause,
    reopen,
    resume,
    shelve,
    skip,
)

__all__ = [
    "EDITED",
    "MOST_STORIES",
    "OPEN",
    "STANDING",
    "STATES_EMBARGO",
    "TO_ANYONE",
    "TO_WHO_HAS_IT",
    "TRANSITIONS",
    "UNAPPROVED",
    "VOIDED",
    "Appointment",
    "Approval",
    "Archive",
    "Attachment",
    "Body",
    "Change",
    "Edition",
    "EditionState",
    "EditionStore",
    "Event",
    "InDoubt",
    "Kind",
    "Manuscript",
    "NewEdition",
    "Priority",
    "Role",
    "SendTime",
    "appoint",
    "approve",
    "arrange",
    "cancel",
    "check_approval",
    "check_transition",
    "content_hash",
    "create",
    "edit",
    "expire",
    "get",
    "hold",
    "may_leave_embargoed",
    "order_first",
    "pause",
    "reopen",
    "resume",
    "shelve",
    "skip",
    "submit",
]
