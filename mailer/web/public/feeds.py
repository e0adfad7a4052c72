"""Feeds and the sitemap of the archive, as XML: Atom (RFC 4287), RSS 2.0, and the sitemaps.org
protocol 0.9 with the editions' languages.

All addresses are whole; text that XML has no room for, such as control characters, is left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from lxml import etree

from mailer import languages
from mailer.archive import Entry, Version
from mailer.audience.lists import MailingList
from mailer.config import Settings
from mailer.press import Sheet
from mailer.web.public.newsjson import page_url

ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"
ATOM_TYPE = "application/atom+xml"
RSS_TYPE = "application/rss+xml"

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no Char of XML 1.0 (§2.2)."""


class Addresses:
    """The whole addresses of the archive's pages at `site`."""

    def __init__(self, site: str) -> None:
        self.site = site.rstrip("/")

    def of_list(self, slug: str) -> str:
        return f"{self.site}/archive/{quote(slug)}"

    def of_entry(self, entry: Entry, language: str = "") -> str:
        address = f"{self.of_list(entry.list)}/{quote(entry.uid)}"
        return f"{address}?lang={quote(language)}" if language else address


def atom(
    list_: MailingList,
    entries: Sequence[Entry],
    *,
    language: str,
    author: str,
    addresses: Addresses,
    corrected: str,
) -> bytes:
    """The newest editions of a list, each in the best of its languages for `language`. `corrected`
    says that a story was, with a place for `what` has changed."""
    own = f"{addresses.of_list(list_.slug)}/atom.xml?lang={language}"
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    _add(feed, "id", addresses.of_list(list_.slug), ATOM)
    _add(feed, "title", list_.name, ATOM)
    if list_.description:
        _add(feed, "subtitle", list_.description, ATOM)
    _add(feed, "updated", _rfc3339(_updated(list_, entries)), ATOM)
    _add(_add(feed, "author", "", ATOM), "name", author, ATOM)
    _add(feed, "link", "", ATOM, rel="self", type=ATOM_TYPE, href=own)
    here = addresses.of_list(list_.slug)
    _add(feed, "link", "", ATOM, rel="alternate", type="text/html", href=here)
    for one in entries:
        version = one.version(language)
        entry = _add(feed, "entry", "", ATOM)
        if version.language != language:
            entry.set("{http://www.w3.org/XML/1998/namespace}lang", version.language)
        _add(entry, "id", addresses.of_entry(one), ATOM)
        _add(entry, "title", version.subject, ATOM)
        _add(entry, "updated", _rfc3339(one.updated_at), ATOM)
        _add(entry, "published", _rfc3339(one.sent_at), ATOM)
        for tag in one.languages:
            chosen = "alternate" if tag == version.language else "related"
            to = addresses.of_entry(one, tag)
            _add(entry, "link", "", ATOM, rel=chosen, type="text/html", hreflang=tag, href=to)
        _add(entry, "summary", _summary(one, version, corrected), ATOM)
    return _written(feed)


def press_atom(
    sheets: Sequence[Sheet], *, language: str, settings: Settings, corrected: str
) -> bytes:
    """The newest releases, each in the best of its languages for `language`. `corrected` as for
    :func:`atom`."""
    site = settings.web.base_url.rstrip("/")
    author = settings.organisation.name
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    _add(feed, "id", f"{site}/press", ATOM)
    _add(feed, "title", author, ATOM)
    newest = max((one.updated_at for one in sheets), default=datetime(2000, 1, 1, tzinfo=UTC))
    _add(feed, "updated", _rfc3339(newest), ATOM)
    _add(_add(feed, "author", "", ATOM), "name", author, ATOM)
    own = f"{site}/press/atom.xml?lang={language}"
    _add(feed, "link", "", ATOM, rel="self", type=ATOM_TYPE, href=own)
    _add(feed, "link", "", ATOM, rel="alternate", type="text/html", href=f"{site}/press")
    for one in sheets:
        page = one.page(language)
        entry = _add(feed, "entry", "", ATOM)
        if page.language != language:
            entry.set("{http://www.w3.org/XML/1998/namespace}lang", page.language)
        _add(entry, "id", page_url(settings, one.slug), ATOM)
        _add(entry, "title", page.title, ATOM)
        _add(entry, "updated", _rfc3339(one.updated_at), ATOM)
        _add(entry, "published", _rfc3339(one.opened_at), ATOM)
        for tag in one.languages:
            chosen = "alternate" if tag == page.language else "related"
            to = page_url(settings, one.slug, tag)
            _add(entry, "link", "", ATOM, rel=chosen, type="text/html", hreflang=tag, href=to)
        for name in page.topics:
            _add(entry, "category", "", ATOM, term=name)
        said = _said([each.what for each in one.corrections], page.language, corrected)
        if summary := "\n".join(filter(None, [*said, page.summary])):
            _add(entry, "summary", summary, ATOM)
        _add(entry, "content", page.html, ATOM, type="html")
    return _written(feed)


