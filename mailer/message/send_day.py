"""Fill in the day of sending.

A body is frozen before its day is certain: an edition may be moved or sent late. So a body holds a
slot for the day. An approval covers everything but the day, and moving the edition needs no new
approval.
"""

import html
from dataclasses import replace
from datetime import date

from mailer import languages
from mailer.message.slots import Slot, create_slot, fill_slots
from mailer.model.editions import EditionBody, SendDay


def build_day_argument(language: str, zone: str, pattern: str) -> str:
    """Return the argument of a slot: `pattern` formats the day for readers of `language`; `zone` is
    the office's time zone, which decides the day if the edition has no appointment."""
    return f"{language}|{zone}|{pattern}"


def fill_send_day(body: EditionBody, send_day: SendDay | None) -> EditionBody:
    """Return a body with its day of sending filled in. If `send_day` is None, the day is left
    out."""

    def fill(text: str, *, escape: bool = False) -> str:
        text = fill_slots(text, body.marker, Slot.COUNTED_LINK, fill_link)
        return fill_day_slots(text, body.marker, send_day, escape=escape)

    def fill_link(argument: str) -> str:
        filled = fill_day_slots(argument, body.marker, send_day)
        return create_slot(body.marker, Slot.COUNTED_LINK, filled)

    return replace(
        body, subject=fill(body.subject), text=fill(body.text), html=fill(body.html, escape=True)
    )


def fill_day_slots(
    text: str, marker: str, send_day: SendDay | None, *, escape: bool = False
) -> str:
    """Return a text with the day of sending in its slots, or with nothing if `send_day` is None.
    `escape`: the text is HTML."""

    def format_day(argument: str) -> str:
        if send_day is None:
            return ""
        language, zone, pattern = argument.split("|", 2)
        day = _format_date(send_day.to_date(zone), language, pattern)
        return html.escape(day) if escape else day

    return fill_slots(text, marker, Slot.DAY, format_day)


def _format_date(day: date, language: str, pattern: str) -> str:
    from babel.dates import format_date  # takes 0.1 s, and most commands need no dates

    return str(format_date(day, pattern, locale=languages.get_format_locale(language)))
