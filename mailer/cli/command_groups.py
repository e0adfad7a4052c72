"""Groups of commands, with the layout of their help. The root imports a group only when one of its
commands runs.

The root group knows each command by name, help and panel from a table (`commands.py`). Listing,
completing and misspelling a command therefore imports no command module.
"""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

MAX_HELP_LINE = 200
"""Maximum length of the first sentence of a command's help in the list of its group."""

_EXAMPLE = re.compile(r"^Example:", re.MULTILINE)


class CommandEntry(NamedTuple):
    """A command of the root: its place (``module:attribute`` below ``mailer.cli``), the panel that
    lists it, and its line of help."""

    name: str
    target: str
    panel: str
    help: str


def fold_spelling(token: str) -> str:
    """Return an option's name, or a value of an option with fixed values, in the spelling by which
    the parser compares them: ``op_ed``, ``Op-Ed`` and ``op ed`` are one."""
    return re.sub(r"[\s_-]+", "-", token.strip().lower())


class ExampleCommand(TyperCommand):
    """A command whose example is not re-wrapped in help, so that it can be copied. It accepts the
    values of its options in the spellings that article files and CSV files accept."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        # Click doesn't wrap a paragraph that begins with a line of \b.
        attributes["help"] = _EXAMPLE.sub("\b\nExample:", attributes.get("help") or "")
        super().__init__(name, **attributes)
        self.context_settings = {"token_normalize_func": fold_spelling, **self.context_settings}


class PanelGroup(TyperGroup):
    """A group whose help lists its commands by panel, in the order in which they were added."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each panel. The help texts of all sections form one column."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, commands), default=0)
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                help_line = command.get_short_help_str(MAX_HELP_LINE)
                panels.setdefault(panel, []).append((name.ljust(width), help_line))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


class CommandGroup(typer.Typer):
    """The commands of one noun."""

    def __init__(self, help: str) -> None:  # noqa: A002  (Typer's own name)
        super().__init__(cls=PanelGroup, help=help, no_args_is_help=True, rich_markup_mode=None)

    def command(
        self, *arguments: Any, **options: Any
    ) -> Callable[[CommandFunction], CommandFunction]:
        """Register a function as an `ExampleCommand` of this group."""
        return super().command(*arguments, **{"cls": ExampleCommand, **options})


class LazyCommand(TyperCommand):
    """A stand-in for a command of the root, until the command runs or the shell completes its
    options."""

    def __init__(self, entry: CommandEntry) -> None:
        super().__init__(
            entry.name,
            help=entry.help,
            short_help=entry.help,
            rich_help_panel=entry.panel,
            rich_markup_mode=None,
        )
        self.target = entry.target

    def load_command(self) -> Any:
        """Import the module of the command, and return the command."""
        module_name, _, attribute = self.target.partition(":")
        target = getattr(import_module(f"mailer.cli.{module_name}"), attribute)
        if isinstance(target, typer.Typer):
            command: Any = get_group(target)
        else:
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(self.name, cls=ExampleCommand)(target)
            command = get_command(single)
        command.name = self.name
        return command

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Load the real command and make its context, so that the group runs the real command
        instead of this stand-in."""
        return self.load_command().make_context(info_name, args, parent, **extra)
