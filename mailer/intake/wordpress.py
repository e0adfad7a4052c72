"""Read the posts of a WordPress site, as its REST interface returns them, as drafts.

With ``_embed``, WordPress returns a post with its author, picture and categories. The post's HTML
is that of its page, without the theme. Block comments and unexpanded shortcodes are removed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape, unescape
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mailer.articles import check_web_address
from mailer.errors import InputError, MailerError, Refused
from mailer.intake.characters import decode_text
from mailer.intake.dates import parse_date
from mailer.intake.drafts import (
    Draft,
    DraftBatch,
    DraftDefaults,
    DraftProblem,
    SourceArticle,
    build_draft,
    separate_slugs,
    to_one_line,
)
from mailer.intake.omissions import OmissionReport
from mailer.model.articles import Image

MAX_POSTS = 100
"""Maximum number of posts that WordPress returns at once."""

_ROUTE = "wp-json/wp/v2/posts"


def build_posts_url(site: str, limit: int = 20) -> str:
    """Return the address of the newest `limit` posts of a site, given the address of its front
    page.

    Raises InputError if `site` is not a web address."""
    site = site.strip()
    if "://" not in site:
        site = f"https://{site}"
    check_web_address(site, "site")
    parts = urlsplit(site)
    folder = re.sub(rf"/?(?:wp-json(?:/.*)?|{_ROUTE})?/*$", "", parts.path)
    query = f"_embed=1&per_page={min(max(limit, 1), MAX_POSTS)}"
    return urlunsplit((parts.scheme, parts.netloc, f"{folder}/{_ROUTE}", query, ""))


def read_posts(data: bytes, defaults: DraftDefaults, *, address: str) -> DraftBatch:
    """Read the post or posts in a response from `address`. A bad post does not exclude the others.

    Raises InputError if `data` is not a response of WordPress, or is an error message."""
    posts = _parse_posts(data, address)
    drafts: list[Draft] = []
    problems: list[DraftProblem] = []
    for number, post in enumerate(posts[:MAX_POSTS], 1):
        key = str(post.get("id", "")) if isinstance(post, dict) else ""
        origin = f"{address}, post {key or number}"
        try:
            drafts.append(_read_post(post, defaults, address, origin))
        except MailerError as error:
            problems.append(DraftProblem(origin, error, key))
    return DraftBatch(separate_slugs(drafts), tuple(problems))


def _parse_posts(data: bytes, address: str) -> list[Any]:
    text, _ = decode_text(data)
    try:
        response = _parse_json(text)
    except (ValueError, RecursionError) as error:
        page = re.match(r"\s*<", text)
        raise InputError(
            "the address leads to a web page, not to WordPress's posts"
            if page
            else f"the response is not JSON ({error})",
            where=address,
            hint="the site may not run WordPress, or has closed its REST interface: use its feed",
        ) from error
    if isinstance(response, dict) and "code" in response and "content" not in response:
        raise _create_api_error(response, address)
    posts = response if isinstance(response, list) else [response]
    if isinstance(response, dict) and response and all(map(str.isdecimal, response)):
        posts = list(response.values())  # PHP writes a list with gaps as an object
    if posts and not any(isinstance(post, dict) and "content" in post for post in posts):
        raise InputError(
            "the response holds no posts of WordPress", where=address, hint=f"use …/{_ROUTE}"
        )
    return posts


_JSON_START = re.compile(r"\[\s*(?=[{\]])|\{\s*(?=\")")
_MOST_STARTS = 50
"""Maximum number of places at which JSON is looked for within other text."""


def _parse_json(text: str) -> Any:
    """Parse the response. PHP's notices may precede it, and a cache's comment may follow it.

    Raises ValueError if `text` holds no JSON of WordPress, or if the JSON breaks off."""
    try:
        return json.loads(text, strict=False)
    except ValueError as error:
        first_error = error
    decoder = json.JSONDecoder(strict=False)
    is_list_broken = False
    for start in islice(_JSON_START.finditer(text), _MOST_STARTS):
        if is_list_broken and text[start.start()] == "{":
            continue  # This may be the first post of a list that breaks off.
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            is_list_broken = is_list_broken or text[start.start()] == "["
            continue
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and ("content" in first or {"code", "message"} <= first.keys()):
            return value
    raise first_error


def _create_api_error(response: Mapping[str, Any], address: str) -> InputError:
    """Return an error with WordPress's own message and a hint."""
    code = to_one_line(str(response["code"]))
    message = to_one_line(str(response.get("message", "")))
    hints = {
        "rest_no_route": "the site's REST interface has no posts: use its feed",
        "rest_disabled": "the site has closed its REST interface: use its feed",
        "rest_post_invalid_id": "there is no such post: check the address",
        "rest_post_invalid_page_number": "there are no more posts",
    }
    is_closed = re.search("forbidden|cannot|not_logged_in|unauthori|disabled", code)
    hint = "the site shows its posts only to signed-in users: use its feed" if is_closed else ""
    return InputError(
        f"WordPress says {code}: {message}" if message else f"WordPress says {code}",
        where=address,
        hint=hints.get(code) or hint or "open the address in a browser, or use the site's feed",
    )


