"""The state of an office, for people and for monitoring: what is due, being sent, waiting and
failed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailer import leases
from mailer.app import Mailer
from mailer.delivery.process_identity import is_dead
from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import judge_recorded_reply
from mailer.delivery.reply_report import count_open_failures
from mailer.digests import get_digest
from mailer.digests.calendar import PlannedOccurrence
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.edition_states import BEGUN_STATES, OPEN_STATES, EditionState
from mailer.model.editions import Edition
from mailer.model.lists import MailingList
from mailer.model.recovery import DatabaseRefusal
from mailer.model.relay_outages import RelayOutage
from mailer.model.releases import Kill
from mailer.model.safe_mode import SafeMode
from mailer.model.schedules import SavedOccurrence
from mailer.notices import find_asking_time
from mailer.store import SqlTransaction

FAILURES_SHOWN_FOR = timedelta(days=7)
"""Time for which failures are shown."""

CLOSED_LISTS_SHOWN_FOR = timedelta(days=7)
"""Time for which a closed list is shown after its last mail."""

UNFINISHED_STATES = (*OPEN_STATES, *BEGUN_STATES)

MIN_REFUSED_SERVICE_MAILS = 5
"""Number of mails about sign-ups, refused for our reasons with none accepted since, from which on a
person should look."""

MAX_SERVICE_REPLIES = 100
"""Maximum number of replies to mails about sign-ups that are looked at, the latest first."""

_OUR_SUBJECTS = frozenset({RefusalSubject.SENDER, RefusalSubject.MESSAGE})

MAX_EDITIONS = 100
"""Maximum number of editions shown of each kind."""


@dataclass(frozen=True, slots=True)
class SchedulerHealth:
    """The worker that ticks. `alive` says whether it is known to run, or has updated its heartbeat
    within the lease. `last_beat` is the time on the worker's own clock, and None if no worker ever
    ran."""

    alive: bool
    last_beat: datetime | None


@dataclass(frozen=True, slots=True)
class SendingEdition:
    """An edition that is being sent. `remaining` is the number of deliveries still to be sent;
    `next_due` is when the first of them is due."""

    report: DeliveryReport
    remaining: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class ClosedListStatus:
    """A list that was closed of late or whose last mail is not sent. `last_edition` is that mail,
    or None if there is none."""

    list: MailingList
    last_edition: Edition | None

    @property
    def words(self) -> str:
        """Say what becomes of the last mail."""
        edition = self.last_edition
        return f"last mail: edition {edition.id}, {edition.state.words}" if edition else "no mail"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The state of an office. `due` has each digest's next occurrence that is not overdue;
    `overdue` has the occurrences that a worker should have handled by now.

    `waiting` editions are in review. `stranded` editions are approved, or are drafts again after
    they were submitted for approval, and have no send time, so only a person can send them.
    `stopped` editions are paused or on hold; `doubts` has the number of their deliveries in doubt,
    by the id of the edition. `failed` has the reports of recent editions with deliveries that a
    person should look at (:func:`count_open_failures`). `service_mails_in_doubt` counts the recent
    notices and service mails about which only a person can decide. `refused_service_mails` are the
    replies to the last mails about sign-ups, the latest first, if at least
    :data:`MIN_REFUSED_SERVICE_MAILS` were refused for reasons that speak of this office and none
    was accepted since. `refusal` says why nothing is sent from this database; it is None if mails
    may be sent. `safe_mode` is None if safe mode is off. `reminded` are the waiting editions that
    are so close to their send time that approvers are reminded. `closed_lists` are those that were
    closed of late, or whose last mail is not sent. `drafts` have no send time and were not
    submitted yet. `asking_times` says when a person was last asked to approve each waiting edition.
    `relay_outages` are those of the settings'
    relays, as the last process that delivered has recorded them; `has_working_relay` says whether
    there is a relay without one."""

    worker: SchedulerHealth
    now: datetime
    due: tuple[PlannedOccurrence, ...]
    overdue: tuple[PlannedOccurrence, ...]
    stranded: tuple[Edition, ...]
    scheduled: tuple[Edition, ...]
    waiting: tuple[Edition, ...]
    sending: tuple[SendingEdition, ...]
    stopped: tuple[Edition, ...]
    held_occurrences: tuple[SavedOccurrence, ...]
    failed: tuple[DeliveryReport, ...]
    refused_service_mails: tuple[str, ...] = ()
    kill_requests: tuple[Kill, ...] = ()
    doubts: Mapping[int, int] = field(default_factory=dict)
    service_mails_in_doubt: int = 0
    refusal: DatabaseRefusal | None = None
    safe_mode: SafeMode | None = None
    reminded: tuple[Edition, ...] = ()
    closed_lists: tuple[ClosedListStatus, ...] = ()
    drafts: tuple[Edition, ...] = ()
    asking_times: Mapping[int, datetime] = field(default_factory=dict)
    relay_outages: tuple[RelayOutage, ...] = ()
    has_working_relay: bool = True

    @property
    def headline(self) -> str:
        """Answer in a sentence whether mail is going out."""
        if self.refusal:
            return f"no mail goes out: {self.refusal.reason}"
        if self.relay_outages and not self.has_working_relay:
            words = "; ".join(outage.describe_outage(self.now) for outage in self.relay_outages)
            worker_note = "" if self.worker.alive else "; and no worker runs"
            return f"mail is not going out: {words}{worker_note}"
        if self.safe_mode and not self.safe_mode.recipients:
            return f"no mail goes out: safe mode is on ({self.safe_mode.words})"
        limit_note = f"; safe mode is on: {self.safe_mode.words}" if self.safe_mode else ""
        if not self.worker.alive:
            return f"no mail goes out by itself: no worker runs{limit_note}"
        open_sendings = [sending for sending in self.sending if sending.remaining]
        if open_sendings:
            report, remaining = open_sendings[0].report, open_sendings[0].remaining
            others = len(open_sendings) - 1
            others_note = f", and {others} other{'s'[: others > 1]}" if others else ""
            return (
                f"a worker is sending edition {report.edition.id} ({report.edition.name}): "
                f"{report.total - remaining:,} of {report.total:,} done{others_note}{limit_note}"
            )
        times = [edition.appointment.moment for edition in self.scheduled if edition.appointment]
        times += [planned.starts_at for planned in self.due]
        next_note = (
            f"; next at {min(times):%a %d %b %H:%M} UTC" if times else "; nothing is planned"
        )
        return f"mail goes out when it is due{next_note}{limit_note}"

    @property
    def problems(self) -> Iterator[str]:
        """Yield the problems that a person should look at, as text."""
        if self.refusal:
            yield f"nothing is sent from this database: {self.refusal.reason}"
        elif not self.worker.alive:
            last_beat = self.worker.last_beat
            yield (
                f"no worker runs (last seen {last_beat:%a %d %b %H:%M} UTC)"
                if last_beat
                else ("no worker runs")
            )
        for outage in self.relay_outages:
            yield outage.describe_outage(self.now)
        for planned in self.overdue:
            occurrence = planned.occurrence
            slug = planned.schedule.settings.digest_slug
            yield f"{slug} of {occurrence.clock_time:%a %d %b %H:%M} is overdue"
        if self.safe_mode:
            yield f"safe mode is on: {self.safe_mode.words}"
        for edition in self.waiting:
            if edition.appointment and edition.appointment.moment <= self.now:
                yield f"edition {edition.id} is late: it has not been approved"
            elif edition in self.reminded:
                yield f"edition {edition.id} waits for approval, and its approvers were reminded"
        for edition in self.stranded:
            if edition.digest:  # a person sends an edition that belongs to no digest
                yield f"edition {edition.id} is {describe_stranded(edition)}"
        for edition in self.stopped:
            note = describe_stop(edition, self.doubts)
            yield f"edition {edition.id} is {edition.state.words}{f': {note}' if note else ''}"
        for kill_request in self.kill_requests:
            yield f"{kill_request.slug}: a kill waits for the second person"
        for held_occurrence in self.held_occurrences:
            slug = held_occurrence.digest_slug
            yield f"{slug} of {held_occurrence.rule_time:%a %d %b %H:%M} is on hold"
        if self.refused_service_mails:
            yield (
                f"the last {len(self.refused_service_mails)} mails about sign-ups were refused for"
                f" our reasons, the latest with {self.refused_service_mails[0]}"
            )
        for report in self.failed:
            yield f"edition {report.edition.id}: {describe_counts(count_open_failures(report))}"
        if self.service_mails_in_doubt:
            yield f"{self.service_mails_in_doubt} service mails and notices are in doubt"


