"""Feeds and the sitemap of the archive, as XML: Atom (RFC 4287), RSS 2.0, and the sitemaps.org
protocol 0.9 with the editions' languages.

All addresses are absolute. Characters that XML forbids, such as control characters, are left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from lxml import etree

from mailer import languages
from mailer.assets import resolve_html
from mailer.config import Settings
from mailer.model.archive import ArchivedVersion, ArchiveEntry
from mailer.model.lists import MailingList
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.render import prose, translations
from mailer.web.public.releases.structured_data import build_page_url

ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"
ATOM_TYPE = "application/atom+xml"
RSS_TYPE = "application/rss+xml"

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Matches a character that XML 1.0 forbids (§2.2)."""


class ArchiveAddresses:
    """The absolute addresses of the archive's pages at `site`."""

    def __init__(self, site: str) -> None:
        self.site = site.rstrip("/")

    def build_list_url(self, slug: str) -> str:
        return f"{self.site}/archive/{quote(slug)}"

    def build_entry_url(self, entry: ArchiveEntry, language: str = "") -> str:
        address = f"{self.build_list_url(entry.list)}/{quote(entry.uid)}"
        return f"{address}?lang={quote(language)}" if language else address


def build_atom_feed(
    mailing_list: MailingList,
    entries: Sequence[ArchiveEntry],
    *,
    language: str,
    author: str,
    addresses: ArchiveAddresses,
    correction_pattern: str,
) -> bytes:
    """Return the newest editions of a list, each in its best language for readers of `language`.
    `correction_pattern` (``Corrected: %(what)s``) announces a correction."""
    feed_url = f"{addresses.build_list_url(mailing_list.slug)}/atom.xml?lang={language}"
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    _add_element(feed, "id", addresses.build_list_url(mailing_list.slug), ATOM)
    _add_element(feed, "title", mailing_list.name, ATOM)
    if mailing_list.description:
        _add_element(feed, "subtitle", mailing_list.description, ATOM)
    _add_element(feed, "updated", _format_rfc3339(_find_last_update(mailing_list, entries)), ATOM)
    _add_element(_add_element(feed, "author", "", ATOM), "name", author, ATOM)
    _add_element(feed, "link", "", ATOM, rel="self", type=ATOM_TYPE, href=feed_url)
    list_url = addresses.build_list_url(mailing_list.slug)
    _add_element(feed, "link", "", ATOM, rel="alternate", type="text/html", href=list_url)
    for entry in entries:
        version = entry.choose_version(language)
        entry_element = _add_element(feed, "entry", "", ATOM)
        if version.language != language:
            entry_element.set("{http://www.w3.org/XML/1998/namespace}lang", version.language)
        _add_element(entry_element, "id", addresses.build_entry_url(entry), ATOM)
        _add_element(entry_element, "title", version.subject, ATOM)
        _add_element(entry_element, "updated", _format_rfc3339(entry.updated_at), ATOM)
        _add_element(entry_element, "published", _format_rfc3339(entry.sent_at), ATOM)
        for tag in entry.languages:
            relation = "alternate" if tag == version.language else "related"
            entry_url = addresses.build_entry_url(entry, tag)
            _add_element(
                entry_element,
                "link",
                "",
                ATOM,
                rel=relation,
                type="text/html",
                hreflang=tag,
                href=entry_url,
            )
        summary = _build_summary(entry, version, correction_pattern)
        _add_element(entry_element, "summary", summary, ATOM)
    return _serialise_xml(feed)


def build_press_atom_feed(
    releases: Sequence[ReleasePage], *, language: str, settings: Settings, correction_pattern: str
) -> bytes:
    """Return the newest releases, each in its best language for readers of `language`.
    `correction_pattern` is the same as for :func:`build_atom_feed`."""
    site = settings.web.base_url.rstrip("/")
    author = settings.organisation.name
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    _add_element(feed, "id", f"{site}/press", ATOM)
    _add_element(feed, "title", author, ATOM)
    newest_update = max(
        (release.updated_at for release in releases),
        default=datetime(2000, 1, 1, tzinfo=UTC),
    )
    _add_element(feed, "updated", _format_rfc3339(newest_update), ATOM)
    _add_element(_add_element(feed, "author", "", ATOM), "name", author, ATOM)
    feed_url = f"{site}/press/atom.xml?lang={language}"
    _add_element(feed, "link", "", ATOM, rel="self", type=ATOM_TYPE, href=feed_url)
    _add_element(feed, "link", "", ATOM, rel="alternate", type="text/html", href=f"{site}/press")
    for release in releases:
        page = release.choose_translation(language)
        entry_element = _add_element(feed, "entry", "", ATOM)
        if page.language != language:
            entry_element.set("{http://www.w3.org/XML/1998/namespace}lang", page.language)
        _add_element(entry_element, "id", build_page_url(settings, release.slug), ATOM)
        _add_element(entry_element, "title", page.title, ATOM)
        _add_element(entry_element, "updated", _format_rfc3339(release.updated_at), ATOM)
        _add_element(entry_element, "published", _format_rfc3339(release.opened_at), ATOM)
        for tag in release.languages:
            relation = "alternate" if tag == page.language else "related"
            page_address = build_page_url(settings, release.slug, tag)
            _add_element(
                entry_element,
                "link",
                "",
                ATOM,
                rel=relation,
                type="text/html",
                hreflang=tag,
                href=page_address,
            )
        for name in page.topics:
            _add_element(entry_element, "category", "", ATOM, term=name)
        changes = [correction.descriptions for correction in release.corrections]
        correction_lines = _format_corrections(changes, page.language, correction_pattern)
        if summary := "\n".join(filter(None, [*correction_lines, page.summary])):
            _add_element(entry_element, "summary", summary, ATOM)
        _add_element(entry_element, "content", _build_content(page, settings), ATOM, type="html")
    return _serialise_xml(feed)


