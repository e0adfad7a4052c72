"""Unsubscribing: by a mail provider's one-click POST (RFC 8058), or on a page.

A POST to the link takes its reader off the list, whatever its body holds: what a provider sends
(``List-Unsubscribe=One-Click``, urlencoded or as multipart/form-data), what our own form sends, or
nothing. It asks for no cookie, redirects nowhere, and can be repeated. The one-click answer is one
line of text; a person's is a page that says how to undo it.
"""

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from mailer.audience import addresses, choices, links, subscribers
from mailer.audience.links import MemberLink, Purpose
from mailer.audience.lists import Frequency, MailingList
from mailer.audience.subscribers import Membership, MembershipState, Subscriber
from mailer.errors import InputError, Refused, TokenError
from mailer.store import Transaction
from mailer.web.public.forms import Form
from mailer.web.public.site import Site
from mailer.web.public.writer import Undo

ONE_CLICK = "one-click unsubscribe"
PAGE = "unsubscribe page"
BY_PERSON = "person"
"""The field of our own form: who sends it wants a page."""


class _Standing:
    """Who a link names, the list, and how they stand there. Each may be missing."""

    def __init__(self, tx: Transaction, link: MemberLink) -> None:
        self.person: Subscriber | None = tx.subscribers.by_id(link.subscriber_id)
        self.list: MailingList | None = next(
            (one for one in tx.lists.lists() if one.id == link.list_id), None
        )
        self.membership: Membership | None = None
        if self.person and self.list:
            self.membership = subscribers.membership_of(tx.subscribers, self.person, self.list.slug)

    @property
    def is_on_it(self) -> bool:
        return (
            self.membership is not None
            and self.membership.state is not MembershipState.UNSUBSCRIBED
        )


def add(site: Site) -> None:
    def link_of(token: str) -> MemberLink | None:
        try:
            return links.member(site.mailer.store.key, Purpose.UNSUBSCRIBE, token)
        except TokenError:
            return None

    def show(request: Request, token: str) -> Response:
        link = link_of(token)
        if link is None:
            return site.refusal(request)
        with site.mailer.store.read() as tx:
            return page(request, token, _Standing(tx, link))

    def page(request: Request, token: str, now: _Standing, said: str = "") -> Response:
        if now.list is None:
            return site.refusal(request)
        known = now.membership
        return site.page(
            request,
            "unsubscribe.html",
            language=(known.language if known else "")
            or (now.person.person.language if now.person else ""),
            token=token,
            list=now.list,
            address=addresses.masked(now.person.address) if now.person else "",
            member=now.is_on_it,
            known=known is not None,
            frequency=known.frequency if known else Frequency.EVERY,
            fewer=_fewer(now.list, known.frequency if known else Frequency.EVERY),
            said=said,
        )

    def leave(request: Request, body: bytes, tx: Transaction, token: str) -> Response:
        by_person = BY_PERSON in Form(body)
        link = link_of(token)
        if link is None:
            return site.refusal(request)
        found = _Standing(tx, link)
        if found.person and found.list and found.is_on_it:
            subscribers.unsubscribe(
                tx.subscribers,
                found.person,
                found.list,
                site.mailer.clock(),
                source=PAGE if by_person else ONE_CLICK,
            )
        if by_person:
            return page(request, token, _Standing(tx, link))
        return PlainTextResponse("unsubscribed\n")

    async def leave_at_once(request: Request, token: str) -> Response:
        # Read by hand: a body that no parser takes is no reason to go on mailing somebody.
        return await site.write(leave, request, await request.body(), token=token)

    def undo(request: Request, form: Form, tx: Transaction, token: str) -> Response:
        link = link_of(token)
        if link is None:
            return site.refusal(request)
        wanted = form.get("frequency")
        now = site.mailer.clock()
        found = _Standing(tx, link)
        if found.person is None or found.list is None or found.membership is None:
            return site.refusal(request)
        try:
            choices.come_back(tx.subscribers, found.person, found.list, now, source=PAGE)
            if wanted in [*Frequency]:
                changes = {"frequency": Frequency(wanted)}
                choices.change(tx.subscribers, found.person, found.list, changes, now, source=PAGE)
        except (Refused, InputError) as error:
            raise Undo(lambda _: site.refusal(request)) from error
        return page(request, token, _Standing(tx, link), said="back")

    site.get("/u/{token}", show)
    site.app.add_api_route(
        "/u/{token}",
        leave_at_once,
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
    site.post("/u/{token}/undo", undo, ("frequency",))


def _fewer(list_: MailingList, than: Frequency) -> list[Frequency]:
    """How members of the list can get fewer mails."""
    order = [*Frequency]
    return [one for one in list_.frequencies if order.index(one) > order.index(than)]
