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
from mailer.editions import MAX_STORIES, ArchiveVisibility, Edition, NewEdition, SendTimeBasis
from mailer.errors import InputError, NotFound, Refused


class WhenEmpty(StrEnum):
    """What becomes of an edition with too few stories."""

    SKIP = "skip"
    PUT_ON_HOLD = "hold"


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


MAX_REMINDERS = 10
MAX_DURATION = timedelta(days=14)
"""Of grace and of reminders."""


@dataclass(frozen=True, slots=True)
class DigestPolicy:
    """How a digest's editions come from the calendar to mailboxes.

    `reminders` are lengths of time before an edition is sent at which its approvers are reminded.
    `grace`: how late it may still be sent, when the mailer was not running at its time. `approvers`
    are asked, `watchers` told of all else: mail addresses; none: those of the settings."""

    approval: ApprovalRule = ApprovalRule.ANYONE
    when_late: WhenLate = WhenLate.WAIT
    send_time: SendTimeBasis = SendTimeBasis.OFFICE
    grace: timedelta = timedelta(hours=6)
    reminders: tuple[timedelta, ...] = ()
    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DigestSettings:
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
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC
    policy: DigestPolicy = DigestPolicy()


@dataclass(frozen=True, slots=True)
class Digest:
    id: int
    settings: DigestSettings
    created_at: datetime
    updated_at: datetime
    stories_run: int = 0


@dataclass(frozen=True, slots=True)
class StoryChoice:
    """Stories for an edition in their order, those that wait for the next one, and why there are
    too few (empty when there are enough)."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""
    embargoed: tuple[Story, ...] = ()


class DigestStore(Protocol):
    """What the verbs here need kept."""

    def list_digests(self) -> list[Digest]: ...
    def add_digest(self, settings: DigestSettings, now: datetime) -> Digest: ...
    def update_digest(self, digest: Digest, settings: DigestSettings, now: datetime) -> Digest: ...
    def count_members_by_frequency(self, list_slug: str, frequency: Frequency) -> int: ...
    def list_candidate_stories(self, digest: Digest) -> list[Story]: ...
    def find_embargoed_slugs(self, moment: datetime) -> frozenset[str]: ...
    def reserve_stories(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None: ...
    def create_edition(self, new: NewEdition, now: datetime) -> Edition: ...


def check_settings(settings: DigestSettings) -> DigestSettings:
    """The order in canonical form. Raises InputError naming the field."""
    check_slug(settings.slug, "digest")
    if not 1 <= settings.fewest <= settings.most <= MAX_STORIES:
        raise InputError(
            f"from {settings.fewest} to {settings.most} stories is not possible",
            where="--fewest, --most",
            hint=f"give 1 <= fewest <= most <= {MAX_STORIES}",
        )
    return replace(
        settings,
        name=check_line(settings.name, "name"),
        subject=check_line(settings.subject, "subject", required=False),
        language=languages.normalise_tag(settings.language),
        topics=tuple(dict.fromkeys(settings.topics)),
        policy=check_policy(settings.policy),
    )


def check_policy(policy: DigestPolicy) -> DigestPolicy:
    """The policy in canonical form. Raises InputError naming the option."""
    if not timedelta() <= policy.grace <= MAX_DURATION:
        raise InputError(
            "it is not between 0m and 14d", where="--grace", hint="such as 30m, 6h or 1d"
        )
    if any(not timedelta() < reminder <= MAX_DURATION for reminder in policy.reminders):
        raise InputError("it is not between 1m and 14d", where="--remind", hint="such as 4h or 1d")
    if len(policy.reminders) > MAX_REMINDERS:
        raise InputError(f"more than {MAX_REMINDERS} reminders", where="--remind")
    return replace(
        policy,
        reminders=tuple(sorted({*policy.reminders}, reverse=True)),
        approvers=_normalise_addresses(policy.approvers, "--approver"),
        watchers=_normalise_addresses(policy.watchers, "--watcher"),
    )


def _normalise_addresses(texts: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses.normalise_address(text, option) for text in texts))


def add_digest(store: DigestStore, settings: DigestSettings, now: datetime) -> Digest:
    """A new digest. Raises InputError when there is one of that slug."""
    settings = check_settings(settings)
    if any(digest.settings.slug == settings.slug for digest in store.list_digests()):
        raise InputError(
            f"there is a digest {settings.slug!r} already", hint="change it with `edit`"
        )
    return store.add_digest(settings, now)


def edit_digest(store: DigestStore, slug: str, changes: Mapping[str, Any], now: datetime) -> Digest:
    """Change a digest, by the names of fields of its order or its policy. Editions that it has
    made stay as they are; what is done with them follows the policy that holds now."""
    digest = get_digest(store, slug)
    policy_fields = {field.name for field in fields(DigestPolicy)}
    policy = replace(
        digest.settings.policy, **{k: v for k, v in changes.items() if k in policy_fields}
    )
    settings_changes = {key: value for key, value in changes.items() if key not in policy_fields}
    settings = check_settings(replace(digest.settings, **settings_changes, policy=policy))
    if settings == digest.settings:
        return digest
    _check_frequency_served(store, digest, settings)
    return store.update_digest(digest, settings, now)


def _check_frequency_served(store: DigestStore, digest: Digest, settings: DigestSettings) -> None:
    """Raises Refused where readers chose a frequency that nothing would serve any more."""
    old_settings = digest.settings
    if old_settings.frequency is Frequency.EVERY or (old_settings.frequency, old_settings.list) == (
        settings.frequency,
        settings.list,
    ):
        return
    others = [other for other in store.list_digests() if other.id != digest.id]
    if any(
        (other.settings.frequency, other.settings.list)
        == (old_settings.frequency, old_settings.list)
        for other in others
    ):
        return
    if count := store.count_members_by_frequency(old_settings.list, old_settings.frequency):
        raise Refused(
            f"{count} members of the list {old_settings.list!r} chose {old_settings.frequency} mails, which no other "
            "digest brings them",
            where="--frequency",
            hint="add another such digest first, or give them every edition with "
            f"`mailer subscriber change --list {old_settings.list} --where 'frequency = {old_settings.frequency}' "
            "--frequency every`",
        )


def get_digest(store: DigestStore, slug: str) -> Digest:
    for digest in store.list_digests():
        if digest.settings.slug == slug:
            return digest
    raise NotFound(f"there is no digest {slug!r}", hint="see `mailer digest list`")
