"""Build drafts (checked content, and a report of omissions) from the articles of a source.

Articles from Word files, feeds, WordPress and web pages all pass through here, so an article gives
the same draft whatever its source is. A draft is not an article yet: the caller decides whether to
add it.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape, unescape
from urllib.parse import unquote, urlsplit

from mailer import languages
from mailer.articles import (
    EARLIEST,
    LATEST,
    SLUG_LENGTH,
    SUMMARY_LENGTH,
    TITLE_LENGTH,
    check_content,
    check_web_address,
    is_svg,
    make_slug,
)
from mailer.errors import InputError, MailerError
from mailer.intake.normalise import clean_html, normalise_cleaned, to_plain_text
from mailer.intake.omissions import Omission, OmissionReport, shorten_text
from mailer.intake.picture_files import LocalPicture
from mailer.lines import CONTROL_CHARACTERS
from mailer.model.articles import ArticleKind, Content, Image

FIRST_WORDS = 80
"""Number of characters from the beginning of the text that replace a missing title."""


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture stored within a file."""

    name: str
    media_type: str
    content: bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An article from a source, ready to be added.

    `origin` is the file or address, for people to read. `key` identifies the article within its
    source, and is empty if the source has no identifier. `dated`: the source gives a publication
    date. `content` is checked; its body is Markdown, and its html is the sanitised rendering of the
    body. `pictures` are all pictures within the file, and `shown_pictures` those that the text
    shows as assets."""

    content: Content
    origin: str
    key: str = ""
    dated: bool = True
    omissions: tuple[Omission, ...] = ()
    pictures: tuple[EmbeddedPicture, ...] = ()
    shown_pictures: tuple[LocalPicture, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The hash of the content, which is the same for equal content from different sources."""
        return self.content.compute_fingerprint()


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """An article that could not become a draft, or a source that could only be read in part.

    A problem with one article never excludes the other articles of its source."""

    origin: str
    error: MailerError
    key: str = ""


@dataclass(frozen=True, slots=True)
class DraftBatch:
    """The drafts of a source with several articles, in the source's order: newest first."""

    drafts: tuple[Draft, ...]
    problems: tuple[DraftProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftDefaults:
    """Values for fields that are missing in a source.

    `topics_by_category` maps the source's categories, in lower case, to topics. Dates without a
    zone are in `time_zone`."""

    now: datetime
    language: str = "en"
    kind: ArticleKind = ArticleKind.NEWS
    topics: tuple[str, ...] = ()
    time_zone: str = "UTC"
    topics_by_category: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceArticle:
    """One article in the form in which the source gives it. `title`, `summary` and `body` are HTML
    that is not sanitised yet. Relative addresses are resolved against `base`.

    If the title is empty and `heading_is_title` is set, the first heading of the body replaces it.
    `fallback_title` is plain text, for an article without either."""

    origin: str
    title: str = ""
    body: str = ""
    summary: str = ""
    base: str = ""
    key: str = ""
    address: str = ""
    slug: str = ""
    published: datetime | None = None
    language: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    picture: Image | None = None
    heading_is_title: bool = False
    fallback_title: str = ""


def build_draft(
    article: SourceArticle,
    defaults: DraftDefaults,
    report: OmissionReport,
    pictures: tuple[EmbeddedPicture, ...] = (),
) -> Draft:
    """Build the draft of a source's article.

    `report` collects omissions. Raises InputError, which names the article's origin, for an article
    without text, with too much text, or with invalid content."""
    language = _normalise_language(article.language, defaults.language, report)
    try:
        cleaned = clean_html(article.body, base=article.base, language=language)
        title = to_one_line(article.title)
        if not title:
            heading = cleaned.heading if article.heading_is_title else ""
            title = to_one_line(escape(heading or article.fallback_title, quote=False))
        normalised = normalise_cleaned(cleaned, title)
    except InputError as error:
        raise _add_error_origin(article.origin, error) from error
    report.add_omissions(normalised.dropped)
    if not normalised.markdown:
        raise InputError(
            "the article has no text",
            where=article.origin,
            hint="write the article by hand, or import it from a source that has its text",
        )
    text = normalised.text
    if not title:
        title = shorten_text(text, FIRST_WORDS) or "Untitled"
        report.add_omission("nothing, but the title was missing: the first words replace it", title)
    if len(title) > TITLE_LENGTH:
        report.add_omission("end of a long title", title[TITLE_LENGTH:])
        title = shorten_text(title, TITLE_LENGTH)
    summary = shorten_text(to_beginning(article.summary, SUMMARY_LENGTH), SUMMARY_LENGTH)
    address = _validate_address(article.address)
    if article.address.strip() and not address:
        report.add_omission("article's address, which is not a web address", article.address)
    published = article.published
    if published and not EARLIEST <= published.replace(tzinfo=None) <= LATEST:
        report.add_omission("impossible date", str(published))
        published = None
    content = Content(
        slug=_choose_slug(article, title, address, text),
        language=language,
        kind=defaults.kind,
        title=title,
        published=(published or defaults.now).astimezone(UTC).replace(microsecond=0),
        body=normalised.markdown,
        html=normalised.html,
        summary="" if summary == shorten_text(text, SUMMARY_LENGTH) else summary,
        topics=_map_topics(article.categories, defaults, report),
        image=_check_picture(article.picture, report),
        canonical_url=address,
        byline=", ".join(
            dict.fromkeys(
                name for author in article.authors if (name := _clean_author_name(author))
            )
        ),
    )
    try:
        content = check_content(content)
    except InputError as error:
        raise _add_error_origin(article.origin, error) from error
    return Draft(
        content,
        article.origin,
        article.key,
        published is not None,
        report.list_omissions(),
        pictures,
    )


def _add_error_origin(origin: str, error: InputError) -> InputError:
    place = error.where or error.field
    where = f"{origin}, {place}" if place else origin
    return InputError(
        error.message,
        where=where,
        hint=error.hint,
        field=error.field,
        next_steps=error.next_steps,
    )


def separate_slugs(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """Return the drafts, each with a slug of its own, so that two stories with the same title do
    not become one story.

    The story published first keeps the plain slug, so its slug does not change when the source
    adds another story."""
    separated = list(drafts)
    keys_by_slug: dict[tuple[str, str], str] = {}

    def get_sort_key(index: int) -> tuple[bool, datetime, int]:
        return separated[index].dated, separated[index].content.published, -index

    for index in sorted(range(len(separated)), key=get_sort_key):
        colliding = separated[index]
        slug, language = colliding.content.slug, colliding.content.language
        if keys_by_slug.setdefault((slug, language), colliding.key) != colliding.key:
            longer = f"{slug[: SLUG_LENGTH - 9].rstrip('-')}-{_hash_text(colliding.key)}"
            separated[index] = replace(colliding, content=replace(colliding.content, slug=longer))
    return tuple(separated)


# ---- fields -----------------------------------------------------------------------------------

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31}\d{0,2});")
_PHRASE = re.compile(
    r"</?(?:a|b|br|em|font|i|p|small|span|strong|su[bp]|u)(?:\s[^<>]*)?/?>", re.IGNORECASE
)


