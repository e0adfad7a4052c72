"""Taking articles in, and the course of a release: an advance copy for those who are trusted with
an embargo, the release for everybody else when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import articles, editions, embargoes
from mailer.app.mailer import Mailer
from mailer.articles import Article, ArticleState, Kind, Outcome, Query
from mailer.audience.lists import MailingList, Visibility, add_topic
from mailer.editions import (
    OPEN,
    Appointment,
    Archive,
    Edition,
    NewEdition,
    Priority,
    Role,
)
from mailer.embargoes import Embargo
from mailer.errors import InputError, Refused
from mailer.intake.files import Found
from mailer.outbox import Plan
from mailer.store import Transaction


def take_in(
    mailer: Mailer,
    tx: Transaction,
    found: Found,
    *,
    author: str = "",
    create_topics: bool = False,
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, Outcome]:
    """Queue what a file holds, with the files that it names and the embargo that it has; a new
    article has the `state`. All of it or nothing. Raises InputError, and Refused for another
    embargo than the story's."""
    assert found.content is not None
    tx.alone()
    now = mailer.clock()
    with tx.savepoint():
        if create_topics:
            for slug in tx.articles.unknown_topics(found.content.topics):
                add_topic(tx.lists, slug, {}, now)
        for file in found.files:
            tx.files.keep(file.sha256, file.media_type, file.content, now)
        article, outcome = articles.add(
            tx.articles, found.content, now, dated=found.dated, author=author, state=state
        )
        if found.embargo:
            known = embargoes.declare(tx.embargoes, article.slug, found.embargo, now, by=author)
            if known.set_at == now and outcome is Outcome.UNCHANGED:
                outcome = Outcome.REVISED
    return article, outcome


@dataclass(frozen=True, slots=True)
class Course:
    """The editions of a release: an `advance` copy while it is embargoed, and the `release`. Each
    with whom it would reach as things stand."""

    embargo: Embargo | None
    advance: Edition | None
    release: Edition
    reaches: Mapping[int, Plan]
    warnings: tuple[str, ...]


def prepare(
    mailer: Mailer,
    tx: Transaction,
    slug: str,
    to: MailingList,
    *,
    segment: str = "",
    language: str = "",
    actor: str = "",
) -> Course:
    """Make the editions of a release, or take up those that have not begun, and compose them. The
    release goes when its embargo ends. Raises Refused for what was changed since it was sent."""
    now = mailer.clock()
    story = [
        one
        for one in tx.articles.matching(Query(slugs=(slug,)))
        if one.state is ArticleState.QUEUED
    ]
    if not story:
        raise InputError(f"there is no queued story {slug!r}", hint="see `mailer article list`")
    if not any(one.kind in {Kind.PRESS_RELEASE, Kind.STATEMENT} for one in story):
        raise InputError(
            f"{slug} is of kind {story[0].kind}: only a press_release or a statement is released",
            hint="write kind: press_release in its file, or send it with `mailer edition new`",
        )
    _check_unchanged(tx.editions.of_release(slug), story)
    earlier = tx.editions.of_release(slug, to.slug)
    tag = language or _language(mailer, story)
    embargo = tx.embargoes.find(slug)
    holds = embargo is not None and embargo.holds(now)
    warnings: list[str] = []
    if to.visibility is Visibility.PUBLIC:
        warnings.append(f"{to.slug} is a public list, which anybody may join")
    made: list[Edition] = []
    new = NewEdition(
        name=next((one.title for one in story if one.language == tag), story[0].title),
        list=to.slug,
        segment=segment,
        template="press-release",
        language=tag,
        stories=(slug,),
        priority=Priority.URGENT,
    )
    for role in (Role.ADVANCE, Role.RELEASE) if holds else (Role.RELEASE,):
        of_role = [one for one in earlier if one.role is role and one.state in OPEN]
        if of_role:
            edition = editions.reopen(tx.editions, of_role[0], now, actor=actor)
        else:
            archive = Archive.PRIVATE if role is Role.ADVANCE else Archive.PUBLIC
            wanted = replace(new, role=role, archive=archive)
            edition = editions.create(tx.editions, wanted, now, actor=actor)
        if role is Role.RELEASE and holds and embargo is not None:
            at = Appointment(now, embargo.terms.wall, embargo.terms.zone)
            when = mailer.by_the_clock(tx, at)
            edition = editions.appoint(tx.editions, edition, when, now, actor=actor)
        edition, composition = mailer.composed(tx, edition)
        warnings += composition.warnings if composition else ()
        made.append(edition)
    return Course(
        embargo=embargo if holds else None,
        advance=made[0] if holds else None,
        release=made[-1],
        reaches={},
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _language(mailer: Mailer, story: list[Article]) -> str:
    ours = mailer.settings.defaults.language
    known = [one.language for one in story]
    return ours if ours in known else known[0]


def newest_queued(tx: Transaction, slug: str) -> datetime:
    """When a story was changed last. Raises InputError for one that is not queued."""
    some = tx.articles.matching(Query(slugs=(slug,)))
    found = [one.updated_at for one in some if one.state is ArticleState.QUEUED]
    if not found:
        raise InputError(f"there is no queued story {slug!r}", hint="see `mailer article list`")
    return max(found)


def _check_unchanged(earlier: list[Edition], story: list[Article]) -> None:
    begun = [one.planned_at for one in earlier if one.planned_at]
    changed = max(one.updated_at for one in story)
    if begun and max(begun) < changed:
        raise Refused(
            f"{story[0].slug} was changed after it was sent",
            hint=f"tell those who have it: mailer release correct {story[0].slug} --changed … "
            "--why …",
        )


def let_go(mailer: Mailer, tx: Transaction, course: Course, approver: str) -> Course:
    """Approve a course's editions as they are composed, begin what goes now, and work out whom the
    rest would reach if it went now. Raises Refused."""
    advance, release = course.advance, course.release
    reaches: dict[int, Plan] = {}
    if advance is not None:
        advance = mailer.approve(tx, advance, approver)
        advance, plan = mailer.start(tx, advance)
        reaches[advance.id] = plan or Plan(0, {})
    release = mailer.approve(tx, release, approver)
    if course.embargo is None:
        release, plan = mailer.start(tx, release)
        reaches[release.id] = plan or Plan(0, {})
    else:
        reaches[release.id] = _would_reach(mailer, tx, release)
    return Course(course.embargo, advance, release, reaches, course.warnings)


class _Undo(Exception):
    """Leaves a part of a transaction that was only to be looked at."""


def _would_reach(mailer: Mailer, tx: Transaction, edition: Edition) -> Plan:
    found = Plan(0, {})
    try:
        with tx.savepoint():
            found = tx.plans.plan(edition, mailer.clock())
            raise _Undo
    except _Undo:
        return found
