"""The jobs of occurrences, editions and embargoes.

Each job runs in the caller's transaction, reads the current state again, calls the verb, and logs
what it has done. The verbs decide; they do nothing if another worker or a person has already acted.
"""

from mailer import digests, editions, embargoes, notices, releases
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.editions import ReviewStep
from mailer.log import Log
from mailer.model.digests import Digest
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.notices import NoticeResult
from mailer.store import SqlTransaction


def run_occurrence(
    mailer: Mailer, digest: Digest, step: CalendarStep, log: Log, tx: SqlTransaction
) -> None:
    """Handle an occurrence whose cut-off has come: make its edition, skip it, or put it on hold."""
    now, slug = mailer.clock(), digest.settings.slug
    step = digests.explain_unused_texts(tx, step)
    occurrence_id = digests.claim_step(tx, WORKER, digest, step, now)
    if occurrence_id is None:
        return
    log.info(
        "occurrence",
        digest=slug,
        at=f"{step.planned.occurrence.wall:%Y-%m-%dT%H:%M}",
        zone=step.planned.original.zone,
        what=step.action.value,
        why=step.reason,
    )
    if step.action is not OccurrenceAction.ASSEMBLE:
        composer = mailer.build_notice_composer(tx)
        _log_notice(
            log,
            notices.notify_of_occurrence(
                tx, WORKER, digest, step, composer, mailer.staff_addresses, now
            ),
        )
        return
    assembled = digests.assemble_occurrence(
        tx, WORKER, digest, step, occurrence_id, mailer.read_observances(), now
    )
    for expired_edition in assembled.expired:
        log.info("expired", digest=slug, edition=expired_edition.id)
    edition, choice = assembled.edition, assembled.choice
    log.info(
        "assembled",
        digest=slug,
        edition=edition.id,
        state=edition.state.value,
        stories=len(edition.stories),
        waiting=len(choice.waiting),
        other_kinds=len(choice.other_kinds),
        why=choice.too_few,
    )
    _prepare_edition(mailer, tx, edition, log)


def assemble_immediate(mailer: Mailer, slug: str, log: Log, tx: SqlTransaction) -> None:
    """Make the edition of an immediate digest whose quiet time is over."""
    zone, now = mailer.settings.defaults.time_zone, mailer.clock()
    assembled = digests.assemble_immediate_edition(tx, WORKER, slug, zone, now)
    if assembled is None:
        return
    edition, choice = assembled
    log.info(
        "assembled",
        digest=slug,
        edition=edition.id,
        state=edition.state.value,
        stories=len(edition.stories),
        waiting=len(choice.waiting),
    )
    _prepare_edition(mailer, tx, edition, log)


