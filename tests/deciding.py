"""Deciding as a member of staff does: with the link in the mail that the office has sent."""

import re
from email.message import EmailMessage

_LINK = re.compile(r"https?://[^/\s]+(/[dk]/[\w.-]+)")


def find_decision_path(mail: EmailMessage) -> str:
    """Return the path of the link by which the recipient of a notice decides, or "" if there is
    none. Both parts of the mail must have the same one."""
    paths = []
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        match = _LINK.search(part.get_content())
        paths.append(match[1] if match else "")
    text_path, html_path = paths
    assert text_path == html_path
    return text_path
