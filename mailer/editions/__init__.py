"""Editions: mails that are composed once and sent under one number.

    editing.py           making an edition and changing it
    composing.py         records to frozen bodies
    approval.py          approvals, each bound to a hash
    decisions.py         what approvers decide by their links: approving, sending back
    senders.py           the sender of an edition
    policy.py            the rules that a digest sets for its editions
    reviews.py           from a draft with a send time to its approval; reminders, lateness
    send_times.py        setting and clearing a send time, reopening, visibility in the archive
    previews.py          doing something to see its effect, and rolling it back
    embargo_checks.py    checks that no embargo or kill forbids sending
    sending.py           starting an edition, and marking it as sent
    due_actions.py       the actions of the clock on an edition with a send time; grace
    service_editions.py  service mails and test mails, whose editions resume by themselves
    transitions.py       changes of state: pause, resume, cancel …

An approval covers a hash over the mails and their audience. Any later change to the edition or to
one of its articles returns the edition to draft.
"""

from mailer.editions.approval import (
    approve_edition,
    check_approval,
    compute_content_hash,
    needs_other_person,
    request_approval,
)
from mailer.editions.composing import compose_edition, find_warnings
from mailer.editions.decisions import (
    SENT_BACK_REASON,
    approve_shown_edition,
    check_undecided,
    find_linked_edition,
    send_back_edition,
)
from mailer.editions.due_actions import (
    CLOCKED_STATES,
    DueAction,
    DueStart,
    find_due_action,
    start_due_edition,
    update_send_time,
)
from mailer.editions.editing import (
    EDITED_EVENT,
    arrange_stories,
    create_edition,
    edit_edition,
    get_edition,
    move_stories_first,
    set_urgent_reasons,
)
from mailer.editions.embargo_checks import (
    check_may_send,
    check_not_killed,
    find_embargoed_stories,
    may_send_embargoed,
)
from mailer.editions.policy import get_policy
from mailer.editions.reviews import (
    Preparation,
    ReviewStep,
    find_approval_deadline,
    find_review_step,
    prepare_edition,
    return_late_edition,
)
from mailer.editions.send_times import (
    find_send_day,
    make_appointment,
    refresh_appointment,
    reopen_edition,
    set_archive_visibility,
    set_send_time,
)
from mailer.editions.senders import choose_sender_name
from mailer.editions.sending import mark_sent_if_finished, start_edition
from mailer.editions.service_editions import list_resumable_editions, resume_service_mails
from mailer.editions.transitions import (
    cancel_edition,
    change_state,
    check_transition,
    expire_edition,
    pause_edition,
    put_on_hold,
    resume_edition,
    skip_edition,
)

__all__ = [
    "CLOCKED_STATES",
    "EDITED_EVENT",
    "SENT_BACK_REASON",
    "DueAction",
    "DueStart",
    "Preparation",
    "ReviewStep",
    "approve_edition",
    "approve_shown_edition",
    "arrange_stories",
    "cancel_edition",
    "change_state",
    "check_approval",
    "check_may_send",
    "check_not_killed",
    "check_transition",
    "check_undecided",
    "choose_sender_name",
    "compose_edition",
    "compute_content_hash",
    "create_edition",
    "edit_edition",
    "expire_edition",
    "find_approval_deadline",
    "find_due_action",
    "find_embargoed_stories",
    "find_linked_edition",
    "find_review_step",
    "find_send_day",
    "find_warnings",
    "get_edition",
    "get_policy",
    "list_resumable_editions",
    "make_appointment",
    "mark_sent_if_finished",
    "may_send_embargoed",
    "move_stories_first",
    "needs_other_person",
    "pause_edition",
    "prepare_edition",
    "put_on_hold",
    "refresh_appointment",
    "reopen_edition",
    "request_approval",
    "resume_edition",
    "resume_service_mails",
    "return_late_edition",
    "send_back_edition",
    "set_archive_visibility",
    "set_send_time",
    "set_urgent_reasons",
    "skip_edition",
    "start_due_edition",
    "start_edition",
    "update_send_time",
]
