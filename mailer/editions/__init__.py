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
    approve_edition,
    check_approval,
    compute_content_hash,
    may_send_embargoed,
    request_approval,
)
from mailer.editions.editing import (
    EDITED_EVENT,
    arrange_stories,
    create_edition,
    edit_edition,
    get_edition,
    move_stories_first,
)
from mailer.editions.transitions import (
    cancel_edition,
    check_transition,
    expire_edition,
    pause_edition,
    put_on_hold,
    reopen_edition,
    resume_edition,
    set_archive_visibility,
    set_send_time,
    skip_edition,
)

__all__ = [
    "EDITED_EVENT",
    "approve_edition",
    "arrange_stories",
    "cancel_edition",
    "check_approval",
    "check_transition",
    "compute_content_hash",
    "create_edition",
    "edit_edition",
    "expire_edition",
    "get_edition",
    "may_send_embargoed",
    "move_stories_first",
    "pause_edition",
    "put_on_hold",
    "reopen_edition",
    "request_approval",
    "resume_edition",
    "set_archive_visibility",
    "set_send_time",
    "skip_edition",
]
