"""Reads `mailer …` lines out of Markdown pages, and parses them with the real command tree."""

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

_CODE_BLOCK = re.compile(r"^(?: {4,}\S.*\n?)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_SHELL_PREFIX = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:\S*/)?mailer(?= |$)")
_STOPS = {"|", ">", "&&", "||", "<", ";"}
_NOT_WORDS = re.compile(r"[…|(]")


@dataclass(frozen=True)
class CommandLine:
    """One command in a page. A `complete` one can be typed as it is; an inline mention may lack
    arguments."""

    page: Path
    text: str
    complete: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def load_generator() -> Any:
    """Import docs/generate.py, which lives outside the package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("generate")
    finally:
        sys.path.remove(str(DOCS))


def find_command_lines(page: Path) -> Iterator[CommandLine]:
    text = page.read_text("utf-8")
    for block in _CODE_BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r" && | \| ", line.strip()):
                if _SHELL_PREFIX.match(part) and "[OPTIONS]" not in part:
                    yield CommandLine(page, part, complete=True)
    for code in _INLINE.findall(text):
        for part in code.replace("\\|", "|").split(" | "):
            if part.startswith("mailer ") and "[OPTIONS]" not in part:
                yield CommandLine(page, part, complete=False)


def split_words(text: str) -> list[str]:
    """Return the words after `mailer`, up to a redirection or a comment."""
    words = shlex.split(_SHELL_PREFIX.sub("", text), comments=True)
    for index, word in enumerate(words):
        if word in _STOPS or _NOT_WORDS.match(word):
            return words[:index]
    return words


def expand_alternatives(words: list[str]) -> Iterator[list[str]]:
    """Yield a list of words for each alternative of ``edition pause|resume``."""
    for index, word in enumerate(words):
        if re.fullmatch(r"[a-z-]+(?:\|[a-z-]+)+", word):
            for alternative in word.split("|"):
                yield from expand_alternatives([*words[:index], alternative, *words[index + 1 :]])
            return
    yield words


def parse_words(root: Any, words: list[str], *, complete: bool) -> None:
    """Parse a command line without running it. Raises the parser's usage error for an unknown
    command or option; for a complete line also for missing or invalid values."""
    context = root.context_class(root, info_name="mailer")
    command, name = root, "mailer"
    while True:
        is_group = hasattr(command, "list_commands")
        if not is_group:
            if complete:
                command.make_context(name, list(words), parent=context.parent)
            else:
                command.make_parser(context).parse_args(args=list(words))
            return
        options, words = _split_leading_options(command, context, words)
        if options and not complete:
            command.make_parser(context).parse_args(args=list(options))
        if not words:
            return
        name, words = words[0], words[1:]
        subcommand = load_generator().commands.load_subcommand(command, context, name)
        if subcommand is None:
            raise LookupError(f"there is no command {name!r} in {context.command_path!r}")
        command = subcommand
        context = command.context_class(command, info_name=name, parent=context)


def _split_leading_options(
    group: Any, context: Any, words: list[str]
) -> tuple[list[str], list[str]]:
    """Split a group's own options from the words that follow. Raises LookupError for an option
    that the group does not have."""
    flags = {
        option: getattr(param, "is_flag", False)
        for param in group.get_params(context)
        for option in (*param.opts, *param.secondary_opts)
    }
    position = 0
    while position < len(words) and words[position].startswith("-"):
        option = words[position]
        if option not in flags:
            raise LookupError(f"{context.command_path} has no option {option}")
        position += 1 if flags[option] else 2
    return words[:position], words[position:]
