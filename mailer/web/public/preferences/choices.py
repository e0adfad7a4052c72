"""The first preferences page: lists, topics, frequency, language and time zone."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from mailer import zones
from mailer.actor import SUBSCRIBER
from mailer.audience.own_preferences import (
    NO_TOPIC_CHOSEN,
    ListPreferences,
    OwnPreferences,
    save_preferences,
)
from mailer.errors import InputError, Refused
from mailer.model.lists import Frequency, MailingList
from mailer.model.subscribers import Membership
from mailer.store import SqlTransaction
from mailer.web.public import time_zone_picker
from mailer.web.public.batched_writes import AnswerAfterCommit, UndoWrite
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.page_languages import LANGUAGES
from mailer.web.public.preferences.reader import (
    PREFERENCES_SOURCE,
    PreferencesReader,
    find_reader,
    render_reader_page,
)
from mailer.web.public.public_site import get_site
from mailer.web.public.time_zone_picker import TimeZoneCity
from mailer.web.public.topic_choices import list_topic_choices

FIELDS = ("language", "time_zone", "list", "topic LIST", "frequency LIST")


@dataclass(frozen=True, slots=True)
class _ListChoice:
    """The state of one list in the form. `topics` is None if the reader gets all topics."""

    is_ticked: bool
    topics: tuple[str, ...] | None
    frequency: str

    @classmethod
    def from_membership(cls, membership: Membership | None) -> "_ListChoice":
        if membership is None:
            return cls(False, None, Frequency.EVERY)
        return cls(True, membership.topics or None, membership.frequency)

    @classmethod
    def from_form(cls, form: SubmittedForm, mailing_list: MailingList) -> "_ListChoice":
        topics = form.get_values(f"topic {mailing_list.slug}")
        frequency = form.get_value(f"frequency {mailing_list.slug}") or Frequency.EVERY
        return cls(mailing_list.slug in form.get_values("list"), topics, frequency)


def show_preferences(request: Request, token: str) -> Response:
    return _show_preferences(request, token)


def _show_preferences(request: Request, token: str, *, outcome: str = "") -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        reader = find_reader(request, tx, token)
        if reader is None:
            return site.refuse_link(request)
        return _render_preferences(request, tx, token, reader, outcome=outcome)


def submit_preferences(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response | AnswerAfterCommit:
    site = get_site(request)
    reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    language = site.choose_language(request, form.get_value("language") or reader.language)
    try:
        save_preferences(
            tx,
            SUBSCRIBER,
            reader.subscriber,
            _read_preferences(form),
            site.mailer.clock(),
            wording=site.build_wording(language, reader.visible_lists),
            source=PREFERENCES_SOURCE,
            edition_id=reader.edition_id,
        )
    except (InputError, Refused) as error:
        problem = f"topics {error.value}" if error.code == NO_TOPIC_CHOSEN else "refused"

        def render_again(tx: SqlTransaction) -> Response:
            return _render_preferences(
                request, tx, token, reader, form, problem=problem, status=422
            )

        raise UndoWrite(render_again) from error
    return AnswerAfterCommit(lambda: _show_preferences(request, token, outcome="saved"))


def _render_preferences(
    request: Request,
    tx: SqlTransaction,
    token: str,
    reader: PreferencesReader,
    form: SubmittedForm | None = None,
    **context: Any,
) -> Response:
    """Render the page with the reader's preferences, or with those of a `form` that was refused."""
    site = get_site(request)
    language = site.choose_language(request, reader.language)
    time_zone = form.get_value("time_zone") if form else reader.subscriber.person.time_zone
    all_topics = tx.lists.list_topics()
    lists_to_show = [
        (
            mailing_list,
            _build_list_choice(reader, mailing_list, form),
            list_topic_choices(all_topics, language, _list_own_topics(reader, mailing_list)),
        )
        for mailing_list in reader.visible_lists
    ]
    problem = str(context.get("problem", ""))
    return render_reader_page(
        request,
        token,
        reader,
        "preferences.html",
        lists=lists_to_show,
        first_topic=next(
            (
                choices[0].slug
                for mailing_list, _, choices in lists_to_show
                if choices and problem == f"topics {mailing_list.slug}"
            ),
            "",
        ),
        reading_language=form.get_value("language") if form else reader.language,
        language_tags=_list_language_tags(reader),
        time_zone_options=time_zone_picker.render_options(language, time_zone),
        unlisted_zone=_find_unlisted_zone(time_zone, language),
        consent_text=site.build_wording(language, reader.visible_lists).text,
        **context,
    )


def _list_own_topics(reader: PreferencesReader, mailing_list: MailingList) -> tuple[str, ...]:
    """Return the topics that the reader has chosen on a list, also hidden ones."""
    membership = reader.find_active_membership(mailing_list)
    return membership.topics if membership else ()


def _build_list_choice(
    reader: PreferencesReader, mailing_list: MailingList, form: SubmittedForm | None
) -> _ListChoice:
    if form is not None:
        return _ListChoice.from_form(form, mailing_list)
    return _ListChoice.from_membership(reader.find_active_membership(mailing_list))


def _read_preferences(form: SubmittedForm) -> OwnPreferences:
    return OwnPreferences(
        language=form.get_value("language"),
        time_zone=form.get_value("time_zone"),
        lists={
            slug: ListPreferences(
                form.get_values(f"topic {slug}"), form.get_value(f"frequency {slug}")
            )
            for slug in form.get_values("list")
        },
    )


def _list_language_tags(reader: PreferencesReader) -> list[str]:
    """Return the languages to choose from: those of the pages, and the reader's own."""
    return sorted({*LANGUAGES, *([reader.language] if reader.language else [])})


def _find_unlisted_zone(zone: str, language: str) -> TimeZoneCity | None:
    """Return the reader's time zone if the picker does not offer it, such as ``Etc/GMT+5``."""
    if zone not in zones.list_zone_names() or zone in zones.list_inhabited_zones():
        return None
    return TimeZoneCity(zone, time_zone_picker.get_city_name(zone, language))
