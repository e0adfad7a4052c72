"""Build the parts of a story's view that depend on its kind: an event's times and place, the
pictures of a photo story, and the short forms of its title and teaser."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from lxml import html as lxml_html
from lxml.html import HtmlElement

from mailer import bidi, languages, text_breaks
from mailer.assets import find_hashes, resolve_url
from mailer.config import Settings
from mailer.model.articles import Article, ArticleKind, Image
from mailer.model.assets import RENDITION_WIDTHS, PictureAsset
from mailer.render import prose
from mailer.render.releases import name_place

MAX_PICTURES = 3
"""Number of a photo story's pictures that a mail shows. Its page shows all of them."""

BRIEF_LENGTH = 140
"""Number of characters of the text below the headline of a secondary story: two lines of a mail's
column."""
MIN_SENTENCE_SHARE = 0.4
"""The smallest share of :data:`BRIEF_LENGTH` that whole sentences fill if no further sentence is
begun."""
MIN_CLAUSE_SHARE = 0.55
"""The smallest share that a sentence fills which is cut off at the end of a clause."""

SHORT_TITLE_WORDS = 5
"""Number of words of a title in a list of contents."""
MIN_SHORT_TITLE_WORDS = 3
_CJK_LETTERS_PER_WORD = 3
_LONGEST_PARTICLE = 3
"""Letters of the longest words, such as *of* and *the*, that do not end a shortened title."""
_SENTENCE_ENDS = (". ", "! ", "? ", "… ", "؟ ", "。", "！", "？")
_TRAILING = " ,;:–—،؛，；："
"""Characters that look wrong before an ellipsis."""
_CLAUSE_ENDS = (", ", "; ", ": ", " – ", " — ", "، ", "؛ ", "，", "；", "：")


@dataclass(frozen=True, slots=True)
class EventView:
    """When and where an event takes place. `start` and `end` are aware, in the event's zone, and
    `end` may be None; if `whole_day` is true, they are days, and both belong to the event. `zone`
    is the name of the zone's city if it is not the office's zone. `calendar_url` is the address of
    an iCalendar file, or "" if no one may read the story on the web."""

    start: datetime
    end: datetime | None
    whole_day: bool
    place: str
    zone: str
    calendar_url: str


@dataclass(frozen=True, slots=True)
class ImageView:
    """A picture. `credit` and `caption` may be empty. `small_url` is the address of a smaller copy,
    or the same address if there is none."""

    url: str
    alt: str
    credit: str
    caption: str = ""
    small_url: str = ""


def build_event_view(
    article: Article, settings: Settings, language: str, *, is_public: bool
) -> EventView | None:
    """Return the view of an event for readers of `language`, or None if the article names no time.

    `is_public`: anyone may read the story's page."""
    event = article.event
    if event is None:
        return None
    direction = languages.get_direction(article.language)
    end = event.last_day if event.is_whole_day else event.end
    site = settings.web.base_url.rstrip("/")
    return EventView(
        start=event.start,
        end=None if end == event.start else end,
        whole_day=event.is_whole_day,
        place=bidi.isolate_numbers(event.place, direction),
        zone=""
        if event.is_whole_day or event.zone == settings.defaults.time_zone
        else name_place(event.zone, language),
        calendar_url=f"{site}{build_calendar_path(article.slug, article.language)}"
        if is_public
        else "",
    )


def build_calendar_path(slug: str, language: str) -> str:
    """Return the path of an event's iCalendar file."""
    return f"/stories/{quote(slug)}/{quote(language)}/event.ics"


def build_image_view(image: Image, direction: str, base_url: str) -> ImageView:
    """Return the view of a picture, with the web addresses of an asset below `base_url`."""
    return ImageView(
        url=resolve_url(image.url, base_url),
        alt=image.alt,
        credit=bidi.isolate_numbers(image.credit, direction),
        caption=bidi.isolate_numbers(image.caption, direction),
        small_url=resolve_url(image.url, base_url, RENDITION_WIDTHS[-1]),
    )


