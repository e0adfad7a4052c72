"""Changing the address. A mail to the new address asks for confirmation first."""

from fastapi import Request, Response

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience.signup import confirmations
from mailer.audience.signup.rate_limits import use_allowance, use_client_allowance
from mailer.errors import InputError
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.middleware import get_client_host
from mailer.web.public.preferences.reader import (
    PREFERENCES_SOURCE,
    find_reader,
    render_reader_page,
    show_reader_page,
)
from mailer.web.public.public_site import get_site


def show_address_change(request: Request, token: str) -> Response:
    return show_reader_page(request, token, "address.html", email="")


def submit_address_change(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    site = get_site(request)
    reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    new_email = form.get_value("email")
    language = site.choose_language(request, reader.language)
    limits = site.mailer.sign_up_limits
    now = site.mailer.clock()
    # There are limits for both the client and the link, so that a preferences link cannot be used
    # to send mails to strangers.
    if not (
        use_client_allowance(tx, limits.per_client, get_client_host(request), now)
        and use_allowance(tx, limits.per_client, f"subscriber {reader.subscriber.id}", now)
    ):
        return site.refuse_too_many(request, language)
    try:
        address_change = confirmations.build_address_change(
            tx, reader.subscriber.id, new_email, language, PREFERENCES_SOURCE
        )
    except InputError:
        return render_reader_page(
            request, token, reader, "address.html", problem="email", status=422, email=new_email
        )
    domain = addresses.extract_wire_domain(address_change.address)
    if not use_allowance(tx, limits.per_domain, domain, now):
        return site.refuse_too_many(request, language)
    confirmations.request_confirmation(tx, SUBSCRIBER, limits.per_address, address_change, now)
    return render_reader_page(
        request, token, reader, "address.html", outcome="requested", email=new_email
    )
