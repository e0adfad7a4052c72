"""The store of releases, composed of its parts."""

from mailer.store.releases.files import FileQueries, KillQueries
from mailer.store.releases.pages import ReleasePageQueries


class SqlReleaseStore(ReleasePageQueries, KillQueries, FileQueries):
    """Press pages, kills and attached files of releases."""
