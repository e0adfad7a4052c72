"""Corrections and kills: those who have got a release get its new version, or are asked not to use
it; nobody else does, and nobody twice."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions
from mailer.app import leaving
from mailer.app.mailer import Mailer
from mailer.app.press import newest_queued
from mailer.articles import ArticleState, Query
from mailer.articles.kills import Kill
from mailer.audience.lists import check_line
from mailer.editions import (
    OPEN,
    TO_WHO_HAS_IT,
    Archive,
    Change,
    Edition,
    EditionState,
    NewEdition,
    Priority,
    Role,
)
from mailer.errors import Refused
from mailer.lines import folded
from mailer.outbox import Plan
from mailer.store import Transaction

_GOING = (EditionState.SENDING, EditionState.PAUSED)


@dataclass(frozen=True, slots=True)
class Correction:
    """What correcting or killing a release did: the editions that were `stopped`, those `begun`
    with whom they reach, and those that `wait` for an embargo to end."""

    stopped: tuple[Edition, ...]
    begun: tuple[tuple[Edition, Plan], ...]
    wait: tuple[Edition, ...] = ()
    warnings: tuple[str, ...] = ()


def course(tx: Transaction, slug: str) -> list[Edition]:
    """The editions in a release's course that have begun. Raises Refused where there is none."""
    begun = [one for one in tx.editions.of_release(slug) if one.planned_at]
    if not begun:
        raise Refused(
            f"no release of {slug} has been sent",
            hint="change its file and add it again, or `mailer article withdraw` it",
        )
    return begun


def correct(mailer: Mailer, tx: Transaction, slug: str, change: Change, by: str) -> Correction:
    """Send the version that a release has now to exactly those who have got an earlier one. What
    is left of the earlier one is stopped: whoever was still to get it gets the new version as
    their first. Raises Refused where nothing was sent, or nothing has changed since."""
    now = mailer.clock()
    change = Change(check_line(change.what, "--changed"), check_line(change.why, "--why"))
    begun = [one for one in course(tx, slug) if one.role is not Role.KILL]
    newest = newest_queued(tx, slug)
    embargo = tx.embargoes.find(slug)
    if embargo is not None and embargo.holds(now):
        newest = max(newest, embargo.set_at)  # a moved one is news to whoever has the old
    last = max(one.planned_at for one in begun if one.planned_at)
    if newest <= last:
        raise Refused(
            f"{slug} has not changed since it was sent",
            hint="give the corrected file, or change it with `mailer article edit` first",
        )
    stopped: list[Edition] = []
    started: list[tuple[Edition, Plan]] = []
    wait: list[Edition] = []
    warnings: list[str] = []
    for list_ in dict.fromkeys(one.list for one in begun):
        course_ = tx.editions.of_release(slug, list_)
        mine = [one for one in course_ if one.planned_at]
        going = [one for one in mine if one.state in _GOING]
        stopped += [_stop(mailer, tx, one, "it is being corrected", by) for one in going]
        held = leaving.held(tx, mine[-1], now)
        wanted = _like(mine[-1], slug)
        if held:
            wanted = replace(wanted, archive=Archive.PRIVATE)
        new = [replace(wanted, role=Role.CORRECTION, change=change)]
        role = Role.ADVANCE if held else Role.RELEASE
        firsts = [one for one in going if one.role not in TO_WHO_HAS_IT]
        segments = dict.fromkeys(one.segment for one in firsts)
        new += [replace(wanted, role=role, segment=segment) for segment in segments]
        for each in new:
            made, plan, said = _begin(mailer, tx, each, by)
            started.append((made, plan))
            warnings += said
        for one in course_:
            if one.state in OPEN and one.role is Role.RELEASE:
                fresh = editions.reopen(tx.editions, one, now, actor=by)
                if one.appointment:
                    fresh = editions.appoint(tx.editions, fresh, one.appointment, now, actor=by)
                wait.append(mailer.approve(tx, fresh, by))
    return Correction(tuple(stopped), tuple(started), tuple(wait), tuple(dict.fromkeys(warnings)))


def _like(known: Edition, slug: str) -> NewEdition:
    """An edition as this one was, of the same story. What follows an advance copy, which is in no
    archive, stands in it as a release does."""
    return NewEdition(
        name=known.name,
        list=known.list,
        template="press-release",
        language=known.language,
        stories=(slug,),
        priority=Priority.URGENT,
        archive=Archive.PUBLIC if known.role is Role.ADVANCE else known.archive,
    )


def _stop(mailer: Mailer, tx: Transaction, one: Edition, reason: str, by: str) -> Edition:
    return mailer.cancel(tx, one, reason=reason, actor=by)


