"""The public archive: mailings that anybody may read again.

An edition stands in it from the moment that it is begun to be sent, where its list is public and it
isn't marked private. One that is paused is out of it until it goes on, as something may be wrong
with it; one with a story that is embargoed until the story is free, and of one that was killed
only the mail that says so stands; and one that is cancelled for
good. What was sent by then stays readable by the links in its mails, once it is not embargoed. An
edition that isn't sent yet, a private one and one of a private list are as if they weren't there.
"""

from collections.abc import Sequence

from mailer import message, words
from mailer.errors import NotFound
from mailer.model.archive import ARCHIVED_STATES, ArchiveEntry
from mailer.model.edition_states import ArchiveVisibility, EditionKind
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import MailingList, Visibility
from mailer.model.transaction import Transaction

MAX_SEARCH_WORDS = 8
"""Of a query; what it has beyond is not looked for."""


def is_in_archive(edition: Edition, mailing_list: MailingList) -> bool:
    """Whether anybody may read the edition, and find it in lists, feeds and searches."""
    return (
        edition.kind is EditionKind.MAILING
        and edition.state in ARCHIVED_STATES
        and edition.archive is ArchiveVisibility.PUBLIC
        and mailing_list.visibility is Visibility.PUBLIC
    )


def list_archived_lists(tx: Transaction) -> list[MailingList]:
    """The lists that have an archive."""
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.visibility is Visibility.PUBLIC
    ]


def get_list(tx: Transaction, slug: str) -> MailingList:
    """One list that has an archive. Raises NotFound, the same for a private one."""
    for mailing_list in list_archived_lists(tx):
        if mailing_list.slug == slug:
            return mailing_list
    raise NotFound(f"there is no public list {slug!r}", hint="see `mailer list list`")


def search_editions(
    tx: Transaction, mailing_list: MailingList, query: str, limit: int, offset: int = 0
) -> Sequence[ArchiveEntry]:
    """Editions of a list in which every word of `query` is a part of a word, the newest first; all
    of them where `query` holds no word."""
    return tx.editions.find_entries(
        mailing_list.slug, words.split_query(query, MAX_SEARCH_WORDS), limit, offset
    )


def build_search_text(body: EditionBody) -> str:
    """What a search looks in: subject and text as anybody may read them."""
    return words.join_distinct_words(
        f"{message.render_heading(body)}\n{message.render_plain_text(body)}"
    )
