"""Write the story of a list's last mail: its title and its Markdown, in a language for which mails
have a frame.

The templates are in ``email/closing``. They see ``list``: a :class:`ClosingView`.
"""

import re
from dataclasses import dataclass

from mailer.config import Settings
from mailer.model.lists import MailingList
from mailer.render import translations
from mailer.render.environment import get_environment, render_template

_MARKUP = re.compile(r"[\\`*_\[\]<>|~&]|^[#+\-=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d{4})[.)]")
"""Matches what Markdown might read as markup in one line (CommonMark 0.31 §2.4 lets all of it be
escaped)."""


@dataclass(frozen=True, slots=True)
class ClosingView:
    """The list's name, and the reason in the story's language: plain, or escaped for Markdown."""

    name: str
    reason: str


def write_closing_text(
    mailing_list: MailingList, reason: str, language: str, settings: Settings
) -> tuple[str, str, str]:
    """Return the story's title, its summary, which mails show, and its text in Markdown. Summary
    and text say the same. The words around the reason are in
    `language` if mails have a frame in it, otherwise in English. Raises ComposeError for invalid
    templates of the office."""
    frame = (
        translations.choose_frame_language(language, settings.template_path) or translations.SOURCE
    )
    env = get_environment(frame, settings.template_path)
    plain_view = ClosingView(mailing_list.name, reason)
    markdown_view = ClosingView(mailing_list.name, _MARKUP.sub(r"\\\g<0>", reason))
    title = render_template(env, "email/closing/title.txt", {"list": plain_view})
    summary = render_template(env, "email/closing/body.txt", {"list": plain_view})
    text = render_template(env, "email/closing/body.txt", {"list": markdown_view})
    return " ".join(title.split()), " ".join(summary.split()), text.strip() + "\n"
