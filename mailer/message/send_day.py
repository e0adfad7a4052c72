"""Fill in the day of sending.

A body is frozen before its day is certain: an edition may be moved or sent late. So it holds a slot
for the day, an approval covers everything but the day, and a move needs no new approval.
"""

import html
from dataclasses import replace
from datetime import date

from mailer import languages
from mailer.message.slots import Slot, fill_slots
from mailer.model.editions import EditionBody, SendDay


def build_day_argument(language: str, zone: str, pattern: str) -> str:
    """Return the argument of a slot: `pattern` formats the day for readers of `language`; `zone` is
    the office's, for an edition without an appointment."""
    return f"{language}|{zone}|{pattern}"


def fill_send_day(body: EditionBody, send_day: SendDay | None) -> EditionBody:
    """Return a body with its day of sending filled in, or with nothing in its place if None."""

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