def _begin(
    mailer: Mailer, tx: Transaction, new: NewEdition, by: str
) -> tuple[Edition, Plan, tuple[str, ...]]:
    made = editions.create(tx.editions, new, mailer.clock(), actor=by)
    made, composition = mailer.composed(tx, made)
    made = mailer.approve(tx, made, by)
    made, plan = mailer.start(tx, made)
    return made, plan or Plan(0, {}), composition.warnings if composition else ()


# ---- kills ------------------------------------------------------------------------------------


def ask_kill(mailer: Mailer, tx: Transaction, slug: str, why: str, by: str) -> tuple[Edition, ...]:
    """The first of two people who take a release back. Until the second confirms, what is being
    sent of it is paused. Raises Refused where nothing was sent, or it is asked for already."""
    now = mailer.clock()
    begun = course(tx, slug)
    if known := tx.kills.find(slug):
        word = "was killed" if known.confirmed_at else f"is to be killed, says {known.asked_by}"
        raise Refused(
            f"{slug} {word}",
            hint="" if known.confirmed_at else f"confirm it: mailer release kill {slug} --confirm",
        )
    tx.kills.keep(Kill(slug, check_line(why, "--why"), by, now))
    reason = f"{by} wants it killed: {why}"
    return tuple(
        editions.pause(tx.editions, one, now, reason=reason, actor=by)
        for one in begun
        if one.state is EditionState.SENDING
    )


def take_back_kill(mailer: Mailer, tx: Transaction, slug: str, by: str) -> tuple[Edition, ...]:
    """It is not to be killed after all: what was paused for it goes on."""
    known = _asked(tx, slug)
    tx.kills.remove(known)
    now = mailer.clock()
    reason = f"{known.asked_by} wants it killed: {known.why}"
    return tuple(
        editions.resume(tx.editions, one, now, actor=by)
        for one in tx.editions.of_release(slug)
        if one.state is EditionState.PAUSED and one.reason == reason
    )


def _asked(tx: Transaction, slug: str) -> Kill:
    known = tx.kills.find(slug)
    if known is None or known.confirmed_at:
        word = "was killed already" if known else "is not to be killed"
        raise Refused(f"{slug} {word}", hint=f"ask for it: mailer release kill {slug} --why …")
    return known


def kill(mailer: Mailer, tx: Transaction, slug: str, by: str) -> Correction:
    """The second of two people confirms: the story leaves every edition that is not sent, its page
    and the archive close, what is queued of it is stopped, and whoever has got it is asked not to
    use it. Raises Refused for the same person."""
    now = mailer.clock()
    known = _asked(tx, slug)
    if folded(known.asked_by) == folded(by):
        raise Refused(
            f"{by} has asked for it, and a kill takes two people",
            hint="another person confirms it, and names themselves with --by",
        )
    tx.kills.keep(replace(known, confirmed_by=by, confirmed_at=now))
    in_course = tx.editions.of_release(slug)
    stopped = [
        _stop(mailer, tx, one, f"killed: {known.why}", by)
        for one in in_course
        if one.state in (*_GOING, *OPEN)
    ]
    wanted = [
        replace(
            _like(one, slug),
            role=Role.KILL,
            archive=one.archive,  # only where the release itself was to be found
            template="press-kill",
            change=Change("", known.why),
        )
        for one in {one.list: one for one in in_course if one.planned_at}.values()
    ]
    # Made while the story is queued still: an edition can't be made of a killed one.
    made = [editions.create(tx.editions, one, now, actor=by) for one in wanted]
    for article in tx.articles.matching(Query(slugs=(slug,))):
        tx.articles.set_state(article, ArticleState.KILLED, now)
    tx.articles.void_editions(slug, f"it was killed: {known.why}", now)
    stopped += _pause_others(tx, slug, known, now, by)
    begun = []
    for one in made:
        fresh, _ = mailer.composed(tx, editions.get(tx.editions, one.id))
        fresh = mailer.approve(tx, fresh, by, comment=f"asked for by {known.asked_by}")
        fresh, plan = mailer.start(tx, fresh)
        begun.append((fresh, plan or Plan(0, {})))
    return Correction(tuple(stopped), tuple(begun))


def _pause_others(
    tx: Transaction, slug: str, known: Kill, now: datetime, by: str
) -> Iterable[Edition]:
    """Newsletters with the story that are being sent: a person decides what becomes of the rest."""
    reason = f"it holds {slug}, which was killed: {known.why}"
    for one in tx.editions.recent([EditionState.SENDING], 1000):
        if one.role is Role.PLAIN and slug in one.stories:
            fresh = editions.get(tx.editions, one.id)
            if fresh.state is EditionState.SENDING:
                yield editions.pause(tx.editions, fresh, now, reason=reason, actor=by)
