"""Refuse Markdown that readers of a mail would not see as its author meant it.

Markdown has many dialects. Text in another dialect's markup (a footnote, a shortcode, a task list)
would go out as literal text, a relative link as dead blue text, an unused definition not at all.
:func:`read_markdown` converts what a mail can show, and names the line of everything else. A
backslash before a sign makes it plain text: ``\\[^1]`` is not a footnote.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.text_join import text_join
from markdown_it.token import Token

from mailer.errors import InputError
from mailer.intake.html_checks import find_html_problems
from mailer.intake.link_checks import describe_link_problem, describe_picture_problem
from mailer.intake.markdown_dialects import ATTRIBUTES, find_foreign_markup
from mailer.intake.markup import join_rendered_blocks, render_tokens
from mailer.intake.normalise.tree import check_nesting

LONGEST = 300_000
"""Maximum length of a text in characters: some fifty thousand words."""

MAX_BRACKETS = 3_000
"""Maximum number of opening brackets. The parser (markdown-it-py 4) takes up to 40 µs for each."""

MAX_SIGNS = 15_000
"""Maximum number of signs that may be markup. The parser takes up to 30 µs for each."""

MAX_LINES = 6_000
"""Maximum number of lines with text, as each may be a block."""

MAX_CELLS = 10_000
"""Maximum number of table cells, which the parser fills up to the width of the table's head."""

DEEPEST_LEVEL = 16
"""The level of nesting at which a list's item or a quotation is refused; each list counts as two
levels. The parser leaves out all text below level 20 without an error."""

NOT_TEXT = "\ufffc"
"""Replaces each element, and each sign after a backslash, in text that is searched for markup."""


@dataclass(frozen=True, slots=True, order=True)
class MarkdownProblem:
    """A problem in one line of a text. Lines are counted from 1."""

    line: int
    message: str
    hint: str = ""


def read_markdown(markdown: str, where: str, first_line: int = 1) -> str:
    """Return sanitised HTML of a person's Markdown.

    `where` is the file or field, and `first_line` the line of that file in which the text begins.
    Raises InputError for the first problem. The error also names the lines of the other
    problems."""
    checked = _parse_markdown(markdown)
    if problems := checked.problems:
        first, *others = problems
        message = first.message
        if lines := sorted({problem.line + first_line - 1 for problem in others}):
            numbers = ", ".join(map(str, lines[:10])) + (" …" if len(lines) > 10 else "")
            message += f" (and {len(others)} more, in line {numbers})"
        raise InputError(
            message,
            where=f"{where}, line {first.line + first_line - 1}",
            hint=first.hint,
            field="body",
        )
    return join_rendered_blocks(render_tokens(checked.tokens, checked.environment))


class _CheckedMarkdown(NamedTuple):
    problems: list[MarkdownProblem]
    tokens: list[Token]
    environment: dict[str, Any]


def find_markdown_problems(markdown: str) -> list[MarkdownProblem]:
    """Return everything in the text that would be lost, or go out as literal markup, by line."""
    return _parse_markdown(markdown).problems


def _parse_markdown(markdown: str) -> _CheckedMarkdown:
    """Parse and check Markdown. If it has no problems, its tokens can be rendered."""
    environment: dict[str, Any] = {}
    if problem := find_size_problem(markdown):
        return _CheckedMarkdown([problem], [], environment)
    parser = create_parser()
    tokens = parser.parse(markdown, environment)
    lines = markdown.split("\n")
    problems = [
        *_find_block_problems(tokens, lines),
        *_find_inline_problems(tokens),
        *(MarkdownProblem(*problem) for problem in find_html_problems(tokens)),
        *_find_unused_definitions(tokens, environment),
    ]
    if not problems:
        text_join(StateCore(markdown, parser, environment, tokens))
    return _CheckedMarkdown(sorted(set(problems)), tokens, environment)


@lru_cache(maxsize=1)
def create_parser() -> MarkdownIt:
    """Return the parser that keeps what a person's Markdown says, even if mails can't show it."""
    # Text that follows a backslash stays a token of its own, and links of all schemes are links.
    parser = MarkdownIt("commonmark", {"html": True, "store_labels": True})
    parser.enable(["table", "strikethrough"]).disable("text_join")
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


def find_size_problem(markdown: str) -> MarkdownProblem | None:
    """Return why a text is too large to be parsed, or None."""
    hint = "shorten it, and link to the rest"
    if len(markdown) > LONGEST:
        return MarkdownProblem(1, f"the text is longer than {LONGEST:,} characters", hint)
    if markdown.count("[") > MAX_BRACKETS:
        return MarkdownProblem(1, f"the text has more than {MAX_BRACKETS:,} brackets", hint)
    if sum(map(markdown.count, "!$&*:<=\\^_`{~")) > MAX_SIGNS:
        return MarkdownProblem(1, f"the text has more than {MAX_SIGNS:,} signs of markup", hint)
    if sum(map(bool, map(str.strip, markdown.split("\n")))) > MAX_LINES:
        return MarkdownProblem(1, f"the text has more than {MAX_LINES:,} lines", hint)
    counts = [line.count("|") for line in markdown.split("\n") if "|" in line]
    if len(counts) * max(counts, default=0) > MAX_CELLS:
        return MarkdownProblem(1, f"the tables have more than {MAX_CELLS:,} cells", hint)
    try:
        check_nesting(markdown)
    except InputError as error:
        return MarkdownProblem(1, error.message, error.hint)
    return None