def describe_stranded(edition: Edition) -> str:
    """Describe why an edition waits for a person: it has no send time, or it is a draft again."""
    if edition.state is EditionState.APPROVED:
        return "approved, and has no send time"
    return f"a draft again{f' ({edition.reason})' if edition.reason else ''}, and not submitted"


def describe_stop(edition: Edition, doubts: Mapping[int, int]) -> str:
    """Describe why an edition is stopped, and how many of its deliveries are in doubt now."""
    doubt_count = doubts.get(edition.id, 0)
    doubt_note = f"{doubt_count} in doubt" if doubt_count else ""
    return "; ".join(filter(None, (edition.reason, doubt_note)))


def describe_counts(counts: Mapping[str, int]) -> str:
    """Describe counts of deliveries in words: "2 failed, 1 in doubt"."""
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def read_status(mailer: Mailer, tx: SqlTransaction) -> WorkerStatus:
    """Return the current state of the office."""
    now = mailer.clock()
    due: list[PlannedOccurrence] = []
    overdue: list[PlannedOccurrence] = []
    for calendar in mailer.build_calendars(tx):
        overdue_occurrences = calendar.list_overdue(now)
        overdue += overdue_occurrences
        overdue_keys = {one.key for one in overdue_occurrences}
        upcoming = [one for one in calendar.list_upcoming(now, 8) if not one.occurrence.skipped]
        due += [
            one
            for one in upcoming
            if one.key not in overdue_keys and (one.saved is None or not one.saved.edition_id)
        ][:1]
    sending_editions = tx.editions.list_recent_editions([EditionState.SENDING], MAX_EDITIONS)
    sent_editions = tx.editions.list_recent_editions([EditionState.SENT], MAX_EDITIONS)
    recent_editions = [
        one
        for one in sent_editions
        if one.finished_at and now - one.finished_at < FAILURES_SHOWN_FOR
    ]
    reports = [tx.outbox.build_report(one) for one in (*sending_editions, *recent_editions)]
    stopped_editions = tx.editions.list_recent_editions(
        [EditionState.PAUSED, EditionState.ON_HOLD], MAX_EDITIONS
    )
    waiting_editions = tx.editions.list_recent_editions([EditionState.IN_REVIEW], MAX_EDITIONS)
    refusal = mailer.guard.find_refusal()
    relay_names = {relay.name for relay in mailer.settings.all_relays}
    relay_outages = [
        outage for outage in tx.outbox.list_relay_outages() if outage.relay in relay_names
    ]
    return WorkerStatus(
        worker=_read_health(mailer, tx, now, may_send=refusal is None),
        due=tuple(sorted(due, key=lambda occurrence: occurrence.starts_at)),
        overdue=tuple(sorted(overdue, key=lambda occurrence: occurrence.starts_at)),
        scheduled=tuple(tx.editions.list_scheduled_editions([EditionState.SCHEDULED])),
        waiting=tuple(waiting_editions),
        reminded=tuple(one for one in waiting_editions if _is_reminded(tx, one, now)),
        stranded=tuple(
            edition
            for edition in tx.editions.list_recent_editions(
                [EditionState.APPROVED, EditionState.DRAFT], MAX_EDITIONS
            )
            if edition.state is EditionState.APPROVED
            or (edition.asked_at and not edition.appointment)
        ),
        drafts=tuple(
            edition
            for edition in tx.editions.list_recent_editions([EditionState.DRAFT], MAX_EDITIONS)
            if not (edition.asked_at or edition.appointment)
        ),
        asking_times={
            edition.id: asked_at
            for edition in waiting_editions
            if (asked_at := find_asking_time(tx, edition))
        },
        now=now,
        sending=tuple(_read_sending(tx, one) for one in reports[: len(sending_editions)]),
        stopped=tuple(stopped_editions),
        doubts=tx.outbox.count_in_doubt([edition.id for edition in stopped_editions]),
        service_mails_in_doubt=tx.outbox.count_service_mails_in_doubt(now - FAILURES_SHOWN_FOR),
        held_occurrences=tuple(tx.schedules.list_occurrences_on_hold()),
        failed=tuple(one for one in reports if count_open_failures(one)),
        refused_service_mails=_list_refused_service_mails(tx),
        kill_requests=tuple(tx.releases.list_kill_requests()),
        refusal=refusal,
        safe_mode=tx.outbox.find_safe_mode(),
        closed_lists=tuple(_list_closed_lists(tx, now)),
        relay_outages=tuple(relay_outages),
        has_working_relay=len(relay_outages) < len(relay_names),
    )


