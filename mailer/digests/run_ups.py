"""Run-ups: several editions on the days around an observance, which share their stories.

Without sharing, the first day would take all stories, and the other days would be empty.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailer.digests.calendar import DigestCalendar, PlannedOccurrence
from mailer.digests.story_choice import choose_stories
from mailer.model.digests import StoryChoice
from mailer.model.schedules import NewSchedule
from mailer.model.transaction import Transaction
from mailer.schedules.rules import DAY, ObservanceRule

_MINUTE = timedelta(minutes=1)


def is_run_up(settings: NewSchedule) -> bool:
    """Check that a schedule has several days around an observance."""
    rule = settings.timing.rule
    return isinstance(rule, ObservanceRule) and (
        len(rule.day_ranges) > 1 or any(days.first < days.last for days in rule.day_ranges)
    )


def describe_sharing(settings: NewSchedule) -> str:
    """Say whether the editions of a run-up share their stories, or return "" for a schedule that is
    not a run-up."""
    if not is_run_up(settings):
        return ""
    if settings.spread:
        return "its stories are spread over its days"
    return "each day takes all stories that are ready"


def count_editions_left(calendar: DigestCalendar, planned: PlannedOccurrence) -> int:
    """Return over how many editions, including that of `planned`, a run-up spreads the stories that
    are ready. For a schedule that is not a run-up, or does not spread its stories, return 1."""
    rule = planned.schedule.settings.timing.rule
    if not (isinstance(rule, ObservanceRule) and planned.schedule.settings.spread):
        return 1
    first = min(day_range.first for day_range in rule.day_ranges)
    last = max(day_range.last for day_range in rule.day_ranges)
    end = planned.starts_at + (last - first) * DAY + DAY
    count = sum(
        other.schedule.id == planned.schedule.id
        and not other.occurrence.skipped
        and other.key >= planned.key
        and (other.original.day - planned.original.day).days <= last - first
        for other in calendar.list_between(planned.starts_at - _MINUTE, end)
    )
    return max(1, count)


def plan_choices(
    tx: Transaction,
    calendar: DigestCalendar,
    planned_occurrences: Sequence[PlannedOccurrence],
    now: datetime,
) -> list[StoryChoice | None]:
    """Return, for each occurrence, which of the stories queued now it would get, or None if it is
    skipped or has its edition already."""
    settings = calendar.digest.settings
    candidates = tx.digests.list_candidate_stories(calendar.digest)
    choices: list[StoryChoice | None] = []
    for planned in planned_occurrences:
        was_made = planned.saved is not None and bool(planned.saved.edition_id)
        if planned.occurrence.skipped or was_made:
            choices.append(None)
            continue
        choice = choose_stories(
            settings,
            candidates,
            max(now, planned.cutoff_at),
            tx.digests.find_embargoed_slugs(planned.starts_at),
            count_editions_left(calendar, planned),
        )
        if not choice.too_few:
            used_slugs = {story.slug for story in choice.stories}
            candidates = [story for story in candidates if story.slug not in used_slugs]
        choices.append(choice)
    return choices
