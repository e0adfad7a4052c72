"""What of a source did not become part of a draft: staff see it before they approve."""

from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLE = 80
"""Characters that an example may have."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One kind of thing that was left out, how often, and the first of them in plain text."""

    what: str
    times: int
    example: str = ""


class Report:
    """Gathers what is left out, by kind, in the order in which each kind first came."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, example: str = "", times: int = 1) -> None:
        known, first = self._found.get(what, (0, ""))
        shown = first or cut("".join(c if c.isprintable() else " " for c in example), EXAMPLE)
        self._found[what] = known + times, shown

    def extend(self, dropped: Iterable[Dropped]) -> None:
        for one in dropped:
            self.add(one.what, one.example, one.times)

    def all(self) -> tuple[Dropped, ...]:
        return tuple(Dropped(what, times, first) for what, (times, first) in self._found.items())


def cut(text: str, length: int) -> str:
    """`text` as one line of at most `length` characters, ended at a word."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    head, space, _ = text[:length].rpartition(" ")
    head = head if space and len(head) > length // 2 else text[: length - 1]
    return head.rstrip(" ,;:–-") + "…"
