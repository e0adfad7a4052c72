"""The public archive of mailings.

An edition enters the archive when sending begins, if its list is public and the edition is not
marked private. It leaves the archive

- while it is paused, as something may be wrong with the edition;
- while one of its stories is embargoed;
- permanently, when it is cancelled, or when one of its stories is killed. Only the mail that
  announces the kill is shown.

The "view in browser" links in sent mails keep working, except while a story is embargoed. To the
public, unsent editions, private editions and editions of private lists do not exist.
"""

from collections.abc import Sequence

from mailer import message, words
from mailer.errors import NextStep, NotFound
from mailer.model.archive import ARCHIVED_STATES, ArchiveEntry
from mailer.model.edition_states import ArchiveVisibility, EditionKind
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import MailingList, Visibility
from mailer.model.transaction import Transaction

MAX_SEARCH_WORDS = 8
"""Maximum number of words in a query; further words are ignored."""


def is_in_archive(edition: Edition, mailing_list: MailingList) -> bool:
    """Check whether the edition is public: readable, and in lists, feeds and searches."""
    return (
        edition.kind is EditionKind.MAILING
        and edition.state in ARCHIVED_STATES
        and edition.archive is ArchiveVisibility.PUBLIC
        and mailing_list.visibility is Visibility.PUBLIC
    )


def list_archived_lists(tx: Transaction) -> list[MailingList]:
    """Return the lists that have an archive."""
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.visibility is Visibility.PUBLIC
    ]


def get_list(tx: Transaction, slug: str) -> MailingList:
    """Return a list that has an archive. Raises NotFound, the same error for a private list."""
    for mailing_list in list_archived_lists(tx):
        if mailing_list.slug == slug:
            return mailing_list
    raise NotFound(f"there is no public list {slug!r}", next_steps=[NextStep("list_lists")])


def search_editions(
    tx: Transaction, mailing_list: MailingList, query: str, limit: int, offset: int = 0
) -> Sequence[ArchiveEntry]:
    """Return a list's editions that contain every word of `query`, the newest first. A word of at
    least three characters may be part of a word, a shorter one only its beginning. A `query`
    without words returns all editions."""
    search_words = words.split_query(query, MAX_SEARCH_WORDS)
    return tx.editions.find_entries(
        mailing_list.slug, [words.build_needle(word) for word in search_words], limit, offset
    )


def build_search_text(body: EditionBody) -> str:
    """Return the text that a search looks in: the public subject and body."""
    return words.pad_words(
        words.join_distinct_words(
            f"{message.render_heading(body)}\n{message.render_plain_text(body)}"
        )
    )
