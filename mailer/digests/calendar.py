"""A digest's calendar: the occurrences of its schedules, with staff's decisions about single
occurrences, and the steps that are due at a given time.

This code is pure: it decides, and writes nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from mailer import zones
from mailer.digests.schedules import MAX_CUTOFF
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.digests import Digest
from mailer.model.schedules import OccurrenceState, SavedOccurrence, Schedule
from mailer.schedules import local_time
from mailer.schedules import occurrences as expansion
from mailer.schedules.durations import format_duration
from mailer.schedules.holidays import Blackout, FreeDays
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Occurrence

LOOK_BACK = timedelta(days=60)
"""The time after which a missed occurrence is no longer considered."""

_MAX_ZONE_SPREAD = timedelta(hours=27)
"""The time from the first zone on earth that reaches a wall-clock time to the last zone: from
UTC+14 to UTC-12, and an hour for daylight saving time."""

_SEARCH_AHEAD = timedelta(days=400)

_MINUTE = timedelta(minutes=1)

OVERDUE_AFTER = timedelta(minutes=1)
"""The time after which an occurrence that could have been assembled counts as overdue."""


@dataclass(frozen=True, slots=True)
class PlannedOccurrence:
    """An occurrence with the decision of staff about it.

    `original` is the occurrence as the rule gives it, and `occurrence` is the same occurrence after
    the decision of staff. `starts_at` is when sending begins: at the occurrence's moment, or
    earlier if mails are sent in readers' time. `reader_zones` are the zones of these readers."""

    schedule: Schedule
    original: Occurrence
    occurrence: Occurrence
    starts_at: datetime
    saved: SavedOccurrence | None = None
    reader_zones: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[datetime, str]:
        return self.original.rule_time, self.original.zone

    @property
    def cutoff_at(self) -> datetime:
        """The time at which the edition is assembled."""
        return self.starts_at - self.schedule.settings.cutoff

    @property
    def sendable_since(self) -> datetime:
        """The earliest moment at which the occurrence could be sent: the schedule's creation, or
        the decision of staff."""
        return self.saved.updated_at if self.saved else self.schedule.created_at

    @property
    def is_immediate(self) -> bool:
        """Check whether staff chose to send the occurrence at once. It is then sent to all readers
        at the same time, whatever their time zones are."""
        was_moved = self.saved is not None and self.saved.moved_to is not None
        return was_moved and self.occurrence.moment <= self.sendable_since


class OccurrenceAction(StrEnum):
    """The action at an occurrence's cut-off."""

    ASSEMBLE = "assemble"
    SKIP = "skip"
    PUT_ON_HOLD = "hold"


