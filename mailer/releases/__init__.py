"""Releases: sending them to journalists, corrections, kills and press pages.

article_import.py  importing an article file with its attachments and embargo
flow.py            the editions of a release: preview, confirm
corrections.py     sending a new version to those who have an earlier one
kills.py           withdrawing a release, by two people
follow_up.py       recipients that become known late
stories.py         the articles, editions and texts of a release's story
pages.py           the press pages
"""

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
from mailer.releases.follow_up import extend_releases, needs_follow_up
from mailer.releases.kills import confirm_kill, preview_kill, request_kill, withdraw_kill
from mailer.releases.stories import find_begun_editions, find_queued_articles

__all__ = [
    "CorrectionPreview",
    "CorrectionResult",
    "ReleaseEditions",
    "ReleasePreview",
    "begin_release",
    "confirm_correction",
    "confirm_kill",
    "confirm_release",
    "correct_release",
    "extend_releases",
    "find_begun_editions",
    "find_last_change",
    "find_queued_articles",
    "import_article",
    "needs_follow_up",
    "prepare_release",
    "preview_correction",
    "preview_kill",
    "preview_release",
    "request_kill",
    "withdraw_kill",
]
