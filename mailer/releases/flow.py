"""The editions of a release: an advance copy for contacts trusted with an embargo, and the release
for all other subscribers when the embargo has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import editions
from mailer.actor import Actor
from mailer.editions.previews import discard_changes
from mailer.errors import InputError, NextStep, Refused
from mailer.model.articles import Article, ArticleKind
from mailer.model.deliveries import DeliveryPlan
from mailer.model.edition_states import (
    OPEN_STATES,
    ArchiveVisibility,
    EditionRole,
    EditionState,
    Priority,
)
from mailer.model.editions import Edition, NewEdition, SendAppointment
from mailer.model.embargoes import Embargo
from mailer.model.lists import MailingList, Visibility
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.releases.stories import (
    check_fingerprint,
    compute_fingerprint,
    find_queued_articles,
    get_queued_articles,
)

MAX_RUNNING = 1000
"""Editions being sent that a preview lists."""


@dataclass(frozen=True, slots=True)
class ReleaseEditions:
    """The editions of a release: an `advance` copy while it is embargoed, and the `release`.
    `reaches` has the deliveries that each edition would plan now, by the edition's id."""

    embargo: Embargo | None
    advance: Edition | None
    release: Edition
    reaches: Mapping[int, DeliveryPlan]
    warnings: tuple[str, ...]

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The editions in the order in which they are sent."""
        return (self.release,) if self.advance is None else (self.advance, self.release)

    @property
    def started(self) -> tuple[Edition, ...]:
        """The editions that are being sent."""
        return tuple(edition for edition in self.editions if edition.state is EditionState.SENDING)


@dataclass(frozen=True, slots=True)
class ReleasePreview:
    """The effect that sending a release would have: its editions, its queued articles, and the
    other editions that are being sent now. `fingerprint` covers the text, the recipients and the
    embargo."""

    editions: ReleaseEditions
    articles: tuple[Article, ...]
    running: tuple[Edition, ...]
    fingerprint: str


def preview_release(
    tx: Transaction,
    actor: Actor,
    slug: str,
    mailing_list: MailingList,
    renderer: Renderer,
    now: datetime,
    *,
    default_language: str,
    segment: str = "",
    language: str = "",
) -> ReleasePreview:
    """Do everything that :func:`confirm_release` would do, and roll it back. Raises the same
    errors."""
    with discard_changes(tx):
        release_editions = _start_release(
            tx, actor, slug, mailing_list, renderer, now, default_language, segment, language
        )
        return _describe_release(tx, slug, release_editions)


def confirm_release(
    tx: Transaction,
    actor: Actor,
    slug: str,
    mailing_list: MailingList,
    renderer: Renderer,
    now: datetime,
    *,
    fingerprint: str,
    default_language: str,
    segment: str = "",
    language: str = "",
) -> ReleaseEditions:
    """Compose, approve and start the editions of a release as previewed. The release of an
    embargoed story is scheduled for the end of the embargo.

    Raises ApprovalVoid if the text, the recipients or the embargo differ from the preview with this
    `fingerprint`."""
    release_editions = _start_release(
        tx, actor, slug, mailing_list, renderer, now, default_language, segment, language
    )
    check_fingerprint(fingerprint, _describe_release(tx, slug, release_editions).fingerprint)
    return release_editions


def _start_release(
    tx: Transaction,
    actor: Actor,
    slug: str,
    mailing_list: MailingList,
    renderer: Renderer,
    now: datetime,
    default_language: str,
    segment: str,
    language: str,
) -> ReleaseEditions:
    release_editions = prepare_release(
        tx,
        actor,
        slug,
        mailing_list,
        renderer,
        now,
        default_language=default_language,
        segment=segment,
        language=language,
    )
    return begin_release(tx, actor, release_editions, renderer, now)


def _describe_release(
    tx: Transaction, slug: str, release_editions: ReleaseEditions
) -> ReleasePreview:
    story_articles = find_queued_articles(tx, slug)
    embargo = release_editions.embargo
    facts = [
        embargo.ends_at.isoformat() if embargo else None,
        *(release_editions.reaches[edition.id].planned for edition in release_editions.editions),
    ]
    own_ids = {edition.id for edition in release_editions.editions}
    return ReleasePreview(
        editions=release_editions,
        articles=tuple(story_articles),
        running=tuple(
            edition
            for edition in tx.editions.list_recent_editions([EditionState.SENDING], MAX_RUNNING)
            if edition.id not in own_ids
        ),
        fingerprint=compute_fingerprint(story_articles, facts),
    )


def prepare_release(
    tx: Transaction,
    actor: Actor,
    slug: str,
    mailing_list: MailingList,
    renderer: Renderer,
    now: datetime,
    *,
    default_language: str,
    segment: str = "",
    language: str = "",
) -> ReleaseEditions:
    """Make the editions of a release, or reopen those that have not started, and compose them. The
    send time of an embargoed story's release is the end of the embargo.

    Raises InputError if the story is not queued or is not a release, and Refused if the story was
    changed after it was sent."""
    story_articles = get_queued_articles(tx, slug)
    _check_kind(story_articles, mailing_list.slug)
    _check_unchanged(tx.editions.list_release_editions(slug), story_articles)
    earlier_editions = tx.editions.list_release_editions(slug, mailing_list.slug)
    release_language = language or _choose_language(default_language, story_articles)
    embargo = tx.embargoes.find_embargo(slug)
    is_embargoed = embargo is not None and embargo.is_active(now)
    warnings: list[str] = []
    if mailing_list.visibility is Visibility.PUBLIC:
        warnings.append(f"{mailing_list.slug} is a public list, which anyone may join")
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
    roles = (EditionRole.ADVANCE, EditionRole.RELEASE) if is_embargoed else (EditionRole.RELEASE,)
    for role in roles:
        edition = _open_edition(tx, actor, base_edition, role, earlier_editions, now)
        if role is EditionRole.RELEASE and is_embargoed and embargo is not None:
            appointment = editions.refresh_appointment(
                tx, SendAppointment(now, embargo.terms.wall, embargo.terms.zone)
            )
            edition = editions.set_send_time(tx, actor, edition, appointment, now)
        edition, composition = editions.compose_edition(tx, actor, edition, renderer)
        warnings += composition.warnings if composition else ()
        composed_editions.append(edition)
    return ReleaseEditions(
        embargo=embargo if is_embargoed else None,
        advance=composed_editions[0] if is_embargoed else None,
        release=composed_editions[-1],
        reaches={},
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _open_edition(
    tx: Transaction,
    actor: Actor,
    base_edition: NewEdition,
    role: EditionRole,
    earlier_editions: Sequence[Edition],
    now: datetime,
) -> Edition:
    """Reopen the edition with this role that has not started, or make one."""
    for release_edition in earlier_editions:
        if release_edition.role is role and release_edition.state in OPEN_STATES:
            return editions.reopen_edition(tx, actor, release_edition, now)
    archive = ArchiveVisibility.PRIVATE if role is EditionRole.ADVANCE else ArchiveVisibility.PUBLIC
    new_edition = replace(base_edition, role=role, archive=archive)
    return editions.create_edition(tx, actor, new_edition, now)


def _check_kind(story_articles: Sequence[Article], list_slug: str) -> None:
    if not any(
        article.kind in {ArticleKind.PRESS_RELEASE, ArticleKind.STATEMENT}
        for article in story_articles
    ):
        story = story_articles[0]
        raise InputError(
            f"{story.slug} is of kind {story.kind}: only a press_release or a statement can be "
            "released",
            hint="write kind: press_release in its file, or send it in an edition of its own",
            next_steps=[
                NextStep("create_edition", list=list_slug, slug=story.slug, name=story.title)
            ],
        )


def _choose_language(default_language: str, story_articles: Sequence[Article]) -> str:
    story_languages = [article.language for article in story_articles]
    return default_language if default_language in story_languages else story_languages[0]


def find_last_change(tx: Transaction, slug: str) -> datetime:
    """Return when a story was last changed. Raises InputError if the story is not queued."""
    return max(article.updated_at for article in get_queued_articles(tx, slug))


def _check_unchanged(
    earlier_editions: Sequence[Edition], story_articles: Sequence[Article]
) -> None:
    begun_at = [edition.planned_at for edition in earlier_editions if edition.planned_at]
    changed_at = max(article.updated_at for article in story_articles)
    if begun_at and max(begun_at) < changed_at:
        slug = story_articles[0].slug
        raise Refused(
            f"{slug} was changed after it was sent",
            hint="its recipients have to be told what has changed",
            next_steps=[NextStep("correct_release", slug=slug)],
        )


def begin_release(
    tx: Transaction,
    actor: Actor,
    release_editions: ReleaseEditions,
    renderer: Renderer,
    now: datetime,
) -> ReleaseEditions:
    """Approve the composed editions of a release, start those that are due now, and compute the
    deliveries that the others would plan now. Raises Refused."""
    advance, release = release_editions.advance, release_editions.release
    reaches: dict[int, DeliveryPlan] = {}
    if advance is not None:
        advance, reaches[advance.id] = _approve_and_start(tx, actor, advance, renderer, now)
    if release_editions.embargo is None:
        release, reaches[release.id] = _approve_and_start(tx, actor, release, renderer, now)
    else:
        release = editions.approve_edition(tx, actor, release, renderer, now)
        with discard_changes(tx):
            reaches[release.id] = tx.outbox.plan_deliveries(release, now)
    return replace(release_editions, advance=advance, release=release, reaches=reaches)


def _approve_and_start(
    tx: Transaction, actor: Actor, edition: Edition, renderer: Renderer, now: datetime
) -> tuple[Edition, DeliveryPlan]:
    approved = editions.approve_edition(tx, actor, edition, renderer, now)
    started, plan = editions.start_edition(tx, actor, approved, renderer, now)
    return started, plan or DeliveryPlan(0, {})
