"""Checks of an article's fields."""

import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from mailer import languages
from mailer.articles import event_details, press_release
from mailer.assets import MAX_LINE_LENGTH, MAX_TEXT_LENGTH, check_text_length, is_reference
from mailer.errors import InputError
from mailer.lines import holds_control
from mailer.model.articles import ArticleKind, Content, Image

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 80
TITLE_LENGTH = 300
SUMMARY_LENGTH = 1000
MAX_PICTURES = 50
"""Maximum number of pictures in the list of a photo story."""

EARLIEST, LATEST = datetime(1000, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001
"""Every moment between these dates can be expressed in every time zone. The dates are naive, as a
day more or less makes no difference."""

_NO_TARGET = re.compile(r"""<a(\s+(?!href\b)[\w-]+(="[^"]*")?)*\s*>""")
"""A link without an address in sanitised HTML."""

_NO_SOURCE = re.compile(r"""<img(\s+(?!src\b)[\w-]+(="[^"]*")?)*\s*/?>""")
"""A picture without an address in sanitised HTML, which has attributes in small letters and double
quotes."""

_SVG = re.compile(r"\.svgz?$", re.IGNORECASE)

_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def check_content(content: Content) -> Content:
    """Return the content with its fields in canonical form. Raises InputError naming the field."""
    title = " ".join(content.title.split())
    if not title:
        raise InputError("there is no title", field="title", hint="give the article a title")
    if len(title) > TITLE_LENGTH:
        raise InputError(f"the title is longer than {TITLE_LENGTH} characters", field="title")
    if not SLUG.fullmatch(content.slug) or len(content.slug) > SLUG_LENGTH:
        raise InputError(
            f"{content.slug!r} can't be a slug",
            field="slug",
            hint=f"use up to {SLUG_LENGTH} small letters, digits and single hyphens",
        )
    if not content.body.strip():
        raise InputError("the article has no text", field="body", hint="write some below the ---")
    summary = " ".join(content.summary.split())
    if len(summary) > SUMMARY_LENGTH:
        raise InputError(f"it is longer than {SUMMARY_LENGTH} characters", field="summary")
    for field, line in {
        "title": title,
        "summary": summary,
        "byline": content.byline,
        "dateline": content.dateline,
        **_list_image_lines(content),
    }.items():
        if holds_control(" ".join(line.split())):
            raise InputError("it holds control characters", field=field, hint="remove them")
    if content.published.tzinfo is None:
        raise ValueError("published must be aware")
    if not EARLIEST <= content.published.replace(tzinfo=None) <= LATEST:
        raise InputError(
            f"{content.published:%Y-%m-%d} can't be a date of publication",
            field="published",
            hint="write it as 2026-12-18",
        )
    for field, text in {
        "body": content.body,
        "notes": content.release.notes if content.release else "",
        "topics": " ".join(content.topics),
    }.items():
        check_text(text, field)
    if _NO_SOURCE.search(content.html):
        raise InputError(
            "a picture in it has no address",
            field="body",
            hint="name a file or an address that begins with https://, and give it an alt text",
        )
    if _NO_TARGET.search(content.html):
        raise InputError(
            "a link in it leads nowhere from a mail",
            field="body",
            hint="begin its address with https://, mailto: or tel:",
        )
    if len(content.pictures) > MAX_PICTURES:
        raise InputError(f"there are more than {MAX_PICTURES} pictures", field="pictures")
    if content.pictures and content.kind is not ArticleKind.PHOTO_STORY:
        raise InputError(
            "only a photo story has a list of pictures",
            field="pictures",
            hint="write kind: photo story, or name the pictures in the text",
        )
    for field, image in list_named_images(content):
        _check_image(image, field)
    if content.canonical_url:
        check_web_address(content.canonical_url, "canonical_url")
    if content.release:
        press_release.check_kind(content.kind, content.release)
    if content.event and content.kind is not ArticleKind.EVENT:
        raise InputError(
            "only an event has a beginning, an end or a place",
            field="kind",
            hint="write kind: event, or leave out starts, ends and place",
        )
    for asset in content.release.assets if content.release else ():
        if asset.url:
            check_web_address(asset.url, "assets")
    return replace(
        content,
        release=press_release.check_release(content.release) if content.release else None,
        event=event_details.check_event_details(content.event) if content.event else None,
        title=title,
        summary=summary,
        language=languages.normalise_tag(content.language),
        topics=tuple(dict.fromkeys(content.topics)),
        byline=" ".join(content.byline.split()),
        dateline=" ".join(content.dateline.split()),
    )


def list_named_images(content: Content) -> list[tuple[str, Image]]:
    """Return (field, picture) of an article's own picture and of those of a photo story. The fields
    are `image`, and `pictures.1` and so on."""
    named_images = [("image", content.image)] if content.image else []
    return [
        *named_images,
        *((f"pictures.{number}", picture) for number, picture in enumerate(content.pictures, 1)),
    ]


_TEXT_LENGTHS = {"alt": MAX_TEXT_LENGTH, "credit": MAX_LINE_LENGTH, "caption": MAX_TEXT_LENGTH}


def _list_image_lines(content: Content) -> dict[str, str]:
    return {
        f"{field}.{name}": getattr(image, name)
        for field, image in list_named_images(content)
        for name in _TEXT_LENGTHS
    }


def _check_image(image: Image, field: str) -> None:
    """Check a picture's texts and its address. An asset may have the alt text that an article
    lacks."""
    for name, max_length in _TEXT_LENGTHS.items():
        check_text_length(" ".join(getattr(image, name).split()), max_length, f"{field}.{name}")
    if is_reference(image.url):
        return
    check_web_address(image.url, f"{field}.url")
    if is_svg(image.url):
        raise InputError(
            "the picture is an SVG, which mail programs don't show",
            field=f"{field}.url",
            hint="use a PNG or a JPEG",
        )
    if not image.alt.strip():
        raise InputError(
            "the picture has no alt text",
            field=f"{field}.alt",
            hint="describe it for readers who can't see it",
        )


def check_text(text: str, field: str) -> None:
    """Check that a text can be stored and mailed. Raises InputError for NUL, which PostgreSQL
    cannot store (manual, 8.3), and for lone surrogates, which are halves of characters."""
    if match := _NOT_TEXT.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise InputError(
            f"line {line} holds U+{ord(match[0]):04X}, which is not a character",
            field=field,
            hint="remove it",
        )


def check_web_address(value: str, field: str) -> None:
    """Check that `value` is an absolute http or https address. Raises InputError."""
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_valid = False
    if not is_valid or not value.isprintable() or " " in value:
        hint = "write each space as %20" if is_valid else "start it with https:// and a host"
        if not value.isprintable():
            hint = "remove the invisible characters"
        raise InputError(f"{value!r} is not a web address", field=field, hint=hint)


def is_svg(address: str) -> bool:
    """Check by its name whether a picture is an SVG, which mail programs such as Gmail and Outlook
    do not show."""
    try:
        return bool(_SVG.search(urlsplit(address).path))
    except ValueError:
        return False


def make_slug(title: str) -> str:
    """Make a slug from the ASCII words of `title`. The slug is empty if there are none."""
    words = re.findall(r"[a-z0-9]+", title.lower().replace("'", "").replace("’", ""))
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > SLUG_LENGTH:
            break
        slug = longer
    return slug
