"""Notice that the database has lost what it had confirmed, and stop before mail is sent twice.

A failover to a standby that was behind, or a restored backup, takes the database back to an earlier
moment: messages that relays accepted are queued again, or the whole plan is gone. A process that
lives through it can tell, because it remembers its own last heartbeat: the heartbeat grows by one
with each transaction of the process, and nothing takes it back. Another process that takes this one
for dead leaves the row, marked as ended.

A process remembers the messages that relays accepted from it, as 8 bytes each: with them, rows that
were queued again are settled as sent. What other processes sent, and what this one sent before it
was started, is lost with the database's history; so the editions are paused for a person.
"""

import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import editions
from mailer.actor import DELIVERY
from mailer.delivery.outcomes import MessageOutcome
from mailer.delivery.replies import ACCEPTED, Reply
from mailer.errors import HistoryWentBack, MailerError
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import Edition
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction

MAX_REMEMBERED = 500_000
"""Accepted messages that a process remembers, in 4 MB. A standby is seconds behind, as a rule; this
is a minute's work at full speed."""

MAX_REPLIES = 2000
"""Replies that a process remembers word for word."""

MAX_PAUSED = 1000
"""Editions that are paused or put on hold when history went back."""

REMEMBERED_DETAIL = "a process that ran on remembers that a relay accepted them"
"""The detail of the event if deliveries are settled from the memory of a process."""

LOST_REPLY = "accepted by a relay before the database lost the reply"

CODE = "history_went_back"

REASON = (
    "the database has lost what it had confirmed, as after a failover to a standby that was behind "
    "or a restored backup: compare with the relay's log before this goes on"
)

ENDED_ROW_KEPT = 6 * 86_400.0
"""Seconds for which a process relies on the row of its last run: the database keeps it for a week
(`KEEP_ENDED`)."""

DUE_MARGIN = timedelta(minutes=10)
"""Time before its sending within which a scheduled edition is put on hold too."""


@dataclass(frozen=True, slots=True)
class CommittedMark:
    """A counter that a process has committed. `unconfirmed` transactions after it had no answer:
    each may have moved the counter on by one, or not."""

    value: int
    unconfirmed: int = 0


def describe_lost_history(mark: CommittedMark, value: int | None) -> str:
    """Return why history went back, or an empty string if it did not.

    `mark` is what this process has committed, `value` the counter as it stands in the database
    without the changes of the present transaction; None if its row is gone."""
    if value is None:
        return "the row of this worker is gone"
    if value < mark.value:
        return f"the heartbeat of this worker is {mark.value - value} transactions behind"
    if value > mark.value + mark.unconfirmed:
        return "the row of this worker belongs to another one"
    return ""


def build_history_error(why: str) -> HistoryWentBack:
    """Build the error for a database that has lost what it had confirmed."""
    return HistoryWentBack(f"history went back ({why})", hint=REASON, code=CODE)


def check_plan_is_kept(begun_edition: Edition, edition: Edition | None) -> None:
    """Check that an edition that this process knows to have begun still has its plan. Raises
    HistoryWentBack."""
    if edition is None or (begun_edition.planned_at is not None and edition.planned_at is None):
        raise build_history_error(f"the plan of edition {begun_edition.id} is gone")


