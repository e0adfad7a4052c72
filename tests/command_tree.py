"""The tree of commands, as tests walk it."""

from typing import Any

from mailer.cli.command_groups import LazyCommand
from mailer.cli.commands import COMMANDS


def list_commands() -> dict[str, Any]:
    """Return every command that does something, by its words: ``topic add``."""
    return {words: node for words, node in list_nodes().items() if not is_group(node)}


def list_nodes() -> dict[str, Any]:
    """Return every command and every group below the root, by its words."""
    nodes: dict[str, Any] = {}

    def add_node(node: Any, words: str) -> None:
        nodes[words] = node
        for name, child in getattr(node, "commands", {}).items():
            add_node(child, f"{words} {name}")

    for entry in COMMANDS:
        add_node(LazyCommand(entry).load_command(), entry.name)
    return nodes


def is_group(node: Any) -> bool:
    return hasattr(node, "commands")
