"""The store of the outbox, composed of its parts."""

from mailer.store.outbox.plan import PlanQueries
from mailer.store.outbox.queue import QueueQueries
from mailer.store.outbox.relay_outages import RelayOutageQueries
from mailer.store.outbox.repeats import RepeatQueries
from mailer.store.outbox.reports import ReportQueries
from mailer.store.outbox.workers import WorkerQueries


class SqlOutboxStore(
    PlanQueries,
    QueueQueries,
    RelayOutageQueries,
    RepeatQueries,
    ReportQueries,
    WorkerQueries,
):
    """Deliveries, their plan and reports, and the workers that claim them. Its arguments are those
    of ``SafeModeQueries``."""