# ---- blocks -----------------------------------------------------------------------------------


def _find_block_problems(tokens: list[Token], lines: list[str]) -> Iterator[MarkdownProblem]:
    column_count = 0
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type in {"blockquote_open", "list_item_open"} and token.level >= DEEPEST_LEVEL:
            yield MarkdownProblem(
                line, "lists or quotations nest too deep", "write the inner ones as paragraphs"
            )
        elif token.type == "fence" and token.map:
            last_line = re.sub(r"^[\s>]+", "", lines[token.map[1] - 1])
            if token.map[1] - token.map[0] < 2 or not last_line.startswith(token.markup):
                yield MarkdownProblem(
                    line, f"the code that begins with {token.markup} has no end", "end it"
                )
        elif token.type == "table_open":
            column_count = 0
        elif token.type == "th_open":
            column_count += 1
        elif token.type == "tr_open" and column_count and token.map:
            # The parser leaves out cells beyond the head's.
            cell_count = _count_cells(lines[token.map[0]])
            if cell_count > column_count:
                yield MarkdownProblem(
                    line,
                    f"the row has {cell_count} cells, and the table's head {column_count}",
                    "add a column to the head, or write \\| for a bar in the text",
                )


_LINE_PREFIX = re.compile(r"^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+[\s>]*)*")


def _count_cells(line: str) -> int:
    cells = escapedSplit(_LINE_PREFIX.sub("", line).strip())
    return len(cells) - (bool(cells) and not cells[0]) - (len(cells) > 1 and not cells[-1])


def _find_unused_definitions(
    tokens: list[Token], environment: dict[str, Any]
) -> Iterator[MarkdownProblem]:
    used_labels = {
        child.meta["label"] for token in tokens for child in _walk(token) if "label" in child.meta
    }
    definitions = [
        *environment.get("references", {}).items(),
        *((duplicate["label"], duplicate) for duplicate in environment.get("duplicate_refs", ())),
    ]
    for index, (label, definition) in enumerate(definitions):
        line = definition["map"][0] + 1
        if label.startswith("^"):
            yield MarkdownProblem(line, *FOOTNOTE)
        elif index >= len(environment.get("references", {})):
            yield MarkdownProblem(
                line, f"[{label.lower()}] is defined twice", "remove one of the definitions"
            )
        elif label not in used_labels:
            yield MarkdownProblem(
                line,
                f"nothing refers to [{label.lower()}], so that the line would be lost",
                "remove it, or write \\[ if it is text",
            )


FOOTNOTE = ("a mail has no footnotes", "write the note in brackets, or at the end of the text")


def _walk(token: Token) -> Iterator[Token]:
    for child in token.children or ():
        yield child
        yield from _walk(child)


# ---- text -------------------------------------------------------------------------------------


def _find_inline_problems(tokens: list[Token]) -> Iterator[MarkdownProblem]:
    for token, before in zip(tokens, [None, None, *tokens], strict=False):
        if token.type != "inline" or not token.children:
            continue
        first_line = token.map[0] + 1 if token.map else 1
        line, texts = first_line, [(first_line, "")]
        open_link: list[str] | None = None
        last_type = ""
        for child in token.children:
            if open_link is not None and child.type != "link_close":
                open_link.append(child.content)
            if child.type in {"softbreak", "hardbreak"}:
                line += 1
                texts.append((line, ""))
            elif child.type == "text" or _is_lone_backslash(child):
                if last_type in _ENDS and ATTRIBUTES.pattern.match(child.content):
                    yield MarkdownProblem(line, ATTRIBUTES.message, ATTRIBUTES.hint)
                texts[-1] = (line, texts[-1][1] + child.content)
            else:
                texts[-1] = (line, texts[-1][1] + NOT_TEXT)
            if child.type == "link_open":
                open_link = []
                address = str(child.attrs.get("href", ""))
                if problem := _describe_labelled(child) or describe_link_problem(address):
                    yield MarkdownProblem(line, *problem)
            elif child.type == "link_close":
                if not "".join(open_link or ()).strip():
                    yield MarkdownProblem(
                        line, "a link has no text", "write [some words](https://…)"
                    )
                open_link = None
            elif child.type == "image":
                address = str(child.attrs.get("src", ""))
                if problem := describe_picture_problem(address, child.content):
                    yield MarkdownProblem(line, *problem)
            last_type = child.type
            line += child.content.count("\n") if child.type in {"html_inline", "code_inline"} else 0
        is_item = before is not None and before.type == "list_item_open"
        for problem_line, message, hint in find_foreign_markup(texts, is_item=is_item):
            yield MarkdownProblem(problem_line, message, hint)


_ENDS = frozenset({"code_inline", "em_close", "image", "link_close", "strong_close"})


def _is_lone_backslash(token: Token) -> bool:
    """Check whether a backslash stands before a letter, so that both are text."""
    return token.type == "text_special" and len(token.content) > 1


def _describe_labelled(token: Token) -> tuple[str, str] | None:
    return FOOTNOTE if str(token.meta.get("label", "")).startswith("^") else None
