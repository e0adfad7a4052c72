"""Render a body as a web page for any reader.

A page is made without a recipient and without the key that signs links, so no personal value can
get into it. Personal slots outside the parts for mails are filled with neutral values.
"""

import html

from mailer.message.counted_links import parse_counted_link
from mailer.message.field_slots import get_default
from mailer.message.headers import clean_header_text
from mailer.message.send_day import fill_send_day
from mailer.message.slots import Slot, choose_pieces, split_body
from mailer.model.editions import EditionBody, SendDay

_AS_MAIL = 'role="article" aria-roledescription="email" aria-label'
_AS_PAGE = 'role="main" aria-label'
"""Replaces ``role="article"``: a mail is one article among others in a mail program, but a web page
needs a main landmark."""

ADDRESS_PLACEHOLDER = "…"
"""The text printed in place of an address."""


def render_page(body: EditionBody, stories: int, site: str, send_day: SendDay | None = None) -> str:
    """Render the HTML of these stories for any reader. Links to a person's own pages lead to the
    sign-up and the archive of `site` instead."""
    body = fill_send_day(body, send_day)
    page_html = _render_impersonal(body.html, body.marker, stories, site.rstrip("/"), is_html=True)
    return page_html.replace(_AS_MAIL, _AS_PAGE, 1)


def render_heading(body: EditionBody, send_day: SendDay | None = None) -> str:
    """Render the subject with all stories of the body, on one line."""
    body = fill_send_day(body, send_day)
    return clean_header_text(_render_impersonal(body.subject, body.marker, body.stories))


def render_plain_text(body: EditionBody) -> str:
    """Render the text part with all stories of the body, without any personal link."""
    return _render_impersonal(fill_send_day(body, None).text, body.marker, body.stories)


def _render_impersonal(
    text: str, marker: str, stories: int, site: str = "", *, is_html: bool = False
) -> str:
    parts: list[str] = []
    for content, argument in choose_pieces(tuple(split_body(text, marker)), stories, is_web=True):
        if isinstance(content, Slot):
            neutral_value = _get_neutral_value(content, argument, site)
            parts.append(html.escape(neutral_value) if is_html else neutral_value)
        else:
            parts.append(content)
    return "".join(parts)


def _get_neutral_value(slot: Slot, argument: str, site: str) -> str:
    match slot:
        case Slot.NAME:
            return argument
        case Slot.FIELD:
            return get_default(argument)
        case Slot.ADDRESS:
            return ADDRESS_PLACEHOLDER
        case Slot.DAY:
            return ""
        case Slot.COUNTED_LINK:  # only the links of mails are counted
            return parse_counted_link(argument).url
        case Slot.VIEW:
            return site and f"{site}/archive"
        case _:  # every link by which a person manages their own mails
            return site and f"{site}/subscribe"
