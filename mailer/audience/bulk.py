"""One change to many members of a list: what it makes of each.

Who gets what is theirs to choose: such a change is for what staff have to put right, and the log of
consent says of each whom it concerned that it was staff.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from mailer import languages
from mailer.audience.consent import Act, Entry
from mailer.audience.lists import Frequency, ListStore, MailingList, check_line, get_topics
from mailer.audience.subscribers import Membership, MembershipState, spell
from mailer.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class BulkChange:
    """`topics` are those that there are. None: what is there stays; an empty `language`: their own
    serves."""

    topics: frozenset[str]
    add_topics: frozenset[str] = frozenset()
    remove_topics: frozenset[str] = frozenset()
    all_topics: bool = False
    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()
    language: str | None = None
    frequency: Frequency | None = None
    unsubscribe: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """An active member of the list that is changed."""

    id: int
    address: str
    tags: tuple[str, ...]
    membership: Membership


class BulkOutcome(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


class BulkResult(NamedTuple):
    """`reason` says why somebody was skipped."""

    outcome: BulkOutcome
    before: Member
    after: Member
    reason: str = ""


class BulkStore(Protocol):
    """What the verbs here need kept."""

    def members(self, mailing_list: MailingList, ids: Sequence[int]) -> list[Member]: ...
    def write(
        self, mailing_list: MailingList, changed: Sequence[tuple[Member, Member]]
    ) -> None: ...
    def log(self, entries: Sequence[Entry]) -> None: ...


def check(wanted: BulkChange, lists: ListStore, mailing_list: MailingList) -> BulkChange:
    """The change with all of it in canonical form. Raises NotFound for a topic that isn't there,
    InputError for what can't be, UsageError for what doesn't fit together."""
    topics = {one.slug for one in get_topics(lists, sorted(wanted.add_topics))}
    gone = {one.slug for one in get_topics(lists, sorted(wanted.remove_topics))}
    tags = frozenset(check_line(tag, "--add-tag") for tag in wanted.add_tags)
    without = frozenset(check_line(tag, "--remove-tag") for tag in wanted.remove_tags)
    if both := sorted(topics & gone) or sorted(tags & without):
        raise UsageError(f"{both[0]!r} can't be added and removed")
    if wanted.all_topics and (topics or gone):
        raise UsageError("all topics are wanted, and some", hint="leave --all-topics out")
    if wanted.frequency and wanted.frequency not in mailing_list.frequencies:
        raise InputError(
            f"no digest of the list {mailing_list.slug!r} is {wanted.frequency}",
            where="--frequency",
            hint=f"use one of {', '.join(mailing_list.frequencies)}",
        )
    checked = replace(
        wanted,
        add_topics=frozenset(topics),
        remove_topics=frozenset(gone),
        add_tags=tags,
        remove_tags=without,
        language=languages.normalise(wanted.language) if wanted.language else wanted.language,
    )
    nothing = BulkChange(checked.topics)
    if checked == nothing:
        raise UsageError("nothing to change was given", hint="see --help")
    if checked.unsubscribe and checked != replace(nothing, unsubscribe=True):
        raise UsageError("who is unsubscribed can't be changed too", hint="do one, then the other")
    return checked


def applied(change: BulkChange, member: Member, now: datetime) -> BulkResult:
    """What the change makes of a member. Who follows all topics goes on to when one is added, and
    follows all the others when one is removed. Nobody is left with none: none chosen means all."""
    known = member.membership
    if change.unsubscribe:
        left = replace(known, state=MembershipState.UNSUBSCRIBED, left_at=now)
        return BulkResult(BulkOutcome.CHANGED, member, replace(member, membership=left))
    topics = _topics(change, frozenset(known.topics))
    if topics is None:
        return BulkResult(
            BulkOutcome.SKIPPED, member, member, "follows nothing else, and none chosen means all"
        )
    wanted = replace(
        known,
        topics=tuple(sorted(topics)),
        language=known.language if change.language is None else change.language,
        frequency=change.frequency or known.frequency,
    )
    tags = ({*member.tags} | change.add_tags) - change.remove_tags
    after = replace(member, membership=wanted, tags=tuple(sorted(tags)))
    outcome = BulkOutcome.UNCHANGED if after == member else BulkOutcome.CHANGED
    return BulkResult(outcome, member, after)


def _topics(change: BulkChange, chosen: frozenset[str]) -> frozenset[str] | None:
    """The topics that somebody has chosen then, empty for all; None where nothing would be left."""
    if change.all_topics:
        return frozenset()
    if not chosen and not change.remove_topics:
        return chosen
    if not change.remove_topics and not change.add_topics:
        return chosen
    left = ((chosen or change.topics) - change.remove_topics) | change.add_topics
    return left or None


def carry_out(
    store: BulkStore,
    mailing_list: MailingList,
    ids: Sequence[int],
    change: BulkChange,
    now: datetime,
    *,
    source: str,
    write: bool = True,
) -> list[BulkResult]:
    """Change those of some subscribers who are on the list now, and log what of it concerns what
    they get: one line each. Without `write` only what would become of them is told."""
    results = [applied(change, member, now) for member in store.members(mailing_list, ids)]
    changed = [one for one in results if one.outcome is BulkOutcome.CHANGED]
    if write and changed:
        store.write(mailing_list, [(one.before, one.after) for one in changed])
        store.log(
            [
                Entry(
                    at=now,
                    act=Act.LEFT if change.unsubscribe else Act.CHANGED,
                    subscriber_id=one.after.id,
                    address=one.after.address,
                    source=source,
                    list=mailing_list.slug,
                    detail="" if change.unsubscribe else spell(one.after.membership),
                )
                for one in changed
                if one.before.membership != one.after.membership
            ]
        )
    return results
