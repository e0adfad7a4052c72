"""Unsubscribing: by a mail provider's one-click POST (RFC 8058), or on a page.

A POST to the link unsubscribes the reader from the list, whatever the body contains: the provider's
``List-Unsubscribe=One-Click`` (urlencoded or multipart/form-data), our own form, nothing, or bytes
that no parser accepts. The request needs no cookie, is not redirected, and can be repeated. The
answer to a one-click POST is one line of text. A person gets a page that says how to undo it, and
asks for a reason, which they may give or not.
"""

from contextlib import suppress
from functools import cached_property
from typing import Any

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import leaving_reasons, links, preferences, subscribers
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.errors import InputError, NotFound, Refused, TokenError
from mailer.model.lists import Frequency, MailingList
from mailer.model.subscribers import LeavingReason, Membership, MembershipState, Subscriber
from mailer.store import SqlTransaction
from mailer.web.public.batched_writes import AnswerAfterCommit, UndoWrite
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.public_site import get_site

ONE_CLICK_SOURCE = "one-click unsubscribe"
PAGE_SOURCE = "unsubscribe page"
ONE_CLICK_FIELD = "List-Unsubscribe"
"""The field of a mail provider's POST (RFC 8058 §3.1). The link alone would be enough."""
BY_PERSON_FIELD = "person"
"""A field that only our own form has. It shows that a person sent the form, who then gets a
page."""


class _UnsubscribeTarget:
    """The subscriber and the list that a link names, and the membership. Each of them may be
    missing."""

    def __init__(self, tx: SqlTransaction, link: MemberLink) -> None:
        self.subscriber: Subscriber | None = tx.subscribers.find_subscriber_by_id(
            link.subscriber_id
        )
        self.mailing_list: MailingList | None = next(
            (
                mailing_list
                for mailing_list in tx.lists.list_mailing_lists()
                if mailing_list.id == link.list_id
            ),
            None,
        )
        self._tx = tx

    @cached_property
    def membership(self) -> Membership | None:
        if self.subscriber is None or self.mailing_list is None:
            return None
        return subscribers.find_membership(self._tx, self.subscriber, self.mailing_list.slug)

    @property
    def is_member(self) -> bool:
        return (
            self.membership is not None
            and self.membership.state is not MembershipState.UNSUBSCRIBED
        )


def show_unsubscribe(request: Request, token: str) -> Response:
    return _show_unsubscribe(request, token)


def _show_unsubscribe(request: Request, token: str, **context: Any) -> Response:
    site = get_site(request)
    link = _read_link(request, token)
    if link is None:
        return site.refuse_link(request)
    with site.mailer.store.read() as tx:
        target = _UnsubscribeTarget(tx, link)
        return _render_unsubscribe(request, tx, token, target, **context)


