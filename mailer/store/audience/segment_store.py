"""The store of segments, composed of its parts."""

from mailer.store.audience.bulk import BulkQueries
from mailer.store.audience.segments import SegmentQueries


class SqlSegmentStore(SegmentQueries, BulkQueries):
    """Segments, and bulk changes to a list's members."""
