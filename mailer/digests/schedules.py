"""The verbs on schedules of digests and on blackouts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from mailer import zones
from mailer.actor import Actor
from mailer.digests.settings import get_digest
from mailer.digests.text_moves import move_texts_to_new_times
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.model.lists import Frequency
from mailer.model.schedules import (
    NewSchedule,
    OccurrenceState,
    SavedBlackout,
    SavedOccurrence,
    Schedule,
)
from mailer.model.transaction import Transaction
from mailer.schedules import occurrences as expansion
from mailer.schedules import rule_syntax, times_of_day
from mailer.schedules.durations import format_duration
from mailer.schedules.holidays import Blackout, FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Timing
from mailer.schedules.rules import ObservanceRule, RecurringRule

_LATEST_OCCURRENCES = 400
"""The number of a digest's occurrences, the latest first, among which decisions are sought."""

MAX_CUTOFF = timedelta(days=14)


def add_schedule(
    tx: Transaction,
    actor: Actor,
    settings: NewSchedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> Schedule:
    """Add a schedule to a digest. Raises InputError if the schedule is impossible or exists
    already, and NotFound for an unknown observance."""
    digest = get_digest(tx, settings.digest_slug)
    if digest.settings.frequency is Frequency.IMMEDIATE:
        raise Refused(
            f"the digest {settings.digest_slug!r} is immediate, and sent when a story is queued",
            hint="give it another frequency, or schedule another digest",
            next_steps=[NextStep("edit_digest", digest=settings.digest_slug)],
        )
    _check_settings(tx, settings, observances, now)
    return tx.schedules.add_schedule(settings, now)


def edit_schedule(
    tx: Transaction,
    actor: Actor,
    schedule_id: int,
    settings: NewSchedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> Schedule:
    """Give a schedule other settings, from now on; its number and its digest stay.

    A text written ahead for a day goes to its occurrence at the new time. What is decided stays as
    well: on a day for which this schedule has an edition, or which staff
    moved or skipped, the new times are skipped. Raises the errors of :func:`add_schedule`, and
    NotFound for an unknown schedule."""
    schedule = get_schedule(tx, schedule_id)
    settings = replace(settings, digest_slug=schedule.settings.digest_slug)
    if settings == schedule.settings:
        return schedule
    _check_settings(tx, settings, observances, now, replaced_id=schedule_id)
    has_same_times = _has_same_times(schedule.settings, settings)
    counts_from = schedule.created_at if has_same_times else now
    changed_schedule = tx.schedules.update_schedule(schedule, settings, counts_from)
    if not has_same_times:
        move_texts_to_new_times(tx, actor, schedule.settings, changed_schedule, observances, now)
        _skip_decided_days(tx, actor, changed_schedule, observances, now)
    return changed_schedule


def _skip_decided_days(
    tx: Transaction,
    actor: Actor,
    schedule: Schedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> None:
    """Skip the schedule's occurrences on days that are decided already, by an earlier rule."""
    slug = schedule.settings.digest_slug
    decided = [
        saved
        for saved in tx.schedules.list_occurrences(slug, _LATEST_OCCURRENCES)
        if saved.schedule_id == schedule.id and _explain_decision(saved)
    ]
    reasons_by_day = {saved.rule_time.date(): _explain_decision(saved) for saved in decided}
    if not reasons_by_day:
        return
    free_days = FreeDays(
        schedule.settings.region,
        tuple(blackout.days for blackout in tx.schedules.list_blackouts()),
    )
    last_moment = datetime.combine(max(reasons_by_day), time.max, now.tzinfo)
    for occurrence in expansion.expand_occurrences(
        schedule.settings.timing, now, last_moment + timedelta(days=1), observances, free_days
    ):
        reason = reasons_by_day.get(occurrence.day)
        if reason and not occurrence.skipped:
            tx.schedules.save_decision(
                slug,
                occurrence.rule_time,
                occurrence.zone,
                OccurrenceState.SKIPPED,
                now,
                expected=None,
                schedule_id=schedule.id,
                moved_to=None,
                reason=reason,
                actor=actor.name,
            )


def _explain_decision(saved: SavedOccurrence) -> str:
    """Explain why a day needs no other occurrence, or return "" if it does."""
    match saved.state:
        case OccurrenceState.SKIPPED:
            return saved.reason or "the day was skipped before the schedule changed"
        case OccurrenceState.PLANNED if saved.moved_to is None:
            return ""
        case OccurrenceState.PLANNED:
            return f"the day was moved to {saved.moved_to:%a %d %b %Y %H:%M} already"
    return f"the day has its edition, of {saved.rule_time:%H:%M}, already"


def _check_settings(
    tx: Transaction,
    settings: NewSchedule,
    observances: Mapping[str, Observance],
    now: datetime,
    *,
    replaced_id: int = 0,
) -> None:
    """Raise InputError if the settings are impossible, or those of another schedule than the one
    replaced, and NotFound for an unknown observance."""
    expansion.check_timing(settings.timing)
    if not timedelta() <= settings.cutoff <= MAX_CUTOFF:
        raise InputError(
            f"a cut-off of {format_duration(settings.cutoff)} is not possible",
            field="cutoff",
            hint=f"give at most {format_duration(MAX_CUTOFF)}, such as 90m, 2h or 1d",
        )
    rule = settings.timing.rule
    if isinstance(rule, ObservanceRule) and rule.observance not in observances:
        raise NotFound(
            f"there is no observance {rule.observance!r}",
            next_steps=[NextStep("list_observances")],
        )
    for schedule in tx.schedules.list_schedules():
        if schedule.id != replaced_id and _has_same_times(schedule.settings, settings):
            raise InputError(
                f"digest {settings.digest_slug} has this rule at this time already: schedule "
                f"{schedule.id}",
                hint="to change that schedule, edit it",
                next_steps=[
                    NextStep("edit_schedule", schedule=schedule.id),
                    NextStep("list_schedules"),
                ],
            )
    free_days = FreeDays(settings.region)
    if not expansion.find_upcoming(settings.timing, now, 1, observances, free_days):
        raise InputError(
            f"{rule_syntax.format_rule(rule)!r} at {settings.timing.at:%H:%M} names no future time",
            hint="give a future time, or see when the observance ends",
        )


def _has_same_times(first: NewSchedule, second: NewSchedule) -> bool:
    """Check that two schedules of a digest name the same times, from the day on which both have
    begun. Weeks and months that are counted in twos begin with the first day of a schedule."""
    rules = first.timing.rule, second.timing.rule
    if all(isinstance(rule, RecurringRule) and "INTERVAL" not in rule.rrule for rule in rules):
        has_same_rule = rule_syntax.format_rule(rules[0]) == rule_syntax.format_rule(rules[1])
    else:
        has_same_rule = rules[0] == rules[1]
    return (
        has_same_rule
        and first.digest_slug == second.digest_slug
        and first.region == second.region
        and first.timing.on_free_day == second.timing.on_free_day
        and (first.timing.at, first.timing.zone) == (second.timing.at, second.timing.zone)
    )


def get_schedule(tx: Transaction, schedule_id: int) -> Schedule:
    for schedule in tx.schedules.list_schedules():
        if schedule.id == schedule_id:
            return schedule
    raise NotFound(f"there is no schedule {schedule_id}", next_steps=[NextStep("list_schedules")])


def find_schedule(tx: Transaction, name: str) -> Schedule:
    """Find a schedule by its number, or by the slug of a digest that has one schedule. Raises
    NotFound, and InputError that lists the schedules if the digest has several."""
    if name.isdecimal() and len(name) < 20:
        return get_schedule(tx, int(name))
    digest = get_digest(tx, name)
    own_schedules = [
        schedule
        for schedule in tx.schedules.list_schedules()
        if schedule.settings.digest_slug == digest.settings.slug
    ]
    if not own_schedules:
        raise NotFound(
            f"the digest {name!r} has no schedule", next_steps=[NextStep("list_schedules")]
        )
    if len(own_schedules) > 1:
        words = "; ".join(
            f"{schedule.id} is {rule_syntax.format_rule(schedule.settings.timing.rule)}, at "
            f"{schedule.settings.timing.at:%H:%M}"
            for schedule in own_schedules
        )
        raise InputError(
            f"the digest {name!r} has {len(own_schedules)} schedules: {words}",
            field="schedule",
            hint="give the number of one of them",
        )
    return own_schedules[0]


def remove_schedule(tx: Transaction, actor: Actor, schedule_id: int) -> Schedule:
    """Remove a schedule; its existing editions stay. Returns the removed schedule. Raises
    NotFound."""
    schedule = get_schedule(tx, schedule_id)
    tx.schedules.remove_schedule(schedule)
    return schedule


def add_blackout(tx: Transaction, actor: Actor, days: Blackout, now: datetime) -> SavedBlackout:
    """Add days on which nothing is sent. Raises InputError if the last day is before the first."""
    if days.last < days.first:
        raise InputError(
            f"{days.last} is before {days.first}", hint="give the first day, then the last"
        )
    return tx.schedules.add_blackout(days, now)


def lift_blackout(tx: Transaction, actor: Actor, blackout_id: int) -> SavedBlackout:
    """Remove a blackout. Raises NotFound."""
    for blackout in tx.schedules.list_blackouts():
        if blackout.id == blackout_id:
            tx.schedules.remove_blackout(blackout)
            return blackout
    raise NotFound(f"there is no blackout {blackout_id}", next_steps=[NextStep("list_blackouts")])


# ---- words ------------------------------------------------------------------------------------


def change_settings(
    settings: NewSchedule,
    now: datetime,
    *,
    rule: str = "",
    at: str = "",
    zone: str = "",
    start: date | None = None,
    cutoff: timedelta | None = None,
    region: str | None = None,
    on_free_day: OnFreeDay | None = None,
    spread: bool | None = None,
) -> NewSchedule:
    """Return settings with what is named changed, in the words of staff. A new rule counts from
    today or from `start`. Raises InputError."""
    timing = settings.timing
    zone = zone or timing.zone
    if rule:
        first_day = start or now.astimezone(zones.get_zone(zone)).date()
        days_text, time_in_text = times_of_day.split_time_of_day(rule)
        at = at or ("" if time_in_text else f"{timing.at:%H:%M}")
        text = rule if time_in_text else days_text
    else:
        old_rule = timing.rule
        old_start = old_rule.start if isinstance(old_rule, RecurringRule) else now.date()
        first_day = start or old_start
        text, at = rule_syntax.format_rule(timing.rule), at or f"{timing.at:%H:%M}"
    return replace(
        settings,
        timing=parse_timing(text, at, zone, first_day, on_free_day or timing.on_free_day),
        cutoff=settings.cutoff if cutoff is None else cutoff,
        region=settings.region if region is None else region,
        spread=settings.spread if spread is None else spread,
    )


DEFAULT_TIME = time(9)
"""The time of day of a schedule that names none."""


def parse_timing(text: str, at: str, zone: str, start: date, on_free_day: OnFreeDay) -> Timing:
    """Parse the text of a timing, as staff write it. The time of day is `at`, or stands at the end
    of `text`; if both are missing, it is :data:`DEFAULT_TIME`. Raises InputError, also for two
    different times."""
    try:
        days_text, time_in_text = times_of_day.split_time_of_day(text)
    except InputError as error:
        error.field = "rule"
        raise
    time_of_day = times_of_day.parse_time_of_day(at) if at else time_in_text or DEFAULT_TIME
    if time_in_text not in {None, time_of_day}:
        raise InputError(
            f"{text!r} is at {time_in_text:%H:%M}, but the time given is {time_of_day:%H:%M}",
            field="at",
            hint="give one time",
        )
    zones.get_zone(zone)
    return Timing(rule_syntax.parse_rule(days_text, start), time_of_day, zone, on_free_day)
