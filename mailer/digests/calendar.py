"""A digest's calendar: what its schedules give, with what staff have decided about single
occurrences laid over it, and what is to be done at a moment. It decides, and touches nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from mailer import zones
from mailer.digests.orders import Digest
from mailer.errors import InputError, NotFound
from mailer.schedules import occurrences as expansion
from mailer.schedules import walls
from mailer.schedules.free_days import Blackout, FreeDays
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Occurrence
from mailer.schedules.records import (
    LONGEST_CUTOFF,
    KeptOccurrence,
    OccurrenceState,
    Schedule,
    spell_duration,
)

LOOK_BACK = timedelta(days=60)
"""How long an occurrence that was missed is still heard of."""

_SPREAD = timedelta(hours=27)
"""From the first zone on earth that has a wall-clock time to the last one: UTC+14 to UTC-12."""

_FINDABLE = timedelta(days=400)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """An occurrence, and what will happen at it.

    `rule` is the occurrence as its rule has it, `occurrence` as staff have left it. `starts` is
    when the first reader is sent it: the occurrence's moment, or earlier where readers' own time
    counts, as they are in `reader_zones`."""

    schedule: Schedule
    rule: Occurrence
    occurrence: Occurrence
    starts: datetime
    kept: KeptOccurrence | None = None
    reader_zones: tuple[str, ...] = ()

    @property
    def name(self) -> tuple[datetime, str]:
        return self.rule.named, self.rule.zone

    @property
    def cutoff(self) -> datetime:
        """When its edition is assembled."""
        return self.starts - self.schedule.new.cutoff

    @property
    def known_since(self) -> datetime:
        """When it could be sent at the earliest: since when its schedule is there, or since staff
        decided about it."""
        return self.kept.updated_at if self.kept else self.schedule.created_at

    @property
    def at_once(self) -> bool:
        """Whether staff have moved it to the moment at which they did so: then nobody's own time
        counts."""
        moved = self.kept is not None and self.kept.moved_to is not None
        return moved and self.occurrence.moment <= self.known_since


class Do(StrEnum):
    """What is done at an occurrence's cut-off."""

    ASSEMBLE = "assemble"
    SKIP = "skip"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Step:
    """`quiet`: staff hear of it in what they hear of another one."""

    planned: Planned
    do: Do
    reason: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """One digest's. `kept` may leave out what is older than :data:`LOOK_BACK`. `reader_zones` are
    those of its readers, where their own time counts."""

    digest: Digest
    schedules: tuple[Schedule, ...]
    kept: tuple[KeptOccurrence, ...]
    blackouts: tuple[Blackout, ...]
    observances: Mapping[str, Observance]
    reader_zones: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return self.digest.order.slug

    def upcoming(self, now: datetime, count: int) -> list[Planned]:
        """The next `count`, skipped ones among them; as many as there are within ten years."""
        more = count + sum(one.state is not OccurrenceState.SKIPPED for one in self.kept)
        found = self._laid_over(
            (known, one)
            for known in self.schedules
            for one in expansion.upcoming(
                known.new.timing, now, more, self.observances, self._free(known)
            )
        )
        return [one for one in found if one.occurrence.moment > now][:count]

    def between(self, after: datetime, until: datetime) -> list[Planned]:
        """Those that are sent after the one and not after the other."""
        found = self._laid_over(
            (known, one)
            for known in self.schedules
            for one in expansion.occurrences(
                known.new.timing, after, until + _SPREAD, self.observances, self._free(known)
            )
        )
        return [one for one in found if after < one.occurrence.moment and one.starts <= until]

    def due(self, now: datetime, look_back: timedelta = LOOK_BACK) -> list[Step]:
        """What is to be done now: for each occurrence whose cut-off has come, and that nothing has
        been made of yet, in order.

        Of several that were missed only the last is run, if it is not later than the digest's
        grace, to the minute and counted from when it could be sent; else it is held. The others
        are skipped: their stories are in the last one."""
        waiting = [
            one
            for one in self.between(now - look_back, now + LONGEST_CUTOFF)
            if one.cutoff <= now
            and (one.kept is None or one.kept.state is OccurrenceState.PLANNED)
            and (one.kept is not None or one.occurrence.moment > one.schedule.created_at)
        ]
        missed = [one for one in waiting if one.starts <= now and not one.occurrence.skipped]
        grace = self.digest.order.policy.grace
        return [self._step(one, missed, now, grace) for one in waiting]

    @staticmethod
    def _step(one: Planned, missed: list[Planned], now: datetime, grace: timedelta) -> Step:
        if one.occurrence.skipped:
            return Step(one, Do.SKIP, one.occurrence.note)
        if one in missed and one is not missed[-1]:
            last = missed[-1].occurrence
            reason = f"it was missed, and so was the later one of {last.wall:%a %d %b %H:%M}"
            return Step(one, Do.SKIP, reason, quiet=True)
        # By the office's clock: a new reader far to the east makes no edition late.
        late = now - max(one.occurrence.moment, one.known_since)
        if one in missed and late >= grace + _MINUTE:
            said, most = spell_duration(late), spell_duration(grace)
            before = f", and {len(missed) - 1} before it" if len(missed) > 1 else ""
            reason = f"it was missed by {said}{before}; this digest may be late by {most}"
            return Step(one, Do.HOLD, reason)
        return Step(one, Do.ASSEMBLE)

    def find(self, when: str, now: datetime) -> Planned:
        """The occurrence that staff name by its date as the rule has it, where there are several by
        its time of day and zone as well (``2026-12-18``, ``2026-12-18 09:00``, ``2026-12-18 09:00
        Europe/London``). Raises NotFound, or InputError for several."""
        words = re.sub(r"^([\d-]{10})T", r"\1 ", when.strip()).split()
        try:
            day = date.fromisoformat(words[0])
            clock = datetime.strptime(words[1], "%H:%M").time() if words[1:] else None  # noqa: DTZ007
            zone = zones.zone(words[2]).key if words[2:] else ""
            if words[3:]:
                raise ValueError(words[3])
        except (ValueError, IndexError, InputError) as error:
            raise InputError(
                f"{when!r} is no date", where="WHEN", hint="as 2026-12-18 or '2026-12-18 09:00'"
            ) from error
        found = [
            one
            for one in self.between(now - LOOK_BACK, now + _FINDABLE)
            if one.rule.day == day
            and clock in {None, one.rule.named.time()}
            and zone in {"", one.rule.zone}
        ]
        if not found:
            raise NotFound(
                f"the digest {self.slug} has no occurrence that is named {when}",
                hint=f"see `mailer schedule preview {self.slug}`",
            )
        if len(found) > 1:
            times = ", ".join(f"'{one.rule.named:%Y-%m-%d %H:%M} {one.rule.zone}'" for one in found)
            raise InputError(f"there are several on {day}", hint=f"name one of {times}")
        return found[0]

    # ---- how it comes about -------------------------------------------------------------------

    def _free(self, known: Schedule) -> FreeDays:
        return FreeDays(known.new.place, self.blackouts)

    def _laid_over(self, given: Iterable[tuple[Schedule, Occurrence]]) -> list[Planned]:
        """Occurrences by name, as staff have left them; what two schedules name alike is the older
        one's."""
        kept = {(one.named, one.zone): one for one in self.kept}
        found: dict[tuple[datetime, str], Planned] = {}
        for known, one in sorted((*given, *self._moved()), key=lambda pair: pair[0].id):
            name = one.named, one.zone
            if name not in found or (found[name].rule.skipped and not one.skipped):
                found[name] = self._as_left(known, one, kept.get(name))
        return sorted(_once(found.values()), key=lambda one: (one.starts, one.rule.named))

    def _moved(self) -> Iterator[tuple[Schedule, Occurrence]]:
        """Those that staff have moved from a date that is not looked at."""
        schedules = {known.id: known for known in self.schedules}
        for one in self.kept:
            known = schedules.get(one.schedule or 0)
            if known is not None and one.moved_to is not None:
                moment = walls.moment(one.named, zones.zone(one.zone))
                yield known, Occurrence(one.named, one.named, one.zone, moment, skipped=True)

    def _as_left(self, known: Schedule, rule: Occurrence, kept: KeptOccurrence | None) -> Planned:
        one = rule
        if kept is not None and kept.moved_to is not None:
            moment = walls.moment(kept.moved_to, zones.zone(kept.zone))
            by = f" by {kept.actor}" if kept.actor else ""
            why = f": {kept.reason}" if kept.reason else ""
            note = f"moved from {kept.named:%a %d %b %H:%M}{by}{why}"
            one = replace(one, wall=kept.moved_to, moment=moment, skipped=False, note=note)
        if kept is not None and kept.state is OccurrenceState.SKIPPED:
            one = replace(one, skipped=True, note=kept.reason)
        elif kept is not None and kept.state in {OccurrenceState.MADE, OccurrenceState.HELD}:
            one = replace(one, skipped=False, note=kept.reason or one.note)
        planned = Planned(known, rule, one, one.moment, kept, self.reader_zones)
        if planned.at_once:
            return planned
        return replace(planned, starts=walls.first(one.wall, one.zone, self.reader_zones))


def _once(planned: Iterable[Planned]) -> Iterator[Planned]:
    """Of several that would be sent at the same time one is: what an edition was made of, else what
    staff have moved there, else the older schedule's."""

    def first(one: Planned) -> tuple[bool, bool, int, datetime]:
        made = one.kept is not None and one.kept.state is OccurrenceState.MADE
        moved = one.kept is not None and one.kept.moved_to is not None
        return (not made, not moved, one.schedule.id, one.rule.named)

    sent: set[tuple[datetime, str]] = set()
    for one in sorted(planned, key=first):
        occurrence = one.occurrence
        at = occurrence.wall, occurrence.zone
        made = one.kept is not None and one.kept.state is OccurrenceState.MADE
        if not occurrence.skipped and not made and at in sent:
            twice = replace(occurrence, skipped=True, note="another of this digest is sent then")
            yield replace(one, occurrence=twice)
            continue
        if not occurrence.skipped:
            sent.add(at)
        yield one
