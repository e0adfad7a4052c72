"""Check a page that is open in a browser with axe-core.

Its rules for WCAG 2.0, 2.1 and 2.2, levels A and AA, and its best practices. The script comes with
axe-playwright-python and runs unchanged.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any

from playwright.sync_api import Frame

SCRIPT = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
"""Tags of rules. Each WCAG version's tag names only what that version added."""

CONTRAST = "color-contrast"


def find_violations(frame: Frame, *, rule: str = "") -> list[str]:
    """Return the violations, each with its rule, its element and the way to fix it. `rule` checks
    only that rule. A frame inside the page is a page of its own, and is not checked."""
    run_only = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": RULES}
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(SCRIPT)
    result: dict[str, Any] = frame.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations'], iframes: false})",
        run_only,
    )
    assert result["passes"], f"axe-core checked nothing on {frame.url}"
    return [
        _format_violation(violation, node)
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def _format_violation(rule: dict[str, Any], node: dict[str, Any]) -> str:
    where = " ".join(_flatten_target(node["target"]))
    return (
        f"{rule['id']} ({rule['help']}): {where}\n    {node['html']}\n    {node['failureSummary']}"
    )


def _flatten_target(target: Sequence[Any]) -> list[str]:
    """Return the selectors of a target. An element in a shadow tree has a list of selectors."""
    return [selector if isinstance(selector, str) else " ".join(selector) for selector in target]
