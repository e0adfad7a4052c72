"""The messages of recipients who get the same stories: their shared bytes, and the places of
personal values."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from operator import itemgetter
from typing import Any

from mailer.message.personal_values import EncodeValue

MIN_SHARED_SIZE = 4096
"""Size in bytes from which shared bytes are a piece of their own. Smaller ones are copied into each
message: the system takes a few long pieces in less time than many short ones."""


class HeaderValue(IntEnum):
    """The personal values in the header, by their index in the values of a message."""

    TO = 0
    SUBJECT = 1
    DATE = 2
    DELIVERY_ID = 3
    UNSUBSCRIBE_URL = 4
    TOKEN = 5


SharedOrIndex = bytes | int
"""Bytes of all messages of a variant, or the index of a personal value."""


class MessageVariant:
    """The messages of recipients with the same stories.

    The values of the header are followed by those of `encoders`. `has_personal_subject` is True if
    the Subject is a personal value."""

    __slots__ = ("_segments", "encoders", "has_personal_subject")

    def __init__(self, parts: Sequence[SharedOrIndex], encoders: Sequence[EncodeValue]) -> None:
        self.encoders = tuple(encoders)
        self.has_personal_subject = HeaderValue.SUBJECT in parts
        self._segments = tuple(_join_parts(parts))

    def fill_values(self, values: Sequence[bytes]) -> list[bytes]:
        """Return the pieces of a message with these personal values."""
        return [
            template if pick_values is None else template % pick_values(values)
            for template, pick_values in self._segments
        ]


_Segment = tuple[bytes, Callable[[Sequence[bytes]], Any] | None]
"""Shared bytes; or a format with the function that picks its values."""


def _join_parts(parts: Sequence[SharedOrIndex]) -> list[_Segment]:
    """Join parts into few segments."""
    segments: list[_Segment] = []
    template = b""
    indexes: list[int] = []

    def end_format() -> None:
        nonlocal template
        if indexes:
            segments.append((template, itemgetter(*indexes)))
        elif template:
            segments.append((template % (), None))
        template = b""
        indexes.clear()

    for part in parts:
        if isinstance(part, int):
            template += b"%b"
            indexes.append(int(part))
        elif len(part) < MIN_SHARED_SIZE:
            template += part.replace(b"%", b"%%")
        else:
            end_format()
            segments.append((part, None))
    end_format()
    return segments
