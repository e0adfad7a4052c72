"""Stand-ins for objects that a unit test does not need whole."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from mailer.model.editions import Manuscript
from mailer.model.lists import MailingList
from mailer.model.membership_counts import MembershipChange
from mailer.model.rendering import Composition
from mailer.model.transaction import Transaction


class FakeMembershipCountStore:
    """Holds the changes that verbs count."""

    def __init__(self) -> None:
        self.changes: list[MembershipChange] = []

    def add_changes(self, changes: Sequence[MembershipChange], now: datetime) -> None:
        self.changes += changes


def make_transaction(**stores: Any) -> Transaction:
    """Make a transaction that has these stores, one for counted changes, and no others."""
    stores.setdefault("membership_counts", FakeMembershipCountStore())
    return cast("Transaction", SimpleNamespace(**stores))


class OpenListStore:
    """A store of open lists, which takes no changes."""

    def __init__(self, *mailing_lists: MailingList) -> None:
        self._mailing_lists = mailing_lists

    def list_mailing_lists(self) -> list[MailingList]:
        return [*self._mailing_lists]


class FrozenRenderer:
    """A renderer whose every composition is what the edition has frozen already."""

    def __init__(self, sender_details: str = "", **senders: str) -> None:
        """`sender_details` are those of the default sender, `senders` those of others by name."""
        self._sender_details = {"": sender_details, **senders}

    def describe_sender(self, sender: str) -> str:
        return self._sender_details.get(sender, "")

    def compose_edition(self, manuscript: Manuscript) -> Composition:
        edition = manuscript.edition
        return Composition((), edition.stories, edition.content_hash, (), edition.embargo_until)
