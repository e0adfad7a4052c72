"""Sign-up: a page, the same page as the home page and for a frame in another site, and the handler
of the form. Beside the form stands the latest edition of the lists.

Addresses are not looked up. The page records the request, and the worker decides later which mail
the address gets, if any. So the answer is the same for every address, and takes the same time.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException, Request, Response

from mailer.actor import SUBSCRIBER
from mailer.archive import list_archived_lists
from mailer.audience.lists import list_public_lists
from mailer.audience.preferences import find_common_frequencies
from mailer.audience.signup.confirmations import SIGN_UP_PAGE
from mailer.audience.signup.requests import request_sign_up
from mailer.errors import InputError, NotFound, TooManyRequests
from mailer.model.archive import ArchiveEntry
from mailer.model.lists import Frequency, MailingList, Topic
from mailer.model.signup import SignUpWishes
from mailer.store import SqlTransaction
from mailer.web.public.archive import (
    describe_entries,
    find_latest_entries,
    list_picture_urls,
)
from mailer.web.public.batched_writes import AnswerAfterCommit
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.middleware import build_page_policy, get_client_host
from mailer.web.public.page_languages import LANGUAGES
from mailer.web.public.public_site import get_site
from mailer.web.public.topic_choices import list_topic_choices

TRAP_FIELD = "website"
"""A field that people do not see, so only programs fill it in."""

SHOWN_EDITIONS = 4
"""Number of editions that the page shows: the latest, and three earlier ones."""

FIELDS = ("email", "of", "list", "topic", "language", "frequency", TRAP_FIELD)
"""The form's fields. `of` is the list if the form is on the sign-up page of a single list."""


class _ClosedListChosen(Exception):
    """A reader wants to sign up for a public list that is closed."""

    def __init__(self, mailing_list: MailingList) -> None:
        super().__init__()
        self.mailing_list = mailing_list


class _SignUpChoices:
    """The lists for which a reader can sign up: all public lists, or just the list `only` if it is
    given. Raises HTTPException if `only` is not a public list, and _ClosedListChosen if it is
    closed."""

    def __init__(self, tx: SqlTransaction, language: str, only: str = "") -> None:
        self.lists = list_public_lists(tx)
        self.topics: list[Topic] = tx.lists.list_topics()
        if only and only not in {public_list.slug for public_list in self.lists}:
            if closed_list := _find_closed_list(tx, [only]):
                raise _ClosedListChosen(closed_list)
            raise HTTPException(404)
        self.language = language
        self.only = only

    @property
    def offered_lists(self) -> list[MailingList]:
        return [
            public_list
            for public_list in self.lists
            if not self.only or public_list.slug == self.only
        ]

    def to_context(self) -> dict[str, Any]:
        """Return the variables of the template."""
        return {
            "lists": self.offered_lists,
            "topics": list_topic_choices(self.topics, self.language),
            "frequencies": find_common_frequencies(self.offered_lists),
            "only_list": self.only,
            "language_tags": LANGUAGES,
        }


def _find_closed_list(tx: SqlTransaction, slugs: Sequence[str]) -> MailingList | None:
    """Return the first of these lists that is public and closed, or None."""
    for mailing_list in list_archived_lists(tx):
        if mailing_list.is_closed and mailing_list.slug in slugs:
            return mailing_list
    return None


def _render_closed_list(
    request: Request, closed_list: MailingList, tx: SqlTransaction, language: str
) -> Response:
    """Return the page that says that a list has ended, and why, with a way to other lists. The
    status is 410 (Gone, RFC 9110 §15.5.11)."""
    site = get_site(request)
    page_language = site.choose_language(request, language)
    return site.render_page(
        request,
        "list-closed.html",
        language=language,
        status=410,
        list=closed_list,
        reason=closed_list.get_closing_reason(page_language),
        other_lists=list_public_lists(tx),
    )


def show_sign_up(request: Request, of: str = "", *, is_home: bool = False) -> Response:
    """Offer all public lists, or the one that the query names (``?of=news``)."""
    return _render_blank_form(request, of, is_home=is_home)


def show_list_sign_up(request: Request, list_slug: str) -> Response:
    return _render_blank_form(request, list_slug)


def show_embedded_sign_up(request: Request, list_slug: str) -> Response:
    return _render_blank_form(request, list_slug, is_framed=True)


