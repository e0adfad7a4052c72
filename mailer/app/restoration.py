"""Check before a restoration or a move that no process works with the database.

A worker that runs on keeps what it remembers of the lost database, and its log and the figures that
staff see change in the meantime.
"""

from datetime import timedelta

from mailer import leases
from mailer.app.mailer import get_utc_now
from mailer.delivery.process_identity import find_local_pid, is_dead
from mailer.errors import MailerError, Refused
from mailer.store import Store
from mailer.store.schema import REVISIONS


def check_no_worker_runs(store: Store, lease_seconds: float, *, may_go_on: bool = True) -> None:
    """Check that no process is known to deliver from the database or to keep its calendar: on this
    machine by its process, elsewhere by a heartbeat of the calendar within a lease. A database that
    can't be read passes, since that is why it is restored. `may_go_on`: the command can be told to
    go on in any case. Raises Refused."""
    try:
        if store.read_revision() != REVISIONS[-1]:
            return
        with store.read() as tx:
            lease = leases.find_lease(tx)
            names = [worker.name for worker in tx.outbox.list_workers()]
    except MailerError:
        return
    is_kept_elsewhere = False
    if lease is not None and lease.holder:
        names.append(lease.holder)
        age = get_utc_now() - lease.heartbeat_at
        is_kept_elsewhere = not is_dead(lease.holder) and age < timedelta(seconds=lease_seconds)
    pids = {pid for name in names if (pid := find_local_pid(name)) is not None}
    if pids or is_kept_elsewhere:
        where = f"process {', '.join(map(str, sorted(pids)))}" if pids else "on another machine"
        raise Refused(
            f"a worker or `mailer send` is running with this database ({where})",
            where=store.display_url,
            hint="stop it and `mailer serve` first"
            + ("; --anyway goes on in any case" if may_go_on else ""),
        )
