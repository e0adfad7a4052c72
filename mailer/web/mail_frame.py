"""Prepare a mail's HTML to be shown in a frame without network, and list its links.

The copy is not sanitised, since it should look like the mail that was sent. The frame's sandbox and
Content-Security-Policy block scripts, forms and the network. Three changes are made: pictures in
the media folder are loaded from there, links do nothing, and `<link>` elements are removed, because
a Content-Security-Policy cannot block a preconnect."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox"
)
"""The framed copy's Content-Security-Policy. `sandbox` applies even if the copy is opened
directly."""

PICTURES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}

_INSIDE_TAG = r"""(?:"[^"]*"|'[^']*'|[^'">])*"""
_REMOTE_URL = re.compile(
    r"""(?P<before>\b(?:src|srcset|background|poster)\s*=\s*["']?"""
    r"""|url\(\s*(?:["']|&quot;|&\#39;)?)"""
    r"""(?P<url>https?://(?:(?!&quot;|&\#39;)[^\s"'<>)])+)""",
    re.IGNORECASE | re.VERBOSE,
)
_LINK_TAG = re.compile(rf"<link\b{_INSIDE_TAG}>", re.IGNORECASE)
_ANCHOR = re.compile(rf"<a\b(?={_INSIDE_TAG}\bhref\s*=\s*[\"']?#)", re.IGNORECASE)
_HEAD = re.compile(rf"<head\b{_INSIDE_TAG}>", re.IGNORECASE)
_DOCUMENT_START = re.compile(
    rf"\s*(?:<!doctype{_INSIDE_TAG}>)?\s*(?:<html\b{_INSIDE_TAG}>)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class FramedMail:
    """The copy of a mail, and the addresses of the pictures that the copy does not show."""

    html: str
    blocked_urls: tuple[str, ...]


def list_pictures(media: Path | None) -> frozenset[str]:
    """Return the names of the pictures in the media folder, without symbolic links and hidden
    files."""
    if media is None or not media.is_dir():
        return frozenset()
    return frozenset(
        file.name
        for file in media.iterdir()
        if file.suffix.lower() in PICTURES
        and not file.name.startswith(".")
        and file.is_file()
        and not file.is_symlink()
    )


def prepare_mail_frame(document: str, pictures: frozenset[str]) -> FramedMail:
    """Return `document` for the frame. A remote picture whose file name is in `pictures` becomes
    ``/media/NAME``; the policy blocks all others."""
    blocked_urls: dict[str, None] = {}

    def replace_url(match: re.Match[str]) -> str:
        url = html.unescape(match["url"])
        name = _extract_file_name(url)
        if name in pictures:
            return f"{match['before']}/media/{quote(name)}"
        blocked_urls[url] = None
        return match[0]

    framed_html = _REMOTE_URL.sub(replace_url, _LINK_TAG.sub("", document))
    framed_html = _ANCHOR.sub('<a target="_self"', framed_html)
    # In a sandbox without allow-popups, a link that opens a new window does nothing. So a click
    # neither unsubscribes a reader nor replaces the message with an error.
    head = _HEAD.search(framed_html) or _DOCUMENT_START.match(framed_html)
    head_end = head.end() if head else 0
    return FramedMail(
        f'{framed_html[:head_end]}<base target="_blank">{framed_html[head_end:]}',
        tuple(blocked_urls),
    )


def _extract_file_name(url: str) -> str:
    try:
        return unquote(PurePosixPath(urlsplit(url).path).name)
    except ValueError:  # http://[
        return ""


@dataclass(frozen=True, slots=True)
class MailLink:
    """A link's address and text."""

    url: str
    words: str


def extract_links(document: str) -> tuple[MailLink, ...]:
    """Return the web and mail links of `document` in order, without repetitions."""
    parser = _LinkParser()
    parser.feed(document)
    parser.close()
    return tuple(dict.fromkeys(parser.links))


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[MailLink] = []
        self._url = ""
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._url = attributes.get("href", "").strip()
            self._words = []
        elif tag == "img" and self._url:
            self._words.append(attributes.get("alt", ""))

    def handle_data(self, data: str) -> None:
        if self._url:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url:
            if self._url.lower().startswith(("https://", "http://", "mailto:", "tel:")):
                self.links.append(MailLink(self._url, " ".join("".join(self._words).split())))
            self._url = ""
