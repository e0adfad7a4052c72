"""Boilerplate: what an organisation says about itself at the foot of every release. It is kept
once for each organisation and language. Our own organisation's slug is :data:`OURS`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer import languages
from mailer.articles.checks import check_text
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control

OURS = "ours"
LONGEST = 5000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """`name` is the organisation's; empty of ours, whose name the settings have. `text` is
    Markdown, `html` its sanitised rendering."""

    organisation: str
    language: str
    name: str
    text: str
    html: str
    updated_at: datetime


class BoilerplateStore(Protocol):
    """What the verbs here need kept."""

    def all(self) -> Sequence[Boilerplate]: ...
    def keep(self, boilerplate: Boilerplate) -> None: ...
    def remove(self, boilerplate: Boilerplate) -> None: ...


def save(store: BoilerplateStore, made: Boilerplate) -> tuple[Boilerplate, bool]:
    """Keep it, in place of the one before; whether anything changed. Mails that are approved stay
    as they are. Raises InputError."""
    if not _SLUG.fullmatch(made.organisation) or len(made.organisation) > 60:
        raise InputError(
            f"{made.organisation!r} can't name an organisation",
            where="organisation",
            hint="use up to 60 small letters, digits and single hyphens",
        )
    name = " ".join(made.name.split())
    if made.organisation != OURS and not name:
        raise InputError("it has no name", where="name", hint="give it one with --name")
    if holds_control(name) or len(name) > 200:
        raise InputError("it is no name", where="name")
    text = made.text.strip()
    if not text or len(text) > LONGEST:
        raise InputError(f"it must have from 1 to {LONGEST} characters", where="text")
    check_text(text, "text")
    wanted = Boilerplate(
        made.organisation,
        languages.normalise(made.language),
        name,
        text,
        made.html,
        made.updated_at,
    )
    for known in store.all():
        if (known.organisation, known.language) == (wanted.organisation, wanted.language):
            if (known.name, known.text) == (name, text):
                return known, False
            break
    store.keep(wanted)
    return wanted, True


def get(store: BoilerplateStore, organisation: str, language: str) -> Boilerplate:
    """One organisation's in one language. Raises NotFound."""
    tag = languages.normalise(language)
    for known in store.all():
        if (known.organisation, known.language) == (organisation, tag):
            return known
    raise NotFound(
        f"there is no boilerplate of {organisation!r} in {tag}",
        hint="see `mailer boilerplate list`",
    )


def best(
    some: Sequence[Boilerplate], organisation: str, language: str, default: str
) -> Boilerplate | None:
    """The best of an organisation's for a reader of `language`; None where it has none."""
    ours = {one.language: one for one in some if one.organisation == organisation}
    tag = languages.choose(language, sorted(ours), languages.choose(default, sorted(ours), ""))
    return ours.get(tag) or next(iter(ours.values()), None)
