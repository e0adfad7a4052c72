"""Articles: content in one language each. The slug names the story; translations share the slug.

    editing.py        add, edit, queue, withdraw and restore articles
    checks.py         what the fields of an article may hold
    event_details.py  when and where an event takes place
    press_release.py  what the fields of a press release may hold
    pictures.py       the texts of a picture that is an asset
    boilerplates.py   an organisation's text about itself, one for each language

The records are in `mailer/model/articles.py`, reading files belongs to `mailer/intake` and SQL to
`mailer/store`. An article stays ``queued`` until it is withdrawn. Each digest has its own ledger of
the stories that it has run, so a story that one digest has run is still new to another.
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
    is_svg,
    make_slug,
)
from mailer.articles.editing import (
    add_article,
    edit_article,
    find_articles,
    get_article,
    group_stories,
    queue_articles,
    restore_articles,
    withdraw_articles,
)
from mailer.articles.event_details import read_event_details

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
    "find_articles",
    "get_article",
    "group_stories",
    "is_svg",
    "make_slug",
    "queue_articles",
    "read_event_details",
    "restore_articles",
    "withdraw_articles",
]
