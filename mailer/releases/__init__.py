"""Releases: sending them to journalists, corrections, kills and press pages.

article_import.py  importing an article file with its attachments and embargo
flow.py            the editions of a release: preview, confirm
corrections.py     a new version for the people who have an earlier version
kills.py           withdrawing a release, which two people must decide
follow_up.py       recipients whose delivery is confirmed late, and contacts to ask
stories.py         a release's articles, editions and texts, for the other modules
pages.py           the press pages
advance_copies.py  who may see a release before its embargo ends
"""

from mailer.releases.advance_copies import AdvanceCopy, AdvanceRefusal, open_advance_copy
from mailer.releases.article_import import import_article
from mailer.releases.corrections import (
    CorrectionPreview,
    CorrectionResult,
    confirm_correction,
    correct_release,
    preview_correction,
)
from mailer.releases.flow import (
    ReleaseEditions,
    ReleasePreview,
    begin_release,
    confirm_release,
    find_last_change,
    prepare_release,
    preview_release,
)
from mailer.releases.follow_up import extend_releases, list_contacts_to_ask, needs_follow_up
from mailer.releases.kills import (
    KillPreview,
    KillRequest,
    confirm_kill,
    confirm_shown_kill,
    find_kill_request,
    find_linked_request,
    preview_kill,
    request_kill,
    withdraw_kill,
)
from mailer.releases.stories import find_begun_editions, find_queued_articles

__all__ = [
    "AdvanceCopy",
    "AdvanceRefusal",
    "CorrectionPreview",
    "CorrectionResult",
    "KillPreview",
    "KillRequest",
    "ReleaseEditions",
    "ReleasePreview",
    "begin_release",
    "confirm_correction",
    "confirm_kill",
    "confirm_release",
    "confirm_shown_kill",
    "correct_release",
    "extend_releases",
    "find_begun_editions",
    "find_kill_request",
    "find_last_change",
    "find_linked_request",
    "find_queued_articles",
    "import_article",
    "list_contacts_to_ask",
    "needs_follow_up",
    "open_advance_copy",
    "prepare_release",
    "preview_correction",
    "preview_kill",
    "preview_release",
    "request_kill",
    "withdraw_kill",
]
