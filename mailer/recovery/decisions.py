"""A person's decisions about a database that was restored, or whose history went back.

The rule: a mail that is unsent according to the database is not sent without a person's decision,
because it may have been sent after the backup.

- Editions that have started are paused, and their unsent deliveries are in doubt, whatever the
  edition's rule for deliveries in doubt was. A person sends them again, or counts them as sent.
- Editions that have a send time, and occurrences whose cut-off has come, are put on hold.
- Sign-ups that waited for a mail get none. If the mail was sent after the backup, its link still
  works.
- Subscribers and confirmations get ids that the lost database can't have used.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from mailer import editions, leases
from mailer.actor import WORKER, Actor
from mailer.audience.signup.confirmations import move_confirmation
from mailer.digests.calendar import DigestCalendar
from mailer.model.deliveries import EXPIRE_AFTER
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.recovery import DatabaseState, RecoveryReport
from mailer.model.schedules import OccurrenceState
from mailer.model.signup import ConfirmationState
from mailer.model.transaction import Transaction

IN_DOUBT_REPLY = "the database was restored: it may have been sent after the backup"
RESTORED_REASON = "the database was restored: its unsent deliveries are in doubt"
HOLD_REASON = "the database was restored: it may have been sent after the backup"


CLONE_EVENT = "clone"
ACCEPTED_EVENT = "accepted"

FOLLOW_UP_PERIOD = EXPIRE_AFTER + timedelta(days=1)
"""The time for which missing recipients are added automatically to a correction that has
started."""


def create_identity(tx: Transaction, actor: Actor, now: datetime) -> str:
    """Give a database an identity of its own, and return it. The generation stays 0 until a host
    has a marker of the database, so the database is still recognised if a process dies before it
    writes the marker."""
    identity = secrets.token_hex(16)
    tx.recovery.save_identity(identity, 0, DatabaseState.ACTIVE, "", now)
    return identity


def increment_generation(tx: Transaction, actor: Actor) -> int:
    """Increment the database's generation, which says that a process delivers from it now, and
    return it."""
    return tx.recovery.increment_generation()


def suspend_deliveries(tx: Transaction, actor: Actor, reason: str, now: datetime) -> None:
    """Let no process deliver until a person accepts the database: it was restored, or its history
    went back."""
    identity = tx.recovery.lock_identity()
    tx.recovery.allow_writes()
    tx.recovery.save_identity(
        identity.identity if identity else secrets.token_hex(16),
        identity.generation if identity else 0,
        DatabaseState.RESTORED,
        reason,
        now,
    )
    tx.recovery.add_event("suspended", reason, now, actor)


def record_backup(tx: Transaction, actor: Actor, file: str, now: datetime) -> None:
    """Record that a backup was written."""
    tx.recovery.add_event("backup", file, now, actor)


def record_upgrade(tx: Transaction, actor: Actor, detail: str, now: datetime) -> None:
    """Record that the schema was upgraded. `detail`: the revisions, and where the backup is."""
    tx.recovery.add_event("upgrade", detail, now, actor)


def declare_clone(tx: Transaction, actor: Actor, now: datetime) -> str:
    """Declare a database a copy, which is always in safe mode, and return its new identity. The
    workers in it are the original's, so their claims are released."""
    tx.recovery.lock_identity()
    tx.recovery.allow_writes()
    for worker in tx.outbox.list_workers():
        tx.outbox.remove_worker(worker.id)
    leases.clear_lease(tx, actor)
    identity = secrets.token_hex(16)
    tx.recovery.save_identity(identity, 0, DatabaseState.CLONE, f"a clone, by {actor.name}", now)
    tx.recovery.add_event(CLONE_EVENT, "declared a clone", now, actor)
    return identity


def is_clone(tx: Transaction) -> bool:
    """Check whether a person has declared this database a clone, or a database from whose backup
    it was restored, and has not accepted it as the office's own since."""
    decisions = [
        event.event_type
        for event in tx.recovery.list_events()
        if event.event_type in {CLONE_EVENT, ACCEPTED_EVENT}
    ]
    return decisions[-1:] == [CLONE_EVENT]


