"""The page of template variables: fields of the views that templates see, and filters."""

from collections.abc import Mapping

from generator.markdown import MeaningTable, format_page, format_table
from mailer.config import find_shipped_folder
from mailer.message.slots import MIN_STORIES_FOR_CONTENTS, MarkCondition
from mailer.render.environment import get_environment
from mailer.render.template_reference import (
    BANNER_OBJECTS,
    EDITION_LINES,
    EDITION_OBJECTS,
    MEANINGS_FILE,
    NOTICE_OBJECTS,
    SERVICE_OBJECTS,
    TemplateVariable,
    format_example,
    iterate_fields,
    load_meanings,
)

INTRODUCTION = """\
Templates are Jinja2 files below `templates/email/`. They run in a sandbox, once for each edition
and language, and see only the data on this page. A name that does not exist is an error, with the
template's line. To change how mails look, see [your own templates](../how-to/admins/templates.md).
`mailer template show digest` prints the variables of one kind of mail.

*Personal* variables differ between readers. A template may print one and give it a default,
`{{ recipient.name | default("colleague") }}`; using it in a condition, a loop or a calculation is
an error when the mail is composed."""

OWN_FILTERS = ("default", "date", "clock", "number", "moment", "wrap", "plain")


_OTHER_MAILS: tuple[tuple[str, str, Mapping[str, type]], ...] = (
    (
        "Notices to staff",
        "The template `notice` sees `organisation` as above, an empty `stories`, and:",
        {name: view for name, view in NOTICE_OBJECTS.items() if name.startswith("notice")},
    ),
    (
        "Mails about a sign-up",
        (
            "The templates `confirm`, `known`, `new-address` and `welcome` see `organisation` as "
            "above, an empty `stories`, `edition` with `name`, `language` and `dir`, "
            "`recipient.address`, and:"
        ),
        {
            name: view
            for name, view in SERVICE_OBJECTS.items()
            if name.startswith(("service", "links"))
        },
    ),
    ("Test mails", "The banner above a test mail, `test/`, sees only:", BANNER_OBJECTS),
)


def build_page() -> str:
    titles = MeaningTable("template_objects", MEANINGS_FILE)
    fields = MeaningTable("template_fields", MEANINGS_FILE)
    lines = [
        TemplateVariable(
            name,
            value_type,
            titles.get_meaning(name),
            load_meanings()["template_examples"].get(name),
        )
        for name, value_type in EDITION_LINES.items()
    ]
    parts = [_describe_object(name, view, titles, fields) for name, view in EDITION_OBJECTS.items()]
    other_parts = [
        "\n\n".join(
            [
                f"## {title}\n\n{words}",
                *(
                    _describe_object(name, view, titles, fields, heading="###")
                    for name, view in objects.items()
                ),
            ]
        )
        for title, words, objects in _OTHER_MAILS
    ]
    titles.check_all_used()
    fields.check_all_used()
    return format_page(
        "Template variables",
        INTRODUCTION,
        f"## Lists and lines\n\n{_format_variables(lines, 'name')}",
        *parts,
        _describe_conditions(),
        _describe_filters(),
        *other_parts,
    )


def _describe_object(
    name: str, view: type, titles: MeaningTable, fields: MeaningTable, heading: str = "##"
) -> str:
    variables = list(iterate_fields(name, view))
    for variable in variables:
        fields.get_meaning(variable.name)
    table = _format_variables(variables, "field")
    return f"{heading} {name}\n\n{titles.get_meaning(name)}\n\n{table}"


def _format_variables(variables: list[TemplateVariable], heading: str) -> str:
    rows = [
        (
            f"`{variable.name.rpartition('.')[2]}`",
            variable.value_type,
            f"*Personal.* {variable.meaning}" if variable.is_personal else variable.meaning,
            f"`{format_example(variable)}`" if variable.example is not None else "",
        )
        for variable in variables
    ]
    return format_table((heading, "type", "meaning", "example"), rows)


def _describe_conditions() -> str:
    meanings = MeaningTable("template_conditions", MEANINGS_FILE)
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
    meanings = MeaningTable("template_filters", MEANINGS_FILE)
    rows = [
        (f"`{name}`", meanings.get_meaning(name)) for name in OWN_FILTERS if name in env.filters
    ]
    meanings.check_all_used()
    return (
        '## Filters\n\nJinja2\'s own filters work too. `_("…")` translates a sentence of the '
        f"template.\n\n{format_table(('filter', 'meaning'), rows)}"
    )
