"""Add an edition's link tags to the addresses of its stories."""

from dataclasses import replace

from mailer import message
from mailer.config import Settings
from mailer.link_tags import tag_address
from mailer.model.editions import Edition
from mailer.render.views import StoryView


def tag_links(
    stories: tuple[StoryView, ...],
    edition: Edition,
    language: str,
    settings: Settings,
    marker: str,
) -> tuple[StoryView, ...]:
    """Return the stories with the edition's link tags in their addresses. The date is a slot, since
    the day of sending is not certain yet."""
    if not edition.link_tags:
        return stories
    day = message.build_day_argument("en", settings.defaults.time_zone, "yyyy-MM-dd")
    values = {
        "digest": edition.digest,
        "edition": str(edition.id),
        "number": str(edition.number),
        "date": message.create_slot(marker, message.Slot.DAY, day),
        "list": edition.list,
        "language": language,
    }
    return tuple(
        replace(
            story,
            url=tag_address(
                story.url,
                edition.link_tags,
                {**values, "story": story.slug},
                settings.web.base_url,
            ),
        )
        for story in stories
    )
