"""The page of template variables: fields of the views that templates see, and filters."""

import dataclasses
from typing import Any

from generator.markdown import MeaningTable, format_page, format_table
from mailer.config import find_shipped_folder
from mailer.message.slots import MIN_STORIES_FOR_CONTENTS, MarkCondition
from mailer.model import press_release
from mailer.render import reader_fields, releases, story_parts, views
from mailer.render.environment import PersonalField, get_environment

INTRODUCTION = """\
Templates are Jinja2 files below `templates/email/`. They run in a sandbox, once for each edition
and language, and see only the data on this page. A name that does not exist is an error, with the
template's line. To change how mails look, see [your own templates](../how-to/admins/templates.md).

*Personal* variables differ between readers. A template may print one and give it a default,
`{{ recipient.name | default("colleague") }}`; using it in a condition, a loop or a calculation is
an error when the mail is composed."""

OBJECTS = {
    "organisation": views.OrganisationView,
    "organisation.social": views.SocialLink,
    "edition": views.EditionView,
    "story": views.StoryView,
    "story.image": views.ImageView,
    "story.event": story_parts.EventView,
    "story.release": releases.ReleaseView,
    "story.release.quotes": press_release.Quote,
    "story.release.contacts": press_release.PressContact,
    "story.release.assets": releases.AssetView,
    "story.release.about": releases.AboutView,
    "story.embargo": releases.EmbargoView,
    "story.embargo.times": releases.TimeView,
    "section": views.SectionView,
    "recipient": reader_fields.RecipientView,
    "links": views.LinksView,
}
OWN_FILTERS = ("default", "date", "clock", "number", "moment", "wrap", "plain")


def build_page() -> str:
    titles = MeaningTable("template_objects")
    fields = MeaningTable("template_fields")
    parts = [_describe_object(name, view, titles, fields) for name, view in OBJECTS.items()]
    names = [
        (f"`{name}`", titles.get_meaning(name)) for name in ("stories", "sections", "lead_title")
    ]
    titles.check_all_used()
    fields.check_all_used()
    return format_page(
        "Template variables",
        INTRODUCTION,
        f"## Lists and lines\n\n{format_table(('name', 'meaning'), names)}",
        *parts,
        _describe_conditions(),
        _describe_filters(),
    )


def _describe_object(name: str, view: Any, titles: MeaningTable, fields: MeaningTable) -> str:
    rows = []
    for field in dataclasses.fields(view):
        meaning = fields.get_meaning(f"{name}.{field.name}")
        is_personal = field.type is PersonalField or field.type == "PersonalField"
        rows.append((f"`{field.name}`", f"*Personal.* {meaning}" if is_personal else meaning))
    heading = f"## {name}\n\n{titles.get_meaning(name)}"
    return f"{heading}\n\n{format_table(('field', 'meaning'), rows)}"


def _describe_conditions() -> str:
    meanings = MeaningTable("template_conditions")
    rows = [
        (
            f"`when.{condition.value}({'' if condition in ('mail', 'web') else 'bits'})`",
            meanings.get_meaning(condition.value).replace("N", str(MIN_STORIES_FOR_CONTENTS)),
        )
        for condition in MarkCondition
    ]
    meanings.check_all_used()
    example = "    {% call when.any(story.bits) %} … {% endcall %}"
    return (
        "## when\n\nA part of the mail for some readers. `bits` is a story's or a section's "
        "`bits`.\n\n"
        f"{example}\n\n{format_table(('condition', 'the part is shown'), rows)}"
    )


def _describe_filters() -> str:
    env = get_environment("en", (find_shipped_folder("templates"),))
    meanings = MeaningTable("template_filters")
    rows = [
        (f"`{name}`", meanings.get_meaning(name)) for name in OWN_FILTERS if name in env.filters
    ]
    meanings.check_all_used()
    return (
        '## Filters\n\nJinja2\'s own filters work too. `_("…")` translates a sentence of the '
        f"template.\n\n{format_table(('filter', 'meaning'), rows)}"
    )
