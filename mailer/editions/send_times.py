"""The send time of an edition, the day that its mails print, and its visibility in the archive."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailer import zones
from mailer.actor import Actor
from mailer.editions.transitions import change_state, check_transition
from mailer.errors import BadTransition, InputError, NextStep, Refused
from mailer.model.edition_states import (
    OPEN_STATES,
    ArchiveVisibility,
    EditionKind,
    EditionState,
    SendTimeBasis,
)
from mailer.model.editions import Edition, SendAppointment, SendDay
from mailer.model.transaction import Transaction
from mailer.schedules import local_time

ARCHIVE_EVENT = "archive"
"""The event of showing an edition in the archive, or hiding it."""


def make_appointment(
    tx: Transaction, wall: datetime, zone: str, send_time: SendTimeBasis, now: datetime
) -> SendAppointment:
    """Make the appointment of an edition that belongs to no digest, from the local time `wall` in
    `zone`. Raises InputError for a time in the past."""
    if local_time.to_utc(wall, zones.get_zone(zone, "zone")) < now:
        raise InputError(
            f"{wall:%Y-%m-%d %H:%M} in {zone} is past",
            field="send_at",
            hint="give a time that is to come, or send the edition now",
        )
    return refresh_appointment(tx, SendAppointment(now, wall, zone, send_time))


def refresh_appointment(tx: Transaction, appointment: SendAppointment) -> SendAppointment:
    """Return the appointment with its moment computed again, by the current rules of time zones and
    the present zones of readers."""
    zone_names: Sequence[str] = ()
    if appointment.send_time is SendTimeBasis.READER:
        zone_names = tx.reader_time_zones
    moment = local_time.find_earliest_moment(appointment.wall, appointment.zone, zone_names)
    return replace(appointment, moment=moment)


def set_send_time(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    appointment: SendAppointment | None,
    now: datetime,
) -> Edition:
    """Set, change or (with None) clear the send time of an edition. An approval stays valid. Raises
    BadTransition for an edition that has started or never will."""
    if edition.state not in OPEN_STATES:
        raise BadTransition(
            f"edition {edition.id} is {edition.state.words}, and can no longer be given a time",
            next_steps=[NextStep("show_edition", edition=edition.id)],
        )
    edition = tx.editions.set_send_time(edition, appointment)
    detail = "no time"
    if appointment:
        clock_time = local_time.get_clock_time(appointment.wall, appointment.zone)
        detail = f"{clock_time:%Y-%m-%d %H:%M} {appointment.zone}"
    tx.editions.add_event(edition, "time", detail, now, actor)
    if appointment and edition.state is EditionState.APPROVED:
        return change_state(tx, actor, edition, EditionState.SCHEDULED, now)
    if appointment is None and edition.state is EditionState.SCHEDULED:
        return change_state(tx, actor, edition, EditionState.APPROVED, now)
    return edition


def reopen_edition(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> Edition:
    """Return an edition to draft, which voids its approval.

    An edition that was on hold keeps its time, and the worker continues with it. Any other edition
    loses its time, since otherwise the worker would ask for its approval again at once."""
    if edition.state is EditionState.DRAFT:
        return edition
    check_transition(edition, EditionState.DRAFT, "be reopened")
    if edition.state is not EditionState.ON_HOLD and edition.appointment:
        edition = set_send_time(tx, actor, edition, None, now)
    return change_state(tx, actor, edition, EditionState.DRAFT, now, reason="reopened")


def set_archive_visibility(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    visibility: ArchiveVisibility,
    now: datetime,
) -> Edition:
    """Show an edition in its list's archive or hide it, whatever its state. The approval stays
    valid, as the mails do not change. Raises Refused for an edition that is not a mailing to a
    list."""
    if edition.kind is not EditionKind.MAILING:
        raise Refused(
            f"edition {edition.id} is a {edition.kind}: only mailings to a list stand in an archive"
        )
    if edition.archive is visibility:
        return edition
    edition = tx.editions.set_archive_visibility(edition, visibility)
    tx.editions.add_event(edition, ARCHIVE_EVENT, visibility.value, now, actor)
    return edition


def find_send_day(tx: Transaction, edition: Edition, now: datetime) -> SendDay:
    """Return the day that an edition's mails print: that of its appointment or of `now`, and once
    it has started, the day on which sending began or was last resumed. That day is on disk, so all
    workers print the same."""
    if edition.planned_at is None:
        return edition.get_send_day(now)
    begun_at = max(
        (
            event.at
            for event in tx.editions.list_events(edition)
            if event.event_type == EditionState.SENDING.value
        ),
        default=edition.planned_at,
    )
    return SendDay(edition.appointment, begun_at, begun_at)
