"""Digests: standing orders that gather queued stories into editions.

orders.py    what staff decide about a digest
choosing.py  which stories its next edition holds
"""

from mailer.digests.settings import add_digest, check_settings, edit_digest, get_digest
from mailer.digests.story_choice import assemble_edition, choose_stories

__all__ = [
    "add_digest",
    "assemble_edition",
    "check_settings",
    "choose_stories",
    "edit_digest",
    "get_digest",
]
