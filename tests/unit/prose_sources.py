"""Every English text of the project, in passages: docstrings, comments, messages, templates, docs.

Code is left out: names in backquotes, indented examples, SQL, regular expressions.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from tests.unit.source_tree import ROOT, list_sources, parse_source


class PassageKind(StrEnum):
    DOCSTRING = "docstring"
    """Of a function, class, module or variable."""
    COMMENT = "comment"
    MESSAGE = "message"
    """A string in the package that reads as a sentence: an error, a help text, a log line."""
    TEMPLATE = "template"
    PAGE = "page"
    MSGID = "msgid"


@dataclass(frozen=True)
class Passage:
    path: Path
    line: int
    kind: PassageKind
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


_CODE = re.compile(r"``.*?``|`[^`\n]*`|::\n\n(?:[ \t]+.*\n|\n)+", re.DOTALL)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.DOTALL | re.MULTILINE)
_JINJA_STRING = re.compile(r"""(?<![\w])_\(\s*"((?:[^"\\]|\\.)*)\"""")
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_JINJA_COMMENT = re.compile(r"\{#(.*?)#\}", re.DOTALL)
_MARKUP = re.compile(r"<style.*?</style>|<script.*?</script>|<!--.*?-->|<[^>]*>", re.DOTALL)
_SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|BEGIN|PRAGMA|VACUUM|LOCK|SET|CASE)\b"
)
_REGULAR_EXPRESSION = re.compile(r"\(\?|\\[sdwbS]|\[\^")
_MSGID = re.compile(r'^msgid(?:_plural)? ((?:"(?:[^"\\]|\\.)*"\n?)+)', re.MULTILINE)
_DIRECTIVE = re.compile(r"#\s*(type:|noqa|fmt:|pragma|!|-{4})")


@cache
def list_passages() -> list[Passage]:
    passages: list[Passage] = []
    for path in list_sources("mailer", "tests"):
        passages += _read_docstrings(path)
        passages += _read_comments(path)
        if path.is_relative_to(ROOT / "mailer"):
            passages += _read_messages(path)
    for path in _list_templates():
        passages += _read_template(path)
    for path in _list_pages():
        passages += _read_page(path)
    for path in _list_catalogues():
        passages += _read_msgids(path)
    return passages


def _list_templates() -> list[Path]:
    folders = (ROOT / "mailer/web/templates", ROOT / "templates")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".html", ".txt", ".xml"}
    )


def _list_pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("tests/**/*.md")])


def _list_catalogues() -> list[Path]:
    """Return one catalogue of each folder: every language has the same English."""
    return [ROOT / "mailer/web/locale/fr.po", ROOT / "templates/email/locale/fr.po"]


def _blank_out(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with each match blank, so that lines keep their numbers."""
    return pattern.sub(lambda match: " " + "\n" * match[0].count("\n"), text)


def _read_docstrings(path: Path) -> Iterator[Passage]:
    for node in ast.walk(parse_source(path)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            text = _blank_out(_CODE, node.value.value)
            yield Passage(path, node.lineno, PassageKind.DOCSTRING, text)


def _read_comments(path: Path) -> Iterator[Passage]:
    """Return comments; lines of comment that follow each other are one passage."""
    start = end = 0
    lines: list[str] = []
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    for token in tokens:
        if token.type != tokenize.COMMENT or _DIRECTIVE.match(token.string):
            continue
        line = token.start[0]
        if lines and line != end + 1:
            yield Passage(path, start, PassageKind.COMMENT, _blank_out(_CODE, "\n".join(lines)))
            lines = []
        if not lines:
            start = line
        lines.append(token.string.lstrip("#").strip())
        end = line
    if lines:
        yield Passage(path, start, PassageKind.COMMENT, _blank_out(_CODE, "\n".join(lines)))


def _read_messages(path: Path) -> Iterator[Passage]:
    tree = parse_source(path)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            ]
            skipped.update(id(part) for part in node.values)
            yield from _read_message(path, node.lineno, "".join(parts))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield from _read_message(path, node.lineno, node.value)


def _read_message(path: Path, line: int, text: str) -> Iterator[Passage]:
    is_code = _SQL.search(text) or _REGULAR_EXPRESSION.search(text) or text.lstrip().startswith("<")
    if " " in text and not is_code:
        yield Passage(path, line, PassageKind.MESSAGE, _blank_out(_CODE, text))


def _read_template(path: Path) -> Iterator[Passage]:
    text = path.read_text("utf-8")
    for pattern, group in ((_JINJA_STRING, 1), (_JINJA_COMMENT, 1)):
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Passage(path, line, PassageKind.TEMPLATE, _blank_out(_CODE, match[group]))
    for pattern in (_JINJA_COMMENT, _JINJA, _MARKUP):
        text = _blank_out(pattern, text)
    for number, line_text in enumerate(text.splitlines(), 1):
        if line_text.strip():
            yield Passage(path, number, PassageKind.TEMPLATE, line_text)


def _read_page(path: Path) -> Iterator[Passage]:
    """Return a page's paragraphs."""
    text = _blank_out(_FENCE, path.read_text("utf-8"))
    text = re.sub(r"`[^`]*`", lambda match: "…" + "\n" * match[0].count("\n"), text)
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        if paragraph.strip():
            yield Passage(path, line, PassageKind.PAGE, paragraph)
        line += paragraph.count("\n")


def _read_msgids(path: Path) -> Iterator[Passage]:
    text = path.read_text("utf-8")
    for match in _MSGID.finditer(text):
        message = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match[1]))
        if message:
            line = text.count("\n", 0, match.start()) + 1
            yield Passage(path, line, PassageKind.MSGID, message)
