"""Why somebody did, or did not, get an edition, in one sentence."""

from datetime import datetime

from mailer.audience import addresses
from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition, EditionState
from mailer.outbox.records import (
    KILLED,
    UNDONE,
    UNTRUSTED,
    WAITS,
    Delivery,
    DeliveryState,
    Exclusion,
    OutboxStore,
)


def _day(moment: datetime | None) -> str:
    return f"{moment:%a %d %b %Y at %H:%M} UTC" if moment else "an unknown day"


def explain(store: OutboxStore, edition: Edition, address: str) -> str:
    """In one sentence: why this address did, or did not, get this edition."""
    address = addresses.normalise(address)
    known = store.standing(edition, address)
    what = f"edition {edition.id} ({edition.name})"
    if known.delivery:
        if edition.state is EditionState.PAUSED and known.delivery.state in UNDONE:
            why = f" ({edition.reason})" if edition.reason else ""
            return f"{address} has not got {what} yet: it is paused{why}."
        return _explain_delivery(known.delivery, what, known.story_titles, edition.reason)
    got = "got" if edition.planned_at else "would get"
    if known.subscriber_id is None:
        return f"{address} is not a subscriber, so nothing of {what} went there."
    nothing = f"{address} {got} nothing of {what} because"
    if edition.state is EditionState.SKIPPED:
        return f"{nothing} it was skipped: {edition.reason}."
    if edition.state is EditionState.CANCELLED and edition.planned_at is None:
        return f"{nothing} it was cancelled before it was sent."
    if known.membership is None:
        return f"{nothing} they are not on the list {edition.list!r}."
    if edition.planned_at and known.joined_at and known.joined_at > edition.planned_at:
        return (
            f"{nothing} they joined the list {edition.list!r} on {_day(known.joined_at)}, after "
            f"it was planned on {_day(edition.planned_at)}."
        )
    if known.membership is MembershipState.PENDING:
        return f"{nothing} they have not yet confirmed that they want the list {edition.list!r}."
    if known.membership is MembershipState.UNSUBSCRIBED:
        return f"{nothing} they left the list {edition.list!r} on {_day(known.left_at)}."
    if known.suppressed:
        return (
            f"{nothing} the address has been suppressed since {_day(known.suppressed_at)} "
            f"({known.suppressed})."
        )
    if known.frequency is not edition.frequency:
        mails = {"every": "every edition", "weekly": "a mail a week", "monthly": "a mail a month"}
        return f"{nothing} they chose {mails[known.frequency]}, and it goes to others of the list."
    if known.paused_until:
        return f"{nothing} they have paused their mails until {_day(known.paused_until)}."
    if not known.in_segment:
        return f"{nothing} they are not in the segment {edition.segment!r}."
    if known.left_out:
        return f"{nothing} {_LEFT_OUT[known.left_out]}."
    if not known.stories:
        return f"{nothing} none of its stories is about a topic that they chose."
    if edition.planned_at:
        return (
            f"{nothing} they were not eligible when it was planned on {_day(edition.planned_at)}, "
            "though they would be today."
        )
    return f"{address} will get {what} when it is sent, with {_stories(known.story_titles)}."


_LEFT_OUT = {
    Exclusion.UNTRUSTED: "it is an advance copy, and they are not trusted with embargoes",
    Exclusion.HAS_IT: "they have got the release by another of its editions",
    Exclusion.HAS_NOTHING: "they have got no earlier version of what it is about",
}


def _stories(titles: tuple[str, ...]) -> str:
    if not titles:
        return "its stories"
    noun = "story" if len(titles) == 1 else "stories"
    return f"{len(titles)} {noun}: {'; '.join(titles)}"


def _explain_delivery(delivery: Delivery, what: str, titles: tuple[str, ...], reason: str) -> str:
    who, when = delivery.address, _day(delivery.updated_at)
    said = f" and the relay said {delivery.reply!r}" if delivery.reply else ""
    match delivery.state:
        case DeliveryState.SENT:
            return f"{who} got {what} on {when} with {_stories(titles)}{said}."
        case DeliveryState.FAILED:
            return f"{who} did not get {what}: it was refused on {when}{said}."
        case DeliveryState.IN_DOUBT:
            return (
                f"{who} may have got {what}: the link to the relay was lost on {when}, after the "
                "message and before its reply."
            )
        case DeliveryState.SUPPRESSED if delivery.reply == UNTRUSTED:
            return (
                f"{who} did not get {what}: between planning and sending they were trusted with "
                f"embargoes no more ({when})."
            )
        case DeliveryState.SUPPRESSED:
            return (
                f"{who} did not get {what}: between planning and sending the address was "
                f"suppressed or left the list ({when})."
            )
        case DeliveryState.CANCELLED:
            why = f" ({reason})" if reason else ""
            return f"{who} did not get {what}: it was cancelled on {when}{why}, before their turn."
        case DeliveryState.EXPIRED:
            return f"{who} did not get {what}: it was tried until {when}{said}."
        case DeliveryState.QUEUED if delivery.reply == KILLED:
            return f"{who} has not got {what}, and won't: a story of it was killed, or is to be."
        case DeliveryState.QUEUED if delivery.reply == WAITS:
            return (
                f"{who} has not got {what} yet: it is embargoed, and waits for "
                f"{_day(delivery.next_attempt_at)}."
            )
        case DeliveryState.QUEUED if delivery.attempt:
            tries = "1 try" if delivery.attempt == 1 else f"{delivery.attempt} tries"
            return (
                f"{who} has not got {what} yet: after {tries} it waits for "
                f"{_day(delivery.next_attempt_at)}{said}."
            )
        case _:
            return f"{who} has not got {what} yet: it is {delivery.state.replace('_', ' ')}."