def submit_sign_up(
    request: Request, form: SubmittedForm, tx: SqlTransaction
) -> Response | AnswerAfterCommit:
    site = get_site(request)
    language = site.choose_language(request, form.get_value("language"))
    wishes = SignUpWishes(
        lists=form.get_values("list"),
        topics=form.get_values("topic"),
        frequency=_parse_frequency(form.get_value("frequency")),
    )
    try:
        request_sign_up(
            tx,
            SUBSCRIBER,
            site.mailer.sign_up_limits,
            get_client_host(request),
            form.get_value("email"),
            wishes,
            language,
            SIGN_UP_PAGE,
            site.mailer.clock(),
            is_automated=bool(form.get_value(TRAP_FIELD)),
        )
    except TooManyRequests:
        return site.refuse_too_many(request, language)
    except InputError as error:
        if closed_list := _find_closed_list(tx, form.get_values("list")):
            return _render_closed_list(request, closed_list, tx, language)
        is_list_wrong = isinstance(error, NotFound) or "lists" in {error.where, error.field}
        choices = _find_offered_choices(tx, language, form)
        return _render_form(
            request,
            choices,
            find_latest_entries(tx, choices.offered_lists, SHOWN_EDITIONS),
            status=422,
            language=language,
            problem="list" if is_list_wrong else "email",
            email=form.get_value("email"),
            chosen_lists=form.get_values("list"),
            chosen_topics=form.get_values("topic"),
            chosen_frequency=form.get_value("frequency"),
        )
    return AnswerAfterCommit(lambda: _render_sent_page(request, language, form))


def _render_blank_form(
    request: Request, list_slug: str, *, is_framed: bool = False, is_home: bool = False
) -> Response:
    site = get_site(request)
    language = site.choose_language(request)
    entries: list[ArchiveEntry] = []
    with site.mailer.store.read() as tx:
        try:
            choices = _SignUpChoices(tx, language, list_slug)
        except _ClosedListChosen as chosen:
            return _render_closed_list(request, chosen.mailing_list, tx, language)
        if not is_framed:
            entries = find_latest_entries(tx, choices.offered_lists, SHOWN_EDITIONS)
    chosen_lists = [mailing_list.slug for mailing_list in choices.offered_lists]
    return _render_form(
        request,
        choices,
        entries,
        is_framed=is_framed,
        is_home=is_home,
        chosen_lists=chosen_lists if len(chosen_lists) == 1 else (),
    )


def _find_offered_choices(tx: SqlTransaction, language: str, form: SubmittedForm) -> _SignUpChoices:
    """Return the lists that the submitted form's page offered: one list or all."""
    all_choices = _SignUpChoices(tx, language)
    is_offered = form.get_value("of") in {mailing_list.slug for mailing_list in all_choices.lists}
    return _SignUpChoices(tx, language, form.get_value("of")) if is_offered else all_choices


def _render_form(
    request: Request,
    choices: _SignUpChoices,
    entries: Sequence[ArchiveEntry],
    *,
    status: int = 200,
    is_framed: bool = False,
    is_home: bool = False,
    language: str = "",
    **context: Any,
) -> Response:
    site = get_site(request)
    described = describe_entries(request, entries)
    policy = build_page_policy(
        site.settings, framed=is_framed, picture_urls=list_picture_urls(described)
    )
    blank_context: dict[str, Any] = {
        "problem": "",
        "email": "",
        "chosen_lists": (),
        "chosen_topics": (),
        "chosen_frequency": "",
    }
    return site.render_page(
        request,
        "subscribe.html",
        status=status,
        headers={"Content-Security-Policy": policy},
        is_framed=is_framed,
        is_home=is_home,
        latest=described[0] if described else None,
        earlier=described[1:],
        language=language,
        **choices.to_context(),
        **blank_context | context,
    )


def _render_sent_page(request: Request, language: str, form: SubmittedForm) -> Response:
    site = get_site(request)
    return site.render_page(
        request,
        "subscribe-sent.html",
        language=language,
        email=form.get_value("email"),
        link_days=site.settings.retention.unconfirmed_days,
    )


def _parse_frequency(value: str) -> Frequency:
    return Frequency(value) if value in [*Frequency] else Frequency.EVERY
