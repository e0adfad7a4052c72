"""The whole store of segments, put together from its parts."""

from mailer.store.audience.bulk import BulkQueries
from mailer.store.audience.segments import SegmentQueries


class SqlSegmentStore(SegmentQueries, BulkQueries):
    """Segments, and changes to all members of one."""
