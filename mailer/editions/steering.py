"""Steering an edition from state to state."""

from datetime import datetime

from mailer.editions.records import Edition, EditionStore
from mailer.editions.states import TRANSITIONS, EditionState
from mailer.errors import BadTransition


def check_transition(edition: Edition, state: EditionState) -> None:
    """Raises BadTransition unless the table lets `edition` go to `state`."""
    if state not in TRANSITIONS[edition.state]:
        ways = ", ".join(sorted(TRANSITIONS[edition.state])) or "nothing else"
        raise BadTransition(
            f"edition {edition.id} is {edition.state}, which can't become {state}",
            hint=f"from there it can become {ways}",
        )


def pause(
    store: EditionStore, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop at the gate: once this is committed, nothing more of it goes out."""
    check_transition(edition, EditionState.PAUSED)
    return store.set_state(edition, EditionState.PAUSED, now, reason=reason, actor=actor)


def resume(store: EditionStore, edition: Edition, now: datetime, *, actor: str = "") -> Edition:
    """Let a paused edition go on."""
    if edition.state is not EditionState.PAUSED:
        check_transition(edition, EditionState.PAUSED)
        raise BadTransition(f"edition {edition.id} is {edition.state}, not paused")
    return store.set_state(edition, EditionState.SENDING, now, actor=actor)


def cancel(
    store: EditionStore, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop for good. Its stories go back to the digest when none of it was sent."""
    check_transition(edition, EditionState.CANCELLED)
    if edition.planned_at is None:
        store.release_stories(edition, edition.stories)
    return store.set_state(edition, EditionState.CANCELLED, now, reason=reason, actor=actor)
