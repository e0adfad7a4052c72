"""axe-core: what it finds wrong on a page that is open in a browser.

Its rules for WCAG 2.0, 2.1 and 2.2, levels A and AA, and its best practices. The script comes with
axe-playwright-python, and is run unchanged.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any

from playwright.sync_api import Frame

SCRIPT = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
"""Tags of rules. Each WCAG version's tag names only what that version added."""

CONTRAST = "color-contrast"


def findings(frame: Frame, *, rule: str = "") -> list[str]:
    """What is wrong, each with its rule, its element and what would mend it; `rule` asks for that
    one only. A frame within is a page of its own, and not looked into."""
    wanted = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": RULES}
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(SCRIPT)
    found: dict[str, Any] = frame.evaluate(
        "wanted => axe.run({runOnly: wanted, resultTypes: ['violations'], iframes: false})", wanted
    )
    assert found["passes"], f"axe-core looked at nothing on {frame.url}"
    return [_told(one, node) for one in found["violations"] for node in one["nodes"]]


def _told(rule: dict[str, Any], node: dict[str, Any]) -> str:
    where = " ".join(_flat(node["target"]))
    return (
        f"{rule['id']} ({rule['help']}): {where}\n    {node['html']}\n    {node['failureSummary']}"
    )


def _flat(target: Sequence[Any]) -> list[str]:
    """A selector, where an element in a shadow tree has a list of them."""
    return [one if isinstance(one, str) else " ".join(one) for one in target]
