"""Notices to staff, through the same outbox as all mail.

Which notice an edition needs is read off its state and the one that staff last heard of. Both
change in one transaction, so each is told once; what changed and changed back between two ticks is
not told.
"""

from datetime import datetime, timedelta

from mailer import editions
from mailer.app import Mailer
from mailer.digests import Digest, Policy
from mailer.digests.calendar import Do, Step
from mailer.editions import TRANSITIONS, Edition, EditionState
from mailer.errors import ComposeError
from mailer.log import Log
from mailer.notices import Notice, NoticeKind
from mailer.outbox import DeliveryState
from mailer.render.notices import compose_notice
from mailer.store import Transaction
from mailer.store.outbox.notices import new_uid

_S = EditionState

NEWS_FOR = timedelta(days=1)
"""How long after its end an edition is news to staff who have never heard of it: a worker that is
the first to run tells nothing of what was sent by hand long ago."""

CHECKED = "checked"
"""The event that holds what composing warned of."""

TOO_LATE = "nobody approved it before it was to be sent"
"""Why an edition is a draft again that may not wait."""

SETTLED = timedelta(minutes=15)
"""How long an edition that is edited while it is in review is left alone, before its approvers
hear that it is not any more what they were asked to approve: an editor makes several changes."""

_KINDS = {
    _S.IN_REVIEW: NoticeKind.REVIEW,
    _S.APPROVED: NoticeKind.APPROVED,
    _S.SCHEDULED: NoticeKind.APPROVED,
    _S.SENT: NoticeKind.SENT,
    _S.SKIPPED: NoticeKind.SKIPPED,
    _S.HELD: NoticeKind.HELD,
    _S.PAUSED: NoticeKind.PAUSED,
    _S.EXPIRED: NoticeKind.EXPIRED,
    _S.CANCELLED: NoticeKind.CANCELLED,
}

_LET_GO = {_S.APPROVED.value, _S.SCHEDULED.value}

_FOR_APPROVERS = {NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.LATE}

_OVER = {NoticeKind.SKIPPED, NoticeKind.EXPIRED, NoticeKind.CANCELLED, NoticeKind.HELD}
"""There is nothing to approve any more."""


