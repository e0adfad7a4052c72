"""The reference of templates names every variable, with an example of its type."""

from datetime import datetime

import pytest

from mailer.errors import InputError
from mailer.intake.markup import to_html
from mailer.render import compose_edition, template_reference
from mailer.render.template_reference import (
    BANNER_OBJECTS,
    EDITION_OBJECTS,
    NOTICE_OBJECTS,
    SERVICE_OBJECTS,
    TemplateVariable,
    iterate_fields,
    list_variables,
    load_meanings,
)
from tests.unit.render import factories
from tests.unit.samples import make_article

TEMPLATES = factories.make_settings().template_names
ALL_OBJECTS = (EDITION_OBJECTS, NOTICE_OBJECTS, SERVICE_OBJECTS, BANNER_OBJECTS)
TYPES = {
    "text": str,
    "HTML": str,
    "part": str,
    "number": int,
    "yes or no": bool,
    "date and time": datetime,
    "date and time, or none": datetime,
    "list of text": list,
    "list of pair": list,
    "your own fields": str,
}


def list_all_variables() -> list[TemplateVariable]:
    return [
        variable
        for objects in ALL_OBJECTS
        for name, view in objects.items()
        for variable in iterate_fields(name, view)
    ]


def test_every_variable_that_holds_no_other_has_an_example_of_its_type() -> None:
    for variable in list_all_variables():
        holds_others = "object" in variable.value_type
        assert (variable.example is None) == holds_others, variable.name
        if not holds_others:
            assert type(variable.example) is TYPES[variable.value_type], variable.name


def test_every_meaning_and_example_belongs_to_a_variable() -> None:
    names = {variable.name for variable in list_all_variables()}
    assert load_meanings()["template_fields"].keys() == names
    assert load_meanings()["template_examples"].keys() <= names | {"lead_title"}


@pytest.mark.parametrize("template", sorted(TEMPLATES | {"test"}))
def test_every_kind_of_mail_lists_its_variables(template: str) -> None:
    names = [variable.name for variable in list_variables(template, TEMPLATES)]
    assert len(names) == len(set(names)) > 5
    assert ("links.unsubscribe" in names) == (template not in {"notice", "test"})
    assert ("notice.lead" in names) == (template == "notice")


def test_listed_variables_can_be_printed_by_a_subject() -> None:
    for variable in list_variables("digest", TEMPLATES):
        path = variable.name.replace("story.", "stories[0].", 1)
        nested = path.removeprefix("stories[0].").count(".") and path.startswith("stories[0]")
        if nested or path.startswith(("section.", "organisation.social.", "when.")):
            continue  # parts of what this mail does not have
        composition = compose_edition(
            factories.make_manuscript(make_article("boats"), subject=f"A {{{{ {path} }}}}"),
            factories.make_settings(),
            to_html,
        )
        assert composition.bodies[0].subject.startswith("A"), variable.name


def test_folder_of_the_office_is_listed_as_a_template_for_editions() -> None:
    templates = dict(template_reference.list_templates({*TEMPLATES, "bulletin"}))
    assert templates["bulletin"] == "an edition, by a template of the office"
    bulletin = list_variables("bulletin", {*TEMPLATES, "bulletin"})
    assert bulletin == list_variables("digest", TEMPLATES)


def test_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="there is no template 'digests'; there are digest, press"):
        list_variables("digests", TEMPLATES)
