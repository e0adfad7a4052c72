"""Fill in one reader's values before sending, for a mail that goes to another person: a test
mail."""

import html
from dataclasses import replace

from mailer.message.field_slots import fill_field
from mailer.message.headers import clean_name
from mailer.message.send_day import fill_send_day
from mailer.message.slots import Slot, fill_slots
from mailer.model.editions import EditionBody, SendDay


def fill_reader_values(
    body: EditionBody, name: str, address: str, fields: str, send_day: SendDay | None
) -> EditionBody:
    """Return a body with the day of sending, and with the name, the address and the office's own
    fields of one reader. The slots of links stay."""
    body = fill_send_day(body, send_day)

    def fill(text: str, *, escape: bool = False) -> str:
        def get_name(default: str) -> str:
            filled = clean_name(name) or default
            return html.escape(filled) if escape else filled

        def get_field(argument: str) -> str:
            filled = fill_field(argument, fields)
            return html.escape(filled) if escape else filled

        text = fill_slots(text, body.marker, Slot.NAME, get_name)
        text = fill_slots(text, body.marker, Slot.FIELD, get_field)
        return fill_slots(
            text, body.marker, Slot.ADDRESS, lambda _: html.escape(address) if escape else address
        )

    return replace(
        body, subject=fill(body.subject), text=fill(body.text), html=fill(body.html, escape=True)
    )
