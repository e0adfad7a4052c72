"""The states of an edition: :func:`change_state` is the one place that changes them."""

from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.editions.embargo_checks import check_not_killed
from mailer.errors import BadTransition, NextStep, Refused
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionKind, EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction

_S = EditionState

_VERBS = {
    _S.DRAFT: "be edited",
    _S.IN_REVIEW: "be submitted for approval",
    _S.APPROVED: "be approved",
    _S.SCHEDULED: "be scheduled",
    _S.SENDING: "be sent",
    _S.PAUSED: "be paused",
    _S.SENT: "be marked sent",
    _S.ON_HOLD: "be put on hold",
    _S.SKIPPED: "be skipped",
    _S.EXPIRED: "expire",
    _S.CANCELLED: "be cancelled",
}
"""The verb that leads to each state."""

_STEPS_BY_STATE = {
    _S.DRAFT: ("approve_edition",),
    _S.IN_REVIEW: ("approve_edition",),
    _S.APPROVED: ("send_edition",),
    _S.SCHEDULED: ("clear_send_time",),
    _S.PAUSED: ("resume_edition", "cancel_edition"),
    _S.ON_HOLD: ("reopen_edition",),
}
"""The steps that most often come next in each state."""


def check_transition(edition: Edition, state: EditionState, verb: str = "") -> None:
    """Raise BadTransition unless the table lets `edition` go to `state`. `verb` is the action that
    was asked for, such as "be resumed", if it is not the usual one that leads to `state`."""
    if state in EDITION_TRANSITIONS[edition.state]:
        return
    words = edition.state.words
    message = (
        f"edition {edition.id} is {words} already"
        if state is edition.state
        else f"edition {edition.id} is {words}, and can't {verb or _VERBS[state]}"
    )
    steps = _STEPS_BY_STATE.get(edition.state, ("show_edition",))
    raise BadTransition(message, next_steps=[NextStep(step, edition=edition.id) for step in steps])


def change_state(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    state: EditionState,
    now: datetime,
    *,
    reason: str = "",
) -> Edition:
    """Move an edition to `state` and record who did it and why.

    Raises BadTransition if the table forbids it, and ConcurrencyError if another process changed
    the state first."""
    check_transition(edition, state)
    return tx.editions.set_state(edition, state, now, actor, reason=reason)


def pause_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    reason: str = "",
    signatures: Sequence[str] = (),
) -> Edition:
    """Pause an edition. Once this is committed, no further message of the edition passes the
    gate.

    Delivery pauses an edition after refusals that are alike, and passes their `signatures`. These
    are recorded, so that the same refusals do not pause the edition again after a person has
    resumed it."""
    if signatures:
        edition = tx.editions.record_pause_signatures(edition, signatures)
    return change_state(tx, actor, edition, EditionState.PAUSED, now, reason=reason)


def resume_edition(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> Edition:
    """Continue a paused edition. Raises Refused if one of its stories was killed, or if a kill was
    requested, or if a person must decide about all deliveries that are left: the edition would
    count as sent while they are in doubt."""
    check_not_killed(tx, edition)
    if edition.state is not EditionState.PAUSED:
        steps = _STEPS_BY_STATE.get(edition.state, ("show_edition",))
        raise BadTransition(
            f"edition {edition.id} is {edition.state.words}, not paused, and can't be resumed",
            next_steps=[NextStep(step, edition=edition.id) for step in steps],
        )
    if (
        edition.kind is EditionKind.MAILING
        and tx.outbox.has_deliveries_in(edition.id, DeliveryState.IN_DOUBT)
        and not tx.outbox.has_unfinished_deliveries(edition)
    ):
        raise Refused(
            f"edition {edition.id} has only deliveries in doubt left, and resuming sends none of "
            "them",
            hint="decide about them first",
            next_steps=[
                NextStep("resend_in_doubt", edition=edition.id),
                NextStep("mark_in_doubt_as_sent", edition=edition.id),
                NextStep("list_in_doubt", edition=edition.id),
            ],
        )
    return change_state(tx, actor, edition, EditionState.SENDING, now)


def cancel_edition(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime, *, reason: str = ""
) -> Edition:
    """Cancel an edition permanently, with its deliveries that have not passed the gate. If the
    edition was never sent, its stories go back to the digest."""
    check_transition(edition, EditionState.CANCELLED)
    if edition.planned_at is None:
        tx.editions.release_stories(edition, edition.stories)
    cancelled = change_state(tx, actor, edition, EditionState.CANCELLED, now, reason=reason)
    tx.outbox.cancel_unsent_deliveries(cancelled.id)
    return cancelled


def put_on_hold(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime, *, reason: str
) -> Edition:
    """Put an edition on hold for a person to decide. Reopening it voids an approval."""
    return change_state(tx, actor, edition, EditionState.ON_HOLD, now, reason=reason)


def skip_edition(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime, *, reason: str
) -> Edition:
    """Skip an edition. Its stories go back to the digest."""
    check_transition(edition, EditionState.SKIPPED)
    tx.editions.release_stories(edition, edition.stories)
    return change_state(tx, actor, edition, EditionState.SKIPPED, now, reason=reason)


def expire_edition(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime, *, reason: str
) -> Edition:
    """End an edition that was not approved in time; its stories go back to the digest."""
    check_transition(edition, EditionState.EXPIRED)
    tx.editions.release_stories(edition, edition.stories)
    return change_state(tx, actor, edition, EditionState.EXPIRED, now, reason=reason)