def submit_unsubscribe(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    site = get_site(request)
    is_by_person = BY_PERSON_FIELD in form
    link = _read_link(request, token)
    if link is None:
        return site.refuse_link(request)
    target = _UnsubscribeTarget(tx, link)
    if target.subscriber and target.mailing_list:
        with suppress(NotFound):  # the person was never on the list
            subscribers.unsubscribe_person(
                tx,
                SUBSCRIBER,
                target.subscriber,
                target.mailing_list,
                site.mailer.clock(),
                source=PAGE_SOURCE if is_by_person else ONE_CLICK_SOURCE,
                edition_id=link.edition_id,
            )
    if is_by_person:
        return AnswerAfterCommit(lambda: show_unsubscribe(request, token))
    return PlainTextResponse("unsubscribed\n")


def submit_reason(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    """Record why the reader has left. The page thanks for it, whether or not it is recorded."""
    site = get_site(request)
    link = _read_link(request, token)
    target = _UnsubscribeTarget(tx, link) if link else None
    if target is None or target.subscriber is None or target.mailing_list is None:
        return site.refuse_link(request)
    chosen, comment = form.get_value("reason"), form.get_value("comment")
    if not chosen and not comment.strip():
        return _render_unsubscribe(request, tx, token, target)
    reason = LeavingReason(chosen) if chosen in [*LeavingReason] else LeavingReason.OTHER
    try:
        leaving_reasons.record_leaving_reason(
            tx,
            SUBSCRIBER,
            target.subscriber,
            target.mailing_list,
            reason,
            comment,
            site.mailer.clock(),
            source=PAGE_SOURCE,
            edition_id=link.edition_id if link else 0,
        )
    except InputError:
        return _render_unsubscribe(
            request, tx, token, target, status=422, reason=chosen, comment=comment
        )
    return AnswerAfterCommit(lambda: _show_unsubscribe(request, token, has_given_reason=True))


def submit_resubscribe(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    """Undo an unsubscription, or choose fewer mails instead."""
    site = get_site(request)
    link = _read_link(request, token)
    if link is None:
        return site.refuse_link(request)
    frequency = form.get_value("frequency")
    now = site.mailer.clock()
    target = _UnsubscribeTarget(tx, link)
    if target.subscriber is None or target.mailing_list is None or target.membership is None:
        return site.refuse_link(request)
    try:
        preferences.restore_membership(
            tx, SUBSCRIBER, target.subscriber, target.mailing_list, now, source=PAGE_SOURCE
        )
        if frequency in [*Frequency]:
            changes = {"frequency": Frequency(frequency)}
            preferences.change_membership(
                tx,
                SUBSCRIBER,
                target.subscriber,
                target.mailing_list,
                changes,
                now,
                source=PAGE_SOURCE,
            )
    except (Refused, InputError) as error:
        raise UndoWrite(lambda _: site.refuse_link(request)) from error
    return AnswerAfterCommit(lambda: _show_unsubscribe(request, token, is_resubscribed=True))


def _read_link(request: Request, token: str) -> MemberLink | None:
    try:
        return get_site(request).mailer.link_keys.read_link(
            lambda keys: links.verify_member_link(keys, LinkPurpose.UNSUBSCRIBE, token)
        )
    except TokenError:
        return None


def _render_unsubscribe(
    request: Request,
    tx: SqlTransaction,
    token: str,
    target: _UnsubscribeTarget,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    site = get_site(request)
    if target.mailing_list is None:
        return site.refuse_link(request)
    subscriber, membership = target.subscriber, target.membership
    frequency = membership.frequency if membership else Frequency.EVERY
    list_language = membership.language if membership else ""
    own_language = subscriber.person.language if subscriber else ""
    page_language = site.choose_language(request, list_language or own_language)
    default_context: dict[str, Any] = {
        "is_resubscribed": False,
        "has_given_reason": False,
        "reason": "",
        "comment": "",
    }
    return site.render_page(
        request,
        "unsubscribe.html",
        status=status,
        problem="comment" if status == 422 else "",
        reasons=[*LeavingReason],
        max_comment_length=leaving_reasons.MAX_COMMENT_LENGTH,
        may_give_reason=subscriber is not None
        and leaving_reasons.may_give_reason(tx, subscriber, target.mailing_list),
        language=list_language or own_language,
        closing_reason=target.mailing_list.get_closing_reason(page_language),
        token=token,
        list=target.mailing_list,
        address=addresses.mask_address(subscriber.address) if subscriber else "",
        is_member=target.is_member,
        has_membership=membership is not None,
        frequency=frequency,
        lower_frequencies=_list_lower_frequencies(target.mailing_list, frequency),
        **default_context | context,
    )


def _list_lower_frequencies(
    mailing_list: MailingList, current_frequency: Frequency
) -> list[Frequency]:
    """Return the frequencies of the list with which the member gets fewer mails than now."""
    current_rank = _FREQUENCY_RANKS.index(current_frequency)
    return [
        frequency
        for frequency in _FREQUENCY_RANKS[current_rank + 1 :]
        if frequency in mailing_list.frequencies and frequency is not Frequency.EVERY
    ]


_FREQUENCY_RANKS = (
    Frequency.IMMEDIATE,
    Frequency.DAILY,
    Frequency.EVERY,
    Frequency.WEEKLY,
    Frequency.MONTHLY,
)
"""The frequencies, with the most mails first. Regular editions may come at any intervals, but are
rarely as frequent as a daily digest: otherwise the list would hardly have one."""
