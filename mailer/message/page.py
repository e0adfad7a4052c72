"""A body as a page of the web, for nobody in particular.

What a page is made from has no recipient, and not the key that signs links: there is nothing
personal that could get into it. Personal fields that stand outside the parts for mails get
something neutral in their place.
"""

import html

from mailer.editions import Body
from mailer.message.headers import header_text
from mailer.message.slots import Slot, choose, cut

_AS_MAIL = 'role="article" aria-roledescription="email" aria-label'
_AS_PAGE = 'role="main" aria-label'
"""A mail is an article among what a mail program shows; a page needs one main landmark."""

NOBODY = "…"
"""What is printed for an address."""


def page(body: Body, stories: int, site: str) -> str:
    """The HTML that somebody with these stories would get, as anybody may read it: links to what
    is a person's own lead to the sign-up and the archive of `site`."""
    shown = _impersonal(body.html, body.marker, stories, site.rstrip("/"), is_html=True)
    return shown.replace(_AS_MAIL, _AS_PAGE, 1)


def heading(body: Body) -> str:
    """The subject that somebody with all its stories would get, on one line."""
    return header_text(_impersonal(body.subject, body.marker, body.stories))


def reading(body: Body) -> str:
    """The text part with all its stories, as anybody may read it, without any links of its
    reader's own."""
    return _impersonal(body.text, body.marker, body.stories)


def _impersonal(
    text: str, marker: str, stories: int, site: str = "", *, is_html: bool = False
) -> str:
    out: list[str] = []
    for what, argument in choose(tuple(cut(text, marker)), stories, web=True):
        if isinstance(what, Slot):
            said = _neutral(what, argument, site)
            out.append(html.escape(said) if is_html else said)
        else:
            out.append(what)
    return "".join(out)


def _neutral(slot: Slot, argument: str, site: str) -> str:
    match slot:
        case Slot.NAME:
            return argument
        case Slot.ADDRESS:
            return NOBODY
        case Slot.VIEW:
            return site and f"{site}/archive"
        case _:  # whatever a person does about their own mails
            return site and f"{site}/subscribe"
