"""Unsubscribing: by a mail provider's one-click POST (RFC 8058), or on a page.

A POST to the link takes its reader off the list, whatever its body holds: what a provider sends
(``List-Unsubscribe=One-Click``, urlencoded or as multipart/form-data), what our own form sends, or
nothing. It asks for no cookie, redirects nowhere, and can be repeated. The one-click answer is one
line of text; a person's is a page that says how to undo it.
"""

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import links, preferences, subscribers
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.errors import InputError, Refused, TokenError
from mailer.model.lists import Frequency, MailingList
from mailer.model.subscribers import Membership, MembershipState, Subscriber
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.site import PublicSite
from mailer.web.public.writer import UndoWrite

ONE_CLICK_SOURCE = "one-click unsubscribe"
PAGE_SOURCE = "unsubscribe page"
BY_PERSON_FIELD = "person"
"""The field of our own form: who sends it wants a page."""


class _UnsubscribeTarget:
    """Who a link names, the list, and how they stand there. Each may be missing."""

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
        self.membership: Membership | None = None
        if self.subscriber and self.mailing_list:
            self.membership = subscribers.find_membership(
                tx, self.subscriber, self.mailing_list.slug
            )

    @property
    def is_member(self) -> bool:
        return (
            self.membership is not None
            and self.membership.state is not MembershipState.UNSUBSCRIBED
        )


def add_routes(site: PublicSite) -> None:
    def read_link(token: str) -> MemberLink | None:
        try:
            return links.verify_member_link(site.mailer.store.key, LinkPurpose.UNSUBSCRIBE, token)
        except TokenError:
            return None

    def show_unsubscribe(request: Request, token: str) -> Response:
        link = read_link(token)
        if link is None:
            return site.refuse_link(request)
        with site.mailer.store.read() as tx:
            return render_page(request, token, _UnsubscribeTarget(tx, link))

    def render_page(
        request: Request, token: str, target: _UnsubscribeTarget, outcome: str = ""
    ) -> Response:
        if target.mailing_list is None:
            return site.refuse_link(request)
        membership = target.membership
        return site.render_page(
            request,
            "unsubscribe.html",
            language=(membership.language if membership else "")
            or (target.subscriber.person.language if target.subscriber else ""),
            token=token,
            list=target.mailing_list,
            address=addresses.mask_address(target.subscriber.address) if target.subscriber else "",
            member=target.is_member,
            known=membership is not None,
            frequency=membership.frequency if membership else Frequency.EVERY,
            fewer=_list_lower_frequencies(
                target.mailing_list, membership.frequency if membership else Frequency.EVERY
            ),
            said=outcome,
        )

    def unsubscribe_member(
        request: Request, body: bytes, tx: SqlTransaction, token: str
    ) -> Response:
        is_by_person = BY_PERSON_FIELD in SubmittedForm(body)
        link = read_link(token)
        if link is None:
            return site.refuse_link(request)
        target = _UnsubscribeTarget(tx, link)
        if target.subscriber and target.mailing_list and target.is_member:
            subscribers.unsubscribe_person(
                tx,
                SUBSCRIBER,
                target.subscriber,
                target.mailing_list,
                site.mailer.clock(),
                source=PAGE_SOURCE if is_by_person else ONE_CLICK_SOURCE,
            )
        if is_by_person:
            return render_page(request, token, _UnsubscribeTarget(tx, link))
        return PlainTextResponse("unsubscribed\n")

    async def submit_unsubscribe(request: Request, token: str) -> Response:
        # Read by hand: a body that no parser takes is no reason to go on mailing somebody.
        return await site.write_and_answer(
            unsubscribe_member, request, await request.body(), token=token
        )

    def submit_resubscribe(
        request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
    ) -> Response:
        link = read_link(token)
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
        return render_page(request, token, _UnsubscribeTarget(tx, link), outcome="back")

    site.add_get_route("/u/{token}", show_unsubscribe)
    site.app.add_api_route(
        "/u/{token}",
        submit_unsubscribe,
        methods=["POST"],
        response_model=None,
        openapi_extra={
            "requestBody": {
                "content": {
                    kind: {
                        "schema": {
                            "type": "object",
                            "properties": {"List-Unsubscribe": {"type": "string"}},
                        }
                    }
                    for kind in ("application/x-www-form-urlencoded", "multipart/form-data")
                }
            }
        },
    )
    site.add_post_route("/u/{token}/undo", submit_resubscribe, ("frequency",))


def _list_lower_frequencies(
    mailing_list: MailingList, current_frequency: Frequency
) -> list[Frequency]:
    """How members of the list can get fewer mails."""
    order = [*Frequency]
    return [
        frequency
        for frequency in mailing_list.frequencies
        if order.index(frequency) > order.index(current_frequency)
    ]