def _list_closed_lists(tx: SqlTransaction, now: datetime) -> Iterator[ClosedListStatus]:
    for mailing_list in tx.lists.list_mailing_lists():
        if mailing_list.closed_at is None:
            continue
        edition_id = mailing_list.closing_edition_id
        last_edition = tx.editions.find_edition(edition_id) if edition_id else None
        is_unsent = last_edition is not None and last_edition.state in UNFINISHED_STATES
        if is_unsent or now - mailing_list.closed_at < CLOSED_LISTS_SHOWN_FOR:
            yield ClosedListStatus(mailing_list, last_edition)


def _is_reminded(tx: SqlTransaction, edition: Edition, now: datetime) -> bool:
    """Check whether the first reminder about an edition in review is due."""
    if not (edition.digest and edition.appointment):
        return False
    reminders = get_digest(tx, edition.digest).settings.policy.reminders
    return bool(reminders) and edition.appointment.moment - max(reminders) <= now


def _list_refused_service_mails(tx: SqlTransaction) -> tuple[str, ...]:
    """Return the replies to mails about sign-ups that were refused for our reasons since the last
    accepted mail. Return none if there are too few."""
    refused_replies = []
    for state, reply in tx.outbox.list_service_replies(MAX_SERVICE_REPLIES):
        if state is DeliveryState.SENT:
            break
        judgement = judge_recorded_reply(reply)
        if judgement is not None and judgement.subject in _OUR_SUBJECTS:
            refused_replies.append(reply)
    is_enough = len(refused_replies) >= MIN_REFUSED_SERVICE_MAILS
    return tuple(refused_replies) if is_enough else ()


def _read_sending(tx: SqlTransaction, report: DeliveryReport) -> SendingEdition:
    unsent_states = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.ON_WIRE)
    remaining = sum(report.states[state] for state in unsent_states)
    return SendingEdition(report, remaining, tx.outbox.find_next_due(report.edition.id))


def _read_health(
    mailer: Mailer, tx: SqlTransaction, now: datetime, *, may_send: bool
) -> SchedulerHealth:
    """Return the health of the worker. The worker in the record of a copy is the original's, and no
    worker works with a database from which nothing may be sent."""
    lease = leases.find_lease(tx)
    if lease is None:
        return SchedulerHealth(False, None)
    is_recent = now - lease.heartbeat_at < timedelta(seconds=mailer.settings.delivery.lease)
    is_alive = bool(lease.holder) and not is_dead(lease.holder) and is_recent
    return SchedulerHealth(may_send and is_alive, lease.heartbeat_at)
