"""What of a source did not become part of a draft: staff see it before they approve."""

from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLE = 80
"""Characters that an example may have."""


@dataclass(frozen=True, slots=True)
class Omission:
    """One kind of thing that was left out, how often, and the first of them in plain text."""

    what: str
    times: int
    example: str = ""


class OmissionReport:
    """Gathers what is left out, by kind, in the order in which each kind first came."""

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
            self.add_omission(omission.what, omission.example, omission.times)

    def list_omissions(self) -> tuple[Omission, ...]:
        return tuple(
            Omission(kind, times, first) for kind, (times, first) in self._omissions.items()
        )


def shorten_text(text: str, length: int) -> str:
    """`text` as one line of at most `length` characters, ended at a word."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    head, space, _ = text[:length].rpartition(" ")
    head = head if space and len(head) > length // 2 else text[: length - 1]
    return head.rstrip(" ,;:–-") + "…"
