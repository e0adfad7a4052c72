"""The links of members of staff, and what their pages have in common."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_name
from fastapi import Request, Response

from mailer import languages, staff_links
from mailer.actor import Actor
from mailer.audience.links import LinkPurpose
from mailer.audience.lists import MAX_COMMENT_LENGTH
from mailer.errors import InputError, TokenError
from mailer.lines import holds_control, replace_control
from mailer.staff_links import StaffLink
from mailer.store import SqlTransaction
from mailer.web.public.public_site import get_site

Record = TypeVar("Record")

DECISION_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' https: http: data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a page that shows a mail beside our own form: the mail has inline
styles and pictures, and there are no scripts."""

DECISION_HEADERS = {
    "Content-Security-Policy": DECISION_POLICY,
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


def read_staff_link(request: Request, purpose: LinkPurpose, token: str) -> StaffLink | None:
    """Return what a link names, or None for one that is invalid or has expired."""
    mailer = get_site(request).mailer
    try:
        return mailer.link_keys.read_link(
            lambda keys: staff_links.verify_staff_link(keys, purpose, token, mailer.clock())
        )
    except TokenError:
        return None


def answer_link(
    request: Request,
    tx: SqlTransaction | None,
    purpose: LinkPurpose,
    token: str,
    find_record: Callable[[SqlTransaction, StaffLink, Sequence[str]], Record | None],
    answer: Callable[[SqlTransaction, StaffLink, Record], Response],
) -> Response:
    """Answer a request for the page of a link. Without `tx`, the page only reads.

    `find_record` gets the link and the approvers in the settings, and returns None if the link's
    person may not decide. Such a link is refused, as is one that is invalid or has expired."""
    site = get_site(request)
    link = read_staff_link(request, purpose, token)
    if link is None:
        return site.refuse_link(request)
    with nullcontext(tx) if tx else site.mailer.store.read() as current_tx:
        record = find_record(current_tx, link, site.mailer.staff_addresses.approvers)
        return site.refuse_link(request) if record is None else answer(current_tx, link, record)


def identify_holder(request: Request, link: StaffLink) -> Actor:
    """Return the person that a link names."""
    return get_site(request).mailer.staff_directory.identify_holder(link.address)


def format_moment(request: Request, link: StaffLink, moment: datetime | None) -> str:
    """Return a moment in the time zone of the link's person, in the page's language."""
    if moment is None:
        return ""
    site = get_site(request)
    person = site.mailer.staff_directory.find_person(link.address)
    zone = ZoneInfo(person.time_zone or site.settings.defaults.time_zone)
    locale = languages.get_format_locale(site.choose_language(request))
    local_moment = moment.astimezone(zone)
    zone_name = get_timezone_name(local_moment, locale=locale)
    day = format_date(local_moment, "full", locale=locale)
    return f"{day}, {format_time(local_moment, 'short', locale=locale)} ({zone_name})"


@dataclass(frozen=True, slots=True)
class ShownComment:
    """A comment as the form shows it again. `problem` is "", or why it was refused: "control",
    "long" or "empty"."""

    text: str = ""
    problem: str = ""
    length: int = 0
    limit: int = MAX_COMMENT_LENGTH


NO_COMMENT = ShownComment()


def build_shown_comment(comment: str, error: Exception | None = None) -> ShownComment:
    """Return what the form shows of a comment after `error`. Characters that can't be shown are
    marked with U+FFFD, so that the person finds them."""
    line = " ".join(comment.split())
    problem = ""
    if isinstance(error, InputError) and error.field == "comment":
        problem = "control" if holds_control(line) else "long" if line else "empty"
    text = replace_control("\n".join(comment.splitlines()))
    return ShownComment(text, problem, len(line))
