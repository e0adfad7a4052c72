"""Make editions for the archive: in any state at once, with bodies made here, because sending so
many editions would take long."""

from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy import update

from mailer import editions
from mailer.audience import lists
from mailer.message import (
    READING_PLACE_BITS,
    MarkCondition,
    Slot,
    create_end_mark,
    create_mark,
    create_slot,
)
from mailer.model.articles import Image
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.model.lists import MailingList, Visibility
from mailer.store import SqlTransaction
from mailer.store.schema import edition as edition_table
from tests.actors import STAFF
from tests.integration.factories import MARKER, NOW

S = EditionState
BEGUN = {S.SENDING, S.PAUSED, S.SENT, S.CANCELLED}
"""States of an edition that may have been sent in part."""


def add_list(tx: SqlTransaction, slug: str = "news", **fields: Any) -> MailingList:
    name = fields.pop("name", slug.capitalize())
    return lists.add_list(tx, STAFF, slug, name, NOW, **fields)


def create_archived_edition(
    tx: SqlTransaction,
    name: str = "The week",
    *,
    list_slug: str = "news",
    state: EditionState = S.SENT,
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC,
    kind: EditionKind = EditionKind.MAILING,
    sent_at: datetime = NOW,
    language: str = "en",
    bodies: tuple[EditionBody, ...] = (),
) -> Edition:
    """Add an edition in `state`, as if it had been sent at `sent_at` if the state is a sent one."""
    edition = tx.editions.create_edition(
        NewEdition(
            name=name,
            list=list_slug,
            state=state,
            archive=archive,
            kind=kind,
            language=language,
            stories=(),
        ),
        sent_at,
        STAFF,
    )
    edition = tx.editions.freeze_edition(
        edition, bodies or (make_body(subject=name, language=language),), (), "0"
    )
    if state in BEGUN:
        tx.connection.execute(
            update(edition_table).where(edition_table.c.id == edition.id).values(planned_at=sent_at)
        )
    return editions.get_edition(tx, edition.id)


def make_body(
    *,
    subject: str = "The week",
    language: str = "en",
    text: str = "Boats came in at dawn.",
    titles: tuple[str, ...] = ("Boats",),
    summary: str = "What came in.",
    html: str = "",
    stories: int = 1,
    picture: Image | None = None,
) -> EditionBody:
    """Make a body with parts for mails and for the web; `html` stands before them."""
    direction = "rtl" if language == "ar" else "ltr"
    mail_part = (
        create_mark(MARKER, MarkCondition.MAIL, READING_PLACE_BITS)
        + f"<p>To {create_slot(MARKER, Slot.ADDRESS)}</p>"
        + f'<a href="{create_slot(MARKER, Slot.UNSUBSCRIBE)}">Leave</a>'
        + f'<a href="{create_slot(MARKER, Slot.VIEW)}">View</a>'
        + create_end_mark(MARKER)
    )
    web_part = (
        create_mark(MARKER, MarkCondition.WEB, READING_PLACE_BITS)
        + "<p>Anybody may read this.</p>"
        + create_end_mark(MARKER)
    )
    return EditionBody(
        language=language,
        subject=subject,
        text=f"{text}\n",
        html=f'<!DOCTYPE html>\n<html lang="{language}" dir="{direction}">\n<head>\n'
        f"<title>{escape(subject)}</title>\n</head>\n"
        f"<body>{html or escape(text)}{mail_part}{web_part}</body>\n</html>",
        marker=MARKER,
        stories=stories,
        titles=titles,
        summary=summary,
        picture=picture,
    )


def hide_list(tx: SqlTransaction, slug: str) -> None:
    """Make a list private."""
    mailing_list = lists.get_list(tx, slug)
    tx.lists.edit_list(replace(mailing_list, visibility=Visibility.PRIVATE))
