"""A letter -> the frozen body of a service mail: please confirm, you are on the list already,
please confirm your new address, welcome.

Somebody waits for it, so it must not fail for a fault that has nothing to do with them: as with
notices it needs no postal address, an accent too pale to be read gives way to the default one, and
where the office's own templates are broken, or leave out the link that the mail is for, the shipped
ones serve.

Its templates are the folder that its answer names, on ``email/service.html``. They see
``organisation``, of ``edition`` what the layout needs (name, language, dir), no ``stories``,
``recipient.address``, ``links`` (action, preferences, unsubscribe), and ``service``: a
:class:`ServiceView`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.lists import format_list

from mailer import config, languages, message
from mailer.audience.confirmations import Answer
from mailer.audience.letters import Letter
from mailer.config import Settings
from mailer.editions import Body
from mailer.errors import ComposeError
from mailer.message import Slot, header_text
from mailer.render import checks, translations
from mailer.render.environment import Personal, environment, render
from mailer.render.inline import inline
from mailer.render.notices import FAULTS, FrameView, office

LONGEST_NAMES = 60
"""Characters of lists' names in a subject, after which it names the office instead."""

NEEDED: dict[Answer, tuple[Slot, ...]] = {
    Answer.CONFIRM: (Slot.ACTION,),
    Answer.NEW_ADDRESS: (Slot.ACTION,),
    Answer.KNOWN: (Slot.PREFERENCES,),
    Answer.WELCOME: (Slot.PREFERENCES, Slot.UNSUBSCRIBE),
}
"""What both parts of a mail must have, for it to be of use."""


@dataclass(frozen=True, slots=True)
class ListView:
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """`name` is what a subject calls what it is about, `books` the list that the link for leaving
    leaves. `days` is how long an answer is waited for."""

    kind: str
    name: str
    lists: tuple[ListView, ...]
    books: str
    days: int


@dataclass(frozen=True, slots=True)
class AddressView:
    address: Personal


@dataclass(frozen=True, slots=True)
class ServiceLinksView:
    action: Personal
    preferences: Personal
    unsubscribe: Personal


def compose_letter(letter: Letter, settings: Settings) -> Body:
    """The mail that says it, in the letter's language where there are words in it, else in the
    office's. The same letter and settings give the same bytes. Raises ComposeError only where the
    shipped templates can't compose it."""
    try:
        return _compose(letter, settings, settings.template_path)
    except FAULTS:
        return _compose(letter, settings, (config.shipped("templates"),))


def _compose(letter: Letter, settings: Settings, template_path: tuple[Path, ...]) -> Body:
    folder = f"email/{letter.answer}"
    tags = (letter.language, settings.defaults.language)
    frames = (translations.frame(tag, template_path) for tag in tags if tag)
    language = next((one for one in frames if one), translations.SOURCE)
    env = environment(language, template_path)
    view = _view(letter, language, settings)
    marker = message.marker(_fingerprint(letter, language, settings))

    def personal(slot: Slot) -> Personal:
        return Personal(marker, slot)

    context: dict[str, Any] = {
        "organisation": office(settings),
        "stories": (),
        "service": view,
        "recipient": AddressView(personal(Slot.ADDRESS)),
        "links": ServiceLinksView(
            personal(Slot.ACTION), personal(Slot.PREFERENCES), personal(Slot.UNSUBSCRIBE)
        ),
    }
    # The title of the page that the mail is, and what screen readers announce: its subject.
    frame = FrameView("", language, languages.direction(language))
    subject = header_text(render(env, f"{folder}/subject.txt", context | {"edition": frame}))
    context["edition"] = FrameView(subject, language, languages.direction(language))
    body = Body(
        language=language,
        subject=subject,
        text=render(env, f"{folder}/body.txt", context).rstrip() + "\n",
        html=inline(render(env, f"{folder}/body.html", context), f"{folder}/body.html"),
        marker=marker,
        stories=1,
    )
    checks.check_form(body, folder)
    _check_links(body, letter.answer, folder)
    return body


def _view(letter: Letter, language: str, settings: Settings) -> ServiceView:
    names = [header_text(one.name) for one in letter.lists]
    name = str(format_list(names, locale=languages.locale(language)))
    if not names or (len(names) > 1 and len(name) > LONGEST_NAMES):
        name = settings.organisation.name
    return ServiceView(
        kind=letter.answer.value,
        name=name,
        lists=tuple(
            ListView(header_text(one.name), header_text(one.description)) for one in letter.lists
        ),
        books=next((header_text(one.name) for one in letter.lists if one.slug == letter.books), ""),
        days=settings.retention.unconfirmed_days,
    )


def _check_links(body: Body, answer: Answer, folder: str) -> None:
    for slot in NEEDED[answer]:
        for name, part in (("body.txt", body.text), ("body.html", body.html)):
            if message.slot(body.marker, slot) not in part:
                raise ComposeError(
                    f"it leaves out the link that it is for, links.{slot.name.lower()}",
                    where=f"{folder}/{name}",
                    hint="print it as it is",
                )


def _fingerprint(letter: Letter, language: str, settings: Settings) -> str:
    """A hash of what people wrote: a marker made from it can't stand in any of it."""
    parts = [
        letter.answer,
        language,
        letter.books,
        [(one.slug, one.name, one.description) for one in letter.lists],
        settings.organisation.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
