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
    Content,
    Image,
    Kind,
    check,
    check_web_address,
    slug_from,
)
from mailer.errors import InputError, MailerError
from mailer.intake.dropped import Dropped, Report, cut
from mailer.intake.tidy import plain, tidy
from mailer.lines import CONTROL

FIRST_WORDS = 80
"""Characters of the text that stand for a title where there is none."""


@dataclass(frozen=True, slots=True)
class Embedded:
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
    dropped: tuple[Dropped, ...] = ()
    pictures: tuple[Embedded, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Equal for equal content, whichever source gave it."""
        return self.content.fingerprint()


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not become a draft, or is not whole: one is no reason to leave out others."""

    origin: str
    error: MailerError
    key: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source with several articles gave, newest first as sources have it."""

    drafts: tuple[Draft, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a source says nothing. `known` are topics by the names that the source has
    for them, in small letters; a date without a zone is in `time_zone`."""

    now: datetime
    language: str = "en"
    kind: Kind = Kind.NEWS
    topics: tuple[str, ...] = ()
    time_zone: str = "UTC"
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
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


def draft(
    said: Said, defaults: Defaults, report: Report, pictures: tuple[Embedded, ...] = ()
) -> Draft:
    """The draft of what a source says. Raises InputError, with the origin as its place, for an
    article that has no text, or too much."""
    language = _language(said.language, defaults.language, report)
    title = one_line(said.title)
    try:
        tidied = tidy(said.body, base=said.base, language=language, title=title)
    except InputError as error:
        raise _at(said.origin, error) from error
    report.extend(tidied.dropped)
    if not tidied.markdown:
        raise InputError(
            "there is no text in it",
            where=said.origin,
            hint="write the article by hand, or take it from where its text is",
        )
    text = plain(tidied.html)
    if not title:
        title = cut(text, FIRST_WORDS) or "Untitled"
        report.add("nothing, but a title was missing: its first words stand for it", title)
    if len(title) > TITLE_LENGTH:
        report.add("end of a long title", title[TITLE_LENGTH:])
        title = cut(title, TITLE_LENGTH)
    summary = cut(one_line(said.summary), SUMMARY_LENGTH)
    address = _address(said.address)
    published = said.published
    if published and not EARLIEST <= published.replace(tzinfo=None) <= LATEST:
        report.add("a date that can't be", str(published))
        published = None
    content = Content(
        slug=_slug(said, title, address, text),
        language=language,
        kind=defaults.kind,
        title=title,
        published=(published or defaults.now).astimezone(UTC).replace(microsecond=0),
        body=tidied.markdown,
        html=tidied.html,
        summary="" if summary == cut(text, SUMMARY_LENGTH) else summary,
        topics=_topics(said.categories, defaults, report),
        image=_picture(said.picture, report),
        canonical_url=address,
        byline=", ".join(dict.fromkeys(name for one in said.authors if (name := _name(one)))),
    )
    try:
        content = check(content)
    except InputError as error:
        raise _at(said.origin, error) from error
    return Draft(content, said.origin, said.key, published is not None, report.all(), pictures)


def _at(origin: str, error: InputError) -> InputError:
    where = f"{origin}, {error.where}" if error.where else origin
    return InputError(error.what, where=where, hint=error.hint)


def apart(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """The drafts with slugs of their own: two stories of one title must not become one. The first
    to come out keeps the plain slug, so it stays the same when another is told of."""
    found = list(drafts)
    taken: dict[tuple[str, str], str] = {}

    def age(at: int) -> tuple[bool, datetime, int]:
        return found[at].dated, found[at].content.published, -at

    for at in sorted(range(len(found)), key=age):
        one = found[at]
        slug, language = one.content.slug, one.content.language
        if taken.setdefault((slug, language), one.key) != one.key:
            longer = f"{slug[: SLUG_LENGTH - 9].rstrip('-')}-{_digest(one.key)}"
            found[at] = replace(one, content=replace(one.content, slug=longer))
    return tuple(found)


# ---- fields -----------------------------------------------------------------------------------

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31}\d{0,2});")
_PHRASE = re.compile(
    r"</?(?:a|b|br|em|font|i|p|small|span|strong|su[bp]|u)(?:\s[^<>]*)?/?>", re.IGNORECASE
)


def one_line(html: str) -> str:
    """The text of HTML as one line without control characters. Feeds escape titles twice, or
    thrice: what still looks like an entity or an element of a phrase afterwards is read again."""
    text = plain(html)
    for _ in range(2):
        if not (_ENTITY.search(text) or _PHRASE.search(text)):
            break
        text = plain(text if _PHRASE.search(unescape(text)) else escape(unescape(text)))
    return " ".join(CONTROL.sub(" ", text).split())


def _language(said: str, default: str, report: Report) -> str:
    if not said.strip():
        return languages.normalise(default)
    try:
        return languages.normalise(said)
    except InputError:
        report.add("unknown language", said)
        return languages.normalise(default)


def _address(said: str) -> str:
    try:
        check_web_address(said, "")
    except InputError:
        return ""
    return said


def _topics(categories: Iterable[str], defaults: Defaults, report: Report) -> tuple[str, ...]:
    found = list(defaults.topics)
    for one in dict.fromkeys(" ".join(one.split()) for one in categories):
        if topic := defaults.known.get(one.lower()):
            found.append(topic)
        elif one:
            report.add("category", one)
    return tuple(dict.fromkeys(found))


def _picture(said: Image | None, report: Report) -> Image | None:
    if said is None:
        return None
    if not _address(said.url):
        report.add("picture without address", said.url)
        return None
    if not (alt := one_line(said.alt)):
        report.add("picture without alt text", said.url)
        return None
    return Image(said.url, alt, one_line(said.credit))


_MAIL_ADDRESS = re.compile(r"<?\s*(?:mailto:)?[^\s<>(),;]+@[^\s<>(),;]+\s*>?")


def _name(author: str) -> str:
    """A person's name without the mail address that feeds put to it."""
    name = _MAIL_ADDRESS.sub(" ", cut(one_line(escape(unescape(author))), 300)).strip(" ,;<>\"'")
    bracketed = re.fullmatch(r"\((.*)\)", name)
    return " ".join((bracketed[1] if bracketed else name).split())


def _slug(said: Said, title: str, address: str, text: str) -> str:
    """Of the source's own word for it, the title, or the address; where none has letters enough
    (slugs are of a to z), of a number that is always the same for the same story."""
    last = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2].partition(".")[0]
    for name in (unquote(said.slug), title, last):
        folded = "".join(
            sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
        )
        slug = slug_from(folded)
        letters = [sign for sign in folded if sign.isalnum()]
        spoken = sum(sign.isascii() for sign in letters)
        if 2 * spoken >= len(letters) and re.search("[a-z]", slug):
            return slug
    return f"story-{_digest(said.key or address or f'{title} {text}')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
