"""Pages of stories that have no canonical address: the targets of "read more" in mails.

Which stories have one is decided in ``mailer/releases/pages.py``. A story that was sent as a
release has a press page instead (``releases/press_pages.py``).
"""

from fastapi import Request, Response

from mailer.model.releases import PageTranslation, ReleasePage
from mailer.web.public.public_site import get_site
from mailer.web.public.releases import structured_data
from mailer.web.public.releases.rendering import build_text_context, build_text_headers


def render_story(request: Request, story_pages: ReleasePage, page: PageTranslation) -> Response:
    """Return the page of a story in one language."""
    site = get_site(request)
    address = structured_data.build_story_url(site.settings, story_pages.slug, page.language)
    return site.render_page(
        request,
        "story.html",
        headers=build_text_headers(request, page),
        **build_text_context(request, story_pages, page),
        language_paths={
            tag: structured_data.build_story_path(story_pages.slug, tag)
            for tag in story_pages.languages
            if tag != page.language
        },
        embargo=None,
        page_path=structured_data.build_page_path(story_pages.slug),
        canonical=page.canonical_url or address,
        json_ld=structured_data.build_json_ld(story_pages, page, site.settings, address),
    )
