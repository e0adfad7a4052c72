"""Markdown files with front matter -> articles' content.

Front matter is YAML between two lines of ``---``. Required: title. Known beside it: kind, slug,
language, published, topics, summary, image (a web address, or url, alt and credit), canonical_url,
byline, dateline, lead; of a press release also subhead, quotes, notes, contacts, assets and about
(``releases.py``); and embargo, which is the story's. A key that we don't know is an error: it is
most likely misspelt.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from frontmatter.default_handlers import YAMLHandler

from mailer import languages
from mailer.articles import Content, Kind, check, slug_from
from mailer.embargoes import Terms, read_terms
from mailer.errors import InputError, MailerError
from mailer.intake import fields, releases
from mailer.intake.markup import to_html
from mailer.intake.releases import KeptFile

LARGEST = 2_000_000
"""Bytes that a file may have."""

KEYS = (
    "title", "kind", "slug", "language", "published", "topics", "summary", "image",
    "canonical_url", "byline", "dateline", "lead", *releases.KEYS, "embargo",
)  # fmt: skip
SUFFIXES = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and what it holds or what is wrong with it. `dated`: it says when it came out.
    `embargo` is the story's, as this file has it; `files` are those that a release names."""

    path: Path
    content: Content | None
    dated: bool = True
    error: MailerError | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    embargo: Terms | None = None
    files: tuple[KeptFile, ...] = ()

    def at(self, key: str) -> str:
        """Where in the file a key stands, for an error."""
        return f"{self.path}, line {self.lines.get(key.partition('.')[0], 1)}"


def find(paths: Iterable[Path]) -> list[Path]:
    """Files as they are; of folders every Markdown file below, in order of name, but for READMEs
    and hidden ones. Raises InputError for a path that isn't there or a folder without articles."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and file.is_file()
                and file.stem.lower() != "readme"
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
            if not inside:
                raise InputError(
                    "this folder holds no Markdown file", where=str(path), hint="name another"
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise InputError("there is no such file", where=str(path), hint="check the path")
    return list(dict.fromkeys(files))


def read_all(
    paths: Iterable[Path], now: datetime, *, language: str, time_zone: str
) -> Iterator[Found]:
    """Each file's content or what is wrong with it, by file and line: one bad file keeps no other
    out. A date without a time is that day's beginning in `time_zone`."""
    for path in find(paths):
        try:
            yield _found(path, now, language, ZoneInfo(time_zone))
        except MailerError as error:
            yield Found(path, None, error=error)


def read(path: Path, now: datetime, *, language: str, time_zone: str) -> Content:
    """The content of one file. Raises InputError with file and line."""
    content = _found(path, now, language, ZoneInfo(time_zone)).content
    assert content is not None
    return content


def _found(path: Path, now: datetime, language: str, zone: ZoneInfo) -> Found:
    values, body, lines = _split(path, _text(path))

    def at(key: str) -> str:
        return f"{path}, line {lines.get(key.partition('.')[0].partition(',')[0], 1)}"

    content, files = _content(path, values, body, at, now, language, zone)
    embargo = None
    if values.get("embargo") is not None:
        try:
            embargo = read_terms(values["embargo"], str(zone))
        except InputError as error:
            raise InputError(error.what, where=at("embargo"), hint=error.hint) from error
    dated = values.get("published") is not None
    return Found(path, content, dated, lines=lines, embargo=embargo, files=tuple(files))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(
                f"it is larger than {LARGEST // 1_000_000} MB", where=str(path), hint="shorten it"
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=str(path)) from error
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
        raise InputError("it holds a NUL character", where=f"{path}, line {line}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _split(path: Path, text: str) -> tuple[dict[str, Any], str, dict[str, int]]:
    """Front matter, body, and the line on which each key stands."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        raise InputError(
            "it does not begin with front matter",
            where=f"{path}, line 1",
            hint="begin with --- and a title:",
        )
    try:
        last = next(n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---")
    except StopIteration:
        raise InputError(
            "its front matter does not end", where=f"{path}, line 1", hint="end it with ---"
        ) from None
    front = "\n".join(lines[1:last])
    try:
        values = _yaml(front) or {}
    except yaml.YAMLError as error:
        spot = getattr(error, "problem_mark", None)
        line = spot.line + 2 if spot else 2
        said = getattr(error, "problem", None) or str(error)
        raise InputError(
            f"its front matter is not YAML ({said})",
            where=f"{path}, line {line}",
            hint="put values with a colon or a quote in double quotes",
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"its front matter can't be read ({error})",
            where=f"{path}, line {_unreadable(lines[1:last]) + 2}",
            hint="write dates as 2026-12-18, and text in double quotes",
        ) from error
    if not isinstance(values, dict):
        raise InputError("its front matter is not a list of keys", where=f"{path}, line 2")
    places = {
        line.split(":", 1)[0].strip(): number
        for number, line in enumerate(lines[1:last], 2)
        if ":" in line and not line.startswith((" ", "\t", "#"))
    }
    return values, "\n".join(lines[last + 1 :]).strip("\n"), places | {"body": last + 2}


def _yaml(text: str) -> Any:
    # not libyaml's loader, which python-frontmatter prefers: deep nesting overflows its C stack
    # and kills the process (PyYAML 6.0)
    return YAMLHandler().load(text, Loader=yaml.SafeLoader)


def _unreadable(lines: list[str]) -> int:
    """The first line whose value YAML takes for a date or number and can't make one of. PyYAML's
    ValueError, unlike its own errors, doesn't say where."""
    for number, line in enumerate(lines):
        try:
            _yaml(line)
        except yaml.YAMLError:
            continue
        except (ValueError, RecursionError):
            return number
    return 0


def _content(
    path: Path,
    values: Mapping[str, Any],
    body: str,
    at: Callable[[str], str],
    now: datetime,
    language: str,
    zone: ZoneInfo,
) -> tuple[Content, list[KeptFile]]:
    for key in values:
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, 1)
            raise InputError(
                f"{key!r} is nothing that an article has",
                where=at(str(key)),
                hint=f"did you mean {close[0]!r}?" if close else f"use {', '.join(KEYS)}",
            )

    def field(key: str, make: Callable[[Any], Any], default: Any) -> Any:
        value = values.get(key)
        if value is None:
            return default
        try:
            return make(value)
        except InputError as error:
            raise InputError(error.what, where=at(key), hint=error.hint) from error

    title = field("title", fields.line, "")
    try:
        release, files = releases.release(values, path)
    except InputError as error:
        named = f" ({error.where.partition(', ')[2]})" if ", " in error.where else ""
        raise InputError(error.what + named, where=at(error.where), hint=error.hint) from error
    content = Content(
        slug=field("slug", fields.line, "") or slug_from(title),
        language=field("language", lambda v: languages.normalise(fields.line(v)), language),
        kind=field("kind", fields.kind, Kind.NEWS),
        title=title,
        published=field("published", lambda v: fields.moment(v, zone), now.replace(microsecond=0)),
        body=body,
        html=to_html(body),
        summary=field("summary", fields.line, ""),
        topics=field("topics", fields.topics, ()),
        image=field("image", fields.image, None),
        canonical_url=field("canonical_url", fields.line, ""),
        byline=field("byline", fields.line, ""),
        dateline=field("dateline", fields.line, ""),
        lead=field("lead", fields.flag, False),
        release=release,
    )
    try:
        return check(content), files
    except InputError as error:
        hint = error.hint
        if error.where == "slug" and not values.get("slug"):
            hint = "the title gives none: write slug: some-words"
        raise InputError(error.what, where=at(error.where), hint=hint) from error
