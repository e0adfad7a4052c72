"""Report the parts of a source that a draft leaves out. Staff see them before they approve."""

from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLE = 80
"""Maximum length of an example in characters."""


@dataclass(frozen=True, slots=True)
class Omission:
    """One kind of omission, how often it occurred, and the first occurrence in plain text."""

    kind: str
    times: int
    example: str = ""


class OmissionReport:
    """Collects omissions by kind, in the order in which each kind first occurred."""

    def __init__(self) -> None:
        self._omissions: dict[str, tuple[int, str]] = {}

    def add_omission(self, kind: str, example: str = "", times: int = 1) -> None:
        count, first = self._omissions.get(kind, (0, ""))
        shortened = first or shorten_text(
            "".join(c if c.isprintable() else " " for c in example), EXAMPLE
        )
        self._omissions[kind] = count + times, shortened

    def add_omissions(self, omissions: Iterable[Omission]) -> None:
        for omission in omissions:
            self.add_omission(omission.kind, omission.example, omission.times)

    def list_omissions(self) -> tuple[Omission, ...]:
        return tuple(
            Omission(kind, times, first) for kind, (times, first) in self._omissions.items()
        )


def shorten_text(text: str, length: int) -> str:
    """Return `text` as one line of at most `length` characters, cut between words."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    head, space, _ = text[:length].rpartition(" ")
    head = head if space and len(head) > length // 2 else text[: length - 1]
    return head.rstrip(" ,;:–-") + "…"
