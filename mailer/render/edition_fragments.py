"""The mail of an edition as a part of something else: of a notice, or of a page for approvers.

The styles of a composed mail stand in its elements, so its body looks the same in another document
as in a mail program on a large screen. The rules for phones and dark mode stand in its head.
"""

import re

_MAIL_START = '<div role="article"'
_AS_MAIL = 'role="article" aria-roledescription="email"'
_AS_PART = 'role="group"'
"""Replaces the role: a mail is one article among others in a mail program."""

_BODY = re.compile(r"<body\b[^>]*>(.*)</body>", re.IGNORECASE | re.DOTALL)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_ANCHOR = re.compile(r'\b(id|name|href)="(#?)story-([a-z0-9-]+)"')


def extract_fragment(html: str, language: str) -> str:
    """Return the body of a composed mail. Its anchors end in `language`, since a document may hold
    the mails of several languages."""
    body = _BODY.search(html)
    content = body[1] if body else html
    start = content.find(_MAIL_START)  # after the preheader, which only inboxes show
    fragment = content[max(start, 0) :].strip()
    fragment = fragment.replace(_AS_MAIL, _AS_PART, 1)
    return _ANCHOR.sub(
        lambda match: f'{match[1]}="{match[2]}story-{match[3]}-{language.lower()}"', fragment
    )


def extract_styles(html: str) -> str:
    """Return the style sheets of a composed mail, without the conditional ones of Outlook."""
    head = re.sub(r"<!--.*?-->", "", html.partition("<body")[0], flags=re.DOTALL)
    return "\n".join(_STYLE.findall(head))
