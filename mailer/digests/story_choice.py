"""What a digest has run is a ledger, one row a story, never "the last seven days": late articles
roll over to the next edition and nothing runs twice. Choosing is a pure function of records and
`now`."""

from collections.abc import Container, Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.digests.settings import get_digest
from mailer.model.articles import ArticleState, Story
from mailer.model.digests import DigestSettings, StoryChoice, WhenEmpty
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition, NewEdition, SendAppointment
from mailer.model.transaction import Transaction


def choose_stories(
    settings: DigestSettings,
    candidates: Sequence[Story],
    now: datetime,
    embargoed_slugs: Container[str] = (),
) -> StoryChoice:
    """Leads first, then the newest; at most ``order.most``. Pure.

    A story counts when one of its articles is queued and published by `now`, one of its topics is
    the digest's, and it is not among those `held`: embargoed still when the edition is sent."""
    wanted_topics = set(settings.topics)
    ready: list[Story] = []
    embargoed: list[Story] = []
    for story in candidates:
        articles = tuple(
            article
            for article in story.articles
            if article.state is ArticleState.QUEUED and article.published <= now
        )
        if articles and (not wanted_topics or wanted_topics & set(story.topics)):
            target = embargoed if story.slug in embargoed_slugs else ready
            target.append(Story(story.slug, articles))
    ready.sort(key=lambda story: story.slug)
    ready.sort(key=lambda story: story.published, reverse=True)
    ready.sort(key=lambda story: not story.lead)
    too_few = ""
    if len(ready) < settings.fewest:
        count_text = "no new story" if not ready else f"only {len(ready)} new"
        too_few = f"{count_text}, and this digest wants at least {settings.fewest}"
    return StoryChoice(
        tuple(ready[: settings.most]), tuple(ready[settings.most :]), too_few, tuple(embargoed)
    )


def assemble_edition(
    tx: Transaction,
    actor: Actor,
    slug: str,
    now: datetime,
    appointment: SendAppointment | None = None,
) -> tuple[Edition, StoryChoice]:
    """Make an edition of the stories that this digest has not run, to be sent at `appointment`, or
    soon: what is embargoed by then is left for a later one.

    Too few: the edition is kept as skipped, or held, with the reason. A skipped edition takes no
    story away; any other reserves its stories until it is cancelled unsent."""
    digest = get_digest(tx, slug)
    embargoed_slugs = tx.digests.find_embargoed_slugs(appointment.moment if appointment else now)
    choice = choose_stories(
        digest.settings, tx.digests.list_candidate_stories(digest), now, embargoed_slugs
    )
    state = EditionState.DRAFT
    if choice.too_few:
        holds_when_empty = digest.settings.when_empty is WhenEmpty.PUT_ON_HOLD
        state = EditionState.ON_HOLD if holds_when_empty else EditionState.SKIPPED
    slugs = tuple(story.slug for story in choice.stories)
    edition = tx.digests.create_edition(
        NewEdition(
            name=digest.settings.name,
            digest=digest.settings.slug,
            list=digest.settings.list,
            segment=digest.settings.segment,
            template=digest.settings.template,
            subject=digest.settings.subject,
            language=digest.settings.language,
            state=state,
            reason=choice.too_few,
            stories=() if state is EditionState.SKIPPED else slugs,
            appointment=appointment,
            frequency=digest.settings.frequency,
            archive=digest.settings.archive,
        ),
        now,
        actor,
    )
    if state is not EditionState.SKIPPED:
        tx.digests.reserve_stories(digest, edition, slugs)
    return edition, choice
