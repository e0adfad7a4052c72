"""Mark a mail as a test mail: its subject, and a banner above both parts.

The banner is in the office's language, since members of staff read it; the mail below is in the
reader's. The mail was composed and inlined before, so the banner's template, ``email/test``, holds
all its styles. It sees ``banner``: a :class:`BannerView`.
"""

import re
from dataclasses import dataclass, replace

from mailer import languages
from mailer.config import Settings
from mailer.message import clean_header_text
from mailer.model.deliveries import EditionReader
from mailer.model.editions import Edition, EditionBody
from mailer.notices import HASH_LENGTH
from mailer.render import translations
from mailer.render.environment import get_environment, render_template

SUBJECT_MARK = "[Test] "
"""The beginning of a test mail's subject, the same in every language, so that filters find it."""

_MAIL_START = '<div role="article"'
"""The place of the banner in a mail of the shipped layout: after the preheader, which inboxes
show."""

_BODY_START = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BannerView:
    """The facts of a test mail. `reader` is empty if the mail is made for no particular person.
    `mail_language` is a name, `language` the tag of the banner's own language."""

    reader: str
    mail_language: str
    edition: int
    content_hash: str
    language: str
    dir: str


def mark_test_mail(
    body: EditionBody, edition: Edition, reader: EditionReader, settings: Settings
) -> EditionBody:
    """Return the body with a marked subject, and with a banner that names the mail's reader. Raises
    ComposeError for invalid templates of the office."""
    language = (
        translations.choose_frame_language(settings.defaults.language, settings.template_path)
        or translations.SOURCE
    )
    env = get_environment(language, settings.template_path)
    view = BannerView(
        reader=_describe_reader(reader),
        mail_language=languages.get_language_name(body.language, in_language=language),
        edition=edition.id,
        content_hash=edition.content_hash[:HASH_LENGTH],
        language=language,
        dir=languages.get_direction(language),
    )
    text = render_template(env, "email/test/banner.txt", {"banner": view})
    html = render_template(env, "email/test/banner.html", {"banner": view})
    return replace(
        body,
        subject=SUBJECT_MARK + body.subject,
        text=f"{text.rstrip()}\n\n{body.text}",
        html=_insert_banner(body.html, html),
    )


def _describe_reader(reader: EditionReader) -> str:
    """Return the reader's name and address on one line, or an empty string for no person."""
    name = clean_header_text(reader.name)
    return f"{name} <{reader.address}>" if name else reader.address


def _insert_banner(html: str, banner: str) -> str:
    """Insert the banner after the preheader, or at the beginning of a mail with another layout."""
    place = html.find(_MAIL_START)
    if place < 0:
        body_start = _BODY_START.search(html)
        place = body_start.end() if body_start else 0
    return f"{html[:place]}{banner}\n{html[place:]}"
