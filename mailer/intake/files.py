"""Read Markdown files with front matter as the content of articles.

Front matter is YAML between two lines of ``---``, with every value as it is written
(``front_matter.py``). The title is required. Optional keys: kind, slug, language, published,
topics, summary, image (a file or a web address, or file or url, alt, credit and caption),
canonical_url, byline, dateline, lead; for an event starts, ends and place; for a photo story
pictures; for a press release also subhead, quotes, notes, contacts, assets and about
(``releases.py``), of which a statement and an op-ed may have quotes, and a report assets; and
embargo, which holds for the story in all languages. An unknown key is an error, since it is most
likely misspelt.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mailer import languages
from mailer.articles import check_content, make_slug, read_event_details
from mailer.embargoes import read_terms
from mailer.errors import InputError, MailerError
from mailer.intake import fields, releases
from mailer.intake.article_pictures import ArticlePictures
from mailer.intake.front_matter import parse_front_matter
from mailer.intake.markdown_checks import read_markdown
from mailer.intake.named_files import read_named_file
from mailer.intake.picture_files import LocalPicture
from mailer.intake.releases import AssetFile
from mailer.model.articles import ArticleKind, Content
from mailer.model.embargoes import EmbargoTerms

LARGEST = 2_000_000
"""Maximum size of a file in bytes."""

KEYS = (
    "title", "kind", "slug", "language", "published", "topics", "summary", "image",
    "canonical_url", "byline", "dateline", "lead", "starts", "ends", "place", "pictures",
    *releases.KEYS, "embargo",
)  # fmt: skip
SUFFIXES = (".md", ".markdown")

_COMMENT_KEYS = frozenset({
    "kind", "slug", "language", "published", "topics", "url", "canonical_url", "lead", "about",
    "attach", "file", "embargo", "email", "starts", "ends",
})  # fmt: skip
"""Keys whose values never contain a space and "#", so that " #" after such a value begins a
comment."""


@dataclass(frozen=True, slots=True)
class ArticleFile:
    """A file with its content, or with the error that made it unreadable.

    `dated`: the file gives a publication date. `lines` maps keys to line numbers. `embargo` is the
    embargo that the file states for its story. `files` are the files of a press release's assets,
    `pictures` those that the article shows."""

    path: Path
    content: Content | None
    dated: bool = True
    error: MailerError | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    embargo: EmbargoTerms | None = None
    files: tuple[AssetFile, ...] = ()
    pictures: tuple[LocalPicture, ...] = ()

    def locate_key(self, key: str) -> str:
        """Return the file and line of a key, for an error. A place in this file is returned as it
        is."""
        if key.startswith(f"{self.path}, line "):
            return key
        return f"{self.path}, line {_find_line(self.lines, key)}"


def _find_line(lines: Mapping[str, int], key: str) -> int:
    """Return the line of a key, such as ``contacts.2.phone``, or of the innermost key around it
    that has a line."""
    while key not in lines and "." in key:
        key = key.rpartition(".")[0]
    return lines.get(key, 1)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files among `paths`, and every Markdown file below the folders, sorted by name.

    READMEs and hidden files in folders are left out. Raises InputError for a path that does not
    exist or a folder without articles."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and not file.is_dir()
                and file.stem.lower() != "readme"
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
            if not inside:
                raise InputError(
                    "the folder holds no Markdown file",
                    where=str(path),
                    hint="name another folder",
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise InputError("there is no such file", where=str(path), hint="check the path")
    return list(dict.fromkeys(files))


def read_files(
    paths: Iterable[Path], now: datetime, *, language: str, time_zone: str
) -> Iterator[ArticleFile]:
    """Yield each file with its content or its error. A bad file does not exclude the others.

    A date without a time means the beginning of that day in `time_zone`. Raises InputError in the
    same cases as :func:`find_files`."""
    for path in find_files(paths):
        yield read_file(path, now, language=language, time_zone=time_zone)


def read_file(path: Path, now: datetime, *, language: str, time_zone: str) -> ArticleFile:
    """Return a file with its content, or with its error, for example if the file no longer
    exists."""
    try:
        return _read_file(path, now, language, ZoneInfo(time_zone))
    except MailerError as error:
        return ArticleFile(path, None, error=error)


def read_article(path: Path, now: datetime, *, language: str, time_zone: str) -> Content:
    """Read the content of one file. Raises InputError with file and line."""
    content = _read_file(path, now, language, ZoneInfo(time_zone)).content
    assert content is not None
    return content


def _read_file(path: Path, now: datetime, language: str, zone: ZoneInfo) -> ArticleFile:
    values, body, lines = _split_front_matter(path, _read_text(path))

    def locate_key(key: str) -> str:
        return f"{path}, line {_find_line(lines, key.partition(',')[0])}"

    pictures = ArticlePictures(path.parent)
    content, files = _build_content(path, values, body, locate_key, now, language, zone, pictures)
    embargo = None
    if values.get("embargo"):
        try:
            embargo = read_terms(values["embargo"], str(zone))
        except InputError as error:
            raise InputError(error.message, where=locate_key("embargo"), hint=error.hint) from error
    dated = bool(values.get("published"))
    return ArticleFile(
        path,
        content,
        dated,
        lines=lines,
        embargo=embargo,
        files=tuple(files),
        pictures=tuple(pictures.pictures.values()),
    )


def _read_text(path: Path) -> str:
    data = read_named_file(path, LARGEST, str(path), too_large_hint="shorten it")
    if not data.strip():
        raise InputError("the file is empty", where=f"{path}, line 1", hint="write an article")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            where=f"{path}, line {line}",
            hint="save the file as UTF-8",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("the file holds a NUL character", where=f"{path}, line {line}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _split_front_matter(path: Path, text: str) -> tuple[dict[str, Any], str, dict[str, int]]:
    """Return (values, body, lines): front matter, body, and the line number of each key.

    Raises InputError with file and line if the front matter is missing, unclosed or invalid."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        raise InputError(
            "the file does not begin with front matter",
            where=f"{path}, line 1",
            hint="begin it with --- and a title:",
        )
    try:
        last_line = next(n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---")
    except StopIteration:
        raise InputError(
            "the front matter does not end", where=f"{path}, line 1", hint="end it with ---"
        ) from None
    front_matter = parse_front_matter(
        "\n".join(lines[1:last_line]), str(path), first_line=2, comment_keys=_COMMENT_KEYS
    )
    body = "\n".join(lines[last_line + 1 :])
    text = body.lstrip("\n")
    body_line = last_line + 2 + (len(body) - len(text) if text else 0)
    return (
        dict(front_matter.values),
        text.rstrip("\n"),
        {**front_matter.lines, "body": body_line},
    )


def _build_content(
    path: Path,
    values: Mapping[str, Any],
    body: str,
    locate_key: Callable[[str], str],
    now: datetime,
    language: str,
    zone: ZoneInfo,
    pictures: ArticlePictures,
) -> tuple[Content, list[AssetFile]]:
    for key in values:
        if key not in KEYS:
            close_matches = difflib.get_close_matches(key, KEYS, 1)
            raise InputError(
                f"{key!r} is not a key of an article",
                where=locate_key(key),
                hint=f"did you mean {close_matches[0]!r}?"
                if close_matches
                else f"use {', '.join(KEYS)}",
            )

    def convert_field(key: str, convert: Callable[[Any], Any], default: Any) -> Any:
        value = values.get(key)
        if value in ("", None):
            return default
        try:
            return convert(value)
        except InputError as error:
            raise InputError(error.message, where=locate_key(key), hint=error.hint) from error

    title = convert_field("title", fields.parse_line, "")
    try:
        release, files = releases.read_release(values, path)
    except InputError as error:
        detail = f" ({error.where.partition(', ')[2]})" if ", " in error.where else ""
        raise InputError(
            error.message + detail,
            where=locate_key(error.where or error.field),
            hint=error.hint,
        ) from error
    body_line = int(locate_key("body").rpartition(" ")[2])
    body = pictures.replace_files(body, path, body_line)
    image = convert_field("image", fields.parse_image, None)
    picture_list = convert_field("pictures", fields.parse_pictures, ())
    content = Content(
        slug=convert_field("slug", fields.parse_line, "") or make_slug(title),
        language=convert_field(
            "language", lambda v: languages.normalise_tag(fields.parse_line(v)), language
        ),
        kind=convert_field("kind", fields.parse_kind, ArticleKind.NEWS),
        title=title,
        published=convert_field(
            "published", lambda v: fields.parse_moment(v, zone), now.replace(microsecond=0)
        ),
        body=body,
        html=read_markdown(body, str(path), body_line),
        summary=convert_field("summary", fields.parse_line, ""),
        topics=convert_field("topics", fields.parse_topics, ()),
        image=image
        and pictures.replace_file(image, locate_key(_get_address_key("image", values["image"]))),
        pictures=tuple(
            pictures.replace_file(
                picture, locate_key(_get_address_key(f"pictures.{number}", value))
            )
            for number, (picture, value) in enumerate(
                zip(picture_list, values.get("pictures") or (), strict=False), 1
            )
        ),
        canonical_url=convert_field("canonical_url", fields.parse_line, ""),
        byline=convert_field("byline", fields.parse_line, ""),
        dateline=convert_field("dateline", fields.parse_line, ""),
        lead=convert_field("lead", fields.parse_flag, False),
        release=release,
    )
    try:
        starts, ends, place = (
            convert_field(key, fields.parse_line, "") for key in ("starts", "ends", "place")
        )
        event = read_event_details(starts, ends, place, str(zone))
        return check_content(replace(content, event=event)), files
    except InputError as error:
        hint = error.hint
        if error.field == "slug" and not values.get("slug"):
            hint = "the title has no letters for a slug: write slug: some-words"
        raise InputError(
            error.message,
            where=locate_key(error.where or error.field),
            hint=hint,
            field=error.field,
            next_steps=error.next_steps,
        ) from error


def _get_address_key(key: str, value: Any) -> str:
    """Return the key of a picture's file or web address, whose line an error names."""
    if not isinstance(value, dict):
        return key
    return f"{key}.file" if "file" in value else f"{key}.url"
