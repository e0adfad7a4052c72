"""The baseline: the schema of the first release.

The tables are in ``mailer/store/migrations/baseline``.

Revision: 1, the first.
"""

from mailer.store.migrations.baseline.audience import create_audience_tables
from mailer.store.migrations.baseline.calendar import create_calendar_tables
from mailer.store.migrations.baseline.consent import (
    create_consent_tables,
    create_consent_triggers,
)
from mailer.store.migrations.baseline.content import create_content_tables
from mailer.store.migrations.baseline.counts import create_count_tables
from mailer.store.migrations.baseline.recovery import create_recovery_tables
from mailer.store.migrations.baseline.sending import create_sending_tables

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables. A table comes after those that its foreign keys point to."""
    create_audience_tables()
    create_consent_tables()
    create_content_tables()
    create_sending_tables()
    create_calendar_tables()
    create_recovery_tables()
    create_count_tables()
    create_consent_triggers()
