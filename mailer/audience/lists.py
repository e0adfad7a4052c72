"""Mailing lists, and the topics that articles are about and subscribers choose."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages, zones
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Frequency(StrEnum):
    """How often somebody hears from a list: of each edition, or once a week or month of all that
    they follow, from a digest that serves those readers."""

    EVERY = "every"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Visibility(StrEnum):
    """Whether anyone may join by themselves."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Topic:
    """`names` are by language; :meth:`get_name` finds the best."""

    id: int
    slug: str
    names: Mapping[str, str]

    def get_name(self, language: str) -> str:
        """The topic's name for a reader of `language`: that, English, any, or the slug."""
        tags = sorted(self.names, key=lambda tag: tag != "en")
        best_tag = languages.choose_language(language, tags, tags[0] if tags else "")
        return self.names.get(best_tag, self.slug.replace("-", " "))


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list with its own consent. `language` serves members who chose none, `time_zone` those who
    gave none (empty: the office's). `welcome`: new members get a mail. `frequencies` are those that
    members can choose: every edition, and what a digest serves. `members` is 0 where they were not
    counted."""

    id: int
    slug: str
    name: str
    description: str
    language: str
    visibility: Visibility
    created_at: datetime
    time_zone: str = field(default="", kw_only=True)
    welcome: bool = field(default=False, kw_only=True)
    frequencies: tuple[Frequency, ...] = field(default=(Frequency.EVERY,), kw_only=True)
    members: int = field(default=0, kw_only=True)


class ListStore(Protocol):
    """What the verbs here need kept."""

    def list_topics(self) -> list[Topic]: ...
    def add_topic(self, slug: str, names: Mapping[str, str], now: datetime) -> Topic: ...
    def set_topic_names(self, topic: Topic, names: Mapping[str, str]) -> Topic: ...
    def remove_topic(self, topic: Topic) -> None: ...
    def count_topic_uses(self, topic: Topic) -> Mapping[str, int]: ...
    def list_mailing_lists(self) -> list[MailingList]: ...
    def add_list(
        self,
        slug: str,
        name: str,
        description: str,
        language: str,
        visibility: Visibility,
        now: datetime,
        time_zone: str = "",
        *,
        welcome: bool = False,
    ) -> MailingList: ...
    def edit_list(self, mailing_list: MailingList) -> MailingList: ...
    def count_list_uses(self, mailing_list: MailingList) -> Mapping[str, int]: ...
    def remove_list(self, mailing_list: MailingList) -> None: ...


def check_slug(slug: str, noun: str) -> str:
    """`slug`, when it can name a record and stand in a List-Id (RFC 2919 §2)."""
    if not SLUG.fullmatch(slug) or len(slug) > 60:
        raise InputError(
            f"{slug!r} can't name a {noun}",
            where="slug",
            hint="use up to 60 small letters, digits and single hyphens",
        )
    return slug


def check_line(value: str, where: str, *, required: bool = True) -> str:
    """`value` on one line, without control characters. Raises InputError."""
    line = " ".join(value.split())
    if holds_control(line):
        raise InputError("it holds control characters", where=where, hint="remove them")
    if required and not line:
        raise InputError("it is empty", where=where, hint="give it some text")
    return line


def add_topic(store: ListStore, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
    """A new topic, or the known one with `names` added to its own."""
    check_slug(slug, "topic")
    names = {
        languages.normalise_tag(tag): check_line(name, f"name in {tag}")
        for tag, name in names.items()
    }
    topic = next((candidate for candidate in store.list_topics() if candidate.slug == slug), None)
    if topic is None:
        return store.add_topic(slug, names or {"en": slug.replace("-", " ").capitalize()}, now)
    if all(topic.names.get(tag) == name for tag, name in names.items()):
        return topic
    return store.set_topic_names(topic, {**topic.names, **names})


def remove_topic_name(store: ListStore, slug: str, language: str) -> Topic:
    """Take away a topic's name in one language. Raises NotFound where there is none, InputError for
    the last one."""
    topic = get_topic(store, slug)
    tag = languages.normalise_tag(language)
    if tag not in topic.names:
        raise NotFound(
            f"the topic {slug!r} has no name in {tag}",
            hint=f"it has {', '.join(sorted(topic.names))}",
        )
    names = {other_tag: name for other_tag, name in topic.names.items() if other_tag != tag}
    if not names:
        raise InputError(f"it is the only name of the topic {slug!r}", hint="give it another first")
    return store.set_topic_names(topic, names)


def get_topic(store: ListStore, slug: str) -> Topic:
    """One topic. Raises NotFound."""
    for topic in store.list_topics():
        if topic.slug == slug:
            return topic
    raise NotFound(f"there is no topic {slug!r}", hint="see `mailer topic list`")


def get_topics(store: ListStore, slugs: Sequence[str]) -> tuple[Topic, ...]:
    """Topics by slug, each once. Raises NotFound for the first that is unknown."""
    return tuple(get_topic(store, slug) for slug in dict.fromkeys(slugs))


def remove_topic(store: ListStore, slug: str) -> Topic:
    """Remove a topic that nothing uses. Raises InputError saying what does."""
    topic = get_topic(store, slug)
    uses = {kind: count for kind, count in store.count_topic_uses(topic).items() if count}
    if uses:
        summary = ", ".join(f"{count} {kind}" for kind, count in uses.items())
        raise InputError(
            f"the topic {slug!r} is used by {summary}", hint="take it out of those first"
        )
    store.remove_topic(topic)
    return topic


def add_list(
    store: ListStore,
    slug: str,
    name: str,
    now: datetime,
    *,
    description: str = "",
    language: str = "en",
    visibility: Visibility = Visibility.PUBLIC,
    time_zone: str = "",
    welcome: bool = False,
) -> MailingList:
    """A new list. Raises InputError when there is one of that slug."""
    check_slug(slug, "list")
    if any(mailing_list.slug == slug for mailing_list in store.list_mailing_lists()):
        raise InputError(f"there is a list {slug!r} already", hint="see `mailer list show`")
    return store.add_list(
        slug,
        check_line(name, "name"),
        check_line(description, "description", required=False),
        languages.normalise_tag(language),
        visibility,
        now,
        _check_time_zone(time_zone),
        welcome=welcome,
    )


def edit_list(store: ListStore, slug: str, changes: Mapping[str, Any]) -> MailingList:
    """Change a list's name, description, language, time zone, visibility or welcome."""
    mailing_list = get_list(store, slug)
    changed = replace(mailing_list, **changes)
    return store.edit_list(
        replace(
            changed,
            name=check_line(changed.name, "name"),
            description=check_line(changed.description, "description", required=False),
            language=languages.normalise_tag(changed.language),
            time_zone=_check_time_zone(changed.time_zone),
        )
    )


def remove_list(store: ListStore, slug: str) -> MailingList:
    """Remove a list that nothing hangs on. Raises InputError saying what does."""
    mailing_list = get_list(store, slug)
    uses = {kind: count for kind, count in store.count_list_uses(mailing_list).items() if count}
    if uses:
        summary = ", ".join(f"{kind}: {count}" for kind, count in uses.items())
        raise InputError(
            f"the list {slug!r} can't be removed ({summary})",
            hint="it is what people agreed to; make it private with `mailer list edit`",
        )
    store.remove_list(mailing_list)
    return mailing_list


def _check_time_zone(name: str) -> str:
    return zones.get_zone(name, "--time-zone").key if name else ""


def get_list(store: ListStore, slug: str) -> MailingList:
    """One list. Raises NotFound."""
    for mailing_list in store.list_mailing_lists():
        if mailing_list.slug == slug:
            return mailing_list
    raise NotFound(f"there is no list {slug!r}", hint="see `mailer list list`")
