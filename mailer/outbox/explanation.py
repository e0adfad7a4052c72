"""Explain in one sentence why an address got an edition or did not get it."""

from collections.abc import Iterator
from datetime import datetime

from mailer import addresses, languages
from mailer.model.deliveries import (
    EMBARGOED_REPLY,
    KILLED_REPLY,
    UNFINISHED_STATES,
    UNTRUSTED_REPLY,
    Delivery,
    DeliveryState,
    Exclusion,
    RecipientStatus,
)
from mailer.model.edition_states import EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from mailer.model.transaction import Transaction


def _format_moment(moment: datetime | None) -> str:
    return f"{moment:%a %d %b %Y at %H:%M} UTC" if moment else "an unknown day"


def explain_outcome(tx: Transaction, edition: Edition, address: str) -> str:
    """Explain in one sentence why this address got this edition or did not get it, and in one more
    for each time that it was sent again at a person's request."""
    address = addresses.normalise_address(address)
    outcome = _explain_first_outcome(tx, edition, address)
    return " ".join([outcome, *_describe_repeats(tx, edition, address)])


def _describe_repeats(tx: Transaction, edition: Edition, address: str) -> Iterator[str]:
    """Yield a sentence for each repeat of an edition for an address."""
    for delivery in tx.outbox.list_repeats(edition, address):
        repeat = tx.editions.find_edition(delivery.edition_id)
        events = tx.editions.list_events(repeat) if repeat else []
        actor_name = events[0].actor if events else "a person"
        state = delivery.state.value.replace("_", " ")
        reply_note = f", and the relay said {delivery.reply!r}" if delivery.reply else ""
        yield (
            f"{actor_name} had it sent to them again as edition {delivery.edition_id}, which is "
            f"{state} since {_format_moment(delivery.updated_at)}{reply_note}."
        )


def _explain_first_outcome(tx: Transaction, edition: Edition, address: str) -> str:
    status = tx.outbox.get_recipient_status(edition, address)
    edition_label = f"edition {edition.id} ({edition.name})"
    safe_mode = tx.outbox.find_safe_mode()
    safe_note = ""
    if safe_mode and not safe_mode.is_recipient(address):
        safe_note = f", and will not get it in safe mode ({safe_mode.words})"
    if status.delivery:
        if safe_note and status.delivery.state in UNFINISHED_STATES:
            return f"{address} has not got {edition_label} yet{safe_note}."
        if edition.state is EditionState.PAUSED and status.delivery.state in UNFINISHED_STATES:
            pause_note = f" ({edition.reason})" if edition.reason else ""
            return f"{address} has not got {edition_label} yet: it is paused{pause_note}."
        outcome = _describe_delivery(
            status.delivery, edition_label, status.story_titles, edition.reason
        )
        return f"{outcome}{_explain_frequency(tx, edition, status)}"
    outcome_verb = "got" if edition.planned_at else "would get"
    if status.subscriber_id is None:
        return f"{address} is not a subscriber, so nothing of {edition_label} went there."
    prefix = f"{address} {outcome_verb} nothing of {edition_label} because"
    if edition.state is EditionState.SKIPPED:
        return f"{prefix} it was skipped: {edition.reason}."
    if edition.state is EditionState.CANCELLED and edition.planned_at is None:
        return f"{prefix} it was cancelled before it was sent."
    if status.membership is None:
        return f"{prefix} they are not on the list {edition.list!r}."
    if edition.planned_at and status.joined_at and status.joined_at > edition.planned_at:
        return (
            f"{prefix} they joined the list {edition.list!r} on "
            f"{_format_moment(status.joined_at)}, after "
            f"it was planned on {_format_moment(edition.planned_at)}."
        )
    if status.membership is MembershipState.PENDING:
        return f"{prefix} they have not yet confirmed that they want the list {edition.list!r}."
    if status.membership is MembershipState.UNSUBSCRIBED:
        if status.left_at is None:
            return f"{prefix} they left the list {edition.list!r} on an unknown day."
        return f"{prefix} they left the list {edition.list!r} on {_format_moment(status.left_at)}."
    if status.suppressed:
        return (
            f"{prefix} the address has been suppressed since "
            f"{_format_moment(status.suppressed_at)} "
            f"({status.suppressed})."
        )
    if status.is_for_others:
        return f"{prefix} {_explain_other_frequency(edition, status)}."
    if status.paused_until:
        return f"{prefix} they have paused their mails until {_format_moment(status.paused_until)}."
    if not status.in_segment:
        return f"{prefix} they are not in the segment {edition.segment!r}."
    if status.exclusion:
        return f"{prefix} {_EXCLUSION_REASONS[status.exclusion]}."
    if not status.stories and status.received_stories:
        return f"{prefix} they have got its stories in other editions of the list."
    if not status.stories:
        return f"{prefix} none of its stories is about a topic that they chose."
    if edition.planned_at:
        return (
            f"{prefix} they were not eligible when it was planned on "
            f"{_format_moment(edition.planned_at)}, "
            "though they would be today."
        )
    if safe_note:
        return f"{address} has not got {edition_label}, which is not sent yet{safe_note}."
    return (
        f"{address} will get {edition_label} when it is sent, with "
        f"{_format_stories(status.story_titles)}.{_explain_frequency(tx, edition, status)}"
    )


