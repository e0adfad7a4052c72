"""A release for machines: NewsArticle of schema.org as JSON-LD, and IPTC's ninjs 3.0.

What neither has a field for is left out. Addresses are whole.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from mailer import languages
from mailer.articles.release import Asset, AssetKind
from mailer.config import Settings
from mailer.press import Page, Sheet
from mailer.render import plain

NINJS = {
    "name": "ninjs",
    "version": "3.0",
    "schema": "https://www.iptc.org/std/ninjs/ninjs-schema_3.0.json",
}
_TYPES = {
    AssetKind.IMAGE: "picture",
    AssetKind.DOCUMENT: "text",
    AssetKind.AUDIO: "audio",
    AssetKind.VIDEO: "video",
}
"""Of ninjs: IPTC's news item natures."""


def page_path(slug: str, language: str = "") -> str:
    return f"/press/{quote(slug)}" + (f"?lang={quote(language)}" if language else "")


def page_url(settings: Settings, slug: str, language: str = "") -> str:
    return settings.web.base_url.rstrip("/") + page_path(slug, language)


def story_path(slug: str, language: str) -> str:
    """Of a story that is no release, and has no address elsewhere."""
    return f"/stories/{quote(slug)}/{quote(language)}"


def story_url(settings: Settings, slug: str, language: str) -> str:
    return settings.web.base_url.rstrip("/") + story_path(slug, language)


def asset_url(settings: Settings, slug: str, asset: Asset) -> str:
    """Where an asset is: elsewhere, or with its release's page."""
    if asset.url:
        return asset.url
    return f"{page_url(settings, slug)}/files/{asset.file[:16]}/{quote(asset.name)}"


def json_ld(sheet: Sheet, page: Page, settings: Settings, address: str = "") -> str:
    """A schema.org NewsArticle, safe to stand within a script element of a page: of its press page,
    or at `address`."""
    ours = settings.organisation
    publisher: dict[str, Any] = {"@type": "Organization", "name": ours.name}
    if ours.website:
        publisher["url"] = ours.website
    if ours.logo_url:
        publisher["logo"] = {"@type": "ImageObject", "url": ours.logo_url}
    images = [page.image.url] if page.image else []
    images += [
        asset_url(settings, sheet.slug, one) for one in page.assets if one.kind is AssetKind.IMAGE
    ]
    address = address or page_url(settings, sheet.slug, page.language)
    made = _without_empty(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "mainEntityOfPage": {"@type": "WebPage", "@id": address},
            "url": address,
            "headline": page.title,
            "alternativeHeadline": page.subhead,
            "description": page.summary,
            "inLanguage": page.language,
            "datePublished": _moment(sheet.opened_at),
            "dateModified": _moment(sheet.updated_at),
            "dateline": page.dateline,
            "articleBody": plain.plain(page.html),
            "articleSection": list(page.topics),
            "image": images,
            "author": {"@type": "Person", "name": page.byline} if page.byline else publisher,
            "publisher": publisher,
            "correction": [
                {
                    "@type": "CorrectionComment",
                    "text": languages.told(one.what, page.language)[0],
                    "dateCreated": _moment(one.at),
                }
                for one in sheet.corrections
            ],
            "isAccessibleForFree": True,
        }
    )
    # "</script>" in a text would end the element, "<!--" change how the rest is read.
    return json.dumps(made, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")


def ninjs(
    sheet: Sheet, page: Page, settings: Settings, *, embargoed: datetime | None = None
) -> dict[str, Any]:
    """A ninjs 3.0 object; with `embargoed` one that is withheld until then."""
    text = plain.plain(page.html)
    address = page_url(settings, sheet.slug, page.language)
    return _without_empty(
        {
            "uri": address,
            "standard": NINJS,
            "type": "text",
            "representationType": "full",
            "pubStatus": "withheld" if embargoed else "usable",
            "embargoed": _moment(embargoed) if embargoed else "",
            "firstCreated": _moment(sheet.opened_at),
            "versionCreated": _moment(sheet.updated_at),
            "contentCreated": _moment(page.published),
            "language": page.language,
            "title": page.title,
            "slugline": sheet.slug,
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
                    "value": page.html,
                },
                {"role": "text", "contentType": "text/plain", "value": text},
            ],
            "by": page.byline,
            "located": page.dateline,
            "version": str(len(sheet.corrections) + 1),
            "edNote": "\n\n".join(_notes(sheet, page)),
            "copyrightHolder": settings.organisation.name,
            "subjects": [{"name": name, "rel": "about"} for name in page.topics],
            "people": [
                {"name": name, "rel": "quoted"}
                for name in dict.fromkeys(one.speaker for one in page.quotes)
            ],
            "organisations": [{"name": one.name, "rel": "about"} for one in page.about],
            "infoSources": [
                {
                    "name": one.name,
                    "contactInfo": [
                        {"type": kind, "role": "press", "value": value}
                        for kind, value in (("phone", one.phone), ("email", one.email))
                        if value
                    ],
                }
                for one in page.contacts
            ],
            "associations": [
                _association(sheet.slug, one, number, settings)
                for number, one in enumerate(page.assets, 1)
            ],
        }
    )


def _notes(sheet: Sheet, page: Page) -> Iterator[str]:
    """What editors must know: what was corrected, the newest first, then their notes. ninjs 3.0
    has no field of its own for corrections."""
    for one in reversed(sheet.corrections):
        (what, _), (why, _) = (languages.told(said, page.language) for said in (one.what, one.why))
        yield f"CORRECTION {_moment(one.at)}: {what} {why}"
    if page.notes:
        yield plain.plain(page.notes)


def _association(slug: str, asset: Asset, number: int, settings: Settings) -> dict[str, Any]:
    address = asset_url(settings, slug, asset)
    rendition = _without_empty(
        {
            "name": "main",
            "href": address,
            "contentType": asset.media_type,
            "sizeInBytes": asset.size,
            "originalFilename": asset.name,
        }
    )
    said = [("caption", asset.caption), ("alt", asset.alt)]
    return _without_empty(
        {
            "name": f"{asset.kind} {number}",
            "uri": address,
            "type": _TYPES[asset.kind],
            "headlines": [{"role": "main", "value": asset.title}],
            "descriptions": [{"role": role, "value": value} for role, value in said if value],
            "by": asset.credit,
            "usageTerms": asset.terms,
            "renditions": [rendition],
        }
    )


def _without_empty(made: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made.items() if value not in ("", [], 0, None)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
