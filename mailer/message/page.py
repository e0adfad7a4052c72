"""A body as a page of the web, for nobody in particular.

What a page is made from has no recipient, and not the key that signs links: there is nothing
personal that could get into it. Personal fields that stand outside the parts for mails get
something neutral in their place.
"""

import html

from mailer.message.headers import clean_header_text
from mailer.message.slots import Slot, choose_pieces, split_body
from mailer.model.editions import EditionBody

_AS_MAIL = 'role="article" aria-roledescription="email" aria-label'
_AS_PAGE = 'role="main" aria-label'
"""A mail is an article among what a mail program shows; a page needs one main landmark."""

ADDRESS_PLACEHOLDER = "…"
"""What is printed for an address."""


def render_page(body: EditionBody, stories: int, site: str) -> str:
    """The HTML that somebody with these stories would get, as anybody may read it: links to what
    is a person's own lead to the sign-up and the archive of `site`."""
    page_html = _render_impersonal(body.html, body.marker, stories, site.rstrip("/"), is_html=True)
    return page_html.replace(_AS_MAIL, _AS_PAGE, 1)


def render_heading(body: EditionBody) -> str:
    """The subject that somebody with all its stories would get, on one line."""
    return clean_header_text(_render_impersonal(body.subject, body.marker, body.stories))


def render_plain_text(body: EditionBody) -> str:
    """The text part with all its stories, as anybody may read it, without any links of its
    reader's own."""
    return _render_impersonal(body.text, body.marker, body.stories)


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
        case Slot.ADDRESS:
            return ADDRESS_PLACEHOLDER
        case Slot.VIEW:
            return site and f"{site}/archive"
        case _:  # whatever a person does about their own mails
            return site and f"{site}/subscribe"
