"""Compose the frozen body of a service mail: a request to confirm a sign-up or a new address, a
note that the person is subscribed already, or a welcome.

A person waits for the mail, so it must not fail because of the office's settings. Like a notice, it
needs no postal address, the default accent colour replaces one that is too pale, and the shipped
templates replace the office's own templates if those are broken or lack the mail's link.

The templates are in a folder that is named after the mail's kind, and extend
``email/service.html``. They see ``organisation``, the parts of ``edition`` that the layout needs
(name, language, dir), an empty ``stories``, ``recipient.address``, ``links`` (action, preferences,
unsubscribe), and ``service``: a
:class:`ServiceView`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.lists import format_list

from mailer import config, languages, message
from mailer.audience.signup.service_mails import ServiceMail
from mailer.config import Settings
from mailer.errors import ComposeError
from mailer.message import Slot, clean_header_text
from mailer.model.editions import EditionBody
from mailer.model.signup import ServiceMailKind
from mailer.render import checks, translations
from mailer.render.environment import PersonalField, get_environment, render_template
from mailer.render.inline import inline_css
from mailer.render.notices import TEMPLATE_FAULTS, FrameView, build_readable_organisation_view

MAX_NAMES_LENGTH = 60
"""Maximum length of the lists' names in a subject; a longer subject names the office instead."""

REQUIRED_SLOTS: dict[ServiceMailKind, tuple[Slot, ...]] = {
    ServiceMailKind.CONFIRM: (Slot.ACTION,),
    ServiceMailKind.NEW_ADDRESS: (Slot.ACTION,),
    ServiceMailKind.ALREADY_SUBSCRIBED: (Slot.PREFERENCES,),
    ServiceMailKind.WELCOME: (Slot.PREFERENCES, Slot.UNSUBSCRIBE),
}
"""The links that both parts of a mail must contain, since they are the mail's purpose."""


@dataclass(frozen=True, slots=True)
class ListView:
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service mail for its template.

    `name` is the name of the lists, or of the office, in the subject. `list_name` is the list from
    which the unsubscribe link unsubscribes. `days` is how long the person can confirm."""

    kind: str
    name: str
    lists: tuple[ListView, ...]
    list_name: str
    days: int


@dataclass(frozen=True, slots=True)
class AddressView:
    address: PersonalField


@dataclass(frozen=True, slots=True)
class ServiceLinksView:
    action: PersonalField
    preferences: PersonalField
    unsubscribe: PersonalField


def compose_service_mail(service_mail: ServiceMail, settings: Settings) -> EditionBody:
    """Compose a service mail, in its own language if there is a translation, otherwise in the
    office's.

    The same service mail and settings give the same bytes. Raises ComposeError only if the shipped
    templates also fail."""
    try:
        return _compose_from_templates(service_mail, settings, settings.template_path)
    except TEMPLATE_FAULTS:
        return _compose_from_templates(
            service_mail, settings, (config.find_shipped_folder("templates"),)
        )


def _compose_from_templates(
    service_mail: ServiceMail, settings: Settings, template_path: tuple[Path, ...]
) -> EditionBody:
    folder = f"email/{service_mail.kind}"
    tags = (service_mail.language, settings.defaults.language)
    frames = (translations.choose_frame_language(tag, template_path) for tag in tags if tag)
    language = next(
        (frame_language for frame_language in frames if frame_language), translations.SOURCE
    )
    env = get_environment(language, template_path)
    view = _build_service_view(service_mail, language, settings)
    marker = message.create_marker(_hash_service_mail(service_mail, language, settings))

    def build_personal_field(slot: Slot) -> PersonalField:
        return PersonalField(marker, slot)

    context: dict[str, Any] = {
        "organisation": build_readable_organisation_view(settings),
        "stories": (),
        "service": view,
        "recipient": AddressView(build_personal_field(Slot.ADDRESS)),
        "links": ServiceLinksView(
            build_personal_field(Slot.ACTION),
            build_personal_field(Slot.PREFERENCES),
            build_personal_field(Slot.UNSUBSCRIBE),
        ),
    }
    # The subject is the HTML page's title, which screen readers announce.
    frame = FrameView("", language, languages.get_direction(language))
    subject = clean_header_text(
        render_template(env, f"{folder}/subject.txt", context | {"edition": frame})
    )
    context["edition"] = FrameView(subject, language, languages.get_direction(language))
    body = EditionBody(
        language=language,
        subject=subject,
        text=render_template(env, f"{folder}/body.txt", context).rstrip() + "\n",
        html=inline_css(
            render_template(env, f"{folder}/body.html", context), f"{folder}/body.html"
        ),
        marker=marker,
        stories=1,
    )
    checks.check_mail_structure(body, folder)
    _check_required_links(body, service_mail.kind, folder)
    return body


def _build_service_view(
    service_mail: ServiceMail, language: str, settings: Settings
) -> ServiceView:
    names = [clean_header_text(mailing_list.name) for mailing_list in service_mail.lists]
    name = str(format_list(names, locale=languages.get_locale(language)))
    if not names or (len(names) > 1 and len(name) > MAX_NAMES_LENGTH):
        name = settings.organisation.name
    return ServiceView(
        kind=service_mail.kind.value,
        name=name,
        lists=tuple(
            ListView(
                clean_header_text(mailing_list.name), clean_header_text(mailing_list.description)
            )
            for mailing_list in service_mail.lists
        ),
        list_name=next(
            (
                clean_header_text(mailing_list.name)
                for mailing_list in service_mail.lists
                if mailing_list.slug == service_mail.ledger_list
            ),
            "",
        ),
        days=settings.retention.unconfirmed_days,
    )


def _check_required_links(body: EditionBody, kind: ServiceMailKind, folder: str) -> None:
    for slot in REQUIRED_SLOTS[kind]:
        for name, part in (("body.txt", body.text), ("body.html", body.html)):
            if message.create_slot(body.marker, slot) not in part:
                raise ComposeError(
                    f"the mail lacks the link that it is for, links.{slot.name.lower()}",
                    where=f"{folder}/{name}",
                    hint="print the link without filters",
                )


def _hash_service_mail(service_mail: ServiceMail, language: str, settings: Settings) -> str:
    """Hash the text that people wrote. The marker made from the hash can't occur in that text."""
    parts = [
        service_mail.kind,
        language,
        service_mail.ledger_list,
        [
            (mailing_list.slug, mailing_list.name, mailing_list.description)
            for mailing_list in service_mail.lists
        ],
        settings.organisation.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
