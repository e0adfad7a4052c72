"""Letters: what an address is written because of a sign-up or a change of address.

A letter is the same for everybody who gets it; the link in it and the address are each one's own.
Which one an address gets is decided by the worker, when nobody waits for the answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailer.audience.confirmations import Answer, Confirmation, ConfirmationState, answer
from mailer.audience.lists import MailingList
from mailer.audience.subscribers import MembershipState, SubscriberStore


@dataclass(frozen=True, slots=True)
class Letter:
    """`lists` are those that it speaks of, by slug; `books` is the one that it stands in the books
    of, and that its link for leaving leaves. `language` is the one that is asked for: a letter is
    written in the nearest that there are words in."""

    answer: Answer
    language: str = ""
    lists: tuple[MailingList, ...] = ()
    books: str = ""


NO_LETTER = Letter(Answer.NOTHING)


def letter(people: SubscriberStore, lists: Sequence[MailingList], asked: Confirmation) -> Letter:
    """What the address gets now: an answer to what was asked for, or, once its owner has confirmed
    it, a welcome. Lists that are gone meanwhile are left out."""
    if asked.state is ConfirmationState.CONFIRMED:
        return _welcome(people, lists, asked)
    if asked.state is not ConfirmationState.ASKED:
        return NO_LETTER
    what = answer(people, asked)
    if what is Answer.NEW_ADDRESS and lists:
        # It is about no list, and stands in the books of the eldest.
        return Letter(what, asked.language, (), min(lists, key=lambda one: one.id).slug)
    named = _in_order(one for one in lists if one.slug in asked.wishes.lists)
    if what is Answer.NOTHING or not named:
        return NO_LETTER
    return Letter(what, asked.language, named, named[0].slug)


def _welcome(people: SubscriberStore, lists: Sequence[MailingList], asked: Confirmation) -> Letter:
    """For those that they joined by this confirmation and are still on, where one of them welcomes
    its members."""
    known = people.find_subscriber(asked.address)
    if known is None or asked.answered_at is None or people.suppression_reason(asked.address):
        return NO_LETTER
    joined = {
        one.list
        for one in people.memberships(known)
        if one.state is MembershipState.ACTIVE and one.joined_at >= asked.answered_at
    }
    named = _in_order(one for one in lists if one.slug in joined and one.slug in asked.wishes.lists)
    books = next((one.slug for one in named if one.welcome), "")
    return Letter(Answer.WELCOME, asked.language, named, books) if books else NO_LETTER


def _in_order(some: Iterable[MailingList]) -> tuple[MailingList, ...]:
    return tuple(sorted(some, key=lambda one: one.slug))


def reference(people: SubscriberStore, asked: Confirmation, written: Letter) -> int:
    """The number that the link in the mail carries: of what is to be confirmed, or of whom it is
    written to."""
    if written.answer in {Answer.CONFIRM, Answer.NEW_ADDRESS}:
        return asked.id
    known = people.find_subscriber(asked.address)
    return known.id if known else 0
