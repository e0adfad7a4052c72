"""The variables of templates, for each kind of mail: their names, types, meanings and examples.

Names and types come from the views that templates see, meanings and examples from
``template_meanings.toml``. The reference page and ``mailer template show`` read the same.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mailer import message
from mailer.errors import InputError, NextStep
from mailer.model import press_release
from mailer.model.signup import ServiceMailKind
from mailer.render import (
    notices,
    reader_fields,
    releases,
    service_mails,
    story_parts,
    test_mails,
    views,
)
from mailer.render.environment import PersonalField

MEANINGS_FILE = Path(__file__).parent / "template_meanings.toml"

EDITION_OBJECTS: Mapping[str, type] = {
    "organisation": views.OrganisationView,
    "organisation.social": views.SocialLink,
    "edition": views.EditionView,
    "story": views.StoryView,
    "story.image": story_parts.ImageView,
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
"""The objects that the mails of an edition see."""

_OFFICE = {name: EDITION_OBJECTS[name] for name in ("organisation", "organisation.social")}

NOTICE_OBJECTS: Mapping[str, type] = {
    **_OFFICE,
    "edition": notices.FrameView,
    "notice": notices.NoticeView,
    "notice.facts": notices.FactView,
    "notice.steps": notices.StepView,
    "notice.mails": notices.MailView,
}
"""The objects that notices to staff see."""

SERVICE_OBJECTS: Mapping[str, type] = {
    **_OFFICE,
    "edition": notices.FrameView,
    "service": service_mails.ServiceView,
    "service.lists": service_mails.ListView,
    "recipient": service_mails.AddressView,
    "links": service_mails.ServiceLinksView,
}
"""The objects that mails about a sign-up see."""

BANNER_OBJECTS: Mapping[str, type] = {"banner": test_mails.BannerView}

EDITION_LINES = {"stories": "list of story", "sections": "list of section", "lead_title": "text"}
"""The variables of an edition's mails that belong to no object, and their types."""

PURPOSES = {
    "digest": "a digest",
    "press-release": "a press release",
    "press-kill": "the mail that withdraws a press release",
    "notice": "mails to staff",
    "confirm": "the mail that asks to confirm a sign-up",
    "known": "the mail to a person who is subscribed already",
    "new-address": "the mail that asks to confirm a new address",
    "welcome": "the mail after a sign-up",
    "test": "the banner above a test mail",
}
"""The shipped templates. Any other folder is a template of the office, for editions."""


@dataclasses.dataclass(frozen=True, slots=True)
class TemplateVariable:
    """A variable of a template. `example` is a value of the type `value_type`, or a list of them;
    it is None for a variable that holds others. A personal variable differs between readers."""

    name: str
    value_type: str
    meaning: str
    example: Any = None
    is_personal: bool = False


def list_templates(names: typing.Collection[str]) -> list[tuple[str, str]]:
    """Return each template with its purpose, those of the office last. `names` are the folders with
    a body."""
    own = sorted(set(names) - PURPOSES.keys())
    return [*PURPOSES.items(), *((name, "an edition, by a template of the office") for name in own)]


def list_variables(template: str, names: typing.Collection[str]) -> list[TemplateVariable]:
    """Return the variables of a template. `names` are the folders with a body. Raises InputError
    for a template that does not exist."""
    known_names = [name for name, _ in list_templates(names)]
    if template not in known_names:
        raise InputError(
            f"there is no template {template!r}",
            field="template",
            hint=f"there are {', '.join(known_names)}",
            next_steps=[NextStep("list_templates")],
        )
    variables: list[TemplateVariable] = []
    objects = get_objects(template)
    if objects is EDITION_OBJECTS:
        variables += [
            TemplateVariable(name, value_type, *_describe_name(name))
            for name, value_type in EDITION_LINES.items()
        ]
    for name, view in objects.items():
        variables += iterate_fields(name, view)
    if objects is EDITION_OBJECTS:
        variables += iterate_conditions()
    return variables


def iterate_conditions() -> Iterator[TemplateVariable]:
    """Yield the parts that not every reader gets."""
    for condition, meaning in load_meanings()["template_conditions"].items():
        name = f"when.{condition}({'' if condition in {'mail', 'web'} else 'bits'})"
        words = meaning.replace("N", str(message.MIN_STORIES_FOR_CONTENTS))
        example = f"{{% call {name.replace('bits', 'story.bits')} %}}…{{% endcall %}}"
        yield TemplateVariable(name, "part", f"A part that is shown {words}.", example)


def get_objects(template: str) -> Mapping[str, type]:
    """Return the objects that the mails of a template see."""
    if template == "notice":
        return NOTICE_OBJECTS
    if template == "test":
        return BANNER_OBJECTS
    return SERVICE_OBJECTS if template in set(ServiceMailKind) else EDITION_OBJECTS


def iterate_fields(name: str, view: type) -> Iterator[TemplateVariable]:
    """Yield the fields of an object, in their order."""
    hints = typing.get_type_hints(view)
    for field in dataclasses.fields(view):
        path = f"{name}.{field.name}"
        hint = hints[field.name]
        yield TemplateVariable(
            path,
            _name_type(hint),
            load_meanings()["template_fields"][path],
            load_meanings()["template_examples"].get(path),
            is_personal=hint is PersonalField,
        )


def format_example(variable: TemplateVariable) -> str:
    """Return an example on one line, as a template prints it; "" for none."""
    example = variable.example
    if isinstance(example, datetime):
        return f"{example:%Y-%m-%d %H:%M}"
    if isinstance(example, bool):
        return "true" if example else "false"
    if isinstance(example, list):
        return ", ".join(": ".join(item) if isinstance(item, list) else item for item in example)
    return "" if example is None else str(example)


def _describe_name(name: str) -> tuple[str, Any]:
    meanings = load_meanings()
    return meanings["template_objects"][name], meanings["template_examples"].get(name)


@cache
def load_meanings() -> Mapping[str, Mapping[str, Any]]:
    """Return the meanings and examples, by table."""
    return tomllib.loads(MEANINGS_FILE.read_text("utf-8"))


_TYPE_NAMES = {
    str: "text",
    Markup: "HTML",
    int: "number",
    bool: "yes or no",
    datetime: "date and time",
    PersonalField: "text",
    Any: "your own fields",
}


def _name_type(hint: Any) -> str:
    """Name a type in words: "text", "list of section", "object, or none"."""
    if hint in _TYPE_NAMES:
        return _TYPE_NAMES[hint]
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        if Ellipsis not in arguments:
            return "pair"
        item = _name_type(arguments[0])
        return f"list of {'objects' if item == 'object' else item}"
    if isinstance(hint, types.UnionType):
        return f"{_name_type(arguments[0])}, or none"
    return "object"
