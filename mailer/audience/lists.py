"""Mailing lists, and the topics that articles are about and subscribers choose."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages, zones
from mailer.actor import Actor
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.lines import holds_control
from mailer.model.lists import MailingList, Topic, Visibility
from mailer.model.transaction import Transaction

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

MAX_COMMENT_LENGTH = 1000
"""Maximum number of characters of the comment on a decision."""


def check_slug(slug: str, noun: str) -> str:
    """Return `slug` if it can name a record and be part of a List-Id (RFC 2919 §2). Raises
    InputError."""
    if not SLUG.fullmatch(slug) or len(slug) > 60:
        raise InputError(
            f"{slug!r} can't name a {noun}",
            field="slug",
            hint="use up to 60 small letters, digits and single hyphens",
        )
    return slug


def check_line(value: str, field: str, *, required: bool = True) -> str:
    """Return `value` on one line. Raises InputError if it holds control characters, or if it is
    `required` and empty."""
    line = " ".join(value.split())
    if holds_control(line):
        raise InputError("it holds control characters", field=field, hint="remove them")
    if required and not line:
        raise InputError("it is empty", field=field, hint="give it some text")
    return line


def check_comment(value: str, *, required: bool = False) -> str:
    """Return a comment on one line. Raises InputError as :func:`check_line` does, and for one that
    is longer than MAX_COMMENT_LENGTH."""
    line = check_line(value, "comment", required=required)
    if len(line) > MAX_COMMENT_LENGTH:
        raise InputError(
            f"it has {len(line):,} characters, and may have {MAX_COMMENT_LENGTH:,}",
            field="comment",
            hint="shorten it",
        )
    return line


def check_translations(texts: Mapping[str, str], field: str) -> dict[str, str]:
    """Return texts by language on one line each, without empty ones. Raises InputError."""
    return {
        languages.normalise_tag(tag): line
        for tag, text in texts.items()
        if (line := check_line(text, f"{field} in {tag}", required=False))
    }


def merge_translations(
    translations: Mapping[str, str], changes: Mapping[str, str]
) -> dict[str, str]:
    """Return texts by language with the changed ones. An empty text removes the translation.
    Raises InputError for an invalid language tag."""
    merged = dict(translations)
    for tag, text in changes.items():
        merged.pop(normal_tag := languages.normalise_tag(tag), None)
        if text.strip():
            merged[normal_tag] = text
    return merged


def check_sender(name: str, senders: Collection[str]) -> str:
    """Return the name of a sender, if it is empty (the default) or one of the `senders` of the
    settings. Raises InputError."""
    if name and name not in senders:
        known_names = ", ".join(sorted(senders))
        raise InputError(
            f"there is no sender {name!r} in the settings",
            field="sender",
            value=name,
            hint=f"use {known_names}, or add a section [senders.{name}]"
            if known_names
            else f"add a section [senders.{name}]",
        )
    return name


def add_topic(
    tx: Transaction, actor: Actor, slug: str, names: Mapping[str, str], now: datetime
) -> Topic:
    """Add a topic, or add `names` to the names of an existing topic."""
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
    return tx.lists.save_topic(replace(topic, names={**topic.names, **names}))


def remove_topic_name(tx: Transaction, actor: Actor, slug: str, language: str) -> Topic:
    """Remove a topic's name in one language. Raises NotFound if there is no such name, InputError
    if it is the topic's only name."""
    topic = get_topic(tx, slug)
    tag = languages.normalise_tag(language)
    if tag not in topic.names:
        raise NotFound(
            f"the topic {slug!r} has no name in {tag}",
            hint=f"it has {', '.join(sorted(topic.names))}",
        )
    names = {other_tag: name for other_tag, name in topic.names.items() if other_tag != tag}
    if not names:
        raise InputError(
            f"it is the only name of the topic {slug!r}", hint="give the topic another name first"
        )
    return tx.lists.save_topic(replace(topic, names=names))


def get_topic(tx: Transaction, slug: str) -> Topic:
    """Return a topic by slug. Raises NotFound."""
    for topic in tx.lists.list_topics():
        if topic.slug == slug:
            return topic
    raise NotFound(f"there is no topic {slug!r}", next_steps=[NextStep("list_topics")])


def get_topics(tx: Transaction, slugs: Sequence[str]) -> tuple[Topic, ...]:
    """Return topics by slug, each once. Raises NotFound for the first unknown slug."""
    return tuple(get_topic(tx, slug) for slug in dict.fromkeys(slugs))