@dataclass(frozen=True, slots=True)
class CalendarStep:
    """An action to take at an occurrence. If `is_quiet`, it needs no notice of its own: the notice
    about another occurrence mentions this one, or the digest's list is closed."""

    planned: PlannedOccurrence
    action: OccurrenceAction
    reason: str = ""
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class DigestCalendar:
    """The calendar of one digest. `saved_occurrences` need not include those older than
    :data:`LOOK_BACK`. `reader_zones` are the zones of its readers, if mails are sent in readers'
    time. `closing_note` says why no edition is made any longer if the digest's list is closed, and
    is empty otherwise."""

    digest: Digest
    schedules: tuple[Schedule, ...]
    saved_occurrences: tuple[SavedOccurrence, ...]
    blackouts: tuple[Blackout, ...]
    observances: Mapping[str, Observance]
    reader_zones: tuple[str, ...] = ()
    closing_note: str = ""

    @property
    def slug(self) -> str:
        return self.digest.settings.slug

    def list_upcoming(self, now: datetime, count: int) -> list[PlannedOccurrence]:
        """Return the next `count` occurrences within ten years, including skipped ones."""
        expanded_count = count + sum(
            saved.state is not OccurrenceState.SKIPPED for saved in self.saved_occurrences
        )
        planned_occurrences = self._apply_decisions(
            (schedule, occurrence)
            for schedule in self.schedules
            for occurrence in expansion.find_upcoming(
                schedule.settings.timing,
                now,
                expanded_count,
                self.observances,
                self._build_free_days(schedule),
            )
        )
        return [planned for planned in planned_occurrences if planned.occurrence.moment > now][
            :count
        ]

    def list_between(self, after: datetime, until: datetime) -> list[PlannedOccurrence]:
        """Return the occurrences that are sent after `after` and up to `until`."""
        planned_occurrences = self._apply_decisions(
            (schedule, occurrence)
            for schedule in self.schedules
            for occurrence in expansion.expand_occurrences(
                schedule.settings.timing,
                after,
                until + _MAX_ZONE_SPREAD,
                self.observances,
                self._build_free_days(schedule),
            )
        )
        return [
            planned
            for planned in planned_occurrences
            if after < planned.occurrence.moment and planned.starts_at <= until
        ]

    def list_due_steps(self, now: datetime, look_back: timedelta = LOOK_BACK) -> list[CalendarStep]:
        """Return the steps due now, in order: one for each occurrence whose cut-off has come and
        that has no edition yet.

        If several occurrences were missed, only the last occurrence is assembled, provided that its
        delay is within the digest's grace. (The delay is counted to the minute, from the earliest
        moment at which the occurrence could be sent.) Otherwise the last occurrence is put on hold.
        The earlier occurrences are skipped, since their stories are in the last."""
        waiting = [
            planned
            for planned in self.list_between(now - look_back, now + MAX_CUTOFF)
            if planned.cutoff_at <= now
            and (planned.saved is None or planned.saved.state is OccurrenceState.PLANNED)
            and (
                planned.saved is not None or planned.occurrence.moment > planned.schedule.created_at
            )
        ]
        missed = [
            planned
            for planned in waiting
            if planned.starts_at <= now and not planned.occurrence.skipped
        ]
        grace = self.digest.settings.policy.grace
        return [self._decide_step(planned, missed, now, grace) for planned in waiting]

    def list_overdue(self, now: datetime) -> list[PlannedOccurrence]:
        """Return the occurrences that a worker should have assembled or put on hold by now: at
        least :data:`OVERDUE_AFTER` has passed since both the cut-off and the planning."""
        return [
            step.planned
            for step in self.list_due_steps(now)
            if step.action is not OccurrenceAction.SKIP
            and now - max(step.planned.cutoff_at, step.planned.sendable_since) >= OVERDUE_AFTER
        ]

    def _decide_step(
        self,
        planned: PlannedOccurrence,
        missed: list[PlannedOccurrence],
        now: datetime,
        grace: timedelta,
    ) -> CalendarStep:
        if planned.occurrence.skipped:
            is_closed = bool(self.closing_note)  # staff closed the list, and need no notice
            return CalendarStep(
                planned, OccurrenceAction.SKIP, planned.occurrence.note, is_quiet=is_closed
            )
        if planned in missed and planned is not missed[-1]:
            last_occurrence = missed[-1].occurrence
            reason = f"it was missed, as was the later one of {last_occurrence.wall:%a %d %b %H:%M}"
            return CalendarStep(planned, OccurrenceAction.SKIP, reason, is_quiet=True)
        # Counted by the office's clock, so that a new reader far to the east does not make an
        # edition late.
        lateness = now - max(planned.occurrence.moment, planned.sendable_since)
        if planned in missed and lateness >= grace + _MINUTE:
            lateness_text, grace_text = format_duration(lateness), format_duration(grace)
            others_text = f", and {len(missed) - 1} before it" if len(missed) > 1 else ""
            reason = f"it was missed by {lateness_text}{others_text}; its grace is {grace_text}"
            return CalendarStep(planned, OccurrenceAction.PUT_ON_HOLD, reason)
        return CalendarStep(planned, OccurrenceAction.ASSEMBLE)

    def find_occurrence(self, text: str, now: datetime) -> PlannedOccurrence:
        """Find an occurrence by its original date, and by its time of day and zone as well if there
        are several (``2026-12-18``, ``2026-12-18 09:00``, ``2026-12-18 09:00 Europe/London``).
        Raises NotFound, or InputError if several match."""
        words = re.sub(r"^([\d-]{10})T", r"\1 ", text.strip()).split()
        try:
            day = date.fromisoformat(words[0])
            time_of_day = datetime.strptime(words[1], "%H:%M").time() if words[1:] else None  # noqa: DTZ007
            zone = zones.get_zone(words[2]).key if words[2:] else ""
            if words[3:]:
                raise ValueError(words[3])
        except (ValueError, IndexError, InputError) as error:
            raise InputError(
                f"{text!r} is not a date",
                field="occurrence",
                hint="write it as 2026-12-18 or '2026-12-18 09:00'",
            ) from error
        matches = [
            planned
            for planned in self.list_between(now - LOOK_BACK, now + _SEARCH_AHEAD)
            if planned.original.day == day
            and time_of_day in {None, planned.original.rule_time.time()}
            and zone in {"", planned.original.zone}
        ]
        if not matches:
            raise NotFound(
                f"the digest {self.slug} has no occurrence {text}",
                next_steps=[NextStep("preview_schedule", digest=self.slug)],
            )
        if len(matches) > 1:
            times = ", ".join(
                f"'{planned.original.rule_time:%Y-%m-%d %H:%M} {planned.original.zone}'"
                for planned in matches
            )
            raise InputError(f"there are several occurrences on {day}", hint=f"name one of {times}")
        return matches[0]

    # ---- schedules and decisions ---------------------------------------------------------------

    def _build_free_days(self, schedule: Schedule) -> FreeDays:
        return FreeDays(schedule.settings.region, self.blackouts)

    def _apply_decisions(
        self, scheduled: Iterable[tuple[Schedule, Occurrence]]
    ) -> list[PlannedOccurrence]:
        """Apply the decisions of staff to the occurrences. If two schedules give an occurrence
        the same time and zone, it belongs to the older schedule."""
        saved_by_key = {(saved.rule_time, saved.zone): saved for saved in self.saved_occurrences}
        planned_by_key: dict[tuple[datetime, str], PlannedOccurrence] = {}
        for schedule, occurrence in sorted(
            (*scheduled, *self._list_moved()), key=lambda pair: pair[0].id
        ):
            key = occurrence.rule_time, occurrence.zone
            if key not in planned_by_key or (
                planned_by_key[key].original.skipped and not occurrence.skipped
            ):
                planned_by_key[key] = self._apply_decision(
                    schedule, occurrence, saved_by_key.get(key)
                )
        return sorted(
            _skip_simultaneous(planned_by_key.values()),
            key=lambda planned: (planned.starts_at, planned.original.rule_time),
        )

    def _list_moved(self) -> Iterator[tuple[Schedule, Occurrence]]:
        """Yield the occurrences that staff moved, including those from days outside the searched
        span."""
        schedules_by_id = {schedule.id: schedule for schedule in self.schedules}
        for saved in self.saved_occurrences:
            schedule = schedules_by_id.get(saved.schedule_id or 0)
            if schedule is not None and saved.moved_to is not None:
                moment = local_time.to_utc(saved.rule_time, zones.get_zone(saved.zone))
                yield (
                    schedule,
                    Occurrence(saved.rule_time, saved.rule_time, saved.zone, moment, skipped=True),
                )

    def _apply_decision(
        self, schedule: Schedule, original: Occurrence, saved: SavedOccurrence | None
    ) -> PlannedOccurrence:
        occurrence = original
        if saved is not None and saved.moved_to is not None:
            moment = local_time.to_utc(saved.moved_to, zones.get_zone(saved.zone))
            actor_text = f" by {saved.actor}" if saved.actor else ""
            reason_text = f": {saved.reason}" if saved.reason else ""
            note = f"moved from {saved.rule_time:%a %d %b %H:%M}{actor_text}{reason_text}"
            if skipped_time := local_time.explain_skipped_time(saved.moved_to, saved.zone):
                note += f"; {skipped_time}"
            occurrence = replace(
                occurrence, wall=saved.moved_to, moment=moment, skipped=False, note=note
            )
        if saved is not None and saved.state is OccurrenceState.SKIPPED:
            occurrence = replace(occurrence, skipped=True, note=saved.reason)
        elif saved is not None and saved.state in {OccurrenceState.MADE, OccurrenceState.ON_HOLD}:
            occurrence = replace(occurrence, skipped=False, note=saved.reason or occurrence.note)
        elif self.closing_note:
            occurrence = replace(occurrence, skipped=True, note=self.closing_note)
        planned = PlannedOccurrence(
            schedule, original, occurrence, occurrence.moment, saved, self.reader_zones
        )
        if planned.is_immediate:
            return planned
        return replace(
            planned,
            starts_at=local_time.find_earliest_moment(
                occurrence.wall, occurrence.zone, self.reader_zones
            ),
        )


def _skip_simultaneous(
    planned_occurrences: Iterable[PlannedOccurrence],
) -> Iterator[PlannedOccurrence]:
    """Skip all but one of the occurrences that would be sent at the same time.

    The order of preference is: an occurrence that has an edition, one that staff moved there, and
    one of the oldest schedule."""

    def get_precedence(planned: PlannedOccurrence) -> tuple[bool, bool, int, datetime]:
        was_made = planned.saved is not None and planned.saved.state is OccurrenceState.MADE
        was_moved = planned.saved is not None and planned.saved.moved_to is not None
        return (not was_made, not was_moved, planned.schedule.id, planned.original.rule_time)

    sent_times: set[tuple[datetime, str]] = set()
    for planned in sorted(planned_occurrences, key=get_precedence):
        occurrence = planned.occurrence
        send_time = occurrence.wall, occurrence.zone
        was_made = planned.saved is not None and planned.saved.state is OccurrenceState.MADE
        if not occurrence.skipped and not was_made and send_time in sent_times:
            skipped_occurrence = replace(
                occurrence, skipped=True, note="another of this digest is sent then"
            )
            yield replace(planned, occurrence=skipped_occurrence)
            continue
        if not occurrence.skipped:
            sent_times.add(send_time)
        yield planned
