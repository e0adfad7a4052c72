"""Check what the settings name: files, addresses, the database, relays, senders and public pages.

results.py          the result of one check
local_checks.py     files and addresses, without the network
database_checks.py  the database, and senders that it names
network_checks.py   relays, senders, and the public pages

Loading the settings has checked each of them for itself already (``mailer/config``).
"""

from collections.abc import Iterator

from mailer.app.config_checks.database_checks import check_database
from mailer.app.config_checks.local_checks import check_local_settings
from mailer.app.config_checks.network_checks import check_network
from mailer.app.config_checks.results import CheckOutcome, CheckResult
from mailer.config import Settings

__all__ = ["CheckOutcome", "CheckResult", "check_settings"]


def check_settings(settings: Settings, *, with_network: bool = True) -> Iterator[CheckResult]:
    """Yield the results of all checks. Nothing is sent and nothing is changed. Without
    `with_network`, no relay and no page is asked; a database of PostgreSQL is asked in any case."""
    yield from check_local_settings(settings)
    yield from check_database(settings)
    if with_network:
        yield from check_network(settings)
