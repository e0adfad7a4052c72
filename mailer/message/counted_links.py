"""Links whose clicks are counted, by story and edition, and never by reader.

A body is frozen with a slot for each link. The slot's argument holds the link's number in this
body, its story and its target, so the hash of an approval covers all three. In a mail, the slot
becomes an address of the office's own pages, the same for every reader: its token names the
edition, the language and the number. In all other places (the archive, pages, test mails) it
becomes the target itself. A target may hold slots for the day of sending, which link tags print.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mailer.message.slots import (
    READING_PLACE_CONDITIONS,
    BitCondition,
    Slot,
    convert_pieces,
    create_slot,
    fill_slots,
    list_arguments,
)
from mailer.model.editions import EditionBody

_ANCHOR = re.compile(
    r'(<a\b[^<>]*?\bhref=")(https?://[^"<>\s]+)("[^<>]*>)((?:\s|<(?!/?a\b)[^<>]*>)*[^<]*)',
    re.IGNORECASE,
)
_URL_LINE = re.compile(r"^([ \t]*)(https?://\S+)([ \t]*)$", re.MULTILINE)
_TAG = re.compile(r"<[^<>]*>")
_LOOKS_LIKE_URL = re.compile(
    r"https?://|www\.|(?:[\w-]+\.)+[a-z]{2,}(?::[0-9]+)?(?:[/?#]\S*)?$", re.IGNORECASE
)


class CountedLink(NamedTuple):
    """A link whose clicks are counted: its number in its body, its story's slug, and its target."""

    number: int
    story: str
    url: str

    def format_argument(self) -> str:
        """Return the argument of the link's slot."""
        return f"{self.number}|{self.story}|{self.url}"


def parse_counted_link(argument: str) -> CountedLink:
    """Return the link that a slot's argument describes."""
    number, story, url = argument.split("|", 2)
    return CountedLink(int(number), story, url)


def list_counted_links(body: EditionBody) -> dict[int, CountedLink]:
    """Return the counted links of a frozen body, by number."""
    links = (
        parse_counted_link(argument)
        for text in (body.html, body.text)
        for argument in list_arguments(text, body.marker, Slot.COUNTED_LINK)
    )
    return {link.number: link for link in links}


def wrap_links(body: EditionBody, slugs_by_bits: Mapping[int, str]) -> EditionBody:
    """Return a body whose links to web addresses are counted, if they stand in a part of one story.
    `slugs_by_bits` has the story of each bit.

    Links of the frame (unsubscribe, preferences, browser, the office's sites) stay as they are, and
    so does a link whose text is an address: mail programs warn of a link that leads elsewhere than
    its text says."""
    numbers: dict[tuple[str, str], int] = {}

    def create_link_slot(story: str, url: str) -> str:
        number = numbers.setdefault((story, url), len(numbers) + 1)
        argument = CountedLink(number, story, url).format_argument()
        return create_slot(body.marker, Slot.COUNTED_LINK, argument)

    def holds_other_slots(url: str) -> bool:
        """Check for slots that make an address one reader's own. The day is the same for all."""
        return body.marker in fill_slots(url, body.marker, Slot.DAY, lambda _: "")

    def wrap_html(story: str, piece: str) -> str:
        def wrap_anchor(match: re.Match[str]) -> str:
            opening, url, rest, text = match.groups()
            visible_text = html.unescape(_TAG.sub("", text)).strip()
            if _LOOKS_LIKE_URL.match(visible_text) or holds_other_slots(url):
                return match[0]
            return opening + create_link_slot(story, html.unescape(url)) + rest + text

        return _ANCHOR.sub(wrap_anchor, piece)

    def wrap_text(story: str, piece: str) -> str:
        def wrap_line(match: re.Match[str]) -> str:
            before, url, after = match.groups()
            if holds_other_slots(url):
                return match[0]
            return before + create_link_slot(story, url) + after

        return _URL_LINE.sub(wrap_line, piece)

    def convert(text: str, wrap: Callable[[str, str], str]) -> str:
        def wrap_piece(conditions: tuple[BitCondition, ...], piece: str) -> str:
            story = _find_story(conditions, slugs_by_bits)
            return wrap(story, piece) if story else piece

        return convert_pieces(text, body.marker, wrap_piece)

    return replace(body, html=convert(body.html, wrap_html), text=convert(body.text, wrap_text))


def _find_story(conditions: tuple[BitCondition, ...], slugs_by_bits: Mapping[int, str]) -> str:
    """Return the story to which a part belongs: that of its innermost condition on one story; or an
    empty string."""
    for condition, bits in reversed(conditions):
        if condition not in READING_PLACE_CONDITIONS and bits in slugs_by_bits:
            return slugs_by_bits[bits]
    return ""
