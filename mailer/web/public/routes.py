"""The route table of the public pages: every address, its handler, and the fields of its form.

`ROUTES` lists all addresses. The application is built from it, and tests use it to request every
page. A handler for GET gets the request and the parts of the path. A handler for POST also gets the
form and a transaction, which is committed before the answer is sent. It may return an
AnswerAfterCommit instead of a response::

    def show_pause(request: Request, token: str) -> Response
    def submit_pause(request: Request, form: SubmittedForm, tx: Transaction, token: str) -> Response
"""

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from mailer.errors import DatabaseUnavailable
from mailer.web.public import (
    archive,
    confirm,
    counted_links,
    health,
    home,
    pictures,
    signup,
    static_files,
    test_links,
    unsubscribe,
)
from mailer.web.public.batched_writes import AnswerAfterCommit
from mailer.web.public.decisions import editions as decided_editions
from mailer.web.public.decisions import kills as decided_kills
from mailer.web.public.forms import FORM_TYPE, SubmittedForm
from mailer.web.public.preferences import (
    address,
    choices,
    pause,
    personal_data,
    unsubscribe_all,
)
from mailer.web.public.public_site import get_site
from mailer.web.public.releases import advance_copies, press_pages
from mailer.web.public.response_cache import ResponseCache


@dataclass(frozen=True, slots=True)
class Route:
    """One address. A route for GET also answers HEAD. `fields` are the names of the form's fields;
    a name that ends in LIST stands for one field for each list.

    `may_repeat`: running the form's transaction twice does no harm.

    `cache` names the response cache that keeps the answers, if any. Each cache has its own limits,
    so that large press kits do not evict sign-up pages."""

    method: Literal["GET", "POST"]
    path: str
    handler: Callable[..., Response | AnswerAfterCommit | Awaitable[Response]]
    fields: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (FORM_TYPE,)
    cache: str = ""
    may_repeat: bool = False


ROUTES = (
    Route("GET", "/static/{name}", static_files.show_static_file),
    Route("GET", "/pictures/{name}", pictures.show_picture, cache="pictures"),
    Route("GET", "/healthz", health.show_health),
    # Sign-up
    Route("GET", "/", home.show_home, cache="sign-up"),
    Route("GET", "/subscribe", signup.show_sign_up, cache="sign-up"),
    Route("GET", "/subscribe/{list_slug}", signup.show_list_sign_up, cache="sign-up"),
    Route("GET", "/embed/{list_slug}", signup.show_embedded_sign_up, cache="sign-up"),
    Route("POST", "/subscribe", signup.submit_sign_up, signup.FIELDS),
    Route("GET", "/c/{token}", confirm.show_confirmation),
    Route("POST", "/c/{token}", confirm.submit_confirmation, ("list", "choice", "seen")),
    # Unsubscribing
    Route("GET", "/u/{token}", unsubscribe.show_unsubscribe),
    Route(
        "POST",
        "/u/{token}",
        unsubscribe.submit_unsubscribe,
        (unsubscribe.ONE_CLICK_FIELD, unsubscribe.BY_PERSON_FIELD),
        media_types=(FORM_TYPE, "multipart/form-data"),
        may_repeat=True,
    ),
    Route("POST", "/u/{token}/reason", unsubscribe.submit_reason, ("reason", "comment")),
    Route("POST", "/u/{token}/undo", unsubscribe.submit_resubscribe, ("frequency",)),
    # Preferences
    Route("GET", "/p/{token}", choices.show_preferences),
    Route("POST", "/p/{token}", choices.submit_preferences, choices.FIELDS, may_repeat=True),
    Route("GET", "/p/{token}/pause", pause.show_pause),
    Route("POST", "/p/{token}/pause", pause.submit_pause, ("weeks",), may_repeat=True),
    Route("GET", "/p/{token}/address", address.show_address_change),
    Route("POST", "/p/{token}/address", address.submit_address_change, ("email",)),
    Route("GET", "/p/{token}/leave", unsubscribe_all.show_unsubscribe_all),
    Route("POST", "/p/{token}/leave", unsubscribe_all.submit_unsubscribe_all, may_repeat=True),
    Route("GET", "/p/{token}/erase", personal_data.show_erasure),
    Route("POST", "/p/{token}/erase", personal_data.submit_erasure, ("sure",)),
    Route("GET", "/p/{token}/about-me.json", personal_data.download_personal_data),
    # Counted links
    Route("GET", "/r/{token}", counted_links.follow_counted_link),
    # Decisions of staff
    Route("GET", "/d/{token}", decided_editions.show_edition_decision),
    Route("POST", "/d/{token}", decided_editions.submit_edition_decision, decided_editions.FIELDS),
    Route("GET", "/k/{token}", decided_kills.show_kill_decision),
    Route("POST", "/k/{token}", decided_kills.submit_kill_decision, decided_kills.FIELDS),
    # Test mails
    Route("GET", "/t/u/{token}", test_links.show_unsubscribe_test),
    Route(
        "POST",
        "/t/u/{token}",
        test_links.submit_unsubscribe_test,
        (unsubscribe.ONE_CLICK_FIELD,),
        media_types=(FORM_TYPE, "multipart/form-data"),
        may_repeat=True,
    ),
    Route("GET", "/t/p/{token}", test_links.show_preferences_test),
    Route("GET", "/t/v/{token}", test_links.show_view_test),
    # The archive
    Route("GET", "/v/{token}", archive.show_mail, cache="archive"),
    Route("GET", "/archive", archive.show_archive, cache="archive"),
    Route("GET", "/archive/{list_slug}", archive.show_list_archive, cache="archive"),
    Route("GET", "/archive/{list_slug}/atom.xml", archive.show_atom_feed, cache="archive"),
    Route("GET", "/archive/{list_slug}/rss.xml", archive.show_rss_feed, cache="archive"),
    Route("GET", "/archive/{list_slug}/{uid}", archive.show_edition, cache="archive"),
    Route("GET", "/sitemap.xml", archive.show_sitemap, cache="archive"),
    Route("GET", "/robots.txt", archive.show_robots, cache="archive"),
    # Press releases
    Route("GET", "/press", press_pages.show_releases, cache="press"),
    Route("GET", "/press/atom.xml", press_pages.show_atom_feed, cache="press"),
    Route("GET", "/press/{slug}", press_pages.show_release, cache="press"),
    Route("GET", "/stories/{slug}/{language}", press_pages.show_story, cache="press"),
    Route("GET", "/stories/{slug}/{language}/event.ics", press_pages.download_event, cache="press"),
    Route("GET", "/press/{slug}/ninjs.json", press_pages.show_ninjs, cache="press"),
    Route("GET", "/press/{slug}/kit.zip", press_pages.download_kit, cache="press"),
    Route("GET", "/press/{slug}/files/{digest}/{name}", press_pages.download_file, cache="press"),
    Route("GET", "/e/{token}", advance_copies.show_advance_copy),
    Route("GET", "/e/{token}/kit.zip", advance_copies.download_kit),
    Route("GET", "/e/{token}/files/{digest}/{name}", advance_copies.download_file),
)
"""All routes, in the order in which addresses are matched."""


