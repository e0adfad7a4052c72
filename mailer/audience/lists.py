"""Mailing lists, and the topics that articles are about and subscribers choose."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages, zones
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control
from mailer.model.lists import MailingList, Topic, Visibility
from mailer.model.transaction import Transaction

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


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


def add_topic(tx: Transaction, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
    """A new topic, or the known one with `names` added to its own."""
    check_slug(slug, "topic")
    names = {
        languages.normalise_tag(tag): check_line(name, f"name in {tag}")
        for tag, name in names.items()
    }
    topic = next(
        (candidate for candidate in tx.lists.list_topics() if candidate.slug == slug), None
    )
    if topic is None:
        return tx.lists.add_topic(slug, names or {"en": slug.replace("-", " ").capitalize()}, now)
    if all(topic.names.get(tag) == name for tag, name in names.items()):
        return topic
    return tx.lists.set_topic_names(topic, {**topic.names, **names})


def remove_topic_name(tx: Transaction, slug: str, language: str) -> Topic:
    """Take away a topic's name in one language. Raises NotFound where there is none, InputError for
    the last one."""
    topic = get_topic(tx, slug)
    tag = languages.normalise_tag(language)
    if tag not in topic.names:
        raise NotFound(
            f"the topic {slug!r} has no name in {tag}",
            hint=f"it has {', '.join(sorted(topic.names))}",
        )
    names = {other_tag: name for other_tag, name in topic.names.items() if other_tag != tag}
    if not names:
        raise InputError(f"it is the only name of the topic {slug!r}", hint="give it another first")
    return tx.lists.set_topic_names(topic, names)


def get_topic(tx: Transaction, slug: str) -> Topic:
    """One topic. Raises NotFound."""
    for topic in tx.lists.list_topics():
        if topic.slug == slug:
            return topic
    raise NotFound(f"there is no topic {slug!r}", hint="see `mailer topic list`")


def get_topics(tx: Transaction, slugs: Sequence[str]) -> tuple[Topic, ...]:
    """Topics by slug, each once. Raises NotFound for the first that is unknown."""
    return tuple(get_topic(tx, slug) for slug in dict.fromkeys(slugs))


def remove_topic(tx: Transaction, slug: str) -> Topic:
    """Remove a topic that nothing uses. Raises InputError saying what does."""
    topic = get_topic(tx, slug)
    uses = {kind: count for kind, count in tx.lists.count_topic_uses(topic).items() if count}
    if uses:
        summary = ", ".join(f"{count} {kind}" for kind, count in uses.items())
        raise InputError(
            f"the topic {slug!r} is used by {summary}", hint="take it out of those first"
        )
    tx.lists.remove_topic(topic)
    return topic


def add_list(
    tx: Transaction,
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
    if any(mailing_list.slug == slug for mailing_list in tx.lists.list_mailing_lists()):
        raise InputError(f"there is a list {slug!r} already", hint="see `mailer list show`")
    return tx.lists.add_list(
        slug,
        check_line(name, "name"),
        check_line(description, "description", required=False),
        languages.normalise_tag(language),
        visibility,
        now,
        _check_time_zone(time_zone),
        welcome=welcome,
    )


def edit_list(tx: Transaction, slug: str, changes: Mapping[str, Any]) -> MailingList:
    """Change a list's name, description, language, time zone, visibility or welcome."""
    mailing_list = get_list(tx, slug)
    changed = replace(mailing_list, **changes)
    return tx.lists.edit_list(
        replace(
            changed,
            name=check_line(changed.name, "name"),
            description=check_line(changed.description, "description", required=False),
            language=languages.normalise_tag(changed.language),
            time_zone=_check_time_zone(changed.time_zone),
        )
    )


def remove_list(tx: Transaction, slug: str) -> MailingList:
    """Remove a list that nothing hangs on. Raises InputError saying what does."""
    mailing_list = get_list(tx, slug)
    uses = {kind: count for kind, count in tx.lists.count_list_uses(mailing_list).items() if count}
    if uses:
        summary = ", ".join(f"{kind}: {count}" for kind, count in uses.items())
        raise InputError(
            f"the list {slug!r} can't be removed ({summary})",
            hint="it is what people agreed to; make it private with `mailer list edit`",
        )
    tx.lists.remove_list(mailing_list)
    return mailing_list


def _check_time_zone(name: str) -> str:
    return zones.get_zone(name, "--time-zone").key if name else ""


def get_list(tx: Transaction, slug: str) -> MailingList:
    """One list. Raises NotFound."""
    for mailing_list in tx.lists.list_mailing_lists():
        if mailing_list.slug == slug:
            return mailing_list
    raise NotFound(f"there is no list {slug!r}", hint="see `mailer list list`")