def rss(
    list_: MailingList,
    entries: Sequence[Entry],
    *,
    language: str,
    addresses: Addresses,
    corrected: str,
) -> bytes:
    """The same for readers that know no Atom."""
    own = f"{addresses.of_list(list_.slug)}/rss.xml?lang={language}"
    root = etree.Element("rss", version="2.0", nsmap={"atom": ATOM})
    channel = _add(root, "channel")
    _add(channel, "title", list_.name)
    _add(channel, "link", addresses.of_list(list_.slug))
    _add(channel, "description", list_.description or list_.name)
    _add(channel, "language", language)
    _add(channel, "lastBuildDate", _rfc822(_updated(list_, entries)))
    _add(channel, "link", "", ATOM, rel="self", type=RSS_TYPE, href=own)
    for one in entries:
        version = one.version(language)
        item = _add(channel, "item")
        _add(item, "title", version.subject)
        _add(item, "link", addresses.of_entry(one, version.language))
        _add(item, "guid", addresses.of_entry(one), isPermaLink="true")
        _add(item, "pubDate", _rfc822(one.sent_at))
        _add(item, "description", _summary(one, version, corrected))
    return _written(root)


def sitemap(paths: Iterable[str], entries: Iterable[Entry], addresses: Addresses) -> bytes:
    """The pages at `paths`, and every edition of the archive with its languages."""
    root = etree.Element(f"{{{SITEMAP}}}urlset", nsmap={None: SITEMAP, "xhtml": XHTML})
    for path in paths:
        _add(_add(root, "url", "", SITEMAP), "loc", addresses.site + path, SITEMAP)
    for one in entries:
        url = _add(root, "url", "", SITEMAP)
        _add(url, "loc", addresses.of_entry(one), SITEMAP)
        _add(url, "lastmod", _rfc3339(one.sent_at), SITEMAP)
        for tag in one.languages if len(one.languages) > 1 else ():
            to = addresses.of_entry(one, tag)
            _add(url, "link", "", XHTML, rel="alternate", hreflang=tag, href=to)
    return _written(root)


def _add(
    parent: etree._Element, name: str, text: str = "", space: str = "", **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, f"{{{space}}}{name}" if space else name)
    for key, value in attributes.items():
        child.set(key, _NO_XML.sub("", value))
    if text:
        child.text = _NO_XML.sub("", text)
    return child


def _updated(list_: MailingList, entries: Sequence[Entry]) -> datetime:
    """When the newest was sent or one was corrected. What else staff do about others is nobody's
    business out there."""
    return max((one.updated_at for one in entries), default=list_.created_at)


def _summary(entry: Entry, version: Version, corrected: str) -> str:
    """What it is about, as plain text: what was corrected since, the summary of its first story,
    and the titles of more."""
    rest = version.titles[1:] if version.summary else version.titles
    said = "\n".join(filter(None, (version.summary, *rest))) or version.subject
    changes = _said([one.what for one in entry.corrections], version.language, corrected)
    return "\n".join([*changes, said])


def _said(changes: Sequence[Mapping[str, str]], language: str, corrected: str) -> list[str]:
    return [corrected % {"what": languages.told(what, language)[0]} for what in changes]


def _written(root: etree._Element) -> bytes:
    written: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC))
