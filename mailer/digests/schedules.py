"""The verbs on schedules of digests and on blackouts."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from mailer import zones
from mailer.actor import Actor
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.schedules import NewSchedule, SavedBlackout, Schedule
from mailer.model.transaction import Transaction
from mailer.schedules import occurrences as expansion
from mailer.schedules import rule_syntax
from mailer.schedules.durations import format_duration
from mailer.schedules.holidays import Blackout, FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Timing
from mailer.schedules.rules import ObservanceRule, RecurringRule

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
        if _has_same_times(schedule.settings, settings):
            raise InputError(
                f"digest {settings.digest_slug} has this rule at this time already: schedule "
                f"{schedule.id}",
                hint="to replace the schedule, remove it first",
                next_steps=[
                    NextStep("remove_schedule", schedule=schedule.id),
                    NextStep("list_schedules"),
                ],
            )
    free_days = FreeDays(settings.region)
    if not expansion.find_upcoming(settings.timing, now, 1, observances, free_days):
        raise InputError(
            f"{rule_syntax.format_rule(rule)!r} at {settings.timing.at:%H:%M} names no future time",
            hint="give a future time, or see when the observance ends",
        )
    return tx.schedules.add_schedule(settings, now)


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


def parse_timing(text: str, at: str, zone: str, start: date, on_free_day: OnFreeDay) -> Timing:
    """Parse the text of a timing, as staff write it. Raises InputError."""
    try:
        hour, minute = map(int, at.split(":"))
        time_of_day = time(hour, minute)
    except ValueError as error:
        raise InputError(
            f"{at!r} is not a time of day", field="at", hint="such as 09:00 or 17:30"
        ) from error
    zones.get_zone(zone)
    return Timing(rule_syntax.parse_rule(text, start), time_of_day, zone, on_free_day)
