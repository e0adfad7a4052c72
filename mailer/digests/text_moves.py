"""Keep texts written ahead with their days when the time of a schedule changes."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from mailer.actor import Actor
from mailer.model.schedules import NewSchedule, Schedule
from mailer.model.transaction import Transaction
from mailer.schedules import occurrences as expansion
from mailer.schedules.holidays import FreeDays
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Occurrence


def move_texts_to_new_times(
    tx: Transaction,
    actor: Actor,
    old_settings: NewSchedule,
    schedule: Schedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> None:
    """Give the texts for the schedule's occurrences by its old rule to those by its new rule on the
    same day. A text stays where it is if the day has no occurrence by the new rule, or several."""
    slug = schedule.settings.digest_slug
    keys = {text.key for text in tx.schedules.list_texts(slug, now - timedelta(days=1))}
    if not keys:
        return
    last_day = max(rule_time for rule_time, _ in keys)
    until = datetime.combine(last_day, time.max, now.tzinfo) + timedelta(days=2)

    def expand(settings: NewSchedule) -> list[Occurrence]:
        return list(
            expansion.expand_occurrences(
                settings.timing, now, until, observances, FreeDays(settings.region)
            )
        )

    by_day: dict[object, list[tuple[datetime, str]]] = {}
    for occurrence in expand(schedule.settings):
        by_day.setdefault(occurrence.day, []).append((occurrence.rule_time, occurrence.zone))
    for occurrence in expand(old_settings):
        old_key = (occurrence.rule_time, occurrence.zone)
        new_keys = by_day.get(occurrence.day, [])
        if old_key in keys and len(new_keys) == 1 and new_keys[0] not in keys:
            tx.schedules.move_texts(slug, *old_key, *new_keys[0])
