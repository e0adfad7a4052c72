"""Taking articles in, and the course of a release: an advance copy for those who are trusted with
an embargo, the release for everybody else when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions
from mailer.actor import Actor
from mailer.app.mailer import Mailer
from mailer.errors import InputError, Refused
from mailer.intake.files import ArticleFile
from mailer.model.articles import Article, ArticleKind, ArticleOutcome, ArticleQuery, ArticleState
from mailer.model.deliveries import DeliveryPlan
from mailer.model.edition_states import OPEN_STATES, ArchiveVisibility, EditionRole, Priority
from mailer.model.editions import Edition, NewEdition, SendAppointment
from mailer.model.embargoes import Embargo
from mailer.model.lists import MailingList, Visibility
from mailer.releases.article_import import import_article
from mailer.store import SqlTransaction


def import_file(
    mailer: Mailer,
    tx: SqlTransaction,
    file: ArticleFile,
    *,
    author: Actor,
    create_topics: bool = False,
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, ArticleOutcome]:
    """Queue what a file holds, with the files that it names and the embargo that it has; a new
    article has the `state`. All of it or nothing. Raises InputError, and Refused for another
    embargo than the story's."""
    return import_article(
        tx, author, file, mailer.clock(), create_topics=create_topics, state=state
    )


@dataclass(frozen=True, slots=True)
class ReleaseEditions:
    """The editions of a release: an `advance` copy while it is embargoed, and the `release`. Each
    with whom it would reach as things stand."""

    embargo: Embargo | None
    advance: Edition | None
    release: Edition
    reaches: Mapping[int, DeliveryPlan]
    warnings: tuple[str, ...]


def prepare_release(
    mailer: Mailer,
    tx: SqlTransaction,
    slug: str,
    mailing_list: MailingList,
    *,
    segment: str = "",
    language: str = "",
    actor: str = "",
) -> ReleaseEditions:
    """Make the editions of a release, or take up those that have not begun, and compose them. The
    release goes when its embargo ends. Raises Refused for what was changed since it was sent."""
    now = mailer.clock()
    story_articles = [
        queued_article
        for queued_article in tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
        if queued_article.state is ArticleState.QUEUED
    ]
    if not story_articles:
        raise InputError(f"there is no queued story {slug!r}", hint="see `mailer article list`")
    if not any(
        queued_article.kind in {ArticleKind.PRESS_RELEASE, ArticleKind.STATEMENT}
        for queued_article in story_articles
    ):
        raise InputError(
            f"{slug} is of kind {story_articles[0].kind}: only a press_release or a statement is released",
            hint="write kind: press_release in its file, or send it with `mailer edition new`",
        )
    _check_unchanged(tx.editions.list_release_editions(slug), story_articles)
    earlier_editions = tx.editions.list_release_editions(slug, mailing_list.slug)
    release_language = language or _choose_language(mailer, story_articles)
    embargo = tx.embargoes.find_embargo(slug)
    is_embargoed = embargo is not None and embargo.is_active(now)
    warnings: list[str] = []
    if mailing_list.visibility is Visibility.PUBLIC:
        warnings.append(f"{mailing_list.slug} is a public list, which anybody may join")
    composed_editions: list[Edition] = []
    base_edition = NewEdition(
        name=next(
            (article.title for article in story_articles if article.language == release_language),
            story_articles[0].title,
        ),
        list=mailing_list.slug,
        segment=segment,
        template="press-release",
        language=release_language,
        stories=(slug,),
        priority=Priority.URGENT,
    )
    for role in (
        (EditionRole.ADVANCE, EditionRole.RELEASE) if is_embargoed else (EditionRole.RELEASE,)
    ):
        open_editions = [
            release_edition
            for release_edition in earlier_editions
            if release_edition.role is role and release_edition.state in OPEN_STATES
        ]
        if open_editions:
            edition = editions.reopen_edition(tx, open_editions[0], now, actor=actor)
        else:
            archive = (
                ArchiveVisibility.PRIVATE
                if role is EditionRole.ADVANCE
                else ArchiveVisibility.PUBLIC
            )
            new_edition = replace(base_edition, role=role, archive=archive)
            edition = editions.create_edition(tx, new_edition, now, actor=actor)
        if role is EditionRole.RELEASE and is_embargoed and embargo is not None:
            appointment = SendAppointment(now, embargo.terms.wall, embargo.terms.zone)
            refreshed_appointment = mailer.refresh_appointment(tx, appointment)
            edition = editions.set_send_time(tx, edition, refreshed_appointment, now, actor=actor)
        edition, composition = mailer.compose_edition(tx, edition)
        warnings += composition.warnings if composition else ()
        composed_editions.append(edition)
    return ReleaseEditions(
        embargo=embargo if is_embargoed else None,
        advance=composed_editions[0] if is_embargoed else None,
        release=composed_editions[-1],
        reaches={},
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _choose_language(mailer: Mailer, story_articles: list[Article]) -> str:
    default_language = mailer.settings.defaults.language
    story_languages = [article.language for article in story_articles]
    return default_language if default_language in story_languages else story_languages[0]


def find_last_change(tx: SqlTransaction, slug: str) -> datetime:
    """When a story was changed last. Raises InputError for one that is not queued."""
    story_articles = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    changed_at = [
        article.updated_at for article in story_articles if article.state is ArticleState.QUEUED
    ]
    if not changed_at:
        raise InputError(f"there is no queued story {slug!r}", hint="see `mailer article list`")
    return max(changed_at)


def _check_unchanged(earlier_editions: list[Edition], story_articles: list[Article]) -> None:
    begun_at = [edition.planned_at for edition in earlier_editions if edition.planned_at]
    changed_at = max(article.updated_at for article in story_articles)
    if begun_at and max(begun_at) < changed_at:
        raise Refused(
            f"{story_articles[0].slug} was changed after it was sent",
            hint=f"tell those who have it: mailer release correct {story_articles[0].slug} --changed … "
            "--why …",
        )


def begin_release(
    mailer: Mailer, tx: SqlTransaction, release_editions: ReleaseEditions, approver: str
) -> ReleaseEditions:
    """Approve a course's editions as they are composed, begin what goes now, and work out whom the
    rest would reach if it went now. Raises Refused."""
    advance, release = release_editions.advance, release_editions.release
    reaches: dict[int, DeliveryPlan] = {}
    if advance is not None:
        advance = mailer.approve_edition(tx, advance, approver)
        advance, plan = mailer.start_edition(tx, advance)
        reaches[advance.id] = plan or DeliveryPlan(0, {})
    release = mailer.approve_edition(tx, release, approver)
    if release_editions.embargo is None:
        release, plan = mailer.start_edition(tx, release)
        reaches[release.id] = plan or DeliveryPlan(0, {})
    else:
        reaches[release.id] = _plan_without_saving(mailer, tx, release)
    return ReleaseEditions(
        release_editions.embargo, advance, release, reaches, release_editions.warnings
    )


class _DiscardPlan(Exception):
    """Leaves a part of a transaction that was only to be looked at."""


def _plan_without_saving(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> DeliveryPlan:
    plan = DeliveryPlan(0, {})
    try:
        with tx.open_savepoint():
            plan = tx.outbox.plan_deliveries(edition, mailer.clock())
            raise _DiscardPlan
    except _DiscardPlan:
        return plan
