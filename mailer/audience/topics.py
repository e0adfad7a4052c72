"""Changes to topics that people have chosen: renaming, hiding, describing and merging them; and an
audit of topics that bring their readers nothing.

``lists.py`` adds, finds and removes topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.actor import Actor
from mailer.audience.lists import check_line, check_slug, get_topic, merge_translations
from mailer.errors import InputError, NextStep
from mailer.model.lists import Topic, TopicFacts, TopicVisibility
from mailer.model.transaction import Transaction

MAX_DESCRIPTION_LENGTH = 160
"""Maximum number of characters of a topic's description, which is one line."""

MAX_LISTED_STORIES = 500
"""Maximum number of stories that an audit names."""


@dataclass(frozen=True, slots=True)
class TopicMerge:
    """The result of a merge. `moved` has numbers by the kind of record. `source_only` and
    `target_only` are the active members who had chosen only one of the two topics, and get stories
    about both from now on; members who had chosen both lose and gain nothing."""

    source: Topic
    target: Topic
    source_only: int
    target_only: int
    both_topics: int
    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TopicAudit:
    """Topics that people chose and that were not sent (`silent`), topics without readers
    (`unread`), and the slugs of queued stories all of whose topics are hidden (`unchoosable`)."""

    silent: tuple[TopicFacts, ...]
    unread: tuple[TopicFacts, ...]
    unchoosable: tuple[str, ...]


def edit_topic(
    tx: Transaction,
    actor: Actor,
    slug: str,
    *,
    names: Mapping[str, str] | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> Topic:
    """Change names and descriptions, by language. Those in other languages stay; an empty text
    removes that of its language. Raises InputError for an invalid text, or if no name is left."""
    topic = get_topic(tx, slug)
    new_names = merge_translations(
        topic.names, {tag: _check_text(name, "name", tag) for tag, name in (names or {}).items()}
    )
    if not new_names:
        raise InputError(f"the topic {slug!r} needs a name", field="name", hint="give it another")
    new_descriptions = merge_translations(
        topic.descriptions,
        {tag: _check_description(text, tag) for tag, text in (descriptions or {}).items()},
    )
    return tx.lists.save_topic(replace(topic, names=new_names, descriptions=new_descriptions))


def _check_text(text: str, field: str, tag: str) -> str:
    return check_line(text, f"{field} in {tag}", required=False)


def _check_description(text: str, tag: str) -> str:
    line = _check_text(text, "description", tag)
    if len(line) > MAX_DESCRIPTION_LENGTH:
        raise InputError(
            f"it has {len(line):,} characters, and may have {MAX_DESCRIPTION_LENGTH}",
            field=f"description in {tag}",
            hint="shorten it to one line",
        )
    return line


def rename_topic(tx: Transaction, actor: Actor, slug: str, new_slug: str, now: datetime) -> Topic:
    """Give a topic another slug. What refers to it follows: articles, digests, people's choices,
    segments, sources and sign-ups that wait for confirmation. Unsent editions to a segment that
    names it return to draft. Raises InputError if the new slug is invalid or taken."""
    topic = get_topic(tx, slug)
    check_slug(new_slug, "topic")
    if new_slug == slug:
        return topic
    if any(other.slug == new_slug for other in tx.lists.list_topics()):
        raise InputError(
            f"there is a topic {new_slug!r} already",
            field="slug",
            hint="merge the two, or choose another slug",
            next_steps=[NextStep("merge_topics", topic=slug, target=new_slug)],
        )
    renamed_topic = tx.lists.save_topic(replace(topic, slug=new_slug))
    tx.lists.replace_topic_slug(slug, new_slug, now, actor)
    return renamed_topic


def set_topic_visibility(
    tx: Transaction, actor: Actor, slug: str, visibility: TopicVisibility
) -> Topic:
    """Hide a topic from sign-up, or offer it again. People who chose it keep it, see it on their
    own page, and can give it up."""
    topic = get_topic(tx, slug)
    return tx.lists.save_topic(replace(topic, visibility=visibility))


def merge_topics(
    tx: Transaction, actor: Actor, slug: str, target_slug: str, now: datetime
) -> TopicMerge:
    """Merge a topic into another one, and remove it.

    People who chose the topic have chosen the other one afterwards, once; the log of consent says
    so. People who chose neither get neither, and people who get all topics still do. Articles,
    digests, segments, sources and waiting sign-ups move; revisions of articles and earlier entries
    of the log keep the old word. A digest passes over the queued stories that it takes only because
    of the merge, so that no one gets old stories, or a story twice. Unsent editions with a story
    about the topic return to draft; started editions do not change.

    Raises InputError if the two are the same topic."""
    source, target = get_topic(tx, slug), get_topic(tx, target_slug)
    if source.id == target.id:
        raise InputError("a topic can't be merged into itself", field="into", value=target_slug)
    source_only, target_only, both_topics = tx.lists.count_choosers(source, target)
    moved = tx.lists.move_topic(source, target, now, actor)
    tx.lists.remove_topic(source)
    return TopicMerge(source, target, source_only, target_only, both_topics, moved)


def audit_topics(tx: Transaction, now: datetime, silence: timedelta | None = None) -> TopicAudit:
    """Find topics that people chose although nothing about them was ever sent, or nothing within
    `silence`; topics without readers; and stories that no reader can choose."""
    facts = tx.lists.list_topic_facts()

    def is_silent(fact: TopicFacts) -> bool:
        if fact.last_sent_at is None:
            return True
        return silence is not None and now - fact.last_sent_at > silence

    return TopicAudit(
        silent=tuple(fact for fact in facts if fact.readers and is_silent(fact)),
        unread=tuple(fact for fact in facts if not fact.readers),
        unchoosable=tuple(tx.lists.list_unchoosable_stories(MAX_LISTED_STORIES)),
    )