def add_routes(app: FastAPI, routes: Iterable[Route]) -> None:
    """Add the routes to the application."""
    caches: defaultdict[str, ResponseCache] = defaultdict(ResponseCache)
    for route in routes:
        if route.method == "POST":
            app.add_api_route(
                route.path,
                _make_form_endpoint(route.handler, may_repeat=route.may_repeat),
                methods=["POST"],
                response_model=None,
                operation_id=f"post {route.path}",
                openapi_extra=_describe_form(route),
            )
            continue
        handler = _repeat_after_lost_link(route.handler)
        app.add_api_route(
            route.path,
            caches[route.cache].cache_page(handler) if route.cache else handler,
            methods=["GET", "HEAD"],
            response_model=None,
        )


def _repeat_after_lost_link(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler that answers like `handler`, which only reads, and is run once more if the
    link to the database was lost."""
    if inspect.iscoroutinefunction(handler):
        return handler

    @wraps(handler)
    def answer(*args: Any, **options: Any) -> Any:
        try:
            return handler(*args, **options)
        except DatabaseUnavailable as error:
            if not error.is_link_lost:
                raise
            return handler(*args, **options)

    return answer


def _make_form_endpoint(
    handler: Callable[..., Any], *, may_repeat: bool
) -> Callable[..., Awaitable[Response]]:
    """Return an endpoint that reads the form and calls `handler` within a transaction."""

    async def answer_form(request: Request) -> Response:
        form = SubmittedForm(await request.body())
        answer: Response | AnswerAfterCommit = await get_site(request).writer.run_in_transaction(
            lambda tx: handler(request, form, tx, **request.path_params), may_repeat=may_repeat
        )
        if isinstance(answer, AnswerAfterCommit):
            return await run_in_threadpool(_repeat_after_lost_link(answer.make_answer))
        return answer

    return answer_form


def _describe_form(route: Route) -> dict[str, Any]:
    """Return the OpenAPI description of a form, which FastAPI cannot read from the endpoint."""
    text = {"type": "string"}
    names = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    schema = {"type": "object", "properties": dict.fromkeys(route.fields, text)}
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": text} for name in names
        ],
        "requestBody": {
            "content": {media_type: {"schema": schema} for media_type in route.media_types}
        },
    }
