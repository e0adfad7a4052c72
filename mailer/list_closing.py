"""Closing a mailing list, and opening it again.

A closed list takes no new members and makes no further editions. Its members stay on it: they can
still unsubscribe, change their choices and read the archive. Unless staff want no mail, closing
makes a last edition, which goes the way of every edition: it is composed, approved, planned and
delivered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mailer import articles, editions
from mailer.actor import Actor
from mailer.audience.lists import check_open, check_translations, get_list
from mailer.errors import InputError, NextStep, Refused
from mailer.model.articles import ArticleQuery, Content
from mailer.model.edition_states import BEGUN_STATES, OPEN_STATES, Priority
from mailer.model.editions import Edition, NewEdition
from mailer.model.lists import MailingList
from mailer.model.transaction import Transaction

MAX_REASON_LENGTH = 500
"""Maximum number of characters of a reason in one language."""

REOPENED_REASON = "the list was opened again"


class ClosingStoryWriter(Protocol):
    """Writes the story of a list's last mail."""

    def write_closing_story(
        self, mailing_list: MailingList, reasons: Mapping[str, str], slug: str, now: datetime
    ) -> Sequence[Content]:
        """Return the story in the language of each reason. Raises ComposeError."""


@dataclass(frozen=True, slots=True)
class ClosedList:
    """A list that was closed, its last mail (None if there is none), and the unsent editions that
    were cancelled."""

    list: MailingList
    last_edition: Edition | None
    cancelled: tuple[Edition, ...]


def close_list(
    tx: Transaction,
    actor: Actor,
    slug: str,
    reasons: Mapping[str, str],
    now: datetime,
    *,
    writer: ClosingStoryWriter | None,
) -> ClosedList:
    """Close a list. `reasons` tell readers why, by language; one in the list's own language is
    needed. Unsent editions of the list are cancelled, which frees their stories. `writer` writes
    the last mail, a draft for staff to approve; if it is None, members get no mail.

    Raises Refused if the list is closed already, and InputError for an invalid reason."""
    mailing_list = get_list(tx, slug)
    check_open(mailing_list)
    reasons = _check_reasons(mailing_list, reasons)
    cancelled = tuple(
        editions.cancel_edition(tx, actor, edition, now, reason=f"the list {slug} was closed")
        for edition in tx.editions.list_list_editions(slug, OPEN_STATES)
    )
    last_edition = (
        _create_last_edition(tx, actor, mailing_list, reasons, writer, now) if writer else None
    )
    closed_list = replace(
        mailing_list,
        closed_at=now,
        closing_reasons=reasons,
        closing_edition_id=last_edition.id if last_edition else None,
    )
    tx.lists.save_closing(closed_list)
    return ClosedList(closed_list, last_edition, cancelled)


def _check_reasons(mailing_list: MailingList, reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons on one line each. Raises InputError."""
    checked = check_translations(reasons, "reason")
    for tag, reason in checked.items():
        if len(reason) > MAX_REASON_LENGTH:
            raise InputError(
                f"the one in {tag} has {len(reason):,} characters, and may have "
                f"{MAX_REASON_LENGTH:,}",
                field="reason",
                hint="shorten it",
            )
    if mailing_list.language not in checked:
        raise InputError(
            f"there is none in {mailing_list.language}, the language of the list",
            field="reason",
            hint=f"readers of other languages get that one: --reason {mailing_list.language}=…",
        )
    return checked


def _create_last_edition(
    tx: Transaction,
    actor: Actor,
    mailing_list: MailingList,
    reasons: Mapping[str, str],
    writer: ClosingStoryWriter,
    now: datetime,
) -> Edition:
    slug = _choose_story_slug(tx, mailing_list)
    for content in writer.write_closing_story(mailing_list, reasons, slug, now):
        articles.add_article(tx, actor, content, now)
    return editions.create_edition(
        tx,
        actor,
        NewEdition(
            name=mailing_list.name,
            list=mailing_list.slug,
            stories=(slug,),
            language=mailing_list.language,
            priority=Priority.NORMAL,
        ),
        now,
    )


def _choose_story_slug(tx: Transaction, mailing_list: MailingList) -> str:
    """Return a slug that no story has: a list may be closed, opened and closed again."""
    number = 1
    while True:
        slug = f"{mailing_list.slug}-closed" + (f"-{number}" if number > 1 else "")
        if not tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
            return slug
        number += 1


def reopen_list(tx: Transaction, actor: Actor, slug: str, now: datetime) -> MailingList:
    """Open a closed list again: people can join it, and its digests make editions. Its members are
    those who have not left it. A last mail that was not sent yet is cancelled, and its story is
    withdrawn, so that no digest sends it.

    Raises Refused if the list is not closed, or if its last mail is being sent."""
    mailing_list = get_list(tx, slug)
    if not mailing_list.is_closed:
        raise Refused(
            f"the list {slug!r} is not closed", next_steps=[NextStep("show_list", list=slug)]
        )
    if mailing_list.closing_edition_id is not None:
        _withdraw_last_edition(tx, actor, mailing_list.closing_edition_id, now)
    reopened_list = replace(
        mailing_list, closed_at=None, closing_reasons={}, closing_edition_id=None
    )
    tx.lists.save_closing(reopened_list)
    return reopened_list


def _withdraw_last_edition(tx: Transaction, actor: Actor, edition_id: int, now: datetime) -> None:
    edition = editions.get_edition(tx, edition_id)
    if edition.state in BEGUN_STATES:
        raise Refused(
            f"the last mail of the list {edition.list!r}, edition {edition.id}, is "
            f"{edition.state.words}: it tells members that the list is closed",
            hint="cancel it, or wait until it is sent",
            next_steps=[NextStep("cancel_edition", edition=edition.id)],
        )
    slugs = edition.stories
    if edition.state in OPEN_STATES:
        editions.cancel_edition(tx, actor, edition, now, reason=REOPENED_REASON)
    closing_slug = re.compile(rf"{edition.list}-closed(-[0-9]+)?")
    for slug in slugs:
        if closing_slug.fullmatch(slug):
            articles.withdraw_articles(tx, actor, slug, None, now)
