"""The copy of the data stored about a subscriber, and its erasure."""

import json
from datetime import datetime
from typing import Any

from fastapi import Request, Response

from mailer.actor import SUBSCRIBER
from mailer.audience import erasure
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.preferences.reader import (
    PREFERENCES_SOURCE,
    find_reader,
    render_reader_page,
    show_reader_page,
)
from mailer.web.public.public_site import get_site


def show_erasure(request: Request, token: str) -> Response:
    return show_reader_page(request, token, "erase.html")


def submit_erasure(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    site = get_site(request)
    reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    if form.get_value("sure") != "yes":
        return render_reader_page(request, token, reader, "erase.html", problem="sure", status=422)
    erasure.erase_person(
        tx, SUBSCRIBER, reader.subscriber.address, site.mailer.clock(), source=PREFERENCES_SOURCE
    )
    return site.render_page(request, "erased.html", language=reader.language)


def download_personal_data(request: Request, token: str) -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        reader = find_reader(request, tx, token)
        if reader is None:
            return site.refuse_link(request)
        personal_data = erasure.collect_personal_data(tx, reader.subscriber)
    text = json.dumps(personal_data, ensure_ascii=False, indent=2, default=_serialise_value)
    return Response(
        text,
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="about-me.json"'},
    )


def _serialise_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
