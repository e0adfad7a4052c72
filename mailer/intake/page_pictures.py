"""Fetch the pictures of an imported page, so that the office's own site shows them.

A picture that can't be fetched, or that a mail can't show, stays at its address.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from lxml import html as lxml_html

from mailer.errors import FetchError, InputError
from mailer.intake.draft_pictures import replace_addresses
from mailer.intake.drafts import Draft
from mailer.intake.omissions import OmissionReport
from mailer.intake.picture_files import LocalPicture, build_picture
from mailer.lines import CONTROL_CHARACTERS

MAX_PICTURES = 20
"""Maximum number of pictures that are fetched for one article."""

MAX_SECONDS = 60.0
"""Seconds after which no further picture is fetched."""

ACCEPT = "image/jpeg, image/png, image/webp;q=0.9, image/gif;q=0.8"


def fetch_pictures(draft: Draft, fetch: Callable[[str], bytes]) -> Draft:
    """Return the draft with its pictures as assets. `fetch` returns the content at an address, and
    raises FetchError."""
    pictures: dict[str, LocalPicture] = {}
    report = OmissionReport()
    report.add_omissions(draft.omissions)
    deadline = time.monotonic() + MAX_SECONDS
    for number, address in enumerate(_list_addresses(draft)):
        try:
            if number >= MAX_PICTURES or time.monotonic() > deadline:
                raise FetchError("there are too many pictures, or they come too slowly")
            pictures[address] = build_picture(fetch(address), _extract_name(address), address)
        except (FetchError, InputError):
            report.add_omission("nothing, but a picture stays on its own site", address)
    references = {address: picture.reference for address, picture in pictures.items()}
    draft = replace(draft, omissions=report.list_omissions())
    return replace_addresses(draft, references, pictures.values())


def _list_addresses(draft: Draft) -> list[str]:
    content = draft.content
    addresses = [content.image.url] if content.image else []
    if "<img" in content.html:
        root = lxml_html.fragment_fromstring(content.html, create_parent="div")
        addresses += root.xpath("//img/@src")
    return list(dict.fromkeys(map(str, addresses)))


def _extract_name(address: str) -> str:
    """Return the file's name in an address."""
    name = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    return " ".join(CONTROL_CHARACTERS.sub(" ", name).split()) or "picture"
