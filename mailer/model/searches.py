"""Searches: what an index can find, and the pages of results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every command checks the database, and few commands list people
    from mailer.model.subscribers import ListedSubscriber


class SearchMethod(StrEnum):
    """The words that a search among a million people finds without reading all of them."""

    PARTS = "parts"
    """Any part of a word, by an index of trigrams: all sequences of three characters."""
    BEGINNINGS = "beginnings"
    """Only beginnings, since the database has no index of trigrams."""


@dataclass(frozen=True, slots=True)
class SearchIndexStatus:
    """The index that searches for people use. `reason` says why it isn't one of parts."""

    method: SearchMethod
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SubscriberPage:
    """A page of people, in the order of their ids. `next_after` is the id after which the next page
    begins, or None if this is the last page. `method` is how they were searched for; it is None if
    nothing was searched for."""

    subscribers: tuple[ListedSubscriber, ...]
    next_after: int | None = None
    method: SearchMethod | None = None
