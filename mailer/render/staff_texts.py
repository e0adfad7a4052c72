"""Check the variables in a subject, a preheader or an opening before an edition is composed."""

import re
from collections.abc import Sequence
from pathlib import Path

import jinja2
from jinja2 import meta

from mailer.errors import InputError
from mailer.render import translations
from mailer.render.environment import get_environment

LINE_VARIABLES = frozenset(
    {"organisation", "edition", "stories", "sections", "recipient", "links", "when", "lead_title"}
)
"""The variables of a subject and a preheader."""

OPENING_VARIABLES = frozenset({"recipient"})
"""The variables of an opening."""


_FIELD = re.compile(r"\{\{[^{}]*\}\}")


def mask_fields(text: str) -> str:
    """Replace the fields of a Markdown text by a word, for the checks of Markdown. Fields are
    rendered before the Markdown is converted."""
    return _FIELD.sub("field", text)


def check_staff_text(text: str, field: str, template_path: Sequence[Path]) -> None:
    """Check that a text uses only variables that its field has. Raises InputError."""
    variables = OPENING_VARIABLES if field == "opening" else LINE_VARIABLES
    env = get_environment(translations.SOURCE, template_path)
    try:
        used = meta.find_undeclared_variables(env.parse(text))
    except jinja2.TemplateError as error:
        raise InputError(
            f"a variable is broken: {error.message}",
            field=field,
            hint="write it as {{ lead_title }}"
            if field != "opening"
            else "write it as {{ recipient.name | default('colleague') }}",
        ) from error
    if unknown := used - variables - env.globals.keys():
        raise InputError(
            f"there is no variable {min(unknown)!r}",
            field=field,
            hint=f"use {', '.join(sorted(variables))}",
        )
