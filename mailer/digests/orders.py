"""What staff decide about a digest: its order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages
from mailer.articles import Story
from mailer.audience import addresses
from mailer.audience.lists import Frequency, check_line, check_slug
from mailer.editions import MOST_STORIES, Archive, Edition, NewEdition, SendTime
from mailer.errors import InputError, NotFound, Refused


class WhenEmpty(StrEnum):
    """What becomes of an edition with too few stories."""

    SKIP = "skip"
    HOLD = "hold"


class ApprovalRule(StrEnum):
    """Whether a person has to let an edition go: nobody, anyone, or somebody other than those who
    wrote or edited what it holds."""

    NONE = "none"
    ANYONE = "anyone"
    OTHER = "other"


class WhenLate(StrEnum):
    """What becomes of an edition that nobody has approved when its time comes: it waits, and goes
    as soon as somebody does, or it is a draft again, without a time."""

    WAIT = "wait"
    DRAFT = "draft"


MOST_REMINDERS = 10
LONGEST = timedelta(days=14)
"""Of grace and of reminders."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a digest's editions come from the calendar to mailboxes.

    `reminders` are lengths of time before an edition is sent at which its approvers are reminded.
    `grace`: how late it may still be sent, when the mailer was not running at its time. `approvers`
    are asked, `watchers` told of all else: mail addresses; none: those of the settings."""

    approval: ApprovalRule = ApprovalRule.ANYONE
    when_late: WhenLate = WhenLate.WAIT
    send_time: SendTime = SendTime.OFFICE
    grace: timedelta = timedelta(hours=6)
    reminders: tuple[timedelta, ...] = ()
    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What staff decide about a digest. `topics` none: stories of any topic. `fewest` below which
    an edition is empty; `most` above which stories wait for the next. It goes to those of the list
    who chose `frequency`: a weekly one is for those who want one mail a week."""

    slug: str
    name: str
    list: str
    segment: str = ""
    topics: tuple[str, ...] = ()
    template: str = "digest"
    subject: str = ""
    language: str = "en"
    fewest: int = 1
    most: int = 20
    when_empty: WhenEmpty = WhenEmpty.SKIP
    frequency: Frequency = Frequency.EVERY
    archive: Archive = Archive.PUBLIC
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class Digest:
    id: int
    order: Order
    created_at: datetime
    updated_at: datetime
    stories_run: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Stories for an edition in their order, those that wait for the next one, and why there are
    too few (empty when there are enough)."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""
    embargoed: tuple[Story, ...] = ()


class DigestStore(Protocol):
    """What the verbs here need kept."""

    def digests(self) -> list[Digest]: ...
    def add(self, order: Order, now: datetime) -> Digest: ...
    def edit(self, digest: Digest, order: Order, now: datetime) -> Digest: ...
    def chose(self, list_slug: str, frequency: Frequency) -> int: ...
    def candidates(self, digest: Digest) -> list[Story]: ...
    def held(self, moment: datetime) -> frozenset[str]: ...
    def reserve(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None: ...
    def create_edition(self, new: NewEdition, now: datetime) -> Edition: ...


def check(order: Order) -> Order:
    """The order in canonical form. Raises InputError naming the field."""
    check_slug(order.slug, "digest")
    if not 1 <= order.fewest <= order.most <= MOST_STORIES:
        raise InputError(
            f"from {order.fewest} to {order.most} stories is not possible",
            where="--fewest, --most",
            hint=f"give 1 <= fewest <= most <= {MOST_STORIES}",
        )
    return replace(
        order,
        name=check_line(order.name, "name"),
        subject=check_line(order.subject, "subject", required=False),
        language=languages.normalise(order.language),
        topics=tuple(dict.fromkeys(order.topics)),
        policy=check_policy(order.policy),
    )


def check_policy(policy: Policy) -> Policy:
    """The policy in canonical form. Raises InputError naming the option."""
    if not timedelta() <= policy.grace <= LONGEST:
        raise InputError(
            "it is not between 0m and 14d", where="--grace", hint="such as 30m, 6h or 1d"
        )
    if any(not timedelta() < one <= LONGEST for one in policy.reminders):
        raise InputError("it is not between 1m and 14d", where="--remind", hint="such as 4h or 1d")
    if len(policy.reminders) > MOST_REMINDERS:
        raise InputError(f"more than {MOST_REMINDERS} reminders", where="--remind")
    return replace(
        policy,
        reminders=tuple(sorted({*policy.reminders}, reverse=True)),
        approvers=_addresses(policy.approvers, "--approver"),
        watchers=_addresses(policy.watchers, "--watcher"),
    )


def _addresses(given: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses.normalise(one, option) for one in given))


def add(store: DigestStore, order: Order, now: datetime) -> Digest:
    """A new digest. Raises InputError when there is one of that slug."""
    order = check(order)
    if any(known.order.slug == order.slug for known in store.digests()):
        raise InputError(f"there is a digest {order.slug!r} already", hint="change it with `edit`")
    return store.add(order, now)


def edit(store: DigestStore, slug: str, changes: Mapping[str, Any], now: datetime) -> Digest:
    """Change a digest, by the names of fields of its order or its policy. Editions that it has
    made stay as they are; what is done with them follows the policy that holds now."""
    known = get(store, slug)
    ours = {field.name for field in fields(Policy)}
    policy = replace(known.order.policy, **{k: v for k, v in changes.items() if k in ours})
    others = {key: value for key, value in changes.items() if key not in ours}
    order = check(replace(known.order, **others, policy=policy))
    if order == known.order:
        return known
    _keep_serving(store, known, order)
    return store.edit(known, order, now)


def _keep_serving(store: DigestStore, known: Digest, order: Order) -> None:
    """Raises Refused where readers chose a frequency that nothing would serve any more."""
    was = known.order
    if was.frequency is Frequency.EVERY or (was.frequency, was.list) == (
        order.frequency,
        order.list,
    ):
        return
    others = [one for one in store.digests() if one.id != known.id]
    if any((one.order.frequency, one.order.list) == (was.frequency, was.list) for one in others):
        return
    if count := store.chose(was.list, was.frequency):
        raise Refused(
            f"{count} members of the list {was.list!r} chose {was.frequency} mails, which no other "
            "digest brings them",
            where="--frequency",
            hint="add another such digest first, or give them every edition with "
            f"`mailer subscriber change --list {was.list} --where 'frequency = {was.frequency}' "
            "--frequency every`",
        )


def get(store: DigestStore, slug: str) -> Digest:
    for known in store.digests():
        if known.order.slug == slug:
            return known
    raise NotFound(f"there is no digest {slug!r}", hint="see `mailer digest list`")