def remove_topic(tx: Transaction, actor: Actor, slug: str) -> Topic:
    """Remove a topic that nothing uses. Raises Refused, which counts the uses."""
    topic = get_topic(tx, slug)
    tx.lists.delete_unused_topic_sets(topic)
    uses = {kind: count for kind, count in tx.lists.count_topic_uses(topic).items() if count}
    if uses:
        summary = ", ".join(f"{count} {kind}" for kind, count in uses.items())
        raise Refused(f"the topic {slug!r} is used by {summary}", hint="remove it from those first")
    tx.lists.remove_topic(topic)
    return topic


def add_list(
    tx: Transaction,
    actor: Actor,
    slug: str,
    name: str,
    now: datetime,
    *,
    description: str = "",
    language: str = "en",
    visibility: Visibility = Visibility.PUBLIC,
    time_zone: str = "",
    welcome: bool = False,
    welcome_edition: bool = False,
    sender: str = "",
    senders: Collection[str] = (),
    counts_clicks: bool = False,
) -> MailingList:
    """Add a list. `senders` are the names of senders in the settings. Raises InputError if there is
    a list with that slug, or no such sender."""
    check_slug(slug, "list")
    if any(mailing_list.slug == slug for mailing_list in tx.lists.list_mailing_lists()):
        raise InputError(
            f"there is a list {slug!r} already",
            field="slug",
            next_steps=[NextStep("show_list", list=slug)],
        )
    return tx.lists.add_list(
        slug,
        check_line(name, "name"),
        check_line(description, "description", required=False),
        languages.normalise_tag(language),
        visibility,
        now,
        _check_time_zone(time_zone),
        welcome=welcome,
        welcome_edition=welcome_edition,
        sender=check_sender(sender, senders),
        counts_clicks=counts_clicks,
    )


def edit_list(
    tx: Transaction,
    actor: Actor,
    slug: str,
    changes: Mapping[str, Any],
    *,
    senders: Collection[str] = (),
) -> MailingList:
    """Change a list's name, description, language, time zone, visibility, welcome, sending of the
    latest edition to new members, sender or counting of clicks. `senders` are the names of senders
    in the settings. Raises InputError if there is no such sender."""
    mailing_list = get_list(tx, slug)
    if "sender" in changes:
        check_sender(changes["sender"], senders)
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


def remove_list(tx: Transaction, actor: Actor, slug: str) -> MailingList:
    """Remove a list that nothing depends on. Raises Refused, which counts its dependents."""
    mailing_list = get_list(tx, slug)
    uses = {kind: count for kind, count in tx.lists.count_list_uses(mailing_list).items() if count}
    if uses:
        summary = ", ".join(f"{kind}: {count}" for kind, count in uses.items())
        raise Refused(
            f"the list {slug!r} can't be removed ({summary})",
            hint="people agreed to this list; make it private instead",
            next_steps=[NextStep("make_list_private", list=slug)],
        )
    tx.lists.remove_list(mailing_list)
    return mailing_list


def _check_time_zone(name: str) -> str:
    return zones.get_zone(name, "time_zone").key if name else ""


def get_list(tx: Transaction, slug: str) -> MailingList:
    """Return a list by slug. Raises NotFound."""
    for mailing_list in tx.lists.list_mailing_lists():
        if mailing_list.slug == slug:
            return mailing_list
    raise NotFound(f"there is no list {slug!r}", next_steps=[NextStep("list_lists")])


def list_public_lists(tx: Transaction) -> list[MailingList]:
    """Return the lists that anyone can sign up for: public lists that are not closed."""
    return [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.visibility is Visibility.PUBLIC and not mailing_list.is_closed
    ]


LIST_CLOSED = "list_closed"
"""The code of the error for a list that is closed."""


def check_open(mailing_list: MailingList) -> None:
    """Raise Refused, with the code LIST_CLOSED, if the list is closed."""
    if mailing_list.closed_at:
        raise Refused(
            f"the list {mailing_list.slug!r} was closed on {mailing_list.closed_at:%Y-%m-%d}",
            code=LIST_CLOSED,
            next_steps=[
                NextStep("reopen_list", list=mailing_list.slug),
                NextStep("show_list", list=mailing_list.slug),
            ],
        )


def check_public(mailing_list: MailingList) -> None:
    """Raise Refused if the list is private or closed: people cannot join it by themselves."""
    check_open(mailing_list)
    if mailing_list.visibility is not Visibility.PUBLIC:
        raise Refused(
            f"the list {mailing_list.slug!r} is {mailing_list.visibility}: "
            "people cannot sign up for it",
            next_steps=[NextStep("make_list_public", list=mailing_list.slug)],
        )
