"""A mail's HTML -> the copy that the inbox shows in a frame, and what the mail links to.

The copy is not cleaned: the frame's sandbox and its Content-Security-Policy keep scripts, forms
and the network out, and what is shown should be what was sent. Three things are changed: pictures
that lie in the media folder are taken from there, links open nowhere, and `<link>` is dropped
(no directive of a Content-Security-Policy covers a preconnect)."""

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
"""The framed copy's Content-Security-Policy. `sandbox` holds too when it is opened by itself."""

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
_REMOTE = re.compile(
    r"""(?P<before>\b(?:src|srcset|background|poster)\s*=\s*["']?"""
    r"""|url\(\s*(?:["']|&quot;|&\#39;)?)"""
    r"""(?P<url>https?://(?:(?!&quot;|&\#39;)[^\s"'<>)])+)""",
    re.IGNORECASE | re.VERBOSE,
)
_LINK_TAG = re.compile(rf"<link\b{_INSIDE_TAG}>", re.IGNORECASE)
_ANCHOR = re.compile(rf"<a\b(?={_INSIDE_TAG}\bhref\s*=\s*[\"']?#)", re.IGNORECASE)
_HEAD = re.compile(rf"<head\b{_INSIDE_TAG}>", re.IGNORECASE)
_START = re.compile(rf"\s*(?:<!doctype{_INSIDE_TAG}>)?\s*(?:<html\b{_INSIDE_TAG}>)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Framed:
    """The copy, and the addresses of pictures that it will not show."""

    html: str
    blocked: tuple[str, ...]


def pictures_in(media: Path | None) -> frozenset[str]:
    """Names of the pictures in the media folder: plain files only, no links, nothing hidden."""
    if media is None or not media.is_dir():
        return frozenset()
    return frozenset(
        one.name
        for one in media.iterdir()
        if one.suffix.lower() in PICTURES
        and not one.name.startswith(".")
        and one.is_file()
        and not one.is_symlink()
    )


def frame(document: str, pictures: frozenset[str]) -> Framed:
    """`document` for the frame. A remote picture whose file name is in `pictures` becomes
    ``/media/NAME``; other ones stay as they are, and the policy keeps them out."""
    blocked: dict[str, None] = {}

    def local(found: re.Match[str]) -> str:
        url = html.unescape(found["url"])
        name = _name(url)
        if name in pictures:
            return f"{found['before']}/media/{quote(name)}"
        blocked[url] = None
        return found[0]

    copy = _REMOTE.sub(local, _LINK_TAG.sub("", document))
    copy = _ANCHOR.sub('<a target="_self"', copy)
    # A link that asks for a new window does nothing in a sandbox without allow-popups: a click
    # neither unsubscribes a reader nor replaces the message with an error.
    head = _HEAD.search(copy) or _START.match(copy)
    at = head.end() if head else 0
    return Framed(f'{copy[:at]}<base target="_blank">{copy[at:]}', tuple(blocked))


def _name(url: str) -> str:
    try:
        return unquote(PurePosixPath(urlsplit(url).path).name)
    except ValueError:  # http://[
        return ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads and the words that it stands on."""

    url: str
    words: str


def links(document: str) -> tuple[Link, ...]:
    """The web and mail links of `document`, in order, each once."""
    parser = _Links()
    parser.feed(document)
    parser.close()
    return tuple(dict.fromkeys(parser.found))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Link] = []
        self._url = ""
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._url = given.get("href", "").strip()
            self._words = []
        elif tag == "img" and self._url:
            self._words.append(given.get("alt", ""))

    def handle_data(self, data: str) -> None:
        if self._url:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url:
            if self._url.lower().startswith(("https://", "http://", "mailto:")):
                self.found.append(Link(self._url, " ".join("".join(self._words).split())))
            self._url = ""
