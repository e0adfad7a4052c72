"""Choose an edition's name, subject and topics in a reader's language, and find missing
translations that staff should know of before they approve."""

import re
from collections.abc import Iterator, Mapping, Sequence

from mailer import languages
from mailer.model.articles import Story
from mailer.model.edition_states import EditionRole
from mailer.model.editions import Edition
from mailer.model.lists import Topic

_FIELD = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def has_fields(text: str) -> bool:
    """Check whether an opening has template fields, such as ``{{ recipient.name }}``."""
    return "{{" in text or "{%" in text


def choose_name(edition: Edition, language: str) -> str:
    """Return the edition's name for readers of `language`."""
    return _choose_text(edition.name, edition.names, edition.language, language)


def choose_subject(edition: Edition, language: str) -> str:
    """Return the template of the edition's subject for readers of `language`, or "" if the edition
    has no subject of its own, so that the folder of its mail template gives the subject."""
    return _choose_text(edition.subject, edition.subjects, edition.language, language)


def _choose_text(text: str, translations: Mapping[str, str], default: str, language: str) -> str:
    texts = {default: text, **translations}
    return texts[languages.choose_language(language, list(texts), default)]


def find_gaps(
    edition: Edition, language: str, topics: Sequence[Topic], stories: Sequence[Story]
) -> Iterator[str]:
    """Yield a warning for the edition's name, its subject, its opening and each of its topics if
    readers of `language` get them in another language."""
    for field, text, translations in (
        ("name", edition.name, edition.names),
        ("subject", edition.subject, edition.subjects),
    ):
        if field == "name" and edition.role is not EditionRole.PLAIN:
            continue  # the mail of a release is named by its title
        if _has_words(text) and not _has_translation(language, [edition.language, *translations]):
            yield (
                f"readers of {language} get the edition's {field} in {edition.language}, "
                f"{text!r}, as it has no {field} in {language}"
            )
    if edition.opening and not _has_translation(language, list(edition.opening)):
        opening_language = languages.choose_language(
            language, sorted(edition.opening), edition.language
        )
        if edition.opening.get(opening_language):
            yield (
                f"readers of {language} get the edition's opening in {opening_language}, as it has "
                f"no opening in {language}"
            )
    topics_by_slug = {topic.slug: topic for topic in topics}
    slugs = dict.fromkeys(story.topics[0] for story in stories if story.topics)
    for slug in slugs:
        topic = topics_by_slug.get(slug)
        if topic and not _has_translation(language, list(topic.names)):
            yield (
                f"readers of {language} get the topic {slug!r} as {topic.get_name(language)!r}, as "
                f"it has no name in {language}"
            )


def _has_words(template: str) -> bool:
    """Check that a subject has words of its own, and not only fields such as the lead's title."""
    return any(character.isalpha() for character in _FIELD.sub("", template))


def _has_translation(language: str, available: list[str]) -> bool:
    return bool(languages.choose_language(language, available, ""))


def choose_urgent_reason(edition: Edition, language: str) -> str:
    """Return why an edition is urgent, for readers of `language`; empty if it is not."""
    tag = languages.choose_language(language, sorted(edition.urgent_reasons), edition.language)
    return edition.urgent_reasons.get(tag, "")


def describe_urgency(edition: Edition) -> list[str]:
    """Return the finding that an edition is urgent, for its approvers; none if it is not."""
    if not edition.is_urgent:
        return []
    reason = choose_urgent_reason(edition, edition.language)
    return [f"it is urgent, and goes to members of every frequency, who are told: {reason}"]