def tell(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """Tell staff of the state that an edition is in, when they last heard of another."""
    edition = editions.get(tx.editions, number)
    if not is_time(edition, mailer.clock()):
        return
    kind = None if _is_old(edition, mailer.clock()) else _kind(edition)
    tx.editions.told(edition)
    if kind is None:
        return
    to = _put(mailer, tx, _of_edition(mailer, tx, edition, kind), edition, log)
    log.info("told", edition=edition.id, notice=kind.value, people=len(to))


def _is_old(edition: Edition, now: datetime) -> bool:
    ended = edition.finished_at or edition.created_at
    over = edition.state is _S.SENT or not TRANSITIONS[edition.state]
    return over and not edition.told and now - ended > NEWS_FOR


def is_time(edition: Edition, now: datetime) -> bool:
    """Whether staff should hear of it now."""
    if edition.state is _S.DRAFT and edition.appointment:
        return False  # the next step makes more of it, and that is told
    if edition.told != edition.state:
        return True
    if edition.state is not _S.IN_REVIEW or edition.told_hash == edition.content_hash:
        return False
    soon = edition.appointment is not None and edition.appointment.moment - now < SETTLED
    return soon or edition.asked_at is None or now - edition.asked_at >= SETTLED


def _kind(edition: Edition) -> NoticeKind | None:
    was = edition.told
    if edition.state is _S.DRAFT:
        if was in _LET_GO:
            return NoticeKind.VOID
        return NoticeKind.LATE if edition.reason == TOO_LATE else None
    if edition.state is _S.IN_REVIEW and was in _LET_GO:
        return NoticeKind.VOID
    if edition.state is _S.SENDING and was == _S.IN_REVIEW:
        return NoticeKind.APPROVED  # and begun at once, as its time had come
    if edition.state in {_S.APPROVED, _S.SCHEDULED} and (was in _LET_GO or not edition.asked_at):
        return None  # by a rule, or by whoever knows it, or only its time has changed
    return _KINDS.get(edition.state)


def remind(mailer: Mailer, tx: Transaction, edition: Edition, log: Log) -> None:
    """Remind the approvers of an edition in review."""
    kind = NoticeKind.REMINDER
    _put(mailer, tx, _of_edition(mailer, tx, edition, kind), edition, log)


def tell_of_occurrence(
    mailer: Mailer, tx: Transaction, digest: Digest, step: Step, log: Log
) -> None:
    """Tell staff of an occurrence that was skipped or held: there is no edition of it."""
    kind = NoticeKind.HELD if step.do is Do.HOLD else NoticeKind.SKIPPED
    notice = Notice(
        kind,
        digest.order.name,
        digest=digest.order.slug,
        send_at=step.planned.occurrence.moment,
        occurrence=f"{step.planned.rule.named:%Y-%m-%d %H:%M}",
        reason=step.reason,
    )
    to = _people(mailer, digest.order.policy, kind)
    _send(mailer, tx, notice, digest.order.list, to, log)


def _of_edition(mailer: Mailer, tx: Transaction, edition: Edition, kind: NoticeKind) -> Notice:
    given = edition.approval
    figures: dict[str, int] = {}
    if edition.planned_at and kind is not NoticeKind.APPROVED:
        report = tx.outbox.report(edition)
        figures = {
            state.value.replace("_", " "): report.states[state]
            for state in DeliveryState
            if report.states[state] or state is DeliveryState.SENT
        }
    titles: list[str] = []
    subject = ""
    asks = kind in {NoticeKind.REVIEW, NoticeKind.VOID, NoticeKind.REMINDER}
    if asks and edition.state is _S.IN_REVIEW:
        subject = mailer.preview(tx, edition).subject
        bits = tx.editions.story_bits(edition)
        shown = tx.editions.manuscript(edition).stories
        for story in sorted(shown, key=lambda one: bits.get(one.slug, len(bits))):
            article = story.in_language(edition.language, edition.language) or story.articles[0]
            titles.append(article.title)
    reason = edition.reason
    if kind in {NoticeKind.REVIEW, NoticeKind.VOID}:
        reason = _remarks(tx, edition, kind)
    return Notice(
        kind,
        edition.name,
        digest=edition.digest,
        edition=edition.id,
        send_at=edition.appointment.moment if edition.appointment else None,
        reason=reason,
        actor=_actor(tx, edition, given.approver if given else ""),
        comment=given.comment if given else "",
        content_hash=edition.content_hash,
        stories=tuple(titles),
        subject=subject,
        figures=figures,
    )


def _remarks(tx: Transaction, edition: Edition, kind: NoticeKind) -> str:
    """What an approver should know of an edition in review: why they are asked again, and what
    composing warned of since it was last a draft."""
    events = tx.editions.events(edition)
    drafts = [number for number, one in enumerate(events) if one.what == _S.DRAFT]
    changed = events[drafts[-1]].detail if edition.told and drafts else ""
    warned = [one.detail for one in events[drafts[-1] if drafts else 0 :] if one.what == CHECKED]
    asked = "it has changed since you were asked: " if kind is NoticeKind.REVIEW else ""
    said = [asked + changed] if changed else []
    return "; ".join((*said, *warned[-1:]))


def _actor(tx: Transaction, edition: Edition, approver: str) -> str:
    """The person who brought it into the state that it is in."""
    if edition.state in {_S.APPROVED, _S.SCHEDULED, _S.SENDING}:
        return approver
    done = [one for one in tx.editions.events(edition) if one.what == edition.state]
    return done[-1].actor if done and done[-1].actor not in {"worker", "delivery"} else ""


def _put(
    mailer: Mailer, tx: Transaction, notice: Notice, edition: Edition, log: Log
) -> tuple[str, ...]:
    was_asked = edition.asked_at is not None
    to = _people(mailer, mailer.policy(tx, edition), notice.kind, was_asked=was_asked)
    if _send(mailer, tx, notice, edition.list, to, log) is not None:
        detail = f"{notice.kind.value}: {', '.join(to)}"
        tx.editions.note(edition, "told", detail, mailer.clock())
    return to


def _send(
    mailer: Mailer,
    tx: Transaction,
    notice: Notice,
    list_slug: str,
    to: tuple[str, ...],
    log: Log,
) -> Edition | None:
    """Put a notice into the outbox. One that can't be composed, since somebody has changed its
    template, must not keep the calendar from going on: it is logged."""
    if not to:
        return None
    uid = new_uid()
    try:
        body = compose_notice(notice, uid, mailer.settings)
    except ComposeError as error:
        log.error("notice", kind=notice.kind.value, edition=notice.edition, error=str(error))
        return None
    return tx.notices.put(body, list_slug, to, mailer.clock(), uid=uid)


def _people(
    mailer: Mailer, policy: Policy, kind: NoticeKind, *, was_asked: bool = False
) -> tuple[str, ...]:
    """Who is told: the digest's own people, or those of the settings; when only one of the two
    groups is named, it hears of everything. Who was asked to approve hears that there is nothing
    to approve any more, and who heard of an approval that it is void."""
    ours = mailer.settings.notices
    approvers = policy.approvers or ours.approvers
    watchers = policy.watchers or ours.watchers
    if kind in {NoticeKind.APPROVED, NoticeKind.VOID} or (was_asked and kind in _OVER):
        return tuple(dict.fromkeys((*approvers, *watchers)))
    if kind in _FOR_APPROVERS:
        return approvers or watchers
    return watchers or approvers
