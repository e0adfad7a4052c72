"""What a digest has run is a ledger, one row a story, never "the last seven days": late articles
roll over to the next edition and nothing runs twice. Choosing is a pure function of records and
`now`."""

from collections.abc import Container, Sequence
from datetime import datetime

from mailer.articles import ArticleState, Story
from mailer.digests.orders import Choice, DigestStore, Order, WhenEmpty, get
from mailer.editions import Appointment, Edition, EditionState, NewEdition


def choose(
    order: Order, candidates: Sequence[Story], now: datetime, held: Container[str] = ()
) -> Choice:
    """Leads first, then the newest; at most ``order.most``. Pure.

    A story counts when one of its articles is queued and published by `now`, one of its topics is
    the digest's, and it is not among those `held`: embargoed still when the edition is sent."""
    wanted = set(order.topics)
    ready: list[Story] = []
    embargoed: list[Story] = []
    for story in candidates:
        articles = tuple(
            article
            for article in story.articles
            if article.state is ArticleState.QUEUED and article.published <= now
        )
        if articles and (not wanted or wanted & set(story.topics)):
            chosen = embargoed if story.slug in held else ready
            chosen.append(Story(story.slug, articles))
    ready.sort(key=lambda story: story.slug)
    ready.sort(key=lambda story: story.published, reverse=True)
    ready.sort(key=lambda story: not story.lead)
    too_few = ""
    if len(ready) < order.fewest:
        found = "no new story" if not ready else f"only {len(ready)} new"
        too_few = f"{found}, and this digest wants at least {order.fewest}"
    return Choice(tuple(ready[: order.most]), tuple(ready[order.most :]), too_few, tuple(embargoed))


def assemble(
    store: DigestStore, slug: str, now: datetime, appointment: Appointment | None = None
) -> tuple[Edition, Choice]:
    """Make an edition of the stories that this digest has not run, to be sent at `appointment`, or
    soon: what is embargoed by then is left for a later one.

    Too few: the edition is kept as skipped, or held, with the reason. A skipped edition takes no
    story away; any other reserves its stories until it is cancelled unsent."""
    digest = get(store, slug)
    held = store.held(appointment.moment if appointment else now)
    choice = choose(digest.order, store.candidates(digest), now, held)
    state = EditionState.DRAFT
    if choice.too_few:
        hold = digest.order.when_empty is WhenEmpty.HOLD
        state = EditionState.HELD if hold else EditionState.SKIPPED
    slugs = tuple(story.slug for story in choice.stories)
    edition = store.create_edition(
        NewEdition(
            name=digest.order.name,
            digest=digest.order.slug,
            list=digest.order.list,
            segment=digest.order.segment,
            template=digest.order.template,
            subject=digest.order.subject,
            language=digest.order.language,
            state=state,
            reason=choice.too_few,
            stories=() if state is EditionState.SKIPPED else slugs,
            appointment=appointment,
            frequency=digest.order.frequency,
            archive=digest.order.archive,
        ),
        now,
    )
    if state is not EditionState.SKIPPED:
        store.reserve(digest, edition, slugs)
    return edition, choice