_FREQUENCY_LABELS = {
    Frequency.EVERY: "the regular editions",
    Frequency.IMMEDIATE: "a mail soon after each story",
    Frequency.DAILY: "a mail a day",
    Frequency.WEEKLY: "a mail a week",
    Frequency.MONTHLY: "a mail a month",
}


def _explain_other_frequency(edition: Edition, status: RecipientStatus) -> str:
    """Explain why a member does not get an edition for another frequency."""
    reason = (
        f"they chose {_FREQUENCY_LABELS[status.frequency]}, and it goes to others of the list, who "
        f"chose {_FREQUENCY_LABELS[edition.frequency]}"
    )
    if status.past_frequency_until:
        reason += (
            f", as they did until {_format_moment(status.past_frequency_until)}; no story of it is "
            "left for them"
        )
    return reason


def _explain_frequency(tx: Transaction, edition: Edition, status: RecipientStatus) -> str:
    """Return a second sentence on an edition that reaches a member although they chose another
    frequency; empty if they chose the edition's."""
    if status.frequency is edition.frequency or edition.role is not EditionRole.PLAIN:
        return ""
    chosen = f"Although they chose {_FREQUENCY_LABELS[status.frequency]}"
    if tx.editions.load_mailing_list(edition).closing_edition_id == edition.id:
        return f" {chosen}, it is for them too: it is the last mail of the list."
    if edition.is_urgent:
        reason, _ = languages.choose_text(edition.urgent_reasons, edition.language)
        return f" {chosen}, it is for them too, since it is urgent: {reason}"
    if status.past_frequency_until:
        return (
            f" {chosen}, they chose {_FREQUENCY_LABELS[edition.frequency]} until "
            f"{_format_moment(status.past_frequency_until)}, and this edition has what they would "
            "otherwise miss."
        )
    return f" They chose {_FREQUENCY_LABELS[status.frequency]} after it was planned."


_EXCLUSION_REASONS = {
    Exclusion.UNTRUSTED: "it is an advance copy, and they are not trusted with embargoes",
    Exclusion.HAS_IT: "they got the release in another of its editions",
    Exclusion.HAS_NOTHING: "they have no earlier version of the release",
}


def _format_stories(titles: tuple[str, ...]) -> str:
    if not titles:
        return "its stories"
    noun = "story" if len(titles) == 1 else "stories"
    return f"{len(titles)} {noun}: {'; '.join(titles)}"


def _describe_delivery(
    delivery: Delivery, edition_label: str, story_titles: tuple[str, ...], reason: str
) -> str:
    address, updated_on = delivery.address, _format_moment(delivery.updated_at)
    reply_note = f" and the relay said {delivery.reply!r}" if delivery.reply else ""
    match delivery.state:
        case DeliveryState.SENT:
            return (
                f"{address} got {edition_label} on {updated_on} with "
                f"{_format_stories(story_titles)}{reply_note}."
            )
        case DeliveryState.FAILED:
            return (
                f"{address} did not get {edition_label}: it was refused on "
                f"{updated_on}{reply_note}."
            )
        case DeliveryState.IN_DOUBT:
            return (
                f"{address} may have got {edition_label}: the link to the relay was lost on "
                f"{updated_on}, after the "
                "message and before its reply."
            )
        case DeliveryState.SUPPRESSED if delivery.reply == UNTRUSTED_REPLY:
            return (
                f"{address} did not get {edition_label}: after planning and before sending, the "
                f"contact was marked as untrusted with embargoes ({updated_on})."
            )
        case DeliveryState.SUPPRESSED:
            return (
                f"{address} did not get {edition_label}: between planning and sending the "
                "address was "
                f"suppressed or left the list ({updated_on})."
            )
        case DeliveryState.CANCELLED:
            cancel_note = f" ({reason})" if reason else ""
            return (
                f"{address} did not get {edition_label}: it was cancelled on "
                f"{updated_on}{cancel_note}, before their turn."
            )
        case DeliveryState.DIVERTED:
            return (
                f"{address} did not get {edition_label}: safe mode was on when it would have been "
                f"sent ({updated_on})."
            )
        case DeliveryState.EXPIRED:
            return (
                f"{address} did not get {edition_label}: it was tried until "
                f"{updated_on}{reply_note}."
            )
        case DeliveryState.QUEUED if delivery.reply == KILLED_REPLY:
            return (
                f"{address} has not got {edition_label}, and will not get it: one of its stories "
                f"was killed, or someone requested its kill."
            )
        case DeliveryState.QUEUED if delivery.reply == EMBARGOED_REPLY:
            return (
                f"{address} has not got {edition_label} yet: it is embargoed, and waits for "
                f"{_format_moment(delivery.next_attempt_at)}."
            )
        case DeliveryState.QUEUED if delivery.attempt:
            tries = "1 try" if delivery.attempt == 1 else f"{delivery.attempt} tries"
            return (
                f"{address} has not got {edition_label} yet: after {tries} it waits for "
                f"{_format_moment(delivery.next_attempt_at)}{reply_note}."
            )
        case _:
            return (
                f"{address} has not got {edition_label} yet: it is "
                f"{delivery.state.replace('_', ' ')}."
            )
