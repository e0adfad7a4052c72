"""Steering an edition from state to state."""

from datetime import datetime

from mailer.errors import BadTransition, Refused
from mailer.model.edition_states import (
    EDITION_TRANSITIONS,
    OPEN_STATES,
    ArchiveVisibility,
    EditionKind,
    EditionState,
)
from mailer.model.editions import Edition, SendAppointment
from mailer.model.transaction import Transaction


def check_transition(edition: Edition, state: EditionState) -> None:
    """Raises BadTransition unless the table lets `edition` go to `state`."""
    if state not in EDITION_TRANSITIONS[edition.state]:
        allowed_states = ", ".join(sorted(EDITION_TRANSITIONS[edition.state])) or "nothing else"
        hint = f"from there it can become {allowed_states}"
        if edition.state is EditionState.ON_HOLD:
            hint = f"bring it back with `mailer edition reopen {edition.id}`"
        raise BadTransition(
            f"edition {edition.id} is {edition.state}, which can't become {state}", hint=hint
        )


def pause_edition(
    tx: Transaction, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop at the gate: once this is committed, nothing more of it goes out."""
    check_transition(edition, EditionState.PAUSED)
    return tx.editions.set_state(edition, EditionState.PAUSED, now, reason=reason, actor=actor)


def resume_edition(tx: Transaction, edition: Edition, now: datetime, *, actor: str = "") -> Edition:
    """Let a paused edition go on."""
    if edition.state is not EditionState.PAUSED:
        check_transition(edition, EditionState.PAUSED)
        raise BadTransition(f"edition {edition.id} is {edition.state}, not paused")
    return tx.editions.set_state(edition, EditionState.SENDING, now, actor=actor)


def cancel_edition(
    tx: Transaction, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop for good. Its stories go back to the digest when none of it was sent."""
    check_transition(edition, EditionState.CANCELLED)
    if edition.planned_at is None:
        tx.editions.release_stories(edition, edition.stories)
    return tx.editions.set_state(edition, EditionState.CANCELLED, now, reason=reason, actor=actor)


def put_on_hold(
    tx: Transaction, edition: Edition, now: datetime, *, reason: str, actor: str = ""
) -> Edition:
    """Keep it for a person. Its approval, if it had one, is void when that person reopens it."""
    check_transition(edition, EditionState.ON_HOLD)
    return tx.editions.set_state(edition, EditionState.ON_HOLD, now, reason=reason, actor=actor)


def skip_edition(tx: Transaction, edition: Edition, now: datetime, *, reason: str) -> Edition:
    """Send none of it; its stories go back to the digest."""
    check_transition(edition, EditionState.SKIPPED)
    tx.editions.release_stories(edition, edition.stories)
    return tx.editions.set_state(edition, EditionState.SKIPPED, now, reason=reason)


def expire_edition(tx: Transaction, edition: Edition, now: datetime, *, reason: str) -> Edition:
    """Nobody approved it in time; its stories go back to the digest."""
    check_transition(edition, EditionState.EXPIRED)
    tx.editions.release_stories(edition, edition.stories)
    return tx.editions.set_state(edition, EditionState.EXPIRED, now, reason=reason)


def reopen_edition(tx: Transaction, edition: Edition, now: datetime, *, actor: str = "") -> Edition:
    """Back to draft; an approval is void. One that was held goes on from there; any other is taken
    off the calendar, as the clock would ask for its approval again at once."""
    if edition.state is EditionState.DRAFT:
        return edition
    check_transition(edition, EditionState.DRAFT)
    if edition.state is not EditionState.ON_HOLD and edition.appointment:
        edition = set_send_time(tx, edition, None, now, actor=actor)
    return tx.editions.set_state(edition, EditionState.DRAFT, now, reason="reopened", actor=actor)


ARCHIVE_EVENT = "archive"
"""The event that says who let an edition into the archive, or took it out."""


def set_archive_visibility(
    tx: Transaction,
    edition: Edition,
    visibility: ArchiveVisibility,
    now: datetime,
    *,
    actor: str = "",
) -> Edition:
    """Let an edition stand in its list's archive, or take it out: in whatever state it is. No
    approval is void, as no mail changes by it. Raises Refused for what is no mailing."""
    if edition.kind is not EditionKind.MAILING:
        raise Refused(
            f"edition {edition.id} is a {edition.kind}: only mailings to a list stand in an archive"
        )
    if edition.archive is visibility:
        return edition
    edition = tx.editions.set_archive_visibility(edition, visibility)
    tx.editions.add_event(edition, ARCHIVE_EVENT, visibility.value, now, actor)
    return edition


def set_send_time(
    tx: Transaction,
    edition: Edition,
    appointment: SendAppointment | None,
    now: datetime,
    *,
    actor: str = "",
) -> Edition:
    """Give an edition that is not sent yet a time, another time, or (None) no time. What is
    approved stays so. Raises BadTransition for one that has begun, or never will."""
    if edition.state not in OPEN_STATES:
        raise BadTransition(
            f"edition {edition.id} is {edition.state}: it has no time to be sent any more",
            hint="see `mailer edition show`",
        )
    edition = tx.editions.set_send_time(edition, appointment)
    detail = f"{appointment.wall:%Y-%m-%d %H:%M} {appointment.zone}" if appointment else "no time"
    tx.editions.add_event(edition, "time", detail, now, actor)
    if appointment and edition.state is EditionState.APPROVED:
        return tx.editions.set_state(edition, EditionState.SCHEDULED, now, actor=actor)
    if appointment is None and edition.state is EditionState.SCHEDULED:
        return tx.editions.set_state(edition, EditionState.APPROVED, now, actor=actor)
    return edition