def accept_database(
    tx: Transaction, actor: Actor, calendars: Iterable[DigestCalendar], now: datetime
) -> RecoveryReport:
    """Accept a restored database as the office's own, by the rule of this module, and give it a new
    identity: from then on it may send."""
    tx.recovery.lock_identity()
    tx.recovery.allow_writes()
    tx.recovery.mark_editions_notified()
    tx.recovery.remove_workers()
    leases.clear_lease(tx, actor)
    report = RecoveryReport(
        _stop_begun_editions(tx, actor, now),
        _put_editions_on_hold(tx, actor, now),
        _put_occurrences_on_hold(tx, calendars, now),
        _settle_sign_ups(tx, now),
    )
    tx.recovery.skip_ids()
    create_identity(tx, actor, now)
    detail = (
        f"{sum(report.in_doubt.values())} deliveries of {len(report.in_doubt)} editions in doubt, "
        f"{len(report.editions_on_hold)} editions and {report.occurrences_on_hold} occurrences on "
        f"hold, {report.sign_ups} sign-ups without a mail"
    )
    tx.recovery.add_event(ACCEPTED_EVENT, detail, now, actor)
    return report


def _stop_begun_editions(tx: Transaction, actor: Actor, now: datetime) -> dict[int, int]:
    """Put the unsent deliveries of all started editions in doubt, and pause these editions. Returns
    the number of deliveries in doubt by edition.

    Editions of service mails are not paused, since further service mails join them."""
    in_doubt: dict[int, int] = {}
    for edition_id in tx.recovery.list_unfinished_editions():
        if count := tx.recovery.put_unsent_in_doubt(edition_id, IN_DOUBT_REPLY):
            in_doubt[edition_id] = count
        edition = editions.get_edition(tx, edition_id)
        tx.editions.add_event(edition, "in doubt", f"{count}: {IN_DOUBT_REPLY}", now, actor)
        if edition.kind is EditionKind.MAILING and edition.state is EditionState.SENDING:
            # Without their number, which changes: `mailer status` counts them each time.
            editions.pause_edition(tx, actor, edition, now, reason=RESTORED_REASON)
    # A correction follows the recipients of its release, and some are in doubt only now.
    for edition in tx.editions.list_begun_releases(now - FOLLOW_UP_PERIOD):
        if tx.outbox.extend_plan(edition):
            in_doubt[edition.id] = tx.recovery.put_unsent_in_doubt(edition.id, IN_DOUBT_REPLY)
    return in_doubt


def _put_editions_on_hold(tx: Transaction, actor: Actor, now: datetime) -> tuple[int, ...]:
    """Put editions on hold that the worker would send, or ask approval for, by itself."""
    states = (EditionState.DRAFT, EditionState.IN_REVIEW, EditionState.SCHEDULED)
    edition_ids = []
    for edition in tx.editions.list_scheduled_editions(states):
        editions.put_on_hold(tx, actor, edition, now, reason=HOLD_REASON)
        edition_ids.append(edition.id)
    return tuple(edition_ids)


def _put_occurrences_on_hold(
    tx: Transaction, calendars: Iterable[DigestCalendar], now: datetime
) -> int:
    count = 0
    for calendar in calendars:
        for step in calendar.list_due_steps(now):
            occurrence = step.planned.original
            claimed_id = tx.schedules.claim_occurrence(
                calendar.slug,
                occurrence.rule_time,
                occurrence.zone,
                OccurrenceState.ON_HOLD,
                now,
                schedule_id=step.planned.schedule.id,
                reason=HOLD_REASON,
            )
            count += claimed_id is not None
    return count


def _settle_sign_ups(tx: Transaction, now: datetime) -> int:
    sign_ups = tx.recovery.list_unanswered_sign_ups()
    for sign_up in sign_ups:
        is_asked = sign_up.state is ConfirmationState.ASKED
        state = ConfirmationState.MAILED if is_asked else ConfirmationState.DONE
        move_confirmation(tx, WORKER, sign_up, state, now)
    return len(sign_ups)
