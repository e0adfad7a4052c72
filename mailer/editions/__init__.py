"""Editions: one mailing each, from a digest or by itself.

    states.py    the states, and the one table of where each may go
    records.py   what an edition is, and what it needs kept
    making.py    new, arrange, edit
    approval.py  who lets it go, and what exactly
    steering.py  pause, resume, cancel …

What is approved is a hash over everything that will be sent and to whom; any later change to the
edition or to one of its articles puts it back to draft.
"""

from mailer.editions.approval import approve, check_approval, content_hash
from mailer.editions.making import arrange, create, edit, get, order_first
from mailer.editions.records import (
    MOST_STORIES,
    Approval,
    Body,
    Edition,
    EditionStore,
    Event,
    Manuscript,
    NewEdition,
)
from mailer.editions.states import OPEN, TRANSITIONS, EditionState, InDoubt, Priority
from mailer.editions.steering import cancel, check_transition, pause, resume

__all__ = [
    "MOST_STORIES",
    "OPEN",
    "TRANSITIONS",
    "Approval",
    "Body",
    "Edition",
    "EditionState",
    "EditionStore",
    "Event",
    "InDoubt",
    "Manuscript",
    "NewEdition",
    "Priority",
    "approve",
    "arrange",
    "cancel",
    "check_approval",
    "check_transition",
    "content_hash",
    "create",
    "edit",
    "get",
    "order_first",
    "pause",
    "resume",
]
