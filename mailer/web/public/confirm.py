"""Answers to "was it you?": a sign-up, or a change of address.

The link opens a page that changes nothing, as scanners open links; its button does.
"""

import json
from collections.abc import Sequence
from hashlib import sha256

from fastapi import Request, Response

from mailer.audience import addresses, confirmations, links
from mailer.audience.confirmations import Confirmation, ConfirmationKind, ConfirmationState
from mailer.audience.links import MemberLink, Purpose
from mailer.audience.lists import MailingList
from mailer.errors import InputError, Refused, TokenError
from mailer.store import Transaction
from mailer.web.public.forms import Form
from mailer.web.public.site import Site
from mailer.web.public.writer import Undo


def add(site: Site) -> None:
    def show(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            asked = _find(site, tx, token)
            return _page(site, tx, request, asked) if asked else site.refusal(request)

    def answer(request: Request, form: Form, tx: Transaction, token: str) -> Response:
        now = site.mailer.clock()
        asked = _find(site, tx, token)
        if asked is None:
            return site.refusal(request)
        if asked.kind is ConfirmationKind.SIGN_UP and form.get("seen") not in {"", _seen(asked)}:
            # Somebody has typed the address once more, meanwhile: nobody agrees to what they
            # were not shown.
            return _page(site, tx, request, asked, changed=True, status=409)
        language = site.language(request, asked.language)
        only = form.all("list") if "list" in form else None
        if asked.kind is ConfirmationKind.SIGN_UP and only is None and "choice" in form:
            return _page(site, tx, request, asked, nothing=True, status=422)
        try:
            done = confirmations.confirm(
                tx.confirmations,
                tx.subscribers,
                tx.lists,
                tx.allowances,
                site.mailer.sign_up_limits.per_address,
                asked,
                now,
                wording=site.wording(language),
                only=only,
            )
        except (Refused, InputError) as error:  # suppressed, or gone, since
            raise Undo(lambda _: site.refusal(request)) from error
        return _page(site, tx, request, done)

    site.get("/c/{token}", show)
    site.post("/c/{token}", answer, ("list", "choice", "seen"))


def _find(site: Site, tx: Transaction, token: str) -> Confirmation | None:
    try:
        number = links.confirmation(site.mailer.store.key, token)
    except TokenError:
        return None
    return confirmations.find(tx.confirmations, number, site.mailer.clock(), site.mailer.links_last)


def _page(
    site: Site,
    tx: Transaction,
    request: Request,
    asked: Confirmation,
    *,
    nothing: bool = False,
    changed: bool = False,
    status: int = 200,
) -> Response:
    answered = asked.state is not ConfirmationState.MAILED
    language = site.language(request, asked.language)
    owner = tx.subscribers.find_subscriber(asked.address) if answered else None
    preferences = ""
    if owner is not None:
        key = site.mailer.store.key
        preferences = "/p/" + links.sign_member(key, Purpose.PREFERENCES, MemberLink(owner.id))
    return site.page(
        request,
        "confirm-address.html" if asked.kind is ConfirmationKind.NEW_ADDRESS else "confirm.html",
        language=asked.language,
        status=status,
        answered=answered,
        nothing=nothing,
        changed=changed,
        seen=_seen(asked),
        address=addresses.shown(asked.address),
        lists=_lists(tx, asked),
        topics=[one.name(language) for one in tx.lists.topics() if one.slug in asked.wishes.topics],
        frequency=asked.wishes.frequency,
        reading=asked.language,
        wording=site.wording(language).text,
        preferences=preferences,
    )


def _lists(tx: Transaction, asked: Confirmation) -> Sequence[MailingList]:
    return [one for one in tx.lists.lists() if one.slug in asked.wishes.lists]


def _seen(asked: Confirmation) -> str:
    """What the page shows of a sign-up, in a few letters: the button's form has them."""
    shown = json.dumps([asked.language, asked.wishes.plain()], sort_keys=True)
    return sha256(shown.encode()).hexdigest()[:16]
