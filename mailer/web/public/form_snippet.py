"""A sign-up form to paste into any page: plain HTML that works without scripts.

What it sends is what the page of ``signup.py`` takes.
"""

from collections.abc import Sequence

from mailer import languages
from mailer.audience.lists import MailingList, Topic, Visibility
from mailer.errors import InputError, Refused
from mailer.web.public.public_site import LANGUAGES, get_environment
from mailer.web.public.signup import TRAP_FIELD


def choose_page_language(tag: str) -> str:
    """The language of the pages for `tag`. Raises InputError where there is none."""
    page_language = languages.choose_language(languages.normalise_tag(tag), LANGUAGES, "")
    if not page_language:
        raise InputError(
            f"no page is in {tag}", where="--language", hint=f"use one of {', '.join(LANGUAGES)}"
        )
    return page_language


def render_form_snippet(
    mailing_list: MailingList, topics: Sequence[Topic], language: str, base_url: str
) -> str:
    """The form for one list, in one of the pages' languages. Raises Refused for a list that nobody
    can join by themselves."""
    if mailing_list.visibility is not Visibility.PUBLIC:
        raise Refused(
            f"the list {mailing_list.slug!r} is {mailing_list.visibility}: nobody can sign up",
            hint=f"`mailer list edit {mailing_list.slug} --visibility public` opens it",
        )
    sorted_topics = sorted(
        ((topic.slug, topic.get_name(language)) for topic in topics), key=lambda topic: topic[1]
    )
    return (
        get_environment(language)
        .get_template("form-snippet.html")
        .render(
            list=mailing_list,
            topics=sorted_topics,
            action=f"{base_url.rstrip('/')}/subscribe",
            language=language,
            dir=languages.get_direction(language),
            trap=TRAP_FIELD,
        )
    )
