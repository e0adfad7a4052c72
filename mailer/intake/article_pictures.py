"""Read the pictures that an article's front matter and Markdown name by their files.

A picture's file is named relative to the article's own file. In the stored article, the reference
of the asset takes the place of the file's name (``mailer/assets``).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from markdown_it.helpers import parseLinkDestination
from markdown_it.token import Token

from mailer.errors import InputError
from mailer.intake.link_checks import is_local_picture
from mailer.intake.markdown_checks import create_parser, find_size_problem
from mailer.intake.picture_files import (
    LocalPicture,
    find_article_picture,
    read_article_picture,
)
from mailer.model.articles import Image

_ADDRESS = re.compile(
    r"""(?:\]\(|^[ >]*\[[^\]\n]+\]:)\s*<?(?!\s|https?:|mailto:|tel:|asset:|[#<])""",
    re.MULTILINE | re.IGNORECASE,
)
"""The beginning of an address that may name a file. Text without one is not parsed here."""


@dataclass(slots=True)
class ArticlePictures:
    """The pictures of an article whose file is in `folder`, by the files to which their names lead.
    Each file is read once, however it is spelt."""

    folder: Path
    pictures: dict[Path, LocalPicture] = field(default_factory=dict)

    def read_reference(self, file_name: str, where: str) -> str:
        """Read a picture, and return its reference. Raises InputError with `where`."""
        path = find_article_picture(self.folder, file_name, where)
        if path not in self.pictures:
            self.pictures[path] = read_article_picture(path, file_name, where)
        return self.pictures[path].reference

    def replace_file(self, image: Image, where: str) -> Image:
        """Return a picture of the front matter with the reference in place of its file's name."""
        if not is_local_picture(image.url):
            return image
        return replace(image, url=self.read_reference(image.url, where))

    def replace_files(self, markdown: str, path: Path, first_line: int = 1) -> str:
        """Return Markdown with references in place of the names of files. `first_line` is the line
        of the file `path` in which the text begins. Raises InputError with file and line."""
        return replace_picture_files(
            markdown,
            lambda name, line: self.read_reference(name, f"{path}, line {line + first_line - 1}"),
            str(path),
            first_line,
        )


def replace_picture_files(
    markdown: str, read_reference: Callable[[str, int], str], where: str, first_line: int = 1
) -> str:
    """Return Markdown in which `read_reference(name, line)` replaces the name of each file.

    Text that the parser's limits refuse is returned as it is, for its reader to refuse."""
    if "![" not in markdown or not _ADDRESS.search(markdown) or find_size_problem(markdown):
        return markdown
    parser = create_parser()
    environment: dict[str, Any] = {}
    tokens = parser.parse(markdown, environment)
    lines = markdown.split("\n")
    references: dict[str, str] = {}
    spans: dict[tuple[int, int], tuple[str, set[str]]] = {}
    for picture, block, line in _iterate_pictures(tokens):
        name = str(picture.attrs.get("src", ""))
        if not is_local_picture(name):
            continue
        references[name] = read_reference(name, line + 1)
        label = picture.meta.get("label")
        span = environment["references"][label]["map"] if label else block
        spans.setdefault((span[0], span[1]), ("]:" if label else "](", set()))[1].add(name)
    for (begin, end), (sign, names) in spans.items():
        text = _replace_names("\n".join(lines[begin:end]), sign, names, references)
        lines[begin:end] = text.split("\n")
    replaced = "\n".join(lines)
    if references and not _is_same_text(tokens, parser.parse(replaced), references):
        first_name = next(iter(references))
        raise InputError(
            f"the picture {first_name!r} stands in a place where its file can't be named",
            where=f"{where}, line {first_line}",
            hint="write ![its alt text](its file) in a paragraph of its own",
        )
    return replaced


def _iterate_pictures(tokens: list[Token]) -> Iterator[tuple[Token, tuple[int, int], int]]:
    """Yield each picture with the lines of its block and its own line, counted from 0."""
    for token in tokens:
        if token.type != "inline" or token.map is None:
            continue
        line = token.map[0]
        for child in token.children or ():
            if child.type == "image":
                yield child, (token.map[0], token.map[1]), line
            if child.type in {"softbreak", "hardbreak"}:
                line += 1
            elif child.type in {"html_inline", "code_inline"}:
                line += child.content.count("\n")


def _replace_names(text: str, sign: str, names: set[str], references: dict[str, str]) -> str:
    """Replace the addresses after `sign` that are among `names`."""
    parser = create_parser()
    pieces: list[str] = []
    position = 0
    while (found_at := text.find(sign, position)) >= 0:
        start = found_at + len(sign)
        while start < len(text) and text[start] in " \t\n":
            start += 1
        pieces.append(text[position:start])
        position = start
        destination = parseLinkDestination(text, start, len(text))
        name = parser.normalizeLink(destination.str) if destination.ok else ""
        if name in names:
            pieces.append(references[name])
            position = destination.pos
    return "".join(pieces) + text[position:]


def _is_same_text(before: list[Token], after: list[Token], references: dict[str, str]) -> bool:
    """Check that nothing but the addresses of the pictures has changed."""
    return list(_flatten(before, references)) == list(_flatten(after, {}))


def _flatten(tokens: list[Token], references: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for token in tokens:
        if token.type != "inline":
            source = str(token.attrs.get("src", ""))
            content = "" if token.children else token.content
            href = str(token.attrs.get("href", ""))
            yield token.type, content, href, references.get(source, source)
        yield from _flatten(token.children or [], references)
