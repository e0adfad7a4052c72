"""Boilerplate: an organisation's text about itself, printed at the foot of every release.

Each organisation has one text in each language. The office's own organisation has the slug
:data:`OWN_ORGANISATION`.
"""

import re
from collections.abc import Sequence

from mailer import languages
from mailer.actor import Actor
from mailer.articles.checks import check_text
from mailer.errors import InputError, NextStep, NotFound
from mailer.lines import holds_control
from mailer.model.articles import Boilerplate
from mailer.model.transaction import Transaction

OWN_ORGANISATION = "ours"
MAX_LENGTH = 5000
MAX_NAME_LENGTH = 200
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def save_boilerplate(
    tx: Transaction, actor: Actor, boilerplate: Boilerplate
) -> tuple[Boilerplate, bool]:
    """Save a boilerplate in place of the earlier text. Approved mails keep the earlier text.

    Returns the boilerplate and whether anything changed. Raises InputError."""
    if not _SLUG.fullmatch(boilerplate.organisation) or len(boilerplate.organisation) > 60:
        raise InputError(
            f"{boilerplate.organisation!r} can't name an organisation",
            field="organisation",
            hint="use up to 60 small letters, digits and single hyphens",
        )
    name = " ".join(boilerplate.name.split())
    if boilerplate.organisation != OWN_ORGANISATION and not name:
        raise InputError("the organisation has no name", field="name", hint="name it")
    if holds_control(name) or len(name) > MAX_NAME_LENGTH:
        raise InputError(
            f"a name has up to {MAX_NAME_LENGTH} characters, none of them a control character",
            field="name",
        )
    text = boilerplate.text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise InputError(f"the text must have from 1 to {MAX_LENGTH} characters", field="text")
    check_text(text, "text")
    normalised = Boilerplate(
        boilerplate.organisation,
        languages.normalise_tag(boilerplate.language),
        name,
        text,
        boilerplate.html,
        boilerplate.updated_at,
    )
    for existing in tx.articles.list_boilerplates():
        if (existing.organisation, existing.language) == (
            normalised.organisation,
            normalised.language,
        ):
            if (existing.name, existing.text) == (name, text):
                return existing, False
            break
    tx.articles.save_boilerplate(normalised)
    return normalised, True


def get_boilerplate(tx: Transaction, organisation: str, language: str) -> Boilerplate:
    """Return an organisation's boilerplate in one language. Raises NotFound."""
    tag = languages.normalise_tag(language)
    for boilerplate in tx.articles.list_boilerplates():
        if (boilerplate.organisation, boilerplate.language) == (organisation, tag):
            return boilerplate
    raise NotFound(
        f"there is no boilerplate of {organisation!r} in {tag}",
        next_steps=[NextStep("list_boilerplates")],
    )


def remove_boilerplate(
    tx: Transaction, actor: Actor, organisation: str, language: str
) -> Boilerplate:
    """Remove an organisation's boilerplate in one language. Returns the removed boilerplate. Raises
    NotFound."""
    boilerplate = get_boilerplate(tx, organisation, language)
    tx.articles.remove_boilerplate(boilerplate)
    return boilerplate


def choose_boilerplate(
    boilerplates: Sequence[Boilerplate], organisation: str, language: str, default: str
) -> Boilerplate | None:
    """Return the organisation's best boilerplate for a reader of `language`, or None if the
    organisation has no boilerplate."""
    by_language = {
        boilerplate.language: boilerplate
        for boilerplate in boilerplates
        if boilerplate.organisation == organisation
    }
    tag = languages.choose_language(
        language, sorted(by_language), languages.choose_language(default, sorted(by_language), "")
    )
    return by_language.get(tag) or next(iter(by_language.values()), None)
