"""The whole store of editions, put together from its parts."""

from mailer.store.archive import ArchiveQueries
from mailer.store.editions.records import EditionQueries


class SqlEditionStore(EditionQueries, ArchiveQueries):
    """Editions, and those of them that stand in the archive."""
