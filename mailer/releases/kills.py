"""Kills: two people withdraw a release, and its recipients are asked not to use it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions, embargoes
from mailer.actor import Actor
from mailer.audience.lists import check_comment
from mailer.editions.previews import discard_changes
from mailer.errors import NextStep, Refused
from mailer.model.articles import Article, ArticleQuery, ArticleState
from mailer.model.deliveries import DeliveryPlan
from mailer.model.edition_states import (
    BEGUN_STATES,
    OPEN_STATES,
    EditionKind,
    EditionRole,
    EditionState,
)
from mailer.model.editions import ChangeNote, Edition
from mailer.model.embargoes import EmbargoEventType
from mailer.model.releases import Kill
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.releases.corrections import CorrectionResult, copy_edition
from mailer.releases.stories import (
    check_fingerprint,
    check_story_not_killed,
    compute_fingerprint,
    find_begun_editions,
    find_queued_articles,
    normalise_texts,
    warn_of_missing_languages,
)
from mailer.staff_links import DIGEST_LENGTH, StaffLink

_STOPPED_STATES = (EditionState.SENDING, EditionState.PAUSED, *OPEN_STATES)

MAX_NEWSLETTERS = 1000
"""Newsletters being sent that are searched for a killed story."""


@dataclass(frozen=True, slots=True)
class KillPreview:
    """The effect that confirming a kill would have. `fingerprint` covers the request, the story's
    text, the editions that stop, and how many recipients are asked not to use it."""

    request: Kill
    articles: tuple[Article, ...]
    result: CorrectionResult
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KillRequest:
    """A request to kill a release, with the story's articles and the editions of its release.
    `digest` covers the request and the text."""

    kill: Kill
    articles: tuple[Article, ...]
    editions: tuple[Edition, ...]
    digest: str


def request_kill(
    tx: Transaction, actor: Actor, slug: str, reasons: Mapping[str, str], now: datetime
) -> tuple[tuple[Edition, ...], tuple[str, ...]]:
    """Request, as the first of two people, that a release is killed. Its editions that are being
    sent are paused until the second person confirms.

    Returns the paused editions and the warnings. Raises Refused if nothing was sent or a kill was
    requested already, and InputError in the same cases as ``correct_release``."""
    tx.lock_releases()
    begun_editions = find_begun_editions(tx, slug)
    if existing := tx.releases.find_kill(slug):
        check_story_not_killed(tx, slug)
        raise Refused(
            f"{existing.asked_by} has already asked for {slug} to be killed",
            next_steps=[NextStep("confirm_kill", slug=slug)],
        )
    story_articles = find_queued_articles(tx, slug)
    kill_request = Kill(
        slug,
        normalise_texts(reasons, story_articles, begun_editions[-1].language, "why"),
        actor.name,
        now,
        asked_by_key=actor.key,
    )
    tx.releases.save_kill(kill_request)
    embargoes.record_release_event(
        tx, actor, slug, EmbargoEventType.KILL_REQUESTED, now, kill_request.reason
    )
    reason = _describe_kill_request(kill_request)
    paused = tuple(
        editions.pause_edition(tx, actor, edition, now, reason=reason)
        for edition in begun_editions
        if edition.state is EditionState.SENDING
    )
    return paused, tuple(warn_of_missing_languages(kill_request.reasons, story_articles, "why"))


def _describe_kill_request(kill_request: Kill) -> str:
    return f"{kill_request.asked_by} wants it killed: {kill_request.reason}"


def withdraw_kill(
    tx: Transaction, actor: Actor, slug: str, now: datetime, *, comment: str = ""
) -> tuple[Edition, ...]:
    """Withdraw the request to kill a release, and resume the editions that it paused. Raises the
    errors of ``check_comment``."""
    kill_request = _get_kill_request(tx, slug)
    comment = check_comment(comment)
    tx.releases.remove_kill(kill_request)
    embargoes.record_release_event(tx, actor, slug, EmbargoEventType.KILL_WITHDRAWN, now, comment)
    reason = _describe_kill_request(kill_request)
    return tuple(
        editions.resume_edition(tx, actor, edition, now)
        for edition in tx.editions.list_release_editions(slug)
        if edition.state is EditionState.PAUSED and edition.reason == reason
    )


def _get_kill_request(tx: Transaction, slug: str) -> Kill:
    """Return the unconfirmed request to kill a release. Raises Refused and NotFound."""
    tx.lock_releases()
    kill_request = tx.releases.find_kill(slug)
    if kill_request is None:
        find_begun_editions(tx, slug)
        raise Refused(
            f"no one has asked for {slug} to be killed",
            hint="one person asks for it first",
            next_steps=[NextStep("request_kill", slug=slug)],
        )
    check_story_not_killed(tx, slug)
    return kill_request


def find_kill_request(tx: Transaction, slug: str) -> KillRequest | None:
    """Return the unconfirmed request to kill a release, or None."""
    kill = tx.releases.find_kill(slug)
    if kill is None or kill.confirmed_at:
        return None
    story_articles = find_queued_articles(tx, slug)
    release_editions = tx.editions.list_release_editions(slug)
    if not story_articles or not release_editions:
        return None
    facts = [slug, kill.asked_by_key, kill.asked_at.isoformat(), dict(kill.reasons)]
    return KillRequest(
        kill,
        tuple(story_articles),
        tuple(release_editions),
        compute_fingerprint(story_articles, facts),
    )


def find_linked_request(
    tx: Transaction, link: StaffLink, staff_approvers: Sequence[str]
) -> KillRequest | None:
    """Return the kill that an approver's link asks about. Return None if it no longer waits for its
    second person, if its reason or the story has changed, or if the person is not an approver."""
    request = find_kill_request(tx, link.subject)
    if request is None or link.address not in staff_approvers:
        return None
    if len(link.digest) != DIGEST_LENGTH or not request.digest.startswith(link.digest):
        return None
    return request


def confirm_shown_kill(
    tx: Transaction,
    actor: Actor,
    request: KillRequest,
    renderer: Renderer,
    now: datetime,
) -> CorrectionResult:
    """Confirm, as the second of two people, the kill that the holder of a link was shown. Raises
    Refused if the same person requested it, and ApprovalVoid if the request or the story has
    changed since."""
    tx.lock_releases()
    current_request = find_kill_request(tx, request.kill.slug)
    check_fingerprint(request.digest, current_request.digest if current_request else "")
    return _kill_release(tx, actor, request.kill.slug, renderer, now).result


def preview_kill(
    tx: Transaction, actor: Actor, slug: str, renderer: Renderer, now: datetime
) -> KillPreview:
    """Do everything that :func:`confirm_kill` would do, and roll it back. Raises the same
    errors."""
    with discard_changes(tx):
        return _kill_release(tx, actor, slug, renderer, now)


def confirm_kill(
    tx: Transaction,
    actor: Actor,
    slug: str,
    renderer: Renderer,
    now: datetime,
    *,
    fingerprint: str,
) -> CorrectionResult:
    """Confirm, as the second of two people, a kill that was previewed.

    The story is removed from every unsent edition, its page and archive entries close, its queued
    deliveries are cancelled, and its recipients are asked not to use the story. Raises Refused if
    the same person requested the kill, and ApprovalVoid if the preview with this `fingerprint`
    showed another story or reason, other editions that stop, or other recipients."""
    preview = _kill_release(tx, actor, slug, renderer, now)
    check_fingerprint(fingerprint, preview.fingerprint)
    return preview.result


def _kill_release(
    tx: Transaction, actor: Actor, slug: str, renderer: Renderer, now: datetime
) -> KillPreview:
    kill_request = _get_kill_request(tx, slug)
    if actor.is_same_person(kill_request.asked_by_key):
        raise Refused(
            f"{actor.name} has asked for it, and a kill takes two people",
            hint="another person confirms it by the link in their mail, or under a login of their "
            "own",
        )
    story_articles = find_queued_articles(tx, slug)
    tx.releases.save_kill(
        replace(kill_request, confirmed_by=actor.name, confirmed_at=now, confirmed_by_key=actor.key)
    )
    detail = f"{kill_request.asked_by} asked for it: {kill_request.reason}"
    embargoes.record_release_event(tx, actor, slug, EmbargoEventType.KILLED, now, detail)
    release_editions = tx.editions.list_release_editions(slug)
    reason = f"killed: {kill_request.reason}"
    stopped = [
        editions.cancel_edition(tx, actor, edition, now, reason=reason)
        for edition in release_editions
        if edition.state in _STOPPED_STATES
    ]
    kill_editions = _create_kill_editions(tx, actor, release_editions, kill_request, now)
    for article in tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
        tx.articles.set_state(article, ArticleState.KILLED, now)
    tx.articles.revert_editions_to_draft(slug, f"it was killed: {kill_request.reason}", now, actor)
    stopped += _pause_newsletters(tx, actor, kill_request, now)
    _cancel_copies(tx, actor, slug, now)
    begun_editions = []
    for kill_edition in kill_editions:
        edition = editions.get_edition(tx, kill_edition.id)
        comment = f"asked for by {kill_request.asked_by}"
        edition = editions.approve_edition(tx, actor, edition, renderer, now, comment=comment)
        edition, plan = editions.start_edition(tx, actor, edition, renderer, now)
        begun_editions.append((edition, plan or DeliveryPlan(0, {})))
    result = CorrectionResult(tuple(stopped), tuple(begun_editions))
    return KillPreview(
        kill_request,
        tuple(story_articles),
        result,
        _compute_kill_fingerprint(kill_request, story_articles, result),
    )


def _compute_kill_fingerprint(
    kill_request: Kill, story_articles: Sequence[Article], result: CorrectionResult
) -> str:
    """Return a hash over the effect of a kill. It leaves out the ids of the editions that the kill
    creates: PostgreSQL gives out the next ids after a preview."""
    facts = [
        kill_request.asked_by_key,
        dict(kill_request.reasons),
        [(edition.id, edition.state) for edition in result.stopped],
        [(edition.list, plan.planned) for edition, plan in result.begun],
    ]
    return compute_fingerprint(story_articles, facts)


def _create_kill_editions(
    tx: Transaction,
    actor: Actor,
    release_editions: Sequence[Edition],
    kill_request: Kill,
    now: datetime,
) -> list[Edition]:
    """Create an edition for each list that the release was sent to. This happens while the story is
    still queued, since no edition can be made of a killed story."""
    last_by_list = {edition.list: edition for edition in release_editions if edition.planned_at}
    return [
        editions.create_edition(
            tx,
            actor,
            replace(
                copy_edition(edition, kill_request.slug),
                role=EditionRole.KILL,
                archive=edition.archive,  # public only if the release itself was
                template="press-kill",
                change=ChangeNote({}, kill_request.reasons),
            ),
            now,
        )
        for edition in last_by_list.values()
    ]


def _cancel_copies(tx: Transaction, actor: Actor, slug: str, now: datetime) -> None:
    """Cancel the copies and repeats of editions with the story that are on their way to readers."""
    for edition in tx.editions.list_recent_editions(
        [EditionState.SENDING, EditionState.PAUSED], MAX_NEWSLETTERS, notices=True
    ):
        is_copy = edition.kind in {EditionKind.WELCOME, EditionKind.REPEAT}
        if is_copy and slug in edition.stories:
            current_edition = editions.get_edition(tx, edition.id)
            if current_edition.state in BEGUN_STATES:
                reason = f"it holds {slug}, which was killed"
                editions.cancel_edition(tx, actor, current_edition, now, reason=reason)


def _pause_newsletters(
    tx: Transaction, actor: Actor, kill_request: Kill, now: datetime
) -> Iterator[Edition]:
    """Pause newsletters with the story that are being sent, so that a person decides about them."""
    slug = kill_request.slug
    reason = f"it holds {slug}, which was killed: {kill_request.reason}"
    for edition in tx.editions.list_recent_editions([EditionState.SENDING], MAX_NEWSLETTERS):
        if edition.role is EditionRole.PLAIN and slug in edition.stories:
            current_edition = editions.get_edition(tx, edition.id)
            if current_edition.state is EditionState.SENDING:
                yield editions.pause_edition(tx, actor, current_edition, now, reason=reason)