def to_one_line(html: str) -> str:
    """Return the text of `html` as one line without control characters.

    Some feeds escape titles twice or three times, so text that still looks like an entity or an
    inline element is unescaped again."""
    text = to_plain_text(html)
    for _ in range(2):
        if not (_ENTITY.search(text) or _PHRASE.search(text)):
            break
        text = to_plain_text(text if _PHRASE.search(unescape(text)) else escape(unescape(text)))
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split())


_HTML_PER_CHARACTER = 8
"""The HTML that is first read for each character of a text's beginning. Long links need more."""


def to_beginning(html: str, length: int) -> str:
    """Return the text of `html` as :func:`to_one_line` does, or only its beginning if that has more
    than `length` characters. The rest of a long text is not parsed."""
    end = html.find("<", length * _HTML_PER_CHARACTER)
    # A table's text may stand in another order than its HTML.
    if end > 0 and "<table" not in html[:end].lower():
        line = to_one_line(html[:end])
        if len(line) > length:
            return line
    return to_one_line(html)


def _normalise_language(language: str, default_language: str, report: OmissionReport) -> str:
    if not language.strip():
        return languages.normalise_tag(default_language)
    try:
        return languages.normalise_tag(language)
    except InputError:
        report.add_omission("unknown language", language)
        return languages.normalise_tag(default_language)


def _validate_address(address: str) -> str:
    """Return a web address with its spaces as ``%20``, or "" if it is not a web address."""
    address = re.sub("[\t\r\n]", "", address).strip().replace(" ", "%20")
    try:
        check_web_address(address, "")
    except InputError:
        return ""
    return address


def _map_topics(
    categories: Iterable[str], defaults: DraftDefaults, report: OmissionReport
) -> tuple[str, ...]:
    topics = list(defaults.topics)
    for category in dict.fromkeys(" ".join(category.split()) for category in categories):
        if topic := defaults.topics_by_category.get(category.lower()):
            topics.append(topic)
        elif category:
            report.add_omission("category", category)
    return tuple(dict.fromkeys(topics))


def _check_picture(image: Image | None, report: OmissionReport) -> Image | None:
    if image is None:
        return None
    if not (url := _validate_address(image.url)):
        report.add_omission("picture without address", image.url)
        return None
    if is_svg(image.url):
        report.add_omission("SVG picture, which mail programs don't show", image.url)
        return None
    if not (alt := to_one_line(image.alt)):
        report.add_omission("picture without alt text", image.url)
        return None
    return Image(url, alt, to_one_line(image.credit))


_PLACEHOLDER_AUTHORS = frozenset({
    "admin", "administrator", "author", "microsoft office user", "microsoft user", "office",
    "openpyxl", "python-docx", "root", "site admin", "site administrator", "unknown", "user",
    "utente windows", "utilisateur windows", "webmaster", "windows user", "windows-benutzer",
    "wordpress",
})  # fmt: skip
"""Names that programs fill in if a text has no author."""

_MAIL_ADDRESS = re.compile(r"<?\s*(?:mailto:)?[^\s<>(),;]+@[^\s<>(),;]+\s*>?")


def _clean_author_name(author: str) -> str:
    """Return the author's name without the mail address that feeds add to it; "" for a name that a
    program filled in."""
    name = _MAIL_ADDRESS.sub(" ", shorten_text(to_one_line(escape(unescape(author))), 300)).strip(
        " ,;<>\"'"
    )
    bracketed = re.fullmatch(r"\((.*)\)", name)
    name = " ".join((bracketed[1] if bracketed else name).split())
    return "" if name.lower() in _PLACEHOLDER_AUTHORS else name


def _choose_slug(article: SourceArticle, title: str, address: str, text: str) -> str:
    """Make a slug of the source's own slug, the title, or the address.

    Slugs consist of the letters a to z. If none of the three has enough such letters, the slug is
    made from a hash, which is always the same for the same story."""
    last_segment = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2].partition(".")[0]
    for name in (unquote(article.slug), title, last_segment):
        folded = "".join(
            sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
        )
        slug = make_slug(folded)
        letters = [sign for sign in folded if sign.isalnum()]
        ascii_count = sum(sign.isascii() for sign in letters)
        if 2 * ascii_count >= len(letters) and re.search("[a-z]", slug):
            return slug
    return f"story-{_hash_text(article.key or address or f'{title} {text}')}"


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
