"""Editions for the archive: in any state at once, with bodies made here, as sending so many of them
would take its time."""

from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy import update

from mailer import editions
from mailer.audience import lists
from mailer.audience.lists import Visibility
from mailer.editions import Archive, Body, Edition, EditionState, Kind, NewEdition
from mailer.message import EITHER, Ask, Slot, end, mark, slot
from mailer.store import Transaction
from mailer.store.schema import edition as edition_table
from tests.integration.office import MARKER, NOW

S = EditionState
BEGUN = {S.SENDING, S.PAUSED, S.SENT, S.CANCELLED}
"""States of an edition that may have been sent in part."""


def list_(tx: Transaction, slug: str = "news", **fields: Any) -> lists.MailingList:
    name = fields.pop("name", slug.capitalize())
    return lists.add_list(tx.lists, slug, name, NOW, **fields)


def issue(
    tx: Transaction,
    name: str = "The week",
    *,
    to: str = "news",
    state: EditionState = S.SENT,
    archive: Archive = Archive.PUBLIC,
    kind: Kind = Kind.MAILING,
    sent_at: datetime = NOW,
    language: str = "en",
    bodies: tuple[Body, ...] = (),
) -> Edition:
    """An edition as if it had been sent at `sent_at` (or not yet, by its state)."""
    made = tx.editions.create(
        NewEdition(
            name=name, list=to, state=state, archive=archive, kind=kind, language=language,
            stories=(),
        ),
        sent_at,
    )  # fmt: skip
    made = tx.editions.freeze(made, bodies or (body(subject=name, language=language),), (), "0")
    if state in BEGUN:
        tx.connection.execute(
            update(edition_table).where(edition_table.c.id == made.id).values(planned_at=sent_at)
        )
    return editions.get(tx.editions, made.id)


def body(
    *,
    subject: str = "The week",
    language: str = "en",
    text: str = "Boats came in at dawn.",
    titles: tuple[str, ...] = ("Boats",),
    summary: str = "What came in.",
    html: str = "",
    stories: int = 1,
) -> Body:
    """A body with its parts for mails and for the web; `html` stands between them."""
    direction = "rtl" if language == "ar" else "ltr"
    mails = (
        mark(MARKER, Ask.MAIL, EITHER)
        + f'<p>To {slot(MARKER, Slot.ADDRESS)}</p><a href="{slot(MARKER, Slot.UNSUBSCRIBE)}">'
        + f'Leave</a><a href="{slot(MARKER, Slot.VIEW)}">View</a>'
        + end(MARKER)
    )
    web = mark(MARKER, Ask.WEB, EITHER) + "<p>Anybody may read this.</p>" + end(MARKER)
    return Body(
        language=language,
        subject=subject,
        text=f"{text}\n",
        html=f'<!DOCTYPE html>\n<html lang="{language}" dir="{direction}">\n<head>\n'
        f"<title>{escape(subject)}</title>\n</head>\n<body>{html or escape(text)}{mails}{web}"
        "</body>\n</html>",
        marker=MARKER,
        stories=stories,
        titles=titles,
        summary=summary,
    )


def hide(tx: Transaction, slug: str) -> None:
    """Make a list private."""
    known = lists.get_list(tx.lists, slug)
    tx.lists.edit_list(replace(known, visibility=Visibility.PRIVATE))
