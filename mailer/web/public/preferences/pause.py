"""Pausing all mails for some weeks, and ending the pause."""

from datetime import timedelta
from typing import Any

from fastapi import Request, Response

from mailer.actor import SUBSCRIBER
from mailer.audience import preferences
from mailer.store import SqlTransaction
from mailer.web.public.batched_writes import AnswerAfterCommit
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.preferences.reader import (
    PREFERENCES_SOURCE,
    find_reader,
    show_reader_page,
)
from mailer.web.public.public_site import get_site

PAUSE_WEEKS = (1, 2, 4, 8, 12, 26)
"""Weeks to choose from. The form sends 0 to end a pause."""


def show_pause(request: Request, token: str) -> Response:
    return show_reader_page(request, token, "pause.html", pause_weeks=PAUSE_WEEKS)


def submit_pause(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    site = get_site(request)
    reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    weeks = form.get_value("weeks")
    if weeks not in {"0", *map(str, PAUSE_WEEKS)}:
        return _show_answer(request, token, problem="weeks", status=422)
    pause_length = timedelta(weeks=int(weeks)) if weeks != "0" else None
    preferences.pause_memberships(
        tx,
        SUBSCRIBER,
        reader.subscriber,
        reader.active_lists,
        pause_length,
        site.mailer.clock(),
        source=PREFERENCES_SOURCE,
    )
    return _show_answer(request, token, outcome="paused" if pause_length else "resumed")


def _show_answer(request: Request, token: str, **context: Any) -> AnswerAfterCommit:
    return AnswerAfterCommit(
        lambda: show_reader_page(request, token, "pause.html", pause_weeks=PAUSE_WEEKS, **context)
    )
