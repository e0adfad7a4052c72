"""Changing the address. A mail to the new address asks for confirmation first."""

from fastapi import Request, Response

from mailer.actor import SUBSCRIBER
from mailer.audience.signup.requests import request_address_change
from mailer.errors import InputError, TooManyRequests
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
    try:
        request_address_change(
            tx,
            SUBSCRIBER,
            site.mailer.sign_up_limits,
            get_client_host(request),
            reader.subscriber.id,
            new_email,
            language,
            PREFERENCES_SOURCE,
            site.mailer.clock(),
        )
    except TooManyRequests:
        return site.refuse_too_many(request, language)
    except InputError:
        return render_reader_page(
            request, token, reader, "address.html", problem="email", status=422, email=new_email
        )
    return render_reader_page(
        request, token, reader, "address.html", outcome="requested", email=new_email
    )
