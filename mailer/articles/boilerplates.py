"""Boilerplate: what an organisation says about itself at the foot of every release. It is kept
once for each organisation and language. Our own organisation's slug is :data:`OWN_ORGANISATION`."""

import re
from collections.abc import Sequence

from mailer import languages
from mailer.articles.checks import check_text
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control
from mailer.model.articles import Boilerplate
from mailer.model.transaction import Transaction

OWN_ORGANISATION = "ours"
LONGEST = 5000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def save_boilerplate(tx: Transaction, boilerplate: Boilerplate) -> tuple[Boilerplate, bool]:
    """Keep it, in place of the one before; whether anything changed. Mails that are approved stay
    as they are. Raises InputError."""
    if not _SLUG.fullmatch(boilerplate.organisation) or len(boilerplate.organisation) > 60:
        raise InputError(
            f"{boilerplate.organisation!r} can't name an organisation",
            where="organisation",
            hint="use up to 60 small letters, digits and single hyphens",
        )
    name = " ".join(boilerplate.name.split())
    if boilerplate.organisation != OWN_ORGANISATION and not name:
        raise InputError("it has no name", where="name", hint="give it one with --name")
    if holds_control(name) or len(name) > 200:
        raise InputError("it is no name", where="name")
    text = boilerplate.text.strip()
    if not text or len(text) > LONGEST:
        raise InputError(f"it must have from 1 to {LONGEST} characters", where="text")
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
    """One organisation's in one language. Raises NotFound."""
    tag = languages.normalise_tag(language)
    for boilerplate in tx.articles.list_boilerplates():
        if (boilerplate.organisation, boilerplate.language) == (organisation, tag):
            return boilerplate
    raise NotFound(
        f"there is no boilerplate of {organisation!r} in {tag}",
        hint="see `mailer boilerplate list`",
    )


def choose_boilerplate(
    boilerplates: Sequence[Boilerplate], organisation: str, language: str, default: str
) -> Boilerplate | None:
    """The best of an organisation's for a reader of `language`; None where it has none."""
    by_language = {
        boilerplate.language: boilerplate
        for boilerplate in boilerplates
        if boilerplate.organisation == organisation
    }
    tag = languages.choose_language(
        language, sorted(by_language), languages.choose_language(default, sorted(by_language), "")
    )
    return by_language.get(tag) or next(iter(by_language.values()), None)