def update_send_time(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Recalculate the moment of an edition's send time."""
    edition = editions.get_edition(tx, edition_id)
    updated_edition = editions.update_send_time(tx, WORKER, edition, mailer.clock())
    if updated_edition and edition.appointment and updated_edition.appointment:
        moments = {
            "was": edition.appointment.moment.isoformat(),
            "now": updated_edition.appointment.moment.isoformat(),
        }
        log.info("send time recalculated", edition=edition_id, **moments)


def update_embargo_end(mailer: Mailer, slug: str, log: Log, tx: SqlTransaction) -> None:
    """Recalculate the moment when an embargo ends."""
    if embargo := embargoes.refresh_end(tx, WORKER, slug, mailer.clock()):
        log.info("embargo end recalculated", slug=slug, until=embargo.until.isoformat())


def queue_follow_ups(mailer: Mailer, log: Log, tx: SqlTransaction) -> None:
    """Add deliveries to corrections and kills for recipients of the release who are known only
    now."""
    for edition, added_count in releases.extend_releases(tx, WORKER, mailer.clock()):
        log.info("followed up", edition=edition.id, added=added_count)


def review_draft(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Prepare a draft that has a send time for its approval."""
    edition = editions.get_edition(tx, edition_id)
    if edition.appointment:
        _prepare_edition(mailer, tx, edition, log)


def _prepare_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition, log: Log) -> None:
    preparation = editions.prepare_edition(tx, WORKER, edition, mailer.renderer, mailer.clock())
    if preparation is None:
        return
    edition = preparation.edition
    state = edition.state.value
    if preparation.too_few:
        log.info("too few", edition=edition.id, state=state, why=preparation.too_few)
    elif preparation.compose_error:
        log.error("on hold", edition=edition.id, why=preparation.compose_error)
    else:
        log.info("ready", edition=edition.id, state=state, hash=edition.content_hash[:12])


def check_review(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Remind the approvers of an edition in review, or return it to draft if it is too late."""
    edition = editions.get_edition(tx, edition_id)
    now = mailer.clock()
    step = editions.find_review_step(edition, editions.get_policy(tx, edition), now)
    if step is ReviewStep.RETURN_TO_DRAFT:
        draft = editions.return_late_edition(tx, WORKER, edition, now)
        log.warning("late", edition=edition.id, why=draft.reason)
    elif step is ReviewStep.REMIND:
        composer = mailer.build_notice_composer(tx)
        result = notices.remind_approvers(
            tx, WORKER, edition, composer, mailer.staff_addresses, now
        )
        _log_notice(log, result)
        log.info("reminded", edition=edition.id)


def start_edition(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Start a scheduled edition whose time has come."""
    start = editions.start_due_edition(
        tx,
        WORKER,
        editions.get_edition(tx, edition_id),
        mailer.renderer,
        mailer.clock(),
        check_relays=mailer.check_relays,
    )
    if start is None:
        return
    if start.reason:
        is_draft = start.edition.state is EditionState.DRAFT
        event_name = "approval void" if is_draft else "on hold"
        log.warning(event_name, edition=edition_id, why=start.reason)
        return
    log.info(
        "started",
        edition=edition_id,
        planned=start.plan.planned if start.plan else 0,
        left_out=sum(start.plan.excluded.values()) if start.plan else 0,
    )


def notify_staff(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Notify staff of the state of an edition, if they were last notified of another state."""
    edition = editions.get_edition(tx, edition_id)
    composer = mailer.build_notice_composer(tx)
    result = notices.notify_staff(
        tx, WORKER, edition, composer, mailer.staff_addresses, mailer.clock()
    )
    _log_notice(log, result)
    if result:
        kind, people = result.notice.kind.value, len(result.addresses)
        log.info("notified", edition=edition.id, notice=kind, people=people)


def list_kills_to_ask_for(mailer: Mailer, tx: SqlTransaction) -> list[str]:
    """Return the slugs of releases whose kill no approver was asked to confirm as it is now: its
    story may have been edited since they were asked."""
    kills = tx.releases.list_kill_requests()
    if not kills or not mailer.staff_addresses.approvers:
        return []
    requests = [releases.find_kill_request(tx, kill.slug) for kill in kills]
    return [
        request.kill.slug
        for request in requests
        if request and request.digest != request.kill.notified_digest
    ]


def ask_for_kill(mailer: Mailer, slug: str, log: Log, tx: SqlTransaction) -> None:
    """Ask the approvers for the second person of a kill."""
    request = releases.find_kill_request(tx, slug)
    if request is None:
        return
    result = notices.notify_of_kill(
        tx,
        WORKER,
        request.kill,
        request.articles[0].title,
        request.editions[-1].list,
        request.digest,
        mailer.build_notice_composer(tx),
        mailer.staff_addresses,
        mailer.clock(),
    )
    _log_notice(log, result)
    if result:
        log.info("kill requested", slug=slug, people=len(result.addresses))


def _log_notice(log: Log, result: NoticeResult | None) -> None:
    """Log that a notice can't be composed, if so."""
    if result and result.compose_error:
        notice = result.notice
        log.error(
            "notice", kind=notice.kind.value, edition=notice.edition, error=result.compose_error
        )
