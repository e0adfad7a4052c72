"""The pages of commands: what `mailer … --help` says, from the same tree."""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer.main

from generator.markdown import format_page, format_table
from mailer.cli import app
from mailer.cli.command_groups import LazyCommand

COMMON_OPTIONS = ("--json", "--dry-run", "--by", "--help")
"""Options that many commands share: the index says what they do, once."""

_EXAMPLE = re.compile(r"\s*(?:\x08\s*)?Example: (.+)", re.DOTALL)
"""An example stands after a backspace, which tells Click not to wrap it."""


def load_root() -> Any:
    """Return the root of the command tree, without running a command."""
    tree: Any = app
    return typer.main.get_command(tree) if isinstance(tree, typer.Typer) else tree


def load_subcommand(command: Any, context: Any, name: str) -> Any:
    """Return a group's command by name, imported if it is one of the root's lazy commands; None if
    there is no such command."""
    subcommand = command.get_command(context, name)
    return subcommand.load_command() if isinstance(subcommand, LazyCommand) else subcommand


def list_subcommands(command: Any, context: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, command, context) of each visible subcommand, in the order of `--help`."""
    subcommands = []
    for name in command.list_commands(context):
        subcommand = load_subcommand(command, context, name)
        if not subcommand.hidden:
            subcommands.append((name, subcommand, _make_context(subcommand, name, context)))
    return subcommands


def is_group(command: Any) -> bool:
    return hasattr(command, "list_commands")


def walk_commands(command: Any, path: str, context: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (words, command, context) of every command below `command` that does something."""
    for name, subcommand, subcontext in list_subcommands(command, context):
        if is_group(subcommand):
            yield from walk_commands(subcommand, f"{path} {name}", subcontext)
        else:
            yield f"{path} {name}", subcommand, subcontext


def make_root_context(root: Any) -> Any:
    return _make_context(root, "mailer", None)


def _make_context(command: Any, name: str, parent: Any) -> Any:
    return command.context_class(command, info_name=name, parent=parent)


def build_pages() -> dict[str, str]:
    """Return a page for each group, one for the commands without a group, and the index."""
    root = load_root()
    context = make_root_context(root)
    subcommands = list_subcommands(root, context)
    singles = [entry for entry in subcommands if not is_group(entry[1])]
    pages = {
        f"{name}.md": _build_group_page(name, group, subcontext)
        for name, group, subcontext in subcommands
        if is_group(group)
    }
    pages["other.md"] = format_page(
        "Commands without a group",
        *(_describe_command(f"mailer {name}", *command) for name, *command in singles),
    )
    pages["index.md"] = _build_index(root, context, subcommands)
    return pages


def _build_index(root: Any, context: Any, subcommands: list[tuple[str, Any, Any]]) -> str:
    sections: dict[str, list[tuple[str, str]]] = {}
    for name, command, _ in subcommands:
        panel = getattr(command, "rich_help_panel", None)
        title = panel if isinstance(panel, str) and panel else "Commands"
        target = f"{name}.md" if is_group(command) else f"other.md#mailer-{name}"
        link = f"[`mailer {name}`]({target})"
        sections.setdefault(title, []).append((link, _summarise(command)))
    common_rows = list(_list_common_options(root, context))
    return format_page(
        "Commands",
        "Every command says the same with `--help`. Global options stand before the command:\n"
        "`mailer --config FILE topic list`.",
        _format_parameters([param for param in root.params if not param.hidden], context),
        "Options that many commands have:",
        format_table(("option", "meaning"), common_rows),
        *(
            f"## {title}\n\n{format_table(('command', 'purpose'), rows)}"
            for title, rows in sections.items()
        ),
        "Exit codes: see [exit codes](../exit-codes.md).",
    )


def _list_common_options(root: Any, context: Any) -> Iterator[tuple[str, str]]:
    meanings: dict[str, str] = {"--help": "Show what the command does and exit; also `-h`."}
    for _, command, _ in walk_commands(root, "mailer", context):
        for param in command.params:
            if param.opts[0] in COMMON_OPTIONS and (help_text := getattr(param, "help", "")):
                meanings.setdefault(param.opts[0], _clean_markup(help_text))
    for option in COMMON_OPTIONS:
        if option in meanings:
            yield f"`{option}`", meanings[option]


def _build_group_page(name: str, group: Any, context: Any) -> str:
    commands = list(walk_commands(group, f"mailer {name}", context))
    rows = [(f"[`{words}`](#{_make_anchor(words)})", _summarise(cmd)) for words, cmd, _ in commands]
    return format_page(
        f"mailer {name}",
        _format_help(group.help or ""),
        format_table(("command", "purpose"), rows),
        *(_describe_command(*entry) for entry in commands),
    )


def _make_anchor(words: str) -> str:
    return words.replace(" ", "-")


def _describe_command(words: str, command: Any, context: Any) -> str:
    arguments = " ".join(
        _name_argument(param) for param in command.params if param.param_type_name == "argument"
    )
    common = [
        f"`{param.opts[0]}`"
        for param in command.params
        if param.opts[0] in COMMON_OPTIONS and not param.hidden
    ]
    specific = [
        param
        for param in command.params
        if not param.hidden and param.opts[0] not in COMMON_OPTIONS
    ]
    parts = [
        f"## {words}",
        f"    {words} [OPTIONS] {arguments}".rstrip(),
        _format_help(command.help or ""),
        _format_parameters(specific, context) if specific else "",
        f"Also {', '.join(common)}: see [common options](index.md)." if common else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _name_argument(param: Any) -> str:
    name = param.name.upper() + ("..." if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _format_parameters(params: list[Any], context: Any) -> str:
    rows = []
    for param in params:
        if param.param_type_name == "argument":
            name = f"`{_name_argument(param)}`"
        else:
            name = ", ".join(f"`{option}`" for option in [*param.opts, *param.secondary_opts])
        help_text = _clean_markup(getattr(param, "help", "") or "")
        rows.append((name, _format_value(param, context), help_text))
    return format_table(("argument or option", "value", "meaning"), rows)


def _format_value(param: Any, context: Any) -> str:
    parts = []
    if not getattr(param, "is_flag", False):
        parts.append(_name_type(param.display_type(context)))
    if param.required:
        parts.append("required")
    if param.multiple:
        parts.append("repeatable")
    default = param.default.value if isinstance(param.default, Enum) else param.default
    if default not in (None, "", False, [], ()) and not callable(default):
        if default is True and param.secondary_opts:
            default = param.opts[0]
        parts.append(f"default `{default}`")
    return "; ".join(parts)


def _name_type(display_type: str) -> str:
    text = display_type.strip("<>").removeprefix("list[").removesuffix("]")
    if "|" in text:
        return " or ".join(f"`{word}`" for word in text.split("|"))
    words = {"str": "text", "int": "number", "int range": "number", "float": "number"}
    return words.get(text, text.lower())


def _summarise(command: Any) -> str:
    first = _EXAMPLE.sub("", command.help or "").strip().split("\n\n")[0]
    return _clean_markup(first)


def _clean_markup(text: str) -> str:
    return " ".join(text.split())


def _format_help(text: str) -> str:
    """Return the help's paragraphs as Markdown, with its examples as code blocks."""
    blocks = []
    for paragraph in text.split("\n\n"):
        example = _EXAMPLE.search(paragraph)
        prose = paragraph[: example.start()] if example else paragraph
        if prose.strip():
            blocks.append(_clean_markup(prose))
        if example:
            lines = [line.strip() for line in example[1].splitlines()]
            blocks.append("\n".join(f"    {line}" for line in lines if line))
    return "\n\n".join(blocks)
