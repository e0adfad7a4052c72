"""The step of the clock at an occurrence whose cut-off has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailer import editions
from mailer.actor import Actor
from mailer.digests import occurrence_texts, run_ups
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.digests.loading import load_calendar
from mailer.digests.occurrences import build_appointment
from mailer.digests.story_choice import assemble_edition
from mailer.model.digests import Digest, StoryChoice
from mailer.model.edition_states import UNAPPROVED_STATES
from mailer.model.editions import Edition
from mailer.model.schedules import OccurrenceState
from mailer.model.transaction import Transaction
from mailer.schedules.observances import Observance

_OCCURRENCE_STATES = {
    OccurrenceAction.ASSEMBLE: OccurrenceState.MADE,
    OccurrenceAction.SKIP: OccurrenceState.SKIPPED,
    OccurrenceAction.PUT_ON_HOLD: OccurrenceState.ON_HOLD,
}

SUPERSEDED_REASON = "it was not approved before the next edition took its stories"


@dataclass(frozen=True, slots=True)
class AssembledOccurrence:
    """The edition of an occurrence with the choice of its stories, and the earlier editions that
    expired because it takes their stories."""

    edition: Edition
    choice: StoryChoice
    expired: tuple[Edition, ...]


def claim_step(
    tx: Transaction, actor: Actor, digest: Digest, step: CalendarStep, now: datetime
) -> int | None:
    """Record the step of an occurrence, and return the occurrence's id. Returns None if another
    worker or a person has decided about the occurrence already."""
    original = step.planned.original
    return tx.schedules.claim_occurrence(
        digest.settings.slug,
        original.rule_time,
        original.zone,
        _OCCURRENCE_STATES[step.action],
        now,
        schedule_id=step.planned.schedule.id,
        reason=step.reason,
    )


def assemble_occurrence(
    tx: Transaction,
    actor: Actor,
    digest: Digest,
    step: CalendarStep,
    occurrence_id: int,
    observances: Mapping[str, Observance],
    now: datetime,
) -> AssembledOccurrence:
    """Make the edition of an occurrence that :func:`claim_step` has claimed. Unapproved editions of
    earlier occurrences expire, since their stories go into the new edition."""
    slug = digest.settings.slug
    expired = _expire_earlier_editions(tx, actor, slug, now)
    calendar = load_calendar(tx, digest, observances, now)
    edition, choice = assemble_edition(
        tx,
        actor,
        slug,
        now,
        build_appointment(step.planned, digest.settings.policy.send_time),
        run_ups.count_editions_left(calendar, step.planned),
        occurrence_texts.find_texts(tx, step.planned),
    )
    tx.schedules.attach_edition(occurrence_id, edition.id)
    return AssembledOccurrence(edition, choice, expired)


def _expire_earlier_editions(
    tx: Transaction, actor: Actor, slug: str, now: datetime
) -> tuple[Edition, ...]:
    expired = []
    for earlier_edition in tx.editions.list_occurrence_editions(slug, UNAPPROVED_STATES):
        edition = editions.get_edition(tx, earlier_edition.id)
        if edition.state in UNAPPROVED_STATES:
            expired.append(
                editions.expire_edition(tx, actor, edition, now, reason=SUPERSEDED_REASON)
            )
    return tuple(expired)