# ---- a post -------------------------------------------------------------------------------------


def _read_post(post: Any, defaults: DraftDefaults, address: str, origin: str) -> Draft:
    if not isinstance(post, dict):
        raise InputError("the record is not a post", where=origin)
    title = _get_rendered(post, "title")
    status = str(post.get("status") or "publish")
    content = post.get("content")
    is_protected = isinstance(content, dict) and content.get("protected")
    if status != "publish":
        raise Refused(
            f"{to_one_line(title) or 'the post'} is not published on the site ({status})",
            where=origin,
            hint="publish it on the site first",
        )
    if is_protected or post.get("password"):
        raise Refused(
            f"{to_one_line(title) or 'the post'} is behind a password",
            where=origin,
            hint="remove the password on the site first",
        )
    report = OmissionReport()
    embedded = post.get("_embedded")
    embedded = embedded if isinstance(embedded, dict) else {}
    link = str(post.get("link") or "")
    article = SourceArticle(
        origin=origin,
        title=re.sub(r"^(?:Private|Protected): ", "", title),
        body=_strip_shortcodes(_get_rendered(post, "content"), report),
        summary=_strip_more_link(_strip_shortcodes(_get_rendered(post, "excerpt"), report)),
        base=link or address,
        key=str(post.get("id") or link),
        address=link,
        slug=str(post.get("slug") or ""),
        published=_find_publication_time(post, defaults, report),
        language=_get_language(post),
        authors=tuple(_list_names(embedded.get("author"))),
        categories=tuple(
            name
            for terms in _as_list(embedded.get("wp:term"))
            for name in _list_names(terms)
            if name != "Uncategorized"
        ),
        picture=_find_picture(embedded),
    )
    return build_draft(article, defaults, report)


def _get_rendered(post: Mapping[str, Any], field: str) -> str:
    value = post.get(field)
    if isinstance(value, dict):
        value = value.get("rendered")
    return value if isinstance(value, str) else ""


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _list_names(records: Any) -> Iterator[str]:
    """Yield the names of embedded records. WordPress puts an error in place of a hidden record."""
    for record in _as_list(records):
        if isinstance(record, dict) and isinstance(record.get("name"), str):
            yield unescape(record["name"])


def _find_publication_time(
    post: Mapping[str, Any], defaults: DraftDefaults, report: OmissionReport
) -> datetime | None:
    """Return the post's publication time. If WordPress gives no UTC time, the local time is read in
    the office's time zone, because the post does not name the site's time zone."""
    for name, time_zone in (("date_gmt", "UTC"), ("date", defaults.time_zone)):
        written = str(post.get(name) or "")
        if not written or written.startswith("0000-"):
            continue
        moment = parse_date(written, time_zone)
        if moment is None:
            report.add_omission("date that can't be read", written)
        return moment
    return None


def _get_language(post: Mapping[str, Any]) -> str:
    """Return the language that Polylang (``lang``) or WPML (``wpml_current_locale``) states, or
    ""."""
    locale = post.get("lang") or post.get("wpml_current_locale") or ""
    return locale.replace("_", "-") if isinstance(locale, str) else ""


def _find_picture(embedded: Mapping[str, Any]) -> Image | None:
    for media in _as_list(embedded.get("wp:featuredmedia")):
        if isinstance(media, dict) and isinstance(media.get("source_url"), str):
            alt = str(media.get("alt_text") or "")
            return Image(
                media["source_url"], escape(alt, quote=False), _get_rendered(media, "caption")
            )
    return None


_QUOTE = r"(?:\"|'|[“”″‘’′«»]|&(?:quot|\#34|\#822[0-3]|\#824[23]|\#0?39|\#821[6-9]);)"
_SHORTCODE = re.compile(
    rf"""
      \[/?(?:gallery|caption|embed|audio|video|playlist|contact-form-7|wpforms|ninja_form
        |gravityform|vc_\w+|et_pb_\w+|fusion_\w+|elementor-template)\b[^\]\n]{{0,2000}}\]
    | \[[a-z][\w-]*\s+[\w-]+={_QUOTE}[^\]\n]{{0,2000}}\]
    """,
    re.VERBOSE,
)


def _strip_shortcodes(html: str, report: OmissionReport) -> str:
    """Return `html` without shortcodes that the site's plugins did not expand.

    Text between an opening and a closing shortcode stays."""

    def drop_shortcode(match: re.Match[str]) -> str:
        if not match[0].startswith("[/"):
            report.add_omission("shortcode", unescape(match[0]))
        return ""

    return _SHORTCODE.sub(drop_shortcode, html)


def _strip_more_link(html: str) -> str:
    """Return an excerpt without the link to the full text at its end."""
    html = re.sub(r"<a\b[^<>]{0,500}\bmore-link\b.{0,500}?</a>", "", html, flags=re.DOTALL)
    return re.sub(r"\s*\[(?:&hellip;|…|&#8230;|\.\.\.)\]", "…", html)
