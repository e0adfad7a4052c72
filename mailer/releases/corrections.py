"""Corrections: the contacts who have a release get its new version, once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions, embargoes, languages
from mailer.actor import Actor
from mailer.editions.previews import discard_changes
from mailer.errors import NextStep, Refused
from mailer.model.articles import Article
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
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.releases.flow import find_last_change
from mailer.releases.stories import (
    check_fingerprint,
    compute_fingerprint,
    find_begun_editions,
    find_queued_articles,
    normalise_texts,
    warn_of_missing_languages,
)

_BEGUN_STATES = (EditionState.SENDING, EditionState.PAUSED)


@dataclass(frozen=True, slots=True)
class CorrectionResult:
    """The effect of correcting or killing a release: the editions that were `stopped`, those that
    were `begun` with their planned deliveries, and those that `wait` for an embargo to end."""

    stopped: tuple[Edition, ...]
    begun: tuple[tuple[Edition, DeliveryPlan], ...]
    wait: tuple[Edition, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrectionPreview:
    """The effect that a correction would have. `fingerprint` covers the text and the recipients."""

    result: CorrectionResult
    articles: tuple[Article, ...]
    fingerprint: str


def preview_correction(
    tx: Transaction,
    actor: Actor,
    slug: str,
    change: ChangeNote,
    renderer: Renderer,
    now: datetime,
) -> CorrectionPreview:
    """Do everything that :func:`confirm_correction` would do, and roll it back. Raises the same
    errors."""
    with discard_changes(tx):
        result = correct_release(tx, actor, slug, change, renderer, now)
        return _describe_correction(tx, slug, result)


def confirm_correction(
    tx: Transaction,
    actor: Actor,
    slug: str,
    change: ChangeNote,
    renderer: Renderer,
    now: datetime,
    *,
    fingerprint: str,
) -> CorrectionResult:
    """Correct a release exactly as previewed. Raises ApprovalVoid if the text or the recipients
    differ from the preview with this `fingerprint`, and the errors of :func:`correct_release`."""
    result = correct_release(tx, actor, slug, change, renderer, now)
    check_fingerprint(fingerprint, _describe_correction(tx, slug, result).fingerprint)
    return result


def _describe_correction(tx: Transaction, slug: str, result: CorrectionResult) -> CorrectionPreview:
    story_articles = find_queued_articles(tx, slug)
    facts = [plan.planned for _, plan in result.begun]
    return CorrectionPreview(
        result, tuple(story_articles), compute_fingerprint(story_articles, facts)
    )


def correct_release(
    tx: Transaction,
    actor: Actor,
    slug: str,
    change: ChangeNote,
    renderer: Renderer,
    now: datetime,
) -> CorrectionResult:
    """Send the current version of a release to exactly the contacts who have an earlier one.

    Remaining sends of the earlier version stop; recipients who have not received the earlier
    version yet get only the new version. In `change`, a text without a language ("") is in the
    release's language. Raises Refused if nothing was sent or nothing has changed since, and
    InputError for a language in which the story does not exist."""
    tx.lock_releases()
    begun = [
        edition for edition in find_begun_editions(tx, slug) if edition.role is not EditionRole.KILL
    ]
    _check_changed(tx, slug, begun, now)
    story = find_queued_articles(tx, slug)
    release_language = begun[-1].language
    change = ChangeNote(
        normalise_texts(change.descriptions, story, release_language, "changed"),
        normalise_texts(change.reasons, story, release_language, "why"),
    )
    stopped: list[Edition] = []
    started: list[tuple[Edition, DeliveryPlan]] = []
    wait: list[Edition] = []
    warnings = [
        *warn_of_missing_languages(change.descriptions, story, "changed"),
        *warn_of_missing_languages(change.reasons, story, "why"),
    ]
    for list_slug in dict.fromkeys(edition.list for edition in begun):
        list_editions = tx.editions.list_release_editions(slug, list_slug)
        list_begun = [edition for edition in list_editions if edition.planned_at]
        sending = [edition for edition in list_begun if edition.state in _BEGUN_STATES]
        stopped += [
            editions.cancel_edition(tx, actor, edition, now, reason="it is being corrected")
            for edition in sending
        ]
        is_embargoed = bool(editions.find_embargoed_stories(tx, list_begun[-1], now))
        for new_edition in _build_editions(
            list_begun[-1], sending, slug, change, is_embargoed=is_embargoed
        ):
            begun_edition, plan, edition_warnings = _begin_edition(
                tx, actor, new_edition, renderer, now
            )
            started.append((begun_edition, plan))
            warnings += edition_warnings
        wait += [
            _renew_waiting_edition(tx, actor, edition, renderer, now)
            for edition in list_editions
            if edition.state in OPEN_STATES and edition.role is EditionRole.RELEASE
        ]
    summary, _ = languages.choose_text(change.descriptions, release_language)
    embargoes.record_release_event(tx, actor, slug, EmbargoEventType.CORRECTED, now, summary)
    return CorrectionResult(
        tuple(stopped), tuple(started), tuple(wait), tuple(dict.fromkeys(warnings))
    )


def _check_changed(tx: Transaction, slug: str, begun: Sequence[Edition], now: datetime) -> None:
    """Raise Refused if neither the story nor its embargo has changed since it was sent."""
    changed_at = find_last_change(tx, slug)
    embargo = tx.embargoes.find_embargo(slug)
    if embargo is not None and embargo.is_active(now):
        # Contacts who have a copy with the old embargo must be told.
        changed_at = max(changed_at, embargo.set_at)
    last_planned_at = max(edition.planned_at for edition in begun if edition.planned_at)
    if changed_at <= last_planned_at:
        raise Refused(
            f"{slug} has not changed since it was sent",
            hint="give the corrected file, or edit the article first",
            next_steps=[NextStep("edit_article", slug=slug)],
        )


def _build_editions(
    last_begun: Edition,
    sending: Sequence[Edition],
    slug: str,
    change: ChangeNote,
    *,
    is_embargoed: bool,
) -> list[NewEdition]:
    """Build the correction, and an edition for the people of each segment who had not received the
    release yet."""
    base_edition = copy_edition(last_begun, slug)
    if is_embargoed:
        base_edition = replace(base_edition, archive=ArchiveVisibility.PRIVATE)
    role = EditionRole.ADVANCE if is_embargoed else EditionRole.RELEASE
    first_copies = [edition for edition in sending if edition.role not in PRIOR_RECIPIENT_ROLES]
    segments = dict.fromkeys(edition.segment for edition in first_copies)
    return [
        replace(base_edition, role=EditionRole.CORRECTION, change=change),
        *(replace(base_edition, role=role, segment=segment) for segment in segments),
    ]


def _renew_waiting_edition(
    tx: Transaction, actor: Actor, edition: Edition, renderer: Renderer, now: datetime
) -> Edition:
    """Compose and approve again a release that waits for the end of its embargo. The release keeps
    its send time."""
    reopened = editions.reopen_edition(tx, actor, edition, now)
    if edition.appointment:
        reopened = editions.set_send_time(tx, actor, reopened, edition.appointment, now)
    return editions.approve_edition(tx, actor, reopened, renderer, now)


def copy_edition(edition: Edition, slug: str) -> NewEdition:
    """Build a new edition of the same story, like this one. The new edition is visible in the
    archive like a release, even if it is built from an advance copy, which is not in the
    archive."""
    return NewEdition(
        name=edition.name,
        list=edition.list,
        template="press-release",
        language=edition.language,
        sender=edition.sender,
        stories=(slug,),
        priority=Priority.URGENT,
        archive=ArchiveVisibility.PUBLIC
        if edition.role is EditionRole.ADVANCE
        else edition.archive,
    )


def _begin_edition(
    tx: Transaction, actor: Actor, new_edition: NewEdition, renderer: Renderer, now: datetime
) -> tuple[Edition, DeliveryPlan, tuple[str, ...]]:
    edition = editions.create_edition(tx, actor, new_edition, now, senders=(new_edition.sender,))
    edition, composition = editions.compose_edition(tx, actor, edition, renderer)
    edition = editions.approve_edition(tx, actor, edition, renderer, now)
    edition, plan = editions.start_edition(tx, actor, edition, renderer, now)
    return edition, plan or DeliveryPlan(0, {}), composition.warnings if composition else ()
