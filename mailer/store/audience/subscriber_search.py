"""Searches for people by parts of their names and addresses."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_

from mailer.model.lists import MailingList
from mailer.model.searches import SearchIndexStatus, SearchMethod
from mailer.model.subscribers import ListedSubscriber
from mailer.store import schema
from mailer.store.audience.subscribers import SubscriberQueries
from mailer.store.prepared_statements import among, encode_numbers
from mailer.store.search import postgresql, sqlite
from mailer.store.search.conditions import build_exact_conditions
from mailer.store.search.indexes import describe_index, find_method
from mailer.words import build_needle

FIRST_BATCH = 500
"""Number of candidates in the first batch of a search on SQLite. Each further batch is four times
as large, up to :data:`LARGEST_BATCH`."""

LARGEST_BATCH = 32_000

_LAST_CHARACTER = "\U0010ffff"
_COLUMN = schema.subscriber.c.search_text


class SubscriberSearchQueries(SubscriberQueries):
    """The part of :class:`mailer.model.stores.audience.SubscriberStore` for searches."""

    def find_subscribers(
        self,
        search_words: Sequence[str],
        mailing_list: MailingList | None,
        after_id: int,
        limit: int,
    ) -> tuple[list[ListedSubscriber], SearchMethod]:
        """Return up to `limit` people whose name and address contain all of `search_words`, in the
        order of ids, beginning after `after_id`; with a list, only its members, and their
        memberships. The words are from ``words.parse_line_query``.

        Returns (people, what the index could find)."""
        method = find_method(self._db, _COLUMN)
        at_beginning = method is SearchMethod.BEGINNINGS
        needles = [build_needle(word, at_beginning=at_beginning) for word in search_words]
        statement = self._select_listed(mailing_list, after_id).where(
            *build_exact_conditions(self._db, _COLUMN, needles)
        )
        if self._db.dialect.name == "sqlite":
            if not at_beginning:
                batches = self._iterate_candidates(needles, after_id)
                return self._fetch_candidates(statement, mailing_list, batches, limit), method
            statement = statement.where(_build_first_condition(search_words[0], needles[0]))
        elif at_beginning:
            statement = statement.where(postgresql.build_beginnings_condition(needles))
        return self._fetch_listed(statement.limit(limit), mailing_list), method

    def describe_search_index(self) -> SearchIndexStatus:
        """Describe the index that searches for people use."""
        return describe_index(self._db)

    def _fetch_candidates(
        self,
        statement: Select[Any],
        mailing_list: MailingList | None,
        batches: Iterator[list[int]],
        limit: int,
    ) -> list[ListedSubscriber]:
        """Fetch the first `limit` rows of a statement whose ids are in the batches."""
        people: list[ListedSubscriber] = []
        for candidate_ids in batches:
            people += self._fetch_listed(
                statement.where(among(schema.subscriber.c.id, "candidates")).limit(
                    limit - len(people)
                ),
                mailing_list,
                {"candidates": encode_numbers(self._db, candidate_ids)},
            )
            if len(people) == limit:
                break
        return people

    def _iterate_candidates(self, needles: Sequence[str], after_id: int) -> Iterator[list[int]]:
        """Iterate over the ids that SQLite's index of trigrams gives, in batches: it gives them in
        the order of ids, so a common word needs only the first."""
        candidates = sqlite.select_candidates(_COLUMN, needles)
        rowid = candidates.selected_columns.rowid
        batch_size = FIRST_BATCH
        while True:
            statement = candidates.where(rowid > after_id).limit(batch_size)
            candidate_ids = list(self._db.scalars(statement))
            yield candidate_ids
            if len(candidate_ids) < batch_size:
                return
            after_id = candidate_ids[-1]
            batch_size = min(batch_size * 4, LARGEST_BATCH)


def _build_first_condition(word: str, needle: str) -> ColumnElement[bool]:
    """Build the condition that a person's name or address begins with a word, in terms of SQLite's
    plain indexes. The column of the search begins with the name."""
    beginnings = ((schema.subscriber.c.search_text, needle), (schema.subscriber.c.address, word))
    return or_(
        *(
            and_(column >= beginning, column < beginning + _LAST_CHARACTER)
            for column, beginning in beginnings
        )
    )
