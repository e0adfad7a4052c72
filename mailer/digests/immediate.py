"""The step of the clock for immediate digests, which have no schedule: an edition is assembled when
a story is queued, after a quiet time."""

from datetime import datetime, timedelta

from mailer import zones
from mailer.actor import Actor
from mailer.digests.settings import get_digest
from mailer.digests.story_choice import assemble_edition, choose_stories
from mailer.model.articles import ArticleState, Story
from mailer.model.digests import Digest, StoryChoice
from mailer.model.editions import Edition, SendAppointment
from mailer.model.lists import Frequency
from mailer.model.transaction import Transaction
from mailer.schedules import local_time
from mailer.schedules.holidays import FreeDays

LOOK_BACK = timedelta(days=60)
"""A digest is assembled only if a story was queued within this time, so that the stories which it
does not take are not read forever."""


def list_due_digests(tx: Transaction, zone: str, now: datetime) -> list[Digest]:
    """Return the immediate digests whose edition is due. `zone` is the office's, in which blackouts
    count."""
    return [
        digest
        for digest in tx.digests.list_digests()
        if digest.settings.frequency is Frequency.IMMEDIATE and _is_due(tx, digest, zone, now)
    ]


def assemble_immediate_edition(
    tx: Transaction, actor: Actor, slug: str, zone: str, now: datetime
) -> tuple[Edition, StoryChoice] | None:
    """Assemble the edition of an immediate digest, to be sent as soon as it is approved. Returns
    None if it is not due."""
    digest = get_digest(tx, slug)
    if digest.settings.frequency is not Frequency.IMMEDIATE or not _is_due(tx, digest, zone, now):
        return None
    wall_time = now.astimezone(zones.get_zone(zone)).replace(tzinfo=None, second=0, microsecond=0)
    moment = local_time.to_utc(wall_time, zones.get_zone(zone))
    return assemble_edition(tx, actor, slug, now, SendAppointment(moment, wall_time, zone))


def _is_due(tx: Transaction, digest: Digest, zone: str, now: datetime) -> bool:
    since = max(digest.created_at, now - LOOK_BACK)
    if not tx.digests.has_new_stories(digest, since):
        return False
    today = now.astimezone(zones.get_zone(zone)).date()
    blackouts = [blackout.days for blackout in tx.schedules.list_blackouts()]
    if FreeDays("", blackouts).find_reason(today):
        return False
    choice = choose_stories(
        digest.settings,
        tx.digests.list_candidate_stories(digest),
        now,
        tx.digests.find_embargoed_slugs(now),
    )
    if choice.too_few:
        return False
    times = [_find_ready_time(story) for story in (*choice.stories, *choice.waiting)]
    policy = digest.settings.policy
    return now - max(times) >= policy.quiet or now - min(times) >= policy.longest_wait


def _find_ready_time(story: Story) -> datetime:
    """Return when the last of a story's queued articles was queued and published."""
    return max(
        max(article.published, article.queued_at or article.published)
        for article in story.articles
        if article.state is ArticleState.QUEUED
    )
