"""Pages of stories that have no address elsewhere: where a mail's “read more” leads.

A story has one from the moment that an edition with it begins, to a list whose archive anybody may
read: as it is queued, so that what was mended in it shows. One that is embargoed or withdrawn is
as if it weren't there. Of a release that was sent as one, the press page is shown (press.py).
"""

from typing import Any

from fastapi import Request, Response

from mailer import languages
from mailer.articles import Article, ArticleState, Query
from mailer.press import Page, Sheet, page_of
from mailer.store import Transaction
from mailer.web.public import newsjson
from mailer.web.public.site import Site


def sheet_of(tx: Transaction, slug: str) -> Sheet | None:
    """A story's pages, in all its languages; None where nobody may read it here."""
    opened = tx.archive.story(slug)
    found = tx.articles.matching(Query(state=ArticleState.QUEUED, slugs=(slug,)))
    if opened is None or not found:
        return None
    names = {one.slug: one for one in tx.lists.topics()}
    return Sheet(
        slug=slug,
        edition_id=0,
        language=found[0].language,
        opened_at=opened,
        updated_at=max(opened, *(one.updated_at for one in found)),
        pages=tuple(_page(one, names) for one in found),
    )


def _page(article: Article, names: dict[str, Any]) -> Page:
    topics = [names[one].name(article.language) for one in article.topics if one in names]
    return page_of(article, topics=topics, contacts=(), about=())


def shown(site: Site, request: Request, sheet: Sheet, page: Page) -> Response:
    """A story's page."""
    address = newsjson.story_url(site.settings, sheet.slug, page.language)
    return site.page(
        request,
        "story.html",
        page=page,
        dir_of=languages.direction(page.language),
        others_in={
            tag: newsjson.story_path(sheet.slug, tag)
            for tag in sheet.languages
            if tag != page.language
        },
        day=site.day(sheet.opened_at),
        canonical=page.canonical_url or address,
        json_ld=newsjson.json_ld(sheet, page, site.settings, address),
    )
