"""The store of editions, composed of its parts."""

from mailer.store.archive import ArchiveQueries
from mailer.store.editions.records import EditionQueries


class SqlEditionStore(EditionQueries, ArchiveQueries):
    """Editions, including those in the archive."""
