"""Corrections and kills: those who have got a release get its new version, or are asked not to use
it; nobody else does, and nobody twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions, embargoes, languages
from mailer.app import leaving
from mailer.app.mailer import Mailer
from mailer.app.press import newest_queued
from mailer.articles import Article, ArticleState, Query
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
from mailer.embargoes import What
from mailer.errors import InputError, NotFound, Refused
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
    """The editions in a release's course that have begun. Raises NotFound for a story that isn't
    there, Refused for one of which none has."""
    begun = [one for one in tx.editions.of_release(slug) if one.planned_at]
    if not begun:
        if not tx.embargoes.has_story(slug):
            raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
        raise Refused(
            f"no release of {slug} has been sent",
            hint="change its file and add it again, or `mailer article withdraw` it",
        )
    return begun


def correct(mailer: Mailer, tx: Transaction, slug: str, change: Change, by: str) -> Correction:
    """Send the version that a release has now to exactly those who have got an earlier one. What
    is left of the earlier one is stopped: whoever was still to get it gets the new version as
    their first. Of `change`, what has no language ("") is in the release's. Raises Refused where
    nothing was sent, or nothing has changed since, InputError for a language that the story is not
    in."""
    tx.alone()
    now = mailer.clock()
    begun = [one for one in course(tx, slug) if one.role is not Role.KILL]
    newest = newest_queued(tx, slug)
    story = _story(tx, slug)
    ours = begun[-1].language
    change = Change(
        _spoken(change.what, story, ours, "--changed"), _spoken(change.why, story, ours, "--why")
    )
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
    warnings = [
        *_untold(change.what, story, "--changed"),
        *_untold(change.why, story, "--why"),
    ]
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
    what, _ = languages.told(change.what, ours)
    embargoes.note_release(tx.embargoes, slug, What.CORRECTED, now, by, what)
    return Correction(tuple(stopped), tuple(started), tuple(wait), tuple(dict.fromkeys(warnings)))


def _story(tx: Transaction, slug: str) -> list[Article]:
    known = tx.articles.matching(Query(slugs=(slug,)))
    return [one for one in known if one.state is ArticleState.QUEUED]


def _spoken(
    said: Mapping[str, str], story: Iterable[Article], ours: str, option: str
) -> dict[str, str]:
    """What is said, by languages that the story is in; what was said first in ours stays first."""
    known = [one.language for one in story]
    found: dict[str, str] = {}
    for written, text in said.items():
        tag = languages.normalise(written) if written else languages.choose(ours, known, ours)
        if written and tag not in known:
            raise InputError(
                f"the story is not in {tag}, but in {', '.join(known)}",
                where=option,
                hint=f"leave {tag}= out, or add the translation",
            )
        if tag in found:
            raise InputError(f"it is given twice in {tag}", where=option, hint="leave one out")
        found[tag] = check_line(text, option)
    if not found:
        raise InputError("it is missing", where=option, hint=f'say it with {option} "…"')
    return found


def _untold(said: Mapping[str, str], story: Iterable[Article], option: str) -> Iterable[str]:
    """Languages whose readers are told in another."""
    for one in story:
        tag = languages.told(said, one.language)[1]
        if languages.base(tag) != languages.base(one.language):
            yield (
                f'readers of {one.language} read {option} in {tag}: add {option} {one.language}="…"'
            )


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


def ask_kill(
    mailer: Mailer, tx: Transaction, slug: str, why: Mapping[str, str], by: str
) -> tuple[tuple[Edition, ...], tuple[str, ...]]:
    """The first of two people who take a release back. Until the second confirms, what is being
    sent of it is paused. Returns the editions that are, and what to warn of. Raises Refused where
    nothing was sent, or it is asked for already; InputError as :func:`correct`."""
    tx.alone()
    now = mailer.clock()
    begun = course(tx, slug)
    if known := tx.kills.find(slug):
        word = "was killed" if known.confirmed_at else f"is to be killed, says {known.asked_by}"
        raise Refused(
            f"{slug} {word}",
            hint="" if known.confirmed_at else f"confirm it: mailer release kill {slug} --confirm",
        )
    story = _story(tx, slug)
    asked = Kill(slug, _spoken(why, story, begun[-1].language, "--why"), by, now)
    tx.kills.keep(asked)
    embargoes.note_release(tx.embargoes, slug, What.TO_KILL, now, by, asked.reason)
    paused = tuple(
        editions.pause(tx.editions, one, now, reason=_wanted(asked), actor=by)
        for one in begun
        if one.state is EditionState.SENDING
    )
    return paused, tuple(_untold(asked.why, story, "--why"))


def _wanted(asked: Kill) -> str:
    return f"{asked.asked_by} wants it killed: {asked.reason}"


def take_back_kill(mailer: Mailer, tx: Transaction, slug: str, by: str) -> tuple[Edition, ...]:
    """It is not to be killed after all: what was paused for it goes on."""
    known = _asked(tx, slug)
    tx.kills.remove(known)
    now = mailer.clock()
    embargoes.note_release(tx.embargoes, slug, What.NOT_KILLED, now, by)
    reason = _wanted(known)
    return tuple(
        editions.resume(tx.editions, one, now, actor=by)
        for one in tx.editions.of_release(slug)
        if one.state is EditionState.PAUSED and one.reason == reason
    )


def _asked(tx: Transaction, slug: str) -> Kill:
    tx.alone()
    known = tx.kills.find(slug)
    if known is None:
        course(tx, slug)
        raise Refused(
            f"nobody has asked for {slug} to be killed",
            hint=f"one person asks for it: mailer release kill {slug} --why …",
        )
    if known.confirmed_at:
        raise Refused(
            f"{slug} was killed, as {known.asked_by} and {known.confirmed_by} wanted",
            hint="that is for good: what is true of it is a new story, with a slug of its own",
        )
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
    asked = f"{known.asked_by} asked for it: {known.reason}"
    embargoes.note_release(tx.embargoes, slug, What.KILLED, now, by, asked)
    in_course = tx.editions.of_release(slug)
    stopped = [
        _stop(mailer, tx, one, f"killed: {known.reason}", by)
        for one in in_course
        if one.state in (*_GOING, *OPEN)
    ]
    wanted = [
        replace(
            _like(one, slug),
            role=Role.KILL,
            archive=one.archive,  # only where the release itself was to be found
            template="press-kill",
            change=Change({}, known.why),
        )
        for one in {one.list: one for one in in_course if one.planned_at}.values()
    ]
    # Made while the story is queued still: an edition can't be made of a killed one.
    made = [editions.create(tx.editions, one, now, actor=by) for one in wanted]
    for article in tx.articles.matching(Query(slugs=(slug,))):
        tx.articles.set_state(article, ArticleState.KILLED, now)
    tx.articles.void_editions(slug, f"it was killed: {known.reason}", now)
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
    reason = f"it holds {slug}, which was killed: {known.reason}"
    for one in tx.editions.recent([EditionState.SENDING], 1000):
        if one.role is Role.PLAIN and slug in one.stories:
            fresh = editions.get(tx.editions, one.id)
            if fresh.state is EditionState.SENDING:
                yield editions.pause(tx.editions, fresh, now, reason=reason, actor=by)
