"""Shared parts of all handlers of public pages: the application, rendering a page, common refusals.

A handler is a function at the top level of its module, and gets the site from :func:`get_site`.
Code that only one page needs does not belong here.
"""

import gettext
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from mailer import clicks, languages
from mailer.actor import SUBSCRIBER
from mailer.app import Mailer
from mailer.assets import resolve_url
from mailer.log import Log
from mailer.model.assets import RENDITION_WIDTHS
from mailer.model.clicks import ClickCount
from mailer.model.lists import MailingList
from mailer.model.subscribers import Wording
from mailer.render import views
from mailer.web.public.batched_writes import PageWriter
from mailer.web.public.click_counter import ClickCounter
from mailer.web.public.database_check import DatabaseCheck
from mailer.web.public.page_languages import (
    LANGUAGES,
    MAX_TAG_LENGTH,
    find_page_language,
    get_own_name,
    get_requested_tag,
    list_accepted_languages,
    load_catalogue,
)
from mailer.web.public.page_templates import get_environment


class PublicSite:
    """The public pages of the office. Threads may share it."""

    def __init__(self, mailer: Mailer, log: Log) -> None:
        self.mailer = mailer
        self.log = log
        self.settings = mailer.settings
        default_language = self.settings.defaults.language
        self._default_language = languages.choose_language(default_language, LANGUAGES, "en")
        self.database_check = DatabaseCheck(mailer.store)
        self.writer = PageWriter(mailer.store, self.settings.web.threads)
        self.click_counter = ClickCounter(self._save_clicks, log)
        self._organisation = replace(
            views.build_organisation_view(self.settings),
            # The pages load a logo that is an asset from their own site.
            logo_url=resolve_url(self.settings.organisation.logo_url, "", RENDITION_WIDTHS[-1]),
        )

    def _save_clicks(self, counts: Sequence[ClickCount]) -> None:
        with self.mailer.store.begin() as tx:
            clicks.count_clicks(tx, SUBSCRIBER, counts)

    # ---- pages ----------------------------------------------------------------------------------

    def render_page(
        self,
        request: Request,
        template: str,
        *,
        language: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """Return a page, rendered in the reader's language. `language` is the language that they
        chose earlier, if the reader is known."""
        page_language = self.choose_language(request, language)
        text = (
            get_environment(page_language)
            .get_template(template)
            .render(self._build_frame_context(request, page_language) | context)
        )
        return HTMLResponse(text, status_code=status, headers=dict(headers or {}))

    def _build_frame_context(self, request: Request, language: str) -> dict[str, Any]:
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        language_links = [
            (tag, get_own_name(tag), "?" + urlencode([*query, ("lang", tag)])) for tag in LANGUAGES
        ]
        return {
            "organisation": self._organisation,
            "language": language,
            "dir": languages.get_direction(language),
            # The answer to a form has no address at which it could be opened in another language.
            "language_links": language_links if request.method in {"GET", "HEAD"} else [],
            "requested_language": find_page_language(get_requested_tag(request)),
        }

    def refuse_link(self, request: Request) -> Response:
        """Return the 404 page for an invalid link. It is the same for every fault (forged, cut off,
        expired, made for another page, or of an erased person), so that strangers learn nothing
        from it."""
        return self.render_page(request, "bad-link.html", status=404)

    def refuse_too_many(self, request: Request, language: str) -> Response:
        """Return the 429 page for a client, a domain or a link that has exceeded its limit."""
        return self.render_page(
            request, "too-many.html", language=language, status=429, headers={"Retry-After": "3600"}
        )

    # ---- languages ------------------------------------------------------------------------------

    def choose_language(self, request: Request, reader_language: str = "") -> str:
        """Return the language of the answer, which is one of LANGUAGES."""
        requested_tag = request.query_params.get("lang", "")
        for tag in (requested_tag, reader_language, *list_accepted_languages(request)):
            if tag and len(tag) <= MAX_TAG_LENGTH and (page_language := find_page_language(tag)):
                return page_language
        return self._default_language

    def get_catalogue(self, language: str) -> gettext.NullTranslations:
        return load_catalogue(language)

    def build_wording(self, language: str, offered_lists: Iterable[MailingList]) -> Wording:
        """Return the text above the button, to which people agree. It names those of the
        `offered_lists` whose clicks are counted."""
        gettext = self.get_catalogue(language).gettext
        text = gettext(
            "I agree that %(organisation)s may send me the emails that I have chosen here. I can "
            "stop them at any time with the link at the foot of each email."
        ) % {"organisation": self.settings.organisation.name}
        counting_names = [
            mailing_list.name for mailing_list in offered_lists if mailing_list.counts_clicks
        ]
        if counting_names:
            counting = gettext(
                "In emails of these lists, it is counted how often a link is opened, but never who "
                "opens it: %(lists)s."
            )
            text += " " + counting % {"lists": ", ".join(counting_names)}
        return Wording(language, text)

    # ---- dates ----------------------------------------------------------------------------------

    def to_office_date(self, moment: datetime) -> date:
        """Return a moment's date in the office's time zone."""
        return moment.astimezone(ZoneInfo(self.settings.defaults.time_zone)).date()


def get_site(request: Request) -> PublicSite:
    """Return the site that the request was sent to."""
    site: PublicSite = request.app.state.site
    return site
