"""What a source says of an article -> a draft: checked content, and what was left out of it.

Word files, feeds, WordPress and web pages all end here, so the same article is the same draft by
whichever road it comes. A draft is no article yet: who takes it in decides whether it is added.
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
    make_slug,
)
from mailer.errors import InputError, MailerError
from mailer.intake.normalise import normalise_html, to_plain_text
from mailer.intake.omissions import Omission, OmissionReport, shorten_text
from mailer.lines import CONTROL_CHARACTERS
from mailer.model.articles import ArticleKind, Content, Image

FIRST_WORDS = 80
"""Characters of the text that stand for a title where there is none."""


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture that a file carries in itself. It is in no draft's text: a mail shows pictures by
    their web addresses, and this one has none yet."""

    name: str
    media_type: str
    content: bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """`origin` is the file or address, for people; `key` what its source knows it by, empty where
    there is nothing; `dated`: the source says when it came out. `content` is checked, its body
    Markdown, and its html the sanitised rendering of that."""

    content: Content
    origin: str
    key: str = ""
    dated: bool = True
    omissions: tuple[Omission, ...] = ()
    pictures: tuple[EmbeddedPicture, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Equal for equal content, whichever source gave it."""
        return self.content.compute_fingerprint()


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """What could not become a draft, or is not whole: one is no reason to leave out others."""

    origin: str
    error: MailerError
    key: str = ""


@dataclass(frozen=True, slots=True)
class DraftBatch:
    """What a source with several articles gave, newest first as sources have it."""

    drafts: tuple[Draft, ...]
    problems: tuple[DraftProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftDefaults:
    """What holds where a source says nothing. `known` are topics by the names that the source has
    for them, in small letters; a date without a zone is in `time_zone`."""

    now: datetime
    language: str = "en"
    kind: ArticleKind = ArticleKind.NEWS
    topics: tuple[str, ...] = ()
    time_zone: str = "UTC"
    topics_by_category: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceArticle:
    """What a source says of one article. `title`, `summary` and `body` are HTML of any kind; `base`
    is the address that relative ones stand under."""

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


def build_draft(
    article: SourceArticle,
    defaults: DraftDefaults,
    report: OmissionReport,
    pictures: tuple[EmbeddedPicture, ...] = (),
) -> Draft:
    """The draft of what a source says. Raises InputError, with the origin as its place, for an
    article that has no text, or too much."""
    language = _normalise_language(article.language, defaults.language, report)
    title = to_one_line(article.title)
    try:
        normalised = normalise_html(article.body, base=article.base, language=language, title=title)
    except InputError as error:
        raise _add_error_origin(article.origin, error) from error
    report.add_omissions(normalised.dropped)
    if not normalised.markdown:
        raise InputError(
            "there is no text in it",
            where=article.origin,
            hint="write the article by hand, or take it from where its text is",
        )
    text = to_plain_text(normalised.html)
    if not title:
        title = shorten_text(text, FIRST_WORDS) or "Untitled"
        report.add_omission("nothing, but a title was missing: its first words stand for it", title)
    if len(title) > TITLE_LENGTH:
        report.add_omission("end of a long title", title[TITLE_LENGTH:])
        title = shorten_text(title, TITLE_LENGTH)
    summary = shorten_text(to_one_line(article.summary), SUMMARY_LENGTH)
    address = _validate_address(article.address)
    published = article.published
    if published and not EARLIEST <= published.replace(tzinfo=None) <= LATEST:
        report.add_omission("a date that can't be", str(published))
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
    """The drafts with slugs of their own: two stories of one title must not become one. The first
    to come out keeps the plain slug, so it stays the same when another is told of."""
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
    """The text of HTML as one line without control characters. Feeds escape titles twice, or
    thrice: what still looks like an entity or an element of a phrase afterwards is read again."""
    text = to_plain_text(html)
    for _ in range(2):
        if not (_ENTITY.search(text) or _PHRASE.search(text)):
            break
        text = to_plain_text(text if _PHRASE.search(unescape(text)) else escape(unescape(text)))
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split())


def _normalise_language(language: str, default_language: str, report: OmissionReport) -> str:
    if not language.strip():
        return languages.normalise_tag(default_language)
    try:
        return languages.normalise_tag(language)
    except InputError:
        report.add_omission("unknown language", language)
        return languages.normalise_tag(default_language)


def _validate_address(address: str) -> str:
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
    if not _validate_address(image.url):
        report.add_omission("picture without address", image.url)
        return None
    if not (alt := to_one_line(image.alt)):
        report.add_omission("picture without alt text", image.url)
        return None
    return Image(image.url, alt, to_one_line(image.credit))


_MAIL_ADDRESS = re.compile(r"<?\s*(?:mailto:)?[^\s<>(),;]+@[^\s<>(),;]+\s*>?")


def _clean_author_name(author: str) -> str:
    """A person's name without the mail address that feeds put to it."""
    name = _MAIL_ADDRESS.sub(" ", shorten_text(to_one_line(escape(unescape(author))), 300)).strip(
        " ,;<>\"'"
    )
    bracketed = re.fullmatch(r"\((.*)\)", name)
    return " ".join((bracketed[1] if bracketed else name).split())


def _choose_slug(article: SourceArticle, title: str, address: str, text: str) -> str:
    """Of the source's own word for it, the title, or the address; where none has letters enough
    (slugs are of a to z), of a number that is always the same for the same story."""
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
