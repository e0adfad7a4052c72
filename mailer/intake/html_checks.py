"""Check HTML within Markdown: elements and attributes that sanitising would remove."""

import re
from collections.abc import Iterator, Sequence
from html import unescape

from markdown_it.token import Token

from mailer.intake.link_checks import describe_link_problem, describe_picture_problem
from mailer.intake.markup import ATTRIBUTES, ELEMENTS

_HIDDEN = {"class", "id", "name", "target", "rel", "title"}
"""Attributes that mean nothing to a reader. Sanitising removes them, and this is not reported."""

_VOID = {"br", "hr", "img"}
_BLOCKS = {
    "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "table",
    "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ALLOWED = ELEMENTS | {"h1", "h5", "h6"}

_TAG = re.compile(
    r"""<!--(?P<comment>.*?)(?P<end>-->|$)
      | <(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:"[^"]*"|'[^']*'|[^'"<>])*+)>
      | <(?P<broken>/?[A-Za-z][\w:-]{0,20})
      | <(?P<other>[!?][^>]{0,40})""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+))?""", re.DOTALL)
_LITERAL = re.compile(r"\*\*[^\s*][^*]{0,500}\*\*|\]\(\S{1,500}\)")

Finding = tuple[int, str, str]
"""(line, message, hint)"""


def find_html_problems(tokens: Sequence[Token]) -> Iterator[Finding]:
    """Yield (line, message, hint) for HTML that readers would not get as it is written."""
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "html_block":
            yield from _check_piece(token.content, line, [])
            text = _TAG.sub("", token.content)
            if match := _LITERAL.search(text):
                yield (
                    line + token.content.count("\n", 0, max(token.content.find(match[0]), 0)),
                    f"{match[0][:40]!r} goes out as it stands: Markdown is not read within HTML",
                    "write it in HTML, or without the HTML around it",
                )
        elif token.type == "inline":
            open_tags: list[tuple[str, int]] = []
            for child in token.children or ():
                if child.type in {"softbreak", "hardbreak"}:
                    line += 1
                elif child.type == "html_inline":
                    yield from _check_piece(child.content, line, open_tags, is_inline=True)
                if child.type in {"html_inline", "code_inline"}:
                    line += child.content.count("\n")
            yield from _report_open(open_tags)


def _check_piece(
    html: str, first_line: int, open_tags: list[tuple[str, int]], *, is_inline: bool = False
) -> Iterator[Finding]:
    for match in _TAG.finditer(html):
        line = first_line + html.count("\n", 0, match.start())
        if match["comment"] is not None:
            if not match["end"]:
                yield line, "a comment has no end, and hides the text below it", "end it with -->"
            elif match["comment"].lstrip().startswith("[if"):
                yield line, "a comment for Outlook hides its text", "remove it"
        elif match["broken"] is not None:
            yield line, f"the tag {match[0]!r} has no end", "end it with >, or write &lt; for <"
        elif match["other"] is not None:
            yield line, f"{match[0][:20]!r} is not read in a mail", "remove it"
        else:
            name = match["name"].lower()
            yield from _check_tag(name, match, line)
            if name in _VOID or name in _BLOCKS or name not in _ALLOWED:
                continue
            if not match["close"]:
                open_tags.append((name, line))
            elif open_tags and open_tags[-1][0] == name:
                open_tags.pop()
            else:
                yield line, f"</{name}> ends nothing", f"write <{name}> before it, or remove it"
    if not is_inline:
        yield from _report_open(open_tags)
        open_tags.clear()


def _report_open(open_tags: list[tuple[str, int]]) -> Iterator[Finding]:
    for name, line in open_tags:
        yield line, f"<{name}> has no end in its paragraph", f"end it with </{name}>"


def _check_tag(name: str, match: re.Match[str], line: int) -> Iterator[Finding]:
    if name not in _ALLOWED:
        if not match["close"]:
            yield line, f"the HTML element <{name}> does not reach readers", "use Markdown instead"
        return
    if match["close"]:
        return
    attributes = {
        key.lower(): unescape((value or "").strip("\"'"))
        for key, value in _ATTRIBUTE.findall(match["attributes"].rstrip("/ "))
    }
    problem = None
    if name == "a":
        problem = describe_link_problem(attributes.get("href", "").strip())
    elif name == "img":
        problem = describe_picture_problem(
            attributes.get("src", "").strip(), attributes.get("alt", "")
        )
    if problem:
        yield line, *problem
    allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(name, set()) | _HIDDEN
    if name == "table" and attributes.get("role") == "table":
        allowed = allowed | {"role"}
    if unknown := set(attributes) - allowed:
        first = min(unknown)
        yield line, f"the attribute {first!r} of <{name}> does not reach readers", "remove it"
