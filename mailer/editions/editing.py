"""Making an edition, and changing it while it is open."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages
from mailer.actor import Actor
from mailer.audience.lists import (
    check_line,
    check_open,
    check_sender,
    check_translations,
    get_list,
    merge_translations,
)
from mailer.editions.transitions import change_state, check_transition
from mailer.errors import BadTransition, InputError, NextStep, NotFound, Refused
from mailer.model.edition_states import (
    BEGUN_STATES,
    OPEN_STATES,
    PRIOR_RECIPIENT_ROLES,
    EditionRole,
    EditionState,
    Priority,
)
from mailer.model.editions import MAX_STORIES, Edition, NewEdition
from mailer.model.transaction import Transaction

EDITED_EVENT = "edited"
"""The event of a change to an edition. Its actor counts as one of the edition's authors."""


def get_edition(tx: Transaction, edition_id: int) -> Edition:
    """Return the edition with this number. Raises NotFound."""
    edition = tx.editions.find_edition(edition_id)
    if edition is None:
        raise NotFound(f"there is no edition {edition_id}", next_steps=[NextStep("list_editions")])
    return edition


def create_edition(
    tx: Transaction,
    actor: Actor,
    new: NewEdition,
    now: datetime,
    *,
    senders: Collection[str] = (),
) -> Edition:
    """Make an edition that belongs to no digest, such as a press release. `senders` are the names
    of senders in the settings. Raises InputError if a value is invalid or not one of them, and
    Refused if the list is closed, unless the edition corrects or kills a release."""
    if new.role not in PRIOR_RECIPIENT_ROLES:
        check_open(get_list(tx, new.list))
    check_sender(new.sender, senders)
    _check_stories(tx, new.stories)
    checked = replace(
        new,
        name=check_line(new.name, "name"),
        subject=check_line(new.subject, "subject", required=False),
        names=check_translations(new.names, "names"),
        subjects=check_translations(new.subjects, "subjects"),
        preheaders=check_translations(new.preheaders, "preheaders"),
        language=languages.normalise_tag(new.language),
    )
    edition = tx.editions.create_edition(checked, now, actor)
    tx.editions.add_event(edition, EDITED_EVENT, "made", now, actor)
    return edition


def _check_stories(tx: Transaction, slugs: Sequence[str]) -> None:
    if not slugs:
        raise InputError("an edition needs a story", hint="name one by its slug")
    if len(set(slugs)) < len(slugs):
        raise InputError("a story is named twice", where=", ".join(slugs))
    if len(slugs) > MAX_STORIES:
        raise InputError(f"{len(slugs)} stories are more than {MAX_STORIES}", field="stories")
    if missing := set(slugs) - tx.editions.find_queued_slugs(slugs):
        kill = tx.releases.find_kill(min(missing))
        if kill and kill.confirmed_at:
            raise Refused(f"{kill.slug} was killed by {kill.asked_by} and {kill.confirmed_by}")
        raise InputError(
            f"there is no queued story {min(missing)!r}", next_steps=[NextStep("list_articles")]
        )


def arrange_stories(
    tx: Transaction, actor: Actor, edition: Edition, slugs: Sequence[str], now: datetime
) -> Edition:
    """Give an edition exactly these stories, in this order. Removed stories go back to its
    digest."""
    edition = _revert_to_draft(tx, actor, edition, "stories arranged", now)
    _check_stories(tx, slugs)
    tx.editions.release_stories(edition, [slug for slug in edition.stories if slug not in slugs])
    tx.editions.reserve_stories(edition, [slug for slug in slugs if slug not in edition.stories])
    return tx.editions.update_edition(edition, replace(edition, stories=tuple(slugs)))


def move_stories_first(edition: Edition, slugs: Sequence[str]) -> tuple[str, ...]:
    """Return the edition's stories with `slugs` first, in that order. Raises InputError."""
    for slug in slugs:
        if slug not in edition.stories:
            raise InputError(
                f"edition {edition.id} has no story {slug!r}",
                hint=f"it has {', '.join(edition.stories)}",
            )
    return (*slugs, *(slug for slug in edition.stories if slug not in slugs))


