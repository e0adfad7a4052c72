"""The choice of stories for a digest's next edition.

Instead of choosing the stories of "the last seven days", a digest keeps a ledger, with one row for
each story that the digest has run. So late articles are in the next edition, and no story runs
twice. The choice is a pure function of records and `now`."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mailer.actor import Actor
from mailer.audience.lists import check_open, get_list
from mailer.counts import count_noun
from mailer.digests.occurrence_texts import apply_texts, describe_texts, describe_unused_texts
from mailer.digests.settings import get_digest
from mailer.editions.editing import EDITED_EVENT
from mailer.model.articles import Article, ArticleState, Story
from mailer.model.digests import Digest, DigestSettings, StoryChoice, WhenEmpty
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition, NewEdition, SendAppointment
from mailer.model.lists import Frequency
from mailer.model.schedules import OccurrenceText
from mailer.model.transaction import Transaction


def choose_stories(
    settings: DigestSettings,
    candidates: Sequence[Story],
    now: datetime,
    embargoed_slugs: Container[str] = (),
    editions_left: int = 1,
) -> StoryChoice:
    """Choose leads first, then the newest stories, up to ``settings.most``. This function is pure.

    With several `editions_left`, as in a run-up to an observance, the stories are spread: this
    edition gets its equal share, and at least ``settings.fewest``.

    A story can be chosen if one of its articles is queued and published by `now`, one of its topics
    is the digest's, all its articles are of the digest's kinds, and the story is not among the
    `embargoed_slugs`, whose embargoes end after the edition is sent."""
    digest_topics = set(settings.topics)
    ready: list[Story] = []
    embargoed: list[Story] = []
    other_kinds: list[Story] = []
    for story in candidates:
        articles = tuple(
            article
            for article in story.articles
            if article.state is ArticleState.QUEUED and article.published <= now
        )
        if articles and (not digest_topics or digest_topics & set(story.topics)):
            target = embargoed if story.slug in embargoed_slugs else ready
            if any(article.kind not in settings.kinds for article in articles):
                target = other_kinds
            target.append(Story(story.slug, articles))
    ready.sort(key=lambda story: story.slug)
    ready.sort(key=lambda story: story.published, reverse=True)
    ready.sort(key=lambda story: not story.lead)
    too_few = ""
    if len(ready) < settings.fewest:
        count_text = "no new story" if not ready else f"only {len(ready)} new"
        too_few = f"{count_text}, and this digest needs at least {settings.fewest}"
    share = max(-(-len(ready) // max(editions_left, 1)), settings.fewest)
    count = min(share, settings.most)
    return StoryChoice(
        stories=tuple(ready[:count]),
        waiting=tuple(ready[count:]),
        too_few=too_few,
        embargoed=tuple(embargoed),
        other_kinds=tuple(other_kinds),
    )


def is_queued_for(digest: Digest, article: Article) -> bool:
    """Check whether a digest may take an article by the time at which it was queued. An immediate
    digest takes only what is queued after it was made: it would otherwise begin with all that the
    office has ever queued."""
    if digest.settings.frequency is not Frequency.IMMEDIATE:
        return True
    return article.queued_at is not None and article.queued_at >= digest.created_at


def is_suitable(digest: Digest, story: Story) -> bool:
    """Check whether a digest takes a story: one of its articles is queued, one of its topics is the
    digest's, and all its articles are of the digest's kinds. When it is published, and whether it
    is embargoed, only delays it."""
    articles = [article for article in story.articles if article.state is ArticleState.QUEUED]
    settings = digest.settings
    return (
        any(is_queued_for(digest, article) for article in articles)
        and (not settings.topics or not {*settings.topics}.isdisjoint(story.topics))
        and all(article.kind in settings.kinds for article in articles)
    )


def assemble_edition(
    tx: Transaction,
    actor: Actor,
    slug: str,
    now: datetime,
    appointment: SendAppointment | None = None,
    editions_left: int = 1,
    texts: Sequence[OccurrenceText] = (),
) -> tuple[Edition, StoryChoice]:
    """Make an edition of the stories that this digest has not run, to be sent at `appointment`, or
    soon if `appointment` is None. Stories that are still embargoed at that time wait for a later
    edition. The stories are spread over `editions_left` editions, including this one. `texts` were
    written ahead for it.

    If there are too few stories, the edition is skipped or put on hold, and saved with the reason.
    A skipped edition reserves no stories and has no number; any other edition reserves its stories
    until it is cancelled unsent, and has the next number of its digest. The next edition takes over
    the number of the last one if that was cancelled unsent. Raises Refused if the digest's list is
    closed."""
    digest = get_digest(tx, slug)
    check_open(get_list(tx, digest.settings.list))
    embargoed_slugs = tx.digests.find_embargoed_slugs(appointment.moment if appointment else now)
    choice = choose_stories(
        digest.settings,
        tx.digests.list_candidate_stories(digest),
        now,
        embargoed_slugs,
        editions_left,
    )
    state = EditionState.DRAFT
    if choice.too_few and (unsent_counts := tx.digests.count_unsent_stories(digest)):
        reason = f"{choice.too_few}; {_describe_unsent_stories(unsent_counts)}"
        choice = replace(choice, too_few=reason)
    if choice.too_few:
        put_on_hold = digest.settings.when_empty is WhenEmpty.PUT_ON_HOLD
        state = EditionState.ON_HOLD if put_on_hold else EditionState.SKIPPED
    if state is EditionState.SKIPPED and texts:
        reason = f"{choice.too_few}; {describe_unused_texts(texts)}"
        choice = replace(choice, too_few=reason)
    slugs = tuple(story.slug for story in choice.stories)
    new = _build_new_edition(digest.settings, state, choice, appointment)
    if state is not EditionState.SKIPPED:
        new = replace(new, number=tx.digests.find_last_number(digest) + 1, stories=slugs)
    edition = tx.digests.create_edition(apply_texts(new, texts), now, actor)
    if state is EditionState.SKIPPED:
        return edition, choice
    _record_text_authors(tx, edition, texts, now)
    tx.digests.reserve_stories(digest, edition, slugs)
    return edition, choice


def _build_new_edition(
    settings: DigestSettings,
    state: EditionState,
    choice: StoryChoice,
    appointment: SendAppointment | None,
) -> NewEdition:
    """Build an edition of a digest, without its stories and its number."""
    return NewEdition(
        name=settings.name,
        digest=settings.slug,
        list=settings.list,
        segment=settings.segment,
        template=settings.template,
        subject=settings.subject,
        names=settings.names,
        subjects=settings.subjects,
        language=settings.language,
        state=state,
        reason=choice.too_few,
        appointment=appointment,
        frequency=settings.frequency,
        archive=settings.archive,
        sender=settings.sender,
        link_tags=settings.link_tags,
    )


def _record_text_authors(
    tx: Transaction, edition: Edition, texts: Sequence[OccurrenceText], now: datetime
) -> None:
    """Record those who wrote texts ahead among the edition's authors."""
    for text in texts:
        for author in text.list_authors():
            detail = f"written ahead: {describe_texts([text])}"
            tx.editions.add_event(edition, EDITED_EVENT, detail, now, author)


def _describe_unsent_stories(counts: Mapping[int, int]) -> str:
    """Say which unsent editions have stories of the digest, by the editions' numbers."""
    return ", ".join(
        f"edition {edition_id}, which is not sent yet, has {count_noun(count, 'story', 'stories')}"
        for edition_id, count in counts.items()
    )
