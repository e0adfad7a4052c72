"""Leaving all lists at once."""

from fastapi import Request, Response

from mailer.actor import SUBSCRIBER
from mailer.audience import own_preferences
from mailer.store import SqlTransaction
from mailer.web.public.batched_writes import AnswerAfterCommit
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.preferences.reader import (
    PREFERENCES_SOURCE,
    find_reader,
    show_reader_page,
)
from mailer.web.public.public_site import get_site


def show_unsubscribe_all(request: Request, token: str) -> Response:
    return show_reader_page(request, token, "unsubscribe-all.html")


def submit_unsubscribe_all(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    site = get_site(request)
    reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    own_preferences.unsubscribe_from_all(
        tx,
        SUBSCRIBER,
        reader.subscriber,
        site.mailer.clock(),
        source=PREFERENCES_SOURCE,
        edition_id=reader.edition_id,
    )
    return AnswerAfterCommit(lambda: show_unsubscribe_all(request, token))