def edit_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    senders: Collection[str] = (),
) -> Edition:
    """Change an edition's name, subject, preheaders, opening, lead (the slug of the story that
    comes first), segment, sender, priority or rule for deliveries in doubt, until it starts. Only
    this rule can also change while the edition is being sent or is paused, since no mail states
    the rule. Translations of other languages than the given ones stay; an empty translation is
    removed. `senders` are the names of senders in the settings."""
    if changes.keys() == {"in_doubt"} and edition.state in BEGUN_STATES:
        policy = changes["in_doubt"]
        tx.editions.add_event(edition, EDITED_EVENT, f"in doubt: {policy}", now, actor)
        return tx.editions.set_in_doubt_policy(edition, policy)
    if "sender" in changes:
        check_sender(changes["sender"], senders)
    changes = dict(changes)
    stories = edition.stories
    edited_fields = ", ".join(sorted(changes))
    if lead := changes.pop("lead", ""):
        stories = move_stories_first(edition, [lead])
    edition = _revert_to_draft(tx, actor, edition, f"{edited_fields} edited", now)
    translations: dict[str, Any] = {
        field: merge_translations(getattr(edition, field), changes[field])
        for field in ("names", "subjects", "preheaders", "opening")
        if field in changes
    }
    changed = replace(edition, stories=stories, **{**changes, **translations})
    return tx.editions.update_edition(
        edition,
        replace(
            changed,
            name=check_line(changed.name, "name"),
            subject=check_line(changed.subject, "subject", required=False),
            names=check_translations(changed.names, "names"),
            subjects=check_translations(changed.subjects, "subjects"),
            preheaders=check_translations(changed.preheaders, "preheaders"),
        ),
    )


def set_urgent_reasons(
    tx: Transaction, actor: Actor, edition: Edition, reasons: Mapping[str, str], now: datetime
) -> Edition:
    """Make an edition urgent, so that it goes to all members of its list whichever frequency they
    chose, and before other editions; or with no `reasons` take that back. The edition becomes a
    draft, so that its approver decides about it.

    The reasons by language are in the foot of its mails; readers of other languages get the reason
    in the edition's own language. Raises InputError if it is missing, and Refused for an edition of
    a press release, which has recipients of its own."""
    if edition.role is not EditionRole.PLAIN:
        raise Refused(f"edition {edition.id} is of a press release, whose recipients never wait")
    checked_reasons = check_translations(reasons, "reason")
    if reasons and edition.language not in checked_reasons:
        raise InputError(
            f"the reason in {edition.language}, the edition's language, is missing",
            field="reason",
            hint=f"such as {edition.language}=The dam may break tonight.",
        )
    detail = f"urgent: {checked_reasons[edition.language]}" if reasons else "urgent no longer"
    edition = _revert_to_draft(tx, actor, edition, detail, now)
    priority = Priority.URGENT if reasons else Priority.NORMAL
    return tx.editions.update_edition(
        edition, replace(edition, urgent_reasons=checked_reasons, priority=priority)
    )


def _check_open(edition: Edition) -> None:
    """Raise BadTransition unless the edition can still be edited."""
    if edition.state in OPEN_STATES:
        return
    try:
        check_transition(edition, EditionState.DRAFT)
    except BadTransition as error:
        if edition.planned_at:
            started = f"{edition.planned_at:%Y-%m-%d %H:%M} UTC"
            error.hint = f"its mails are frozen since it started, at {started}"
        raise


def _revert_to_draft(
    tx: Transaction, actor: Actor, edition: Edition, reason: str, now: datetime
) -> Edition:
    """Return an edition to draft, and record the actor as one of its authors. Raises BadTransition
    if it has started, or never will."""
    _check_open(edition)
    tx.editions.add_event(edition, EDITED_EVENT, reason, now, actor)
    if edition.state is EditionState.DRAFT:
        return edition
    return change_state(tx, actor, edition, EditionState.DRAFT, now, reason=reason)