def _build_content(page: PageTranslation, settings: Settings) -> str:
    """Return a release's text as its page shows it, with the dateline."""
    tag = translations.choose_frame_language(page.language, settings.template_path) or "en"
    gettext = translations.load_translations(tag, settings.template_path).gettext
    return prose.prepare_prose(
        resolve_html(page.html, settings.web.base_url),
        direction=languages.get_direction(page.language),
        run_in=prose.build_run_in(page.dateline, gettext),
    )


def build_rss_feed(
    mailing_list: MailingList,
    entries: Sequence[ArchiveEntry],
    *,
    language: str,
    addresses: ArchiveAddresses,
    correction_pattern: str,
) -> bytes:
    """Return the same feed as RSS, for programs that do not read Atom."""
    feed_url = f"{addresses.build_list_url(mailing_list.slug)}/rss.xml?lang={language}"
    root = etree.Element("rss", version="2.0", nsmap={"atom": ATOM})
    channel = _add_element(root, "channel")
    _add_element(channel, "title", mailing_list.name)
    _add_element(channel, "link", addresses.build_list_url(mailing_list.slug))
    _add_element(channel, "description", mailing_list.description or mailing_list.name)
    _add_element(channel, "language", language)
    _add_element(channel, "lastBuildDate", _format_rfc822(_find_last_update(mailing_list, entries)))
    _add_element(channel, "link", "", ATOM, rel="self", type=RSS_TYPE, href=feed_url)
    for entry in entries:
        version = entry.choose_version(language)
        item = _add_element(channel, "item")
        _add_element(item, "title", version.subject)
        _add_element(item, "link", addresses.build_entry_url(entry, version.language))
        _add_element(item, "guid", addresses.build_entry_url(entry), isPermaLink="true")
        _add_element(item, "pubDate", _format_rfc822(entry.sent_at))
        _add_element(item, "description", _build_summary(entry, version, correction_pattern))
    return _serialise_xml(root)


def build_sitemap(
    paths: Iterable[str], entries: Iterable[ArchiveEntry], addresses: ArchiveAddresses
) -> bytes:
    """Return the pages at `paths`, and every edition of the archive with its languages."""
    root = etree.Element(f"{{{SITEMAP}}}urlset", nsmap={None: SITEMAP, "xhtml": XHTML})
    for path in paths:
        _add_element(_add_element(root, "url", "", SITEMAP), "loc", addresses.site + path, SITEMAP)
    for entry in entries:
        url_element = _add_element(root, "url", "", SITEMAP)
        _add_element(url_element, "loc", addresses.build_entry_url(entry), SITEMAP)
        _add_element(url_element, "lastmod", _format_rfc3339(entry.sent_at), SITEMAP)
        for tag in entry.languages if len(entry.languages) > 1 else ():
            entry_url = addresses.build_entry_url(entry, tag)
            _add_element(
                url_element, "link", "", XHTML, rel="alternate", hreflang=tag, href=entry_url
            )
    return _serialise_xml(root)


def _add_element(
    parent: etree._Element, name: str, text: str = "", namespace: str = "", **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, f"{{{namespace}}}{name}" if namespace else name)
    for key, value in attributes.items():
        child.set(key, _NO_XML.sub("", value))
    if text:
        child.text = _NO_XML.sub("", text)
    return child


def _find_last_update(mailing_list: MailingList, entries: Sequence[ArchiveEntry]) -> datetime:
    """Return when the newest edition was sent or an edition was last corrected, whichever is later.
    Other changes by staff are not public."""
    return max((entry.updated_at for entry in entries), default=mailing_list.created_at)


def _build_summary(entry: ArchiveEntry, version: ArchivedVersion, correction_pattern: str) -> str:
    """Return an edition's summary as plain text: its corrections, the summary of its first story,
    and the titles of its other stories."""
    other_titles = version.titles[1:] if version.summary else version.titles
    summary_text = "\n".join(filter(None, (version.summary, *other_titles))) or version.subject
    correction_lines = _format_corrections(
        [correction.descriptions for correction in entry.corrections],
        version.language,
        correction_pattern,
    )
    return "\n".join([*correction_lines, summary_text])


def _format_corrections(
    changes: Sequence[Mapping[str, str]], language: str, correction_pattern: str
) -> list[str]:
    texts = [languages.choose_text(change, language)[0] for change in changes]
    return [correction_pattern % {"what": text} for text in texts]


def _serialise_xml(root: etree._Element) -> bytes:
    document: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _format_rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _format_rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC))
