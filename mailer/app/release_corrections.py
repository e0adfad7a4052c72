"""Corrections and kills: those who have got a release get its new version, or are asked not to use
it; nobody else does, and nobody twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions, embargoes, languages
from mailer.app import embargo_checks
from mailer.app.mailer import Mailer
from mailer.app.release_flow import find_last_change
from mailer.audience.lists import check_line
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import fold_name
from mailer.model.articles import Article, ArticleQuery, ArticleState
from mailer.model.deliveries import DeliveryPlan
from mailer.model.edition_states import (
    OPEN_STATES,
    PRIOR_RECIPIENT_ROLES,
    ArchiveVisibility,
    EditionRole,
    EditionState,
    Priority,
)
from mailer.model.editions import ChangeNote, Edition, NewEdition
from mailer.model.embargoes import EmbargoEventType
from mailer.model.releases import Kill
from mailer.store import SqlTransaction

_BEGUN_STATES = (EditionState.SENDING, EditionState.PAUSED)


@dataclass(frozen=True, slots=True)
class CorrectionResult:
    """What correcting or killing a release did: the editions that were `stopped`, those `begun`
    with whom they reach, and those that `wait` for an embargo to end."""

    stopped: tuple[Edition, ...]
    begun: tuple[tuple[Edition, DeliveryPlan], ...]
    wait: tuple[Edition, ...] = ()
    warnings: tuple[str, ...] = ()


def find_begun_editions(tx: SqlTransaction, slug: str) -> list[Edition]:
    """The editions in a release's course that have begun. Raises NotFound for a story that isn't
    there, Refused for one of which none has."""
    begun = [edition for edition in tx.editions.list_release_editions(slug) if edition.planned_at]
    if not begun:
        if not tx.embargoes.has_story(slug):
            raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
        raise Refused(
            f"no release of {slug} has been sent",
            hint="change its file and add it again, or `mailer article withdraw` it",
        )
    return begun


def correct_release(
    mailer: Mailer, tx: SqlTransaction, slug: str, change: ChangeNote, by: str
) -> CorrectionResult:
    """Send the version that a release has now to exactly those who have got an earlier one. What
    is left of the earlier one is stopped: whoever was still to get it gets the new version as
    their first. Of `change`, what has no language ("") is in the release's. Raises Refused where
    nothing was sent, or nothing has changed since, InputError for a language that the story is not
    in."""
    tx.lock_releases()
    now = mailer.clock()
    begun = [
        edition for edition in find_begun_editions(tx, slug) if edition.role is not EditionRole.KILL
    ]
    changed_at = find_last_change(tx, slug)
    story = _find_queued_articles(tx, slug)
    release_language = begun[-1].language
    change = ChangeNote(
        _normalise_texts(change.what, story, release_language, "--changed"),
        _normalise_texts(change.why, story, release_language, "--why"),
    )
    embargo = tx.embargoes.find_embargo(slug)
    if embargo is not None and embargo.is_active(now):
        changed_at = max(changed_at, embargo.set_at)  # a moved one is news to whoever has the old
    last_planned_at = max(edition.planned_at for edition in begun if edition.planned_at)
    if changed_at <= last_planned_at:
        raise Refused(
            f"{slug} has not changed since it was sent",
            hint="give the corrected file, or change it with `mailer article edit` first",
        )
    stopped: list[Edition] = []
    started: list[tuple[Edition, DeliveryPlan]] = []
    wait: list[Edition] = []
    warnings = [
        *_warn_of_missing_languages(change.what, story, "--changed"),
        *_warn_of_missing_languages(change.why, story, "--why"),
    ]
    for list_slug in dict.fromkeys(edition.list for edition in begun):
        list_editions = tx.editions.list_release_editions(slug, list_slug)
        list_begun = [edition for edition in list_editions if edition.planned_at]
        sending = [edition for edition in list_begun if edition.state in _BEGUN_STATES]
        stopped += [
            _stop_edition(mailer, tx, edition, "it is being corrected", by) for edition in sending
        ]
        embargoed = embargo_checks.find_embargoed_stories(tx, list_begun[-1], now)
        base_edition = _copy_edition(list_begun[-1], slug)
        if embargoed:
            base_edition = replace(base_edition, archive=ArchiveVisibility.PRIVATE)
        new_editions = [replace(base_edition, role=EditionRole.CORRECTION, change=change)]
        role = EditionRole.ADVANCE if embargoed else EditionRole.RELEASE
        first_copies = [edition for edition in sending if edition.role not in PRIOR_RECIPIENT_ROLES]
        segments = dict.fromkeys(edition.segment for edition in first_copies)
        new_editions += [replace(base_edition, role=role, segment=segment) for segment in segments]
        for new_edition in new_editions:
            begun_edition, plan, edition_warnings = _begin_edition(mailer, tx, new_edition, by)
            started.append((begun_edition, plan))
            warnings += edition_warnings
        for edition in list_editions:
            if edition.state in OPEN_STATES and edition.role is EditionRole.RELEASE:
                reopened = editions.reopen_edition(tx, edition, now, actor=by)
                if edition.appointment:
                    reopened = editions.set_send_time(
                        tx, reopened, edition.appointment, now, actor=by
                    )
                wait.append(mailer.approve_edition(tx, reopened, by))
    summary, _ = languages.choose_text(change.what, release_language)
    embargoes.record_release_event(tx, slug, EmbargoEventType.CORRECTED, now, by, summary)
    return CorrectionResult(
        tuple(stopped), tuple(started), tuple(wait), tuple(dict.fromkeys(warnings))
    )


def _find_queued_articles(tx: SqlTransaction, slug: str) -> list[Article]:
    story_articles = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    return [article for article in story_articles if article.state is ArticleState.QUEUED]


def _normalise_texts(
    texts: Mapping[str, str], story_articles: Iterable[Article], release_language: str, option: str
) -> dict[str, str]:
    """What is said, by languages that the story is in; what was said first in ours stays first."""
    story_languages = [article.language for article in story_articles]
    normalised: dict[str, str] = {}
    for given_tag, text in texts.items():
        tag = (
            languages.normalise_tag(given_tag)
            if given_tag
            else languages.choose_language(release_language, story_languages, release_language)
        )
        if given_tag and tag not in story_languages:
            raise InputError(
                f"the story is not in {tag}, but in {', '.join(story_languages)}",
                where=option,
                hint=f"leave {tag}= out, or add the translation",
            )
        if tag in normalised:
            raise InputError(f"it is given twice in {tag}", where=option, hint="leave one out")
        normalised[tag] = check_line(text, option)
    if not normalised:
        raise InputError("it is missing", where=option, hint=f'say it with {option} "…"')
    return normalised


def _warn_of_missing_languages(
    texts: Mapping[str, str], story_articles: Iterable[Article], option: str
) -> Iterable[str]:
    """Languages whose readers are told in another."""
    for article in story_articles:
        tag = languages.choose_text(texts, article.language)[1]
        if languages.get_base_language(tag) != languages.get_base_language(article.language):
            yield (
                f'readers of {article.language} read {option} in {tag}: add {option} {article.language}="…"'
            )


def _copy_edition(edition: Edition, slug: str) -> NewEdition:
    """An edition as this one was, of the same story. What follows an advance copy, which is in no
    archive, stands in it as a release does."""
    return NewEdition(
        name=edition.name,
        list=edition.list,
        template="press-release",
        language=edition.language,
        stories=(slug,),
        priority=Priority.URGENT,
        archive=ArchiveVisibility.PUBLIC
        if edition.role is EditionRole.ADVANCE
        else edition.archive,
    )


def _stop_edition(
    mailer: Mailer, tx: SqlTransaction, edition: Edition, reason: str, by: str
) -> Edition:
    return mailer.cancel_edition(tx, edition, reason=reason, actor=by)


def _begin_edition(
    mailer: Mailer, tx: SqlTransaction, new_edition: NewEdition, by: str
) -> tuple[Edition, DeliveryPlan, tuple[str, ...]]:
    edition = editions.create_edition(tx, new_edition, mailer.clock(), actor=by)
    edition, composition = mailer.compose_edition(tx, edition)
    edition = mailer.approve_edition(tx, edition, by)
    edition, plan = mailer.start_edition(tx, edition)
    return edition, plan or DeliveryPlan(0, {}), composition.warnings if composition else ()


# ---- kills ------------------------------------------------------------------------------------


def request_kill(
    mailer: Mailer, tx: SqlTransaction, slug: str, reasons: Mapping[str, str], by: str
) -> tuple[tuple[Edition, ...], tuple[str, ...]]:
    """The first of two people who take a release back. Until the second confirms, what is being
    sent of it is paused. Returns the editions that are, and what to warn of. Raises Refused where
    nothing was sent, or it is asked for already; InputError as :func:`correct_release`."""
    tx.lock_releases()
    now = mailer.clock()
    begun_editions = find_begun_editions(tx, slug)
    if existing := tx.releases.find_kill(slug):
        state_text = (
            "was killed" if existing.confirmed_at else f"is to be killed, says {existing.asked_by}"
        )
        raise Refused(
            f"{slug} {state_text}",
            hint=""
            if existing.confirmed_at
            else f"confirm it: mailer release kill {slug} --confirm",
        )
    story_articles = _find_queued_articles(tx, slug)
    kill_request = Kill(
        slug,
        _normalise_texts(reasons, story_articles, begun_editions[-1].language, "--why"),
        by,
        now,
    )
    tx.releases.save_kill(kill_request)
    embargoes.record_release_event(
        tx, slug, EmbargoEventType.KILL_REQUESTED, now, by, kill_request.reason
    )
    paused = tuple(
        editions.pause_edition(
            tx, edition, now, reason=_describe_kill_request(kill_request), actor=by
        )
        for edition in begun_editions
        if edition.state is EditionState.SENDING
    )
    return paused, tuple(_warn_of_missing_languages(kill_request.why, story_articles, "--why"))


def _describe_kill_request(kill_request: Kill) -> str:
    return f"{kill_request.asked_by} wants it killed: {kill_request.reason}"


def withdraw_kill(mailer: Mailer, tx: SqlTransaction, slug: str, by: str) -> tuple[Edition, ...]:
    """It is not to be killed after all: what was paused for it goes on."""
    kill_request = _get_kill_request(tx, slug)
    tx.releases.remove_kill(kill_request)
    now = mailer.clock()
    embargoes.record_release_event(tx, slug, EmbargoEventType.KILL_WITHDRAWN, now, by)
    reason = _describe_kill_request(kill_request)
    return tuple(
        editions.resume_edition(tx, edition, now, actor=by)
        for edition in tx.editions.list_release_editions(slug)
        if edition.state is EditionState.PAUSED and edition.reason == reason
    )


def _get_kill_request(tx: SqlTransaction, slug: str) -> Kill:
    tx.lock_releases()
    kill_request = tx.releases.find_kill(slug)
    if kill_request is None:
        find_begun_editions(tx, slug)
        raise Refused(
            f"nobody has asked for {slug} to be killed",
            hint=f"one person asks for it: mailer release kill {slug} --why …",
        )
    if kill_request.confirmed_at:
        raise Refused(
            f"{slug} was killed, as {kill_request.asked_by} and {kill_request.confirmed_by} wanted",
            hint="that is for good: what is true of it is a new story, with a slug of its own",
        )
    return kill_request


def confirm_kill(mailer: Mailer, tx: SqlTransaction, slug: str, by: str) -> CorrectionResult:
    """The second of two people confirms: the story leaves every edition that is not sent, its page
    and the archive close, what is queued of it is stopped, and whoever has got it is asked not to
    use it. Raises Refused for the same person."""
    now = mailer.clock()
    kill_request = _get_kill_request(tx, slug)
    if fold_name(kill_request.asked_by) == fold_name(by):
        raise Refused(
            f"{by} has asked for it, and a kill takes two people",
            hint="another person confirms it, and names themselves with --by",
        )
    tx.releases.save_kill(replace(kill_request, confirmed_by=by, confirmed_at=now))
    detail = f"{kill_request.asked_by} asked for it: {kill_request.reason}"
    embargoes.record_release_event(tx, slug, EmbargoEventType.KILLED, now, by, detail)
    release_editions = tx.editions.list_release_editions(slug)
    stopped = [
        _stop_edition(mailer, tx, edition, f"killed: {kill_request.reason}", by)
        for edition in release_editions
        if edition.state in (*_BEGUN_STATES, *OPEN_STATES)
    ]
    new_editions = [
        replace(
            _copy_edition(edition, slug),
            role=EditionRole.KILL,
            archive=edition.archive,  # only where the release itself was to be found
            template="press-kill",
            change=ChangeNote({}, kill_request.why),
        )
        for edition in {
            edition.list: edition for edition in release_editions if edition.planned_at
        }.values()
    ]
    # Made while the story is queued still: an edition can't be made of a killed one.
    kill_editions = [
        editions.create_edition(tx, new_edition, now, actor=by) for new_edition in new_editions
    ]
    for article in tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
        tx.articles.set_state(article, ArticleState.KILLED, now)
    tx.articles.revert_editions_to_draft(slug, f"it was killed: {kill_request.reason}", now)
    stopped += _pause_newsletters(tx, slug, kill_request, now, by)
    begun_editions = []
    for edition in kill_editions:
        current_edition, _ = mailer.compose_edition(tx, editions.get_edition(tx, edition.id))
        current_edition = mailer.approve_edition(
            tx, current_edition, by, comment=f"asked for by {kill_request.asked_by}"
        )
        current_edition, plan = mailer.start_edition(tx, current_edition)
        begun_editions.append((current_edition, plan or DeliveryPlan(0, {})))
    return CorrectionResult(tuple(stopped), tuple(begun_editions))


def _pause_newsletters(
    tx: SqlTransaction, slug: str, kill_request: Kill, now: datetime, by: str
) -> Iterable[Edition]:
    """Newsletters with the story that are being sent: a person decides what becomes of the rest."""
    reason = f"it holds {slug}, which was killed: {kill_request.reason}"
    for edition in tx.editions.list_recent_editions([EditionState.SENDING], 1000):
        if edition.role is EditionRole.PLAIN and slug in edition.stories:
            current_edition = editions.get_edition(tx, edition.id)
            if current_edition.state is EditionState.SENDING:
                yield editions.pause_edition(tx, current_edition, now, reason=reason, actor=by)
