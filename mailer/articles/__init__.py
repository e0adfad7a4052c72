"""Articles: one piece of content in one language. The slug names the story; translations share it.

    records.py       what an article and a story are, and what they need kept
    release.py       what a press release has beside its text
    boilerplates.py  what organisations say about themselves, once for each language
    kills.py         taking one back for good, which takes two
    checks.py        what fields may hold
    verbs.py         add, edit, queue, withdraw, restore

Reading files is ``intake``'s, SQL is the store's. An article is ``queued`` until it is withdrawn;
what a digest has run is the digest's own ledger, so an article that one digest ran is still news to
another.
"""

from mailer.articles.checks import (
    EARLIEST,
    LATEST,
    SLUG,
    SLUG_LENGTH,
    SUMMARY_LENGTH,
    TITLE_LENGTH,
    check_content,
    check_text,
    check_web_address,
    make_slug,
)
from mailer.articles.editing import (
    add_article,
    edit_article,
    get_article,
    group_stories,
    queue_articles,
    restore_articles,
    withdraw_articles,
)

__all__ = [
    "EARLIEST",
    "LATEST",
    "SLUG",
    "SLUG_LENGTH",
    "SUMMARY_LENGTH",
    "TITLE_LENGTH",
    "add_article",
    "check_content",
    "check_text",
    "check_web_address",
    "edit_article",
    "get_article",
    "group_stories",
    "make_slug",
    "queue_articles",
    "restore_articles",
    "withdraw_articles",
]
