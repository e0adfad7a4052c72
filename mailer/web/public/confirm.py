"""Answers to "was it you?": a sign-up, or a change of address.

The link opens a page that changes nothing, as scanners open links; its button does.
"""

import json
from collections.abc import Sequence
from hashlib import sha256

from fastapi import Request, Response

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.signup import confirmations
from mailer.errors import InputError, Refused, TokenError
from mailer.model.lists import MailingList
from mailer.model.signup import Confirmation, ConfirmationKind, ConfirmationState
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.site import PublicSite
from mailer.web.public.writer import UndoWrite


def add_routes(site: PublicSite) -> None:
    def show_confirmation(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            confirmation = _find_confirmation(site, tx, token)
            return (
                _render_page(site, tx, request, confirmation)
                if confirmation
                else site.refuse_link(request)
            )

    def submit_confirmation(
        request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
    ) -> Response:
        now = site.mailer.clock()
        confirmation = _find_confirmation(site, tx, token)
        if confirmation is None:
            return site.refuse_link(request)
        if confirmation.kind is ConfirmationKind.SIGN_UP and form.get_value("seen") not in {
            "",
            _hash_shown_choices(confirmation),
        }:
            # Somebody has typed the address once more, meanwhile: nobody agrees to what they
            # were not shown.
            return _render_page(site, tx, request, confirmation, has_changed=True, status=409)
        language = site.choose_language(request, confirmation.language)
        chosen_lists = form.get_values("list") if "list" in form else None
        if (
            confirmation.kind is ConfirmationKind.SIGN_UP
            and chosen_lists is None
            and "choice" in form
        ):
            return _render_page(site, tx, request, confirmation, nothing_chosen=True, status=422)
        try:
            confirmed = confirmations.apply_confirmation(
                tx,
                SUBSCRIBER,
                site.mailer.sign_up_limits.per_address,
                confirmation,
                now,
                wording=site.build_wording(language),
                accepted_lists=chosen_lists,
            )
        except (Refused, InputError) as error:  # suppressed, or gone, since
            raise UndoWrite(lambda _: site.refuse_link(request)) from error
        return _render_page(site, tx, request, confirmed)

    site.add_get_route("/c/{token}", show_confirmation)
    site.add_post_route("/c/{token}", submit_confirmation, ("list", "choice", "seen"))


def _find_confirmation(site: PublicSite, tx: SqlTransaction, token: str) -> Confirmation | None:
    try:
        confirmation_id = links.verify_confirmation_link(site.mailer.store.key, token)
    except TokenError:
        return None
    return confirmations.find_open_confirmation(
        tx, confirmation_id, site.mailer.clock(), site.mailer.link_lifetime
    )


def _render_page(
    site: PublicSite,
    tx: SqlTransaction,
    request: Request,
    confirmation: Confirmation,
    *,
    nothing_chosen: bool = False,
    has_changed: bool = False,
    status: int = 200,
) -> Response:
    is_answered = confirmation.state is not ConfirmationState.MAILED
    language = site.choose_language(request, confirmation.language)
    subscriber = tx.subscribers.find_subscriber(confirmation.address) if is_answered else None
    preferences = ""
    if subscriber is not None:
        key = site.mailer.store.key
        preferences = "/p/" + links.sign_member_link(
            key, LinkPurpose.PREFERENCES, MemberLink(subscriber.id)
        )
    return site.render_page(
        request,
        "confirm-address.html"
        if confirmation.kind is ConfirmationKind.NEW_ADDRESS
        else "confirm.html",
        language=confirmation.language,
        status=status,
        answered=is_answered,
        nothing=nothing_chosen,
        changed=has_changed,
        seen=_hash_shown_choices(confirmation),
        address=addresses.format_isolated_address(confirmation.address),
        lists=_list_chosen_lists(tx, confirmation),
        topics=[
            topic.get_name(language)
            for topic in tx.lists.list_topics()
            if topic.slug in confirmation.wishes.topics
        ],
        frequency=confirmation.wishes.frequency,
        reading=confirmation.language,
        wording=site.build_wording(language).text,
        preferences=preferences,
    )


def _list_chosen_lists(tx: SqlTransaction, confirmation: Confirmation) -> Sequence[MailingList]:
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.slug in confirmation.wishes.lists
    ]


def _hash_shown_choices(confirmation: Confirmation) -> str:
    """What the page shows of a sign-up, in a few letters: the button's form has them."""
    shown_choices = json.dumps(
        [confirmation.language, confirmation.wishes.to_plain()], sort_keys=True
    )
    return sha256(shown_choices.encode()).hexdigest()[:16]
