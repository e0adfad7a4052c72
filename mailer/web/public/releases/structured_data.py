"""Machine-readable releases: schema.org's NewsArticle as JSON-LD, and IPTC's ninjs 3.0.

Facts for which a format has no field are left out. Addresses are absolute.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from mailer import languages
from mailer.assets import resolve_html, resolve_url
from mailer.config import Settings
from mailer.model.press_release import Asset, AssetKind
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.render import text_part

NINJS = {
    "name": "ninjs",
    "version": "3.0",
    "schema": "https://www.iptc.org/std/ninjs/ninjs-schema_3.0.json",
}
_NINJS_TYPES = {
    AssetKind.IMAGE: "picture",
    AssetKind.DOCUMENT: "text",
    AssetKind.AUDIO: "audio",
    AssetKind.VIDEO: "video",
}
"""The types in ninjs, which are IPTC's news item natures."""


def build_page_path(slug: str, language: str = "") -> str:
    return f"/press/{quote(slug)}" + (f"?lang={quote(language)}" if language else "")


def build_page_url(settings: Settings, slug: str, language: str = "") -> str:
    return settings.web.base_url.rstrip("/") + build_page_path(slug, language)


def build_story_path(slug: str, language: str) -> str:
    """Return the path of a story that is not a release and has no canonical address."""
    return f"/stories/{quote(slug)}/{quote(language)}"


def build_story_url(settings: Settings, slug: str, language: str) -> str:
    return settings.web.base_url.rstrip("/") + build_story_path(slug, language)


def build_asset_url(settings: Settings, slug: str, asset: Asset) -> str:
    """Return the address of an asset, which is either external or below its release's page."""
    if asset.url:
        return asset.url
    return f"{build_page_url(settings, slug)}/files/{asset.file[:16]}/{quote(asset.name)}"


def build_json_ld(
    release: ReleasePage, page: PageTranslation, settings: Settings, address: str = ""
) -> str:
    """Return a schema.org NewsArticle that is safe inside a page's script element. The address of
    the article is `address`, or the address of the press page."""
    organisation = settings.organisation
    publisher: dict[str, Any] = {"@type": "Organization", "name": organisation.name}
    if organisation.website:
        publisher["url"] = organisation.website
    if organisation.logo_url:
        logo_url = resolve_url(organisation.logo_url, settings.web.base_url)
        publisher["logo"] = {"@type": "ImageObject", "url": logo_url}
    base_url = settings.web.base_url
    images = [resolve_url(image.url, base_url) for image in (page.image, *page.pictures) if image]
    images += [
        build_asset_url(settings, release.slug, asset)
        for asset in page.assets
        if asset.kind is AssetKind.IMAGE
    ]
    address = address or build_page_url(settings, release.slug, page.language)
    news_article = _remove_empty(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "mainEntityOfPage": {"@type": "WebPage", "@id": address},
            "url": address,
            "headline": page.title,
            "alternativeHeadline": page.subhead,
            "description": page.summary,
            "inLanguage": page.language,
            "datePublished": _format_moment(release.opened_at),
            "dateModified": _format_moment(release.updated_at),
            "dateline": page.dateline,
            "articleBody": text_part.to_plain_text(page.html),
            "articleSection": list(page.topics),
            "image": images,
            "author": {"@type": "Person", "name": page.byline} if page.byline else publisher,
            "publisher": publisher,
            "correction": [
                {
                    "@type": "CorrectionComment",
                    "text": languages.choose_text(correction.descriptions, page.language)[0],
                    "dateCreated": _format_moment(correction.at),
                }
                for correction in release.corrections
            ],
            "isAccessibleForFree": True,
        }
    )
    # "</script>" in a text would end the element; "<!--" would change how the rest is parsed.
    return (
        json.dumps(news_article, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    )


def build_ninjs(
    release: ReleasePage,
    page: PageTranslation,
    settings: Settings,
    *,
    embargoed_until: datetime | None = None,
) -> dict[str, Any]:
    """Return a ninjs 3.0 object. With `embargoed_until`, it is marked as withheld until then."""
    text = text_part.to_plain_text(page.html)
    address = build_page_url(settings, release.slug, page.language)
    return _remove_empty(
        {
            "uri": address,
            "standard": NINJS,
            "type": "text",
            "representationType": "full",
            "pubStatus": "withheld" if embargoed_until else "usable",
            "embargoed": _format_moment(embargoed_until) if embargoed_until else "",
            "firstCreated": _format_moment(release.opened_at),
            "versionCreated": _format_moment(release.updated_at),
            "contentCreated": _format_moment(page.published),
            "language": page.language,
            "title": page.title,
            "slugline": release.slug,
            "headlines": [
                {"role": "main", "value": page.title},
                *([{"role": "subhead", "value": page.subhead}] if page.subhead else []),
            ],
            "descriptions": [{"role": "summary", "value": page.summary}] if page.summary else [],
            "bodies": [
                {
                    "role": "main",
                    "contentType": "text/html",
                    "charCount": len(text),
                    "wordCount": len(text.split()),
                    "value": resolve_html(page.html, settings.web.base_url),
                },
                {"role": "text", "contentType": "text/plain", "value": text},
            ],
            "by": page.byline,
            "located": page.dateline,
            "version": str(len(release.corrections) + 1),
            "edNote": "\n\n".join(_list_editor_notes(release, page)),
            "copyrightHolder": settings.organisation.name,
            "subjects": [{"name": name, "rel": "about"} for name in page.topics],
            "people": [
                {"name": name, "rel": "quoted"}
                for name in dict.fromkeys(quote.speaker for quote in page.quotes)
            ],
            "organisations": [{"name": partner.name, "rel": "about"} for partner in page.about],
            "infoSources": [
                {
                    "name": contact.name,
                    "contactInfo": [
                        {"type": kind, "role": "press", "value": value}
                        for kind, value in (("phone", contact.phone), ("email", contact.email))
                        if value
                    ],
                }
                for contact in page.contacts
            ],
            "associations": [
                _build_association(release.slug, asset, number, settings)
                for number, asset in enumerate(page.assets, 1)
            ],
        }
    )


def _list_editor_notes(release: ReleasePage, page: PageTranslation) -> Iterator[str]:
    """Yield the notes to editors: the corrections, newest first, since ninjs 3.0 has no field for
    them, and then the notes."""
    for correction in reversed(release.corrections):
        (what_changed, _), (reason, _) = (
            languages.choose_text(texts, page.language)
            for texts in (correction.descriptions, correction.reasons)
        )
        yield f"CORRECTION {_format_moment(correction.at)}: {what_changed} {reason}"
    if page.notes:
        yield text_part.to_plain_text(page.notes)


def _build_association(slug: str, asset: Asset, number: int, settings: Settings) -> dict[str, Any]:
    address = build_asset_url(settings, slug, asset)
    rendition = _remove_empty(
        {
            "name": "main",
            "href": address,
            "contentType": asset.media_type,
            "sizeInBytes": asset.size,
            "originalFilename": asset.name,
        }
    )
    descriptions = [("caption", asset.caption), ("alt", asset.alt)]
    return _remove_empty(
        {
            "name": f"{asset.kind} {number}",
            "uri": address,
            "type": _NINJS_TYPES[asset.kind],
            "headlines": [{"role": "main", "value": asset.title}],
            "descriptions": [
                {"role": role, "value": value} for role, value in descriptions if value
            ],
            "by": asset.credit,
            "usageTerms": asset.terms,
            "renditions": [rendition],
        }
    )


def _remove_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in ("", [], 0, None)}


def _format_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
