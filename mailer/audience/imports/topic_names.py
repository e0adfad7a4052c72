"""Topics as people write them: by slug, or by name in any language."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailer.audience.imports.columns import normalise_header
from mailer.audience.lists import check_slug
from mailer.errors import InputError
from mailer.model.lists import Topic


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The topics by their folded slugs and names. A name of two topics is None. If `may_create`,
    each further name stands for a topic that the import adds: `created` has its name by its
    slug."""

    slugs: Mapping[str, str | None]
    may_create: bool = False
    created: dict[str, str] = field(default_factory=dict)

    def find_slug(self, text: str) -> str | None:
        """Return the topic's slug, or None if no topic, or more than one, is called this."""
        return self.slugs.get(normalise_header(text))

    def create_slug(self, text: str) -> str | None:
        """Return the slug of a new topic of this name, or None if no topic may be added, if two
        topics are called this, or if the name has no letters that a slug can have."""
        if not self.may_create or normalise_header(text) in self.slugs:
            return None
        decomposed = unicodedata.normalize("NFKD", text.lower())
        words = re.findall(r"[a-z0-9]+", re.sub("[\u0300-\u036f'’]", "", decomposed))
        try:
            slug = check_slug("-".join(words), "topic")
        except InputError:
            return None
        self.created.setdefault(slug, text)
        return slug


def index_topics(
    topics: Iterable[Topic],
    own_names: Mapping[str, str] | None = None,
    *,
    may_create: bool = False,
) -> TopicNames:
    """Index topics by slug and by name. Capitals, accents and signs make no difference.

    `own_names` are further names, with the slugs of their topics, and come first."""
    slugs: dict[str, str | None] = {}
    all_topics = list(topics)
    for topic in all_topics:
        for name in topic.names.values():
            key = normalise_header(name)
            slugs[key] = topic.slug if slugs.get(key, topic.slug) == topic.slug else None
    for topic in all_topics:
        slugs[normalise_header(topic.slug)] = topic.slug
    slugs |= {normalise_header(name): slug for name, slug in (own_names or {}).items()}
    slugs.pop("", None)
    return TopicNames(slugs, may_create)
