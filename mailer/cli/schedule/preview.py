"""Previews of the next occurrences of a digest, and the format of occurrences."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from mailer import digests, zones
from mailer.cli.options import DigestSlug, JsonOption
from mailer.cli.output import Output
from mailer.cli.schedule.group import RULES, app
from mailer.cli.schedule.text_notes import print_unplaced_texts
from mailer.cli.transactions import open_for_reading
from mailer.digests import occurrence_texts, run_ups
from mailer.digests.calendar import PlannedOccurrence
from mailer.model.digests import (
    ApprovalRule,
    DigestPolicy,
    DigestSettings,
    StoryChoice,
    WhenEmpty,
)
from mailer.model.edition_states import SendTimeBasis
from mailer.model.schedules import OccurrenceState, OccurrenceText


@app.command("preview", rich_help_panel=RULES)
def preview_schedule(
    digest: DigestSlug,
    count: Annotated[
        int, typer.Option(help="The number of occurrences to show.", min=1, max=400)
    ] = 8,
    json: JsonOption = False,
) -> None:
    """Show the next occurrences of a digest, and what will happen at each.

    Example: mailer schedule preview weekly"""
    with open_for_reading() as (mailer, tx):
        stored_digest = digests.get_digest(tx, digest)
        calendar, now = mailer.build_calendar(tx, stored_digest), mailer.clock()
        occurrences = calendar.list_upcoming(now, count)
        out = Output(json)
        for planned in calendar.list_overdue(now):
            local_time = f"{planned.occurrence.clock_time:%a %d %b %Y %H:%M}"
            out.print_note(f"overdue: {local_time}; `mailer status` shows whether a worker runs")
        choices = run_ups.plan_choices(tx, calendar, occurrences, now)
        texts = occurrence_texts.list_texts(tx, calendar, now)
        print_occurrences(
            occurrences,
            stored_digest.settings.policy,
            out,
            f"no occurrence is planned: mailer schedule add {digest} …",
            [_describe_stories(choice, stored_digest.settings) for choice in choices],
            [
                _describe_written_texts(texts.get(planned.key, []), planned)
                for planned in occurrences
            ],
        )
        print_unplaced_texts(tx, calendar, now, out)


def _describe_written_texts(texts: list[OccurrenceText], planned: PlannedOccurrence) -> str:
    """Name the texts written ahead for an occurrence, and say if they are not used."""
    if not texts:
        return ""
    words = f"written ahead: {occurrence_texts.describe_texts(texts)}"
    return f"{words}, not used as it is skipped" if planned.occurrence.skipped else words


def _describe_stories(choice: StoryChoice | None, settings: DigestSettings) -> str:
    """Describe which of the stories queued now an occurrence would run."""
    if choice is None:
        return ""
    if choice.too_few:
        is_held = settings.when_empty is WhenEmpty.PUT_ON_HOLD
        return "on hold unless more stories come" if is_held else "only if more stories come"
    return f"{len(choice.stories)} of the stories queued now"


def print_occurrences(
    occurrences: list[PlannedOccurrence],
    policy: DigestPolicy,
    out: Output,
    empty: str,
    story_texts: Sequence[str] = (),
    written_texts: Sequence[str] = (),
) -> None:
    """Print occurrences as a table or as JSON. `story_texts` say which stories each occurrence
    would get, and `written_texts` which texts are written ahead for it."""
    texts = [*story_texts, *[""] * (len(occurrences) - len(story_texts))]
    notes = [*written_texts, *[""] * (len(occurrences) - len(written_texts))]
    out.print_table(
        [
            describe_occurrence(planned, policy)
            | ({"stories": text} if text else {})
            | ({"written_ahead": note} if note else {})
            for planned, text, note in zip(occurrences, texts, notes, strict=True)
        ],
        {"local time": "", "zone": "", "sent (UTC)": "", "what happens": "", "note": ""},
        [
            (
                f"{planned.occurrence.clock_time:%a %d %b %Y %H:%M}",
                planned.occurrence.zone,
                "" if planned.occurrence.skipped else _format_utc(planned.starts_at),
                describe_outcome(planned, policy) + (f"; {text}" if text else ""),
                "; ".join(filter(None, (_describe_move(planned), note))),
            )
            for planned, text, note in zip(occurrences, texts, notes, strict=True)
        ],
        empty=empty,
    )


def describe_outcome(planned: PlannedOccurrence, policy: DigestPolicy) -> str:
    """Describe the outcome of an occurrence, or when it will be assembled, approved and sent, by
    the clocks of its zone."""
    saved_occurrence = planned.saved
    if planned.occurrence.skipped:
        return "skipped"
    if saved_occurrence is not None and saved_occurrence.state is OccurrenceState.ON_HOLD:
        return "on hold for a person"
    if saved_occurrence is not None and saved_occurrence.edition_id:
        return f"edition {saved_occurrence.edition_id} was made"
    approval = {
        ApprovalRule.NONE: "",
        ApprovalRule.ANYONE: ", approved by a person",
        ApprovalRule.OTHER: ", approved by another person",
    }[policy.approval]

    def format_local_time(moment: datetime) -> str:
        local_moment = moment.astimezone(zones.get_zone(planned.occurrence.zone))
        same_day = local_moment.date() == planned.occurrence.wall.date()
        return f"{local_moment:%H:%M}" if same_day else f"{local_moment:%a %d %b %H:%M}"

    sending_text = f"sent {format_local_time(planned.starts_at)}"
    if policy.send_time is SendTimeBasis.READER and not planned.is_immediate:
        first_time = format_local_time(planned.starts_at)
        wall_time = f"{planned.occurrence.wall:%H:%M}"
        sending_text = f"sent {wall_time} by each reader's own clock, from {first_time}"
    if planned.cutoff_at == planned.starts_at:
        return f"assembled{approval} and {sending_text}"
    return f"assembled {format_local_time(planned.cutoff_at)}{approval}, {sending_text}"


def _format_utc(moment: datetime) -> str:
    return f"{moment:%a %d %b %H:%M}"


def _describe_move(planned: PlannedOccurrence) -> str:
    occurrence = planned.occurrence
    moved_by_staff = planned.saved is not None and planned.saved.moved_to is not None
    if moved_by_staff:
        return occurrence.note
    if planned.original.day != occurrence.wall.date():
        moved = "" if occurrence.skipped else f"moved from {planned.original.day:%a %d %b}: "
        return f"{moved}{occurrence.note}"
    return occurrence.note


def describe_occurrence(planned: PlannedOccurrence, policy: DigestPolicy) -> dict[str, Any]:
    """Describe an occurrence for scripts."""
    occurrence = planned.occurrence
    return {
        "schedule": planned.schedule.id,
        "day": occurrence.day,
        "rule_time": occurrence.rule_time,
        "local": occurrence.wall,
        "weekday": f"{occurrence.wall:%A}",
        "zone": occurrence.zone,
        "send_at": planned.starts_at,
        "assemble_at": planned.cutoff_at,
        "skipped": occurrence.skipped,
        "edition": planned.saved.edition_id if planned.saved else None,
        "what_happens": describe_outcome(planned, policy),
        "note": occurrence.note,
    }
