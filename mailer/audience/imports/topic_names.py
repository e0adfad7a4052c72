"""Topics as people write them: by slug, or by name in any language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailer.audience.imports.columns import normalise_header
from mailer.model.lists import Topic


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The topics by their folded slugs and names. A name of two topics is None."""

    slugs: Mapping[str, str | None]

    def find_slug(self, text: str) -> str | None:
        """Return the topic's slug, or None if no topic, or more than one, is called this."""
        return self.slugs.get(normalise_header(text))


def index_topics(topics: Iterable[Topic]) -> TopicNames:
    """Index topics by slug and by name. Capitals, accents and signs make no difference."""
    slugs: dict[str, str | None] = {}
    all_topics = list(topics)
    for topic in all_topics:
        for name in topic.names.values():
            key = normalise_header(name)
            slugs[key] = topic.slug if slugs.get(key, topic.slug) == topic.slug else None
    for topic in all_topics:
        slugs[normalise_header(topic.slug)] = topic.slug
    slugs.pop("", None)
    return TopicNames(slugs)
