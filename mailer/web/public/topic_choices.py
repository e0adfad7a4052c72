"""The topics that a form offers, in the language of its page."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailer.model.lists import Topic


@dataclass(frozen=True, slots=True)
class TopicChoice:
    """A topic to choose. `description` is empty if the topic has none."""

    slug: str
    name: str
    description: str


def list_topic_choices(
    topics: Iterable[Topic], language: str, chosen_slugs: Iterable[str] = ()
) -> list[TopicChoice]:
    """Return the topics to choose from, by name: those that are offered, and hidden ones that the
    reader has chosen."""
    own_slugs = {*chosen_slugs}
    choices = [
        TopicChoice(topic.slug, topic.get_name(language), topic.get_description(language))
        for topic in topics
        if not topic.is_hidden or topic.slug in own_slugs
    ]
    return sorted(choices, key=lambda choice: choice.name)