class HistoryWatch:
    """The memory of one process: the heartbeats that it has committed, and the messages that relays
    have accepted from it. It outlives the runs of the process. Only the thread of a ledger uses
    it."""

    def __init__(self) -> None:
        self._worker_id = 0
        self._mark = CommittedMark(0)
        self._noted_at = 0.0
        self._accepted = array("q")
        self._replies: deque[tuple[int, Reply]] = deque(maxlen=MAX_REPLIES)

    # ---- heartbeats -----------------------------------------------------------------------------

    def note_commit(self, worker_id: int, heartbeat: int) -> None:
        """Note a heartbeat whose commit was confirmed."""
        self._worker_id = worker_id
        self._mark = CommittedMark(heartbeat)

    def note_failure(self) -> None:
        """Note an attempt whose outcome is unknown."""
        self._mark = CommittedMark(self._mark.value, self._mark.unconfirmed + 1)

    def note_end(self) -> None:
        """Note the end of a run."""
        self._noted_at = time.monotonic()

    def check_heartbeat(self, tx: Transaction, heartbeat: int | None) -> None:
        """Check the heartbeat that the present transaction has just moved; None if another worker
        took this one for dead. Raises HistoryWentBack."""
        if heartbeat is None:
            worker = tx.outbox.find_worker(self._worker_id)
            value = worker.heartbeat if worker and worker.has_ended else None
        else:
            value = heartbeat - 1
        if why := describe_lost_history(self._mark, value):
            raise build_history_error(why)

    def check_last_run(self, tx: Transaction) -> None:
        """Check the row that the last run of this process has left, before another run begins, and
        remove it. Raises HistoryWentBack once: the caller then pauses what could be sent twice."""
        worker_id, self._worker_id = self._worker_id, 0
        if not worker_id or time.monotonic() - self._noted_at > ENDED_ROW_KEPT:
            return
        worker = tx.outbox.find_worker(worker_id)
        if why := describe_lost_history(self._mark, worker.heartbeat if worker else None):
            raise build_history_error(why)
        tx.outbox.forget_worker(worker_id)

    # ---- accepted messages ----------------------------------------------------------------------

    def note_accepted(self, outcomes: Iterable[MessageOutcome]) -> None:
        """Remember the messages among `outcomes` that a relay accepted."""
        for message, reply in outcomes:
            if reply.verdict is ACCEPTED:
                fingerprint = hash((message.claim.edition_id, message.claim.address))
                self._accepted.append(fingerprint)
                self._replies.append((fingerprint, reply))
        if len(self._accepted) > MAX_REMEMBERED:
            del self._accepted[: MAX_REMEMBERED // 2]

    def restore_accepted(self, tx: Transaction, edition_id: int, now: datetime) -> int:
        """Settle as sent each delivery of an edition whose message a relay accepted from this
        process. Returns their number."""
        accepted = {*self._accepted}
        replies = dict(self._replies)
        settled_count, last_id = 0, 0
        while rows := tx.outbox.list_unsent_addresses(edition_id, last_id, 5000):
            last_id = rows[-1][0]
            settlements = [
                Settlement(delivery_id, 0, DeliveryState.SENT, str(replies.get(key, LOST_REPLY)))
                for delivery_id, address in rows
                if (key := hash((edition_id, address))) in accepted
            ]
            tx.outbox.settle_deliveries(settlements)
            settled_count += len(settlements)
        if settled_count:
            edition = editions.get_edition(tx, edition_id)
            detail = f"{settled_count} counted as sent: {REMEMBERED_DETAIL}"
            tx.editions.add_event(edition, "in doubt", detail, now, DELIVERY)
        return settled_count


def contain_lost_history(
    tx: Transaction, history: HistoryWatch, edition_ids: Sequence[int], now: datetime
) -> int:
    """After the database fell back to an older state, stop the editions that could be sent twice,
    and settle the messages that relays are known to have accepted. Returns the number of deliveries
    settled.

    Every mailing that is being sent is paused. Every other mailing that is due, or due within
    :data:`DUE_MARGIN`, is put on hold. `edition_ids` are the ids of the editions that this
    run is delivering or has stopped: mailings, notices, service mails and welcomes."""
    settled_count = 0
    for edition_id in edition_ids:
        if tx.editions.find_edition(edition_id) is not None:
            settled_count += history.restore_accepted(tx, edition_id, now)
    for edition in tx.editions.list_recent_editions(
        [EditionState.SENDING, EditionState.PAUSED], MAX_PAUSED
    ):
        if edition.id not in edition_ids:
            settled_count += history.restore_accepted(tx, edition.id, now)
        if edition.kind is EditionKind.MAILING and edition.state is EditionState.SENDING:
            editions.pause_edition(tx, DELIVERY, edition, now, reason=REASON)
    for edition in tx.editions.list_recent_editions([EditionState.SCHEDULED], MAX_PAUSED):
        appointment = edition.appointment
        if edition.id in edition_ids or appointment is None:
            continue  # `restore_lost_plan` plans it again
        if appointment.moment <= now + DUE_MARGIN:
            editions.put_on_hold(tx, DELIVERY, edition, now, reason=REASON)
    return settled_count


def restore_lost_plan(
    tx: Transaction, history: HistoryWatch, edition_id: int, renderer: Renderer, now: datetime
) -> None:
    """Plan an edition again if the database has lost its plan, settle the deliveries that relays
    have accepted, and pause the edition. If a person then resumes it, it reaches only the
    recipients who are left. A scheduled edition that can't be planned again is put on hold."""
    edition = tx.editions.find_edition(edition_id)
    if edition is None or edition.kind is not EditionKind.MAILING:
        return
    if edition.planned_at is None:
        try:
            with tx.open_savepoint():
                edition, _ = editions.start_edition(
                    tx, DELIVERY, edition, renderer, now, ahead_of_time=True
                )
        except MailerError:  # it went back further, and must be approved again
            if edition.state is EditionState.SCHEDULED:
                editions.put_on_hold(tx, DELIVERY, edition, now, reason=REASON)
            return
    if edition.state is EditionState.SENDING:
        history.restore_accepted(tx, edition_id, now)
        editions.pause_edition(tx, DELIVERY, edition, now, reason=REASON)