def list_pictures(
    article: Article, base_url: str, stored_assets: Mapping[str, PictureAsset]
) -> tuple[ImageView, ...]:
    """Return the pictures of a photo story in order: its own, its list, then those in its text with
    their captions. Articles of other kinds have none. `stored_assets` are by hash; a picture in the
    text has the credit of its asset."""
    if article.kind is not ArticleKind.PHOTO_STORY:
        return ()
    pictures = {image.url: image for image in article.all_images}
    if "<img" in article.html:
        root = lxml_html.fragment_fromstring(article.html, create_parent="div")
        for element in root.iter("img"):
            url = element.get("src") or ""
            asset = next(map(stored_assets.get, find_hashes(url)), None)
            picture = Image(
                url,
                element.get("alt") or "",
                asset.credit if asset else "",
                _find_caption(element),
            )
            pictures.setdefault(url, picture)
    direction = languages.get_direction(article.language)
    return tuple(build_image_view(picture, direction, base_url) for picture in pictures.values())


def _find_caption(element: HtmlElement) -> str:
    """Return the caption of a picture: its title, or the text in italics in its paragraph or the
    one below it."""
    if title := (element.get("title") or "").strip():
        return title
    block = element
    while block.tag != "p" and block.getparent() is not None:
        block = block.getparent()
    for paragraph in (block, block.getnext()):
        text = "" if paragraph is None else " ".join(paragraph.text_content().split())
        if text and prose.is_caption(paragraph):
            return text
    return ""


def shorten_teaser(teaser: str, language: str) -> str:
    """Return the teaser in about two lines: whole sentences if they fill a fair part of the space,
    otherwise a part that ends with an ellipsis, at best after a clause."""
    limit = BRIEF_LENGTH // 2 if _is_wide(language) else BRIEF_LENGTH
    text = " ".join(text_breaks.join_cjk_lines(teaser).split())
    if len(text) <= limit:
        return text
    sentence_end = _find_last_end(text, _SENTENCE_ENDS, limit)
    if sentence_end >= limit * MIN_SENTENCE_SHARE:
        return text[:sentence_end]
    clause_end = _find_last_end(text, _CLAUSE_ENDS, limit)
    if clause_end >= limit * MIN_CLAUSE_SHARE:
        return text[:clause_end].rstrip(_TRAILING) + text_breaks.ELLIPSIS
    return text_breaks.shorten_text(text, limit)


def _find_last_end(text: str, signs: tuple[str, ...], limit: int) -> int:
    """Return the position after the last of these signs before `limit`, or 0."""
    return max(text.rfind(sign, 0, limit) + len(sign.rstrip()) for sign in signs)


def shorten_title(title: str, language: str) -> str:
    """Return a title in three to five words for a list of contents: the part before or after its
    colon if that is as short, otherwise its first words."""
    if _is_wide(language):
        return text_breaks.shorten_text(title, SHORT_TITLE_WORDS * _CJK_LETTERS_PER_WORD)
    parts = [part.strip() for part in title.split(": ", 1)]
    for part in (title, *parts):
        if (
            (MIN_SHORT_TITLE_WORDS if part != title else 1)
            <= len(part.split())
            <= SHORT_TITLE_WORDS
        ):
            return part[:1].upper() + part[1:]
    words = (parts[-1] if len(parts[0].split()) < MIN_SHORT_TITLE_WORDS else title).split()
    words = words[:SHORT_TITLE_WORDS]
    while len(words) > MIN_SHORT_TITLE_WORDS and len(words[-1]) <= _LONGEST_PARTICLE:
        words.pop()
    text = " ".join(words).rstrip(_TRAILING)
    return text[:1].upper() + text[1:] + text_breaks.ELLIPSIS


def _is_wide(language: str) -> bool:
    return languages.get_base_language(language) in {"zh", "ja", "ko"}
