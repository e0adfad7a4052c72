"""Texts written ahead: the subject, preheader and opening of an occurrence's edition, in each
language, before the edition exists.

A text belongs to the occurrence as its rule gives it, so that it stays with an occurrence that is
moved. Skipping an occurrence keeps its text, in case the occurrence is restored. The edition gets
the text when it is assembled; after that, the edition is edited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailer import languages
from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.digests.calendar import (
    LOOK_BACK,
    CalendarStep,
    DigestCalendar,
    OccurrenceAction,
    PlannedOccurrence,
)
from mailer.errors import InputError, NextStep, Refused
from mailer.model.editions import NewEdition
from mailer.model.rendering import TextChecker
from mailer.model.schedules import TEXT_FIELDS, OccurrenceState, OccurrenceText
from mailer.model.transaction import Transaction

_DAY = timedelta(days=1)


def write_occurrence_text(
    tx: Transaction,
    actor: Actor,
    planned: PlannedOccurrence,
    language: str,
    changes: Mapping[str, str],
    checker: TextChecker,
    now: datetime,
) -> OccurrenceText:
    """Write the subject, preheader or opening of an occurrence's edition ahead, in one language.
    `changes` are the fields to change; an empty text removes one. Returns the text as it is now.

    Raises Refused if the occurrence has its edition already, is skipped or is past, and InputError
    for an invalid text."""
    _check_writable(planned, now)
    language = languages.normalise_tag(language)
    slug, original = planned.schedule.settings.digest_slug, planned.original
    blank = OccurrenceText(slug, original.rule_time, original.zone, language, "", "", "", {}, now)
    earlier = next((text for text in find_texts(tx, planned) if text.language == language), blank)
    checked = _check_changes(changes, checker)
    text = replace(
        earlier,
        authors={**earlier.authors, actor.key: actor.name},
        updated_at=now,
        subject=checked.get("subject", earlier.subject),
        preheader=checked.get("preheader", earlier.preheader),
        opening=checked.get("opening", earlier.opening),
    )
    if not tx.schedules.save_text(text):
        raise _build_made_error(planned)
    return text


def _check_changes(changes: Mapping[str, str], checker: TextChecker) -> dict[str, str]:
    if not changes:
        raise InputError("no text was given", hint=f"give one of {', '.join(TEXT_FIELDS)}")
    checked = {
        field: text.strip() if field == "opening" else check_line(text, field, required=False)
        for field, text in changes.items()
    }
    for field, text in checked.items():
        checker.check_staff_text(text, field)
    return checked


def _check_writable(planned: PlannedOccurrence, now: datetime) -> None:
    saved = planned.saved
    slug = planned.schedule.settings.digest_slug
    occurrence = f"{planned.original.rule_time:%Y-%m-%d %H:%M}"
    if saved is not None and saved.state is OccurrenceState.MADE:
        raise _build_made_error(planned)
    name = f"the occurrence of {planned.original.rule_time:%a %d %b %Y %H:%M}"
    if planned.occurrence.skipped:
        raise Refused(
            f"{name} is skipped"
            + (f": {planned.occurrence.note}" if planned.occurrence.note else ""),
            hint="nothing is sent then; restore or move it first",
            next_steps=[
                NextStep("restore_occurrence", digest=slug, occurrence=occurrence),
                NextStep("move_occurrence", digest=slug, occurrence=occurrence),
            ],
        )
    is_on_hold = saved is not None and saved.state is OccurrenceState.ON_HOLD
    if planned.occurrence.moment <= now and not is_on_hold:
        raise Refused(
            f"{name} is past",
            hint="write for one that is to come",
            next_steps=[NextStep("preview_schedule", digest=slug)],
        )


def _build_made_error(planned: PlannedOccurrence) -> Refused:
    name = f"the occurrence of {planned.original.rule_time:%a %d %b %Y %H:%M}"
    edition_id = planned.saved.edition_id if planned.saved else None
    if edition_id is None:
        return Refused(
            f"{name} has its edition by now",
            hint="edit the edition instead",
            next_steps=[NextStep("list_occurrences", digest=planned.schedule.settings.digest_slug)],
        )
    return Refused(
        f"{name} has its edition already: edition {edition_id}",
        hint="edit the edition instead",
        next_steps=[NextStep("edit_edition", edition=edition_id)],
    )


def find_texts(tx: Transaction, planned: PlannedOccurrence) -> list[OccurrenceText]:
    """Return the texts written ahead for an occurrence, by language."""
    return tx.schedules.list_texts_of_occurrence(
        planned.schedule.settings.digest_slug, planned.original.rule_time, planned.original.zone
    )


def list_texts(
    tx: Transaction, calendar: DigestCalendar, now: datetime
) -> dict[tuple[datetime, str], list[OccurrenceText]]:
    """Return the texts of a digest's present and coming occurrences, by the occurrence's key."""
    texts: dict[tuple[datetime, str], list[OccurrenceText]] = {}
    for text in tx.schedules.list_texts(calendar.slug, now - LOOK_BACK):
        texts.setdefault(text.key, []).append(text)
    return texts


def find_unplaced_texts(
    tx: Transaction, calendar: DigestCalendar, now: datetime
) -> list[OccurrenceText]:
    """Return the texts for times that are to come, but at which the digest's schedules no longer
    have an occurrence: a schedule was changed or removed."""
    texts = [
        text
        for text in tx.schedules.list_texts(calendar.slug, now - _DAY)
        if text.rule_time.date() >= now.date()
    ]
    if not texts:
        return []
    last_moment = datetime.combine(texts[-1].rule_time, datetime.max.time(), now.tzinfo) + 2 * _DAY
    keys = {planned.key for planned in calendar.list_between(now - 2 * _DAY, last_moment)}
    schedule_ids = {schedule.id for schedule in calendar.schedules}
    keys |= {  # staff may have moved an occurrence to a day further on
        (saved.rule_time, saved.zone)
        for saved in calendar.saved_occurrences
        if saved.moved_to is not None and saved.schedule_id in schedule_ids
    }
    return [text for text in texts if text.key not in keys]


def apply_texts(new: NewEdition, texts: Sequence[OccurrenceText]) -> NewEdition:
    """Return the edition with the texts written ahead in place of the digest's own."""
    subjects = dict(new.subjects)
    subject = new.subject
    for text in texts:
        if text.subject and text.language == new.language:
            subject = text.subject
            subjects.pop(text.language, None)  # it would win
        elif text.subject:
            subjects[text.language] = text.subject
    return replace(
        new,
        subject=subject,
        subjects=subjects,
        preheaders={**new.preheaders, **{t.language: t.preheader for t in texts if t.preheader}},
        opening={**(new.opening or {}), **{t.language: t.opening for t in texts if t.opening}},
    )


def describe_texts(texts: Sequence[OccurrenceText]) -> str:
    """Name the texts by language: "en: subject, opening; fr: subject"."""
    return "; ".join(f"{text.language}: {', '.join(text.fields)}" for text in texts)


def explain_unused_texts(tx: Transaction, step: CalendarStep) -> CalendarStep:
    """Return the step of the clock, with a word in its reason if a text was written ahead for the
    occurrence that it skips. Staff are then told of the occurrence by a notice of its own."""
    if step.action is not OccurrenceAction.SKIP:
        return step
    sentence = describe_unused_texts(find_texts(tx, step.planned))
    if not sentence:
        return step
    reason = f"{step.reason}; {sentence}" if step.reason else sentence
    return replace(step, reason=reason, is_quiet=False)


def describe_unused_texts(texts: Sequence[OccurrenceText]) -> str:
    """Say that texts are not used, or return "" if there are none."""
    if not texts:
        return ""
    return f"the text written ahead for it ({describe_texts(texts)}) is not used"
