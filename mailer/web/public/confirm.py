"""The page on which people confirm a sign-up or a new address ("was it you?").

Opening the link changes nothing, because scanners open links. The button on the page confirms.
"""

from collections.abc import Sequence

from fastapi import Request, Response

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.lists import LIST_CLOSED
from mailer.audience.signup import confirmations
from mailer.audience.signup.confirmations import NO_LIST_CHOSEN
from mailer.errors import ApprovalVoid, InputError, Refused, TokenError
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
    # A form without `choice` is a plain button, which accepts all lists.
    has_choices = "list" in form or "choice" in form
    language = site.choose_language(request, confirmation.language)
    try:
        confirmed = confirmations.apply_confirmation(
            tx,
            SUBSCRIBER,
            site.mailer.sign_up_limits.per_address,
            confirmation,
            site.mailer.clock(),
            wording=site.build_wording(language, _list_chosen_lists(tx, confirmation)),
            accepted_lists=form.get_values("list") if has_choices else None,
            fingerprint=form.get_value("seen"),
        )
    except ApprovalVoid:
        return _render_confirmation(request, tx, confirmation, has_changed=True, status=409)
    except (Refused, InputError) as error:
        if error.code == NO_LIST_CHOSEN:
            return _render_confirmation(
                request, tx, confirmation, is_nothing_chosen=True, status=422
            )
        if error.code == LIST_CLOSED:
            raise UndoWrite(
                lambda tx: _render_confirmation(request, tx, confirmation, status=410)
            ) from error
        # The address was suppressed, or the list removed.
        raise UndoWrite(lambda _: site.refuse_link(request)) from error
    return _render_confirmation(request, tx, confirmed)


def _find_confirmation(request: Request, tx: SqlTransaction, token: str) -> Confirmation | None:
    mailer = get_site(request).mailer
    try:
        confirmation_id = mailer.link_keys.read_link(
            lambda keys: links.verify_confirmation_link(keys, token)
        )
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
    chosen_lists = _list_chosen_lists(tx, confirmation)
    subscriber = tx.subscribers.find_subscriber(confirmation.address) if is_answered else None
    preferences_path = ""
    if subscriber is not None:
        link = MemberLink(subscriber.id)
        token = links.sign_member_link(site.mailer.link_keys.ring, LinkPurpose.PREFERENCES, link)
        preferences_path = f"/p/{token}"
    chosen_lists = _list_chosen_lists(tx, confirmation)
    is_address_change = confirmation.kind is ConfirmationKind.NEW_ADDRESS
    return site.render_page(
        request,
        "confirm-address.html" if is_address_change else "confirm.html",
        language=confirmation.language,
        status=status,
        is_answered=is_answered,
        problem="lists" if is_nothing_chosen else "changed" if has_changed else "",
        seen=confirmations.compute_choices_fingerprint(confirmation),
        address=addresses.format_isolated_address(confirmation.address),
        lists=[chosen for chosen in chosen_lists if not chosen.is_closed],
        closed_lists=[
            (chosen, chosen.get_closing_reason(language))
            for chosen in chosen_lists
            if chosen.is_closed
        ],
        topics=[
            topic.get_name(language)
            for topic in tx.lists.list_topics()
            if topic.slug in confirmation.wishes.topics
        ],
        frequency=confirmation.wishes.frequency,
        reading_language=confirmation.language,
        consent_text=site.build_wording(language, chosen_lists).text,
        preferences_path=preferences_path,
    )


def _list_chosen_lists(tx: SqlTransaction, confirmation: Confirmation) -> Sequence[MailingList]:
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.slug in confirmation.wishes.lists
    ]
