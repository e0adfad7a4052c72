"""The page on which people confirm a sign-up or a new address ("was it you?").

Opening the link changes nothing, because scanners open links. The button on the page confirms.
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
from mailer.web.public.batched_writes import UndoWrite
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.public_site import get_site


def show_confirmation(request: Request, token: str) -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        confirmation = _find_confirmation(request, tx, token)
        if confirmation is None:
            return site.refuse_link(request)
        return _render_confirmation(request, tx, confirmation)


def submit_confirmation(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    site = get_site(request)
    confirmation = _find_confirmation(request, tx, token)
    if confirmation is None:
        return site.refuse_link(request)
    chosen_lists = form.get_values("list") if "list" in form else None
    if confirmation.kind is ConfirmationKind.SIGN_UP:
        if form.get_value("seen") not in {"", _hash_shown_choices(confirmation)}:
            # The address was signed up again after the page was opened. Readers must agree only to
            # choices that the page showed.
            return _render_confirmation(request, tx, confirmation, has_changed=True, status=409)
        if chosen_lists is None and "choice" in form:
            return _render_confirmation(
                request, tx, confirmation, is_nothing_chosen=True, status=422
            )
    language = site.choose_language(request, confirmation.language)
    try:
        confirmed = confirmations.apply_confirmation(
            tx,
            SUBSCRIBER,
            site.mailer.sign_up_limits.per_address,
            confirmation,
            site.mailer.clock(),
            wording=site.build_wording(language),
            accepted_lists=chosen_lists,
        )
    except (Refused, InputError) as error:  # the address was suppressed, or the list was removed
        raise UndoWrite(lambda _: site.refuse_link(request)) from error
    return _render_confirmation(request, tx, confirmed)


def _find_confirmation(request: Request, tx: SqlTransaction, token: str) -> Confirmation | None:
    mailer = get_site(request).mailer
    try:
        confirmation_id = links.verify_confirmation_link(mailer.store.key, token)
    except TokenError:
        return None
    return confirmations.find_open_confirmation(
        tx, confirmation_id, mailer.clock(), mailer.link_lifetime
    )


def _render_confirmation(
    request: Request,
    tx: SqlTransaction,
    confirmation: Confirmation,
    *,
    is_nothing_chosen: bool = False,
    has_changed: bool = False,
    status: int = 200,
) -> Response:
    site = get_site(request)
    is_answered = confirmation.state is not ConfirmationState.MAILED
    language = site.choose_language(request, confirmation.language)
    subscriber = tx.subscribers.find_subscriber(confirmation.address) if is_answered else None
    preferences_path = ""
    if subscriber is not None:
        link = MemberLink(subscriber.id)
        token = links.sign_member_link(site.mailer.store.key, LinkPurpose.PREFERENCES, link)
        preferences_path = f"/p/{token}"
    is_address_change = confirmation.kind is ConfirmationKind.NEW_ADDRESS
    return site.render_page(
        request,
        "confirm-address.html" if is_address_change else "confirm.html",
        language=confirmation.language,
        status=status,
        is_answered=is_answered,
        problem="lists" if is_nothing_chosen else "changed" if has_changed else "",
        seen=_hash_shown_choices(confirmation),
        address=addresses.format_isolated_address(confirmation.address),
        lists=_list_chosen_lists(tx, confirmation),
        topics=[
            topic.get_name(language)
            for topic in tx.lists.list_topics()
            if topic.slug in confirmation.wishes.topics
        ],
        frequency=confirmation.wishes.frequency,
        reading_language=confirmation.language,
        consent_text=site.build_wording(language).text,
        preferences_path=preferences_path,
    )


def _list_chosen_lists(tx: SqlTransaction, confirmation: Confirmation) -> Sequence[MailingList]:
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.slug in confirmation.wishes.lists
    ]


def _hash_shown_choices(confirmation: Confirmation) -> str:
    """Return a short hash of the choices that the page shows. The form sends this hash back."""
    shown_choices = json.dumps(
        [confirmation.language, confirmation.wishes.to_plain()], sort_keys=True
    )
    return sha256(shown_choices.encode()).hexdigest()[:16]
