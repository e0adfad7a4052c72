"""Fill in the day of sending.

A body is frozen before its day is certain: an edition may be moved or sent late. So a body holds a
slot for the day. An approval covers everything but the day, and moving the edition needs no new
approval.
"""

import html
from dataclasses import replace
from datetime import date

from mailer import languages
from mailer.message.slots import Slot, fill_slots
from mailer.model.editions import EditionBody, SendDay


def build_day_argument(language: str, zone: str, pattern: str) -> str:
    """Return the argument of a slot: `pattern` formats the day for readers of `language`; `zone` is
    the office's time zone, which decides the day if the edition has no appointment."""
    return f"{language}|{zone}|{pattern}"


def fill_send_day(body: EditionBody, send_day: SendDay | None) -> EditionBody:
    """Return a body with its day of sending filled in. If `send_day` is None, the day is left
    out."""

    def format_day(argument: str) -> str:
        if send_day is None:
            return ""
        language, zone, pattern = argument.split("|", 2)
        return _format_date(send_day.to_date(zone), language, pattern)

    def fill(text: str, *, escape: bool = False) -> str:
        return fill_slots(
            text,
            body.marker,
            Slot.DAY,
            lambda argument: html.escape(format_day(argument)) if escape else format_day(argument),
        )

    return replace(
        body, subject=fill(body.subject), text=fill(body.text), html=fill(body.html, escape=True)
    )


def _format_date(day: date, language: str, pattern: str) -> str:
    from babel.dates import format_date  # takes 0.1 s, and most commands need no dates

    return str(format_date(day, pattern, locale=languages.get_format_locale(language)))
