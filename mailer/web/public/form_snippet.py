"""A sign-up form to paste into a page of any site: plain HTML that works without scripts.

The form sends the fields that ``signup.py`` reads.
"""

from collections.abc import Sequence

from mailer import languages
from mailer.audience.lists import check_public
from mailer.errors import InputError
from mailer.model.lists import MailingList, Topic
from mailer.web.public.page_languages import LANGUAGES
from mailer.web.public.page_templates import get_environment
from mailer.web.public.signup import TRAP_FIELD
from mailer.web.public.topic_choices import list_topic_choices


def choose_page_language(tag: str) -> str:
    """Return the page language that fits `tag` best. Raises InputError if none fits."""
    page_language = languages.choose_language(languages.normalise_tag(tag), LANGUAGES, "")
    if not page_language:
        raise InputError(
            f"no page is in {tag}", field="language", hint=f"use one of {', '.join(LANGUAGES)}"
        )
    return page_language


def render_form_snippet(
    mailing_list: MailingList, topics: Sequence[Topic], language: str, base_url: str
) -> str:
    """Return the form for one list, in one of the pages' languages.

    Raises Refused if the list is not public: people cannot join it by themselves."""
    check_public(mailing_list)
    return (
        get_environment(language)
        .get_template("form-snippet.html")
        .render(
            list=mailing_list,
            topics=list_topic_choices(topics, language),
            action=f"{base_url.rstrip('/')}/subscribe",
            language=language,
            dir=languages.get_direction(language),
            trap=TRAP_FIELD,
        )
    )
