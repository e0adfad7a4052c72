"""What somebody gets, where and how often: their lists, topics and language, a pause, another
address, a copy of what is stored about them, and its erasure.

The link from a mail's foot is all it takes, no password; one thing to do on each page.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Request, Response

from mailer import addresses, zones
from mailer.actor import SUBSCRIBER
from mailer.audience import erasure, links, preferences, subscribers
from mailer.audience.links import LinkPurpose
from mailer.audience.signup import confirmations
from mailer.audience.signup.confirmations import build_address_change
from mailer.audience.signup.rate_limits import use_allowance
from mailer.errors import InputError, Refused, TokenError
from mailer.model.lists import Frequency, MailingList, Visibility
from mailer.model.subscribers import (
    ConsentAction,
    Evidence,
    LawfulBasis,
    Membership,
    MembershipState,
    Subscriber,
    Wording,
)
from mailer.store import SqlTransaction
from mailer.web.public import time_zone_picker
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.middleware import identify_client
from mailer.web.public.site import LANGUAGES, PublicSite
from mailer.web.public.time_zone_picker import TimeZoneCity
from mailer.web.public.writer import UndoWrite

PREFERENCES_SOURCE = "preferences page"
PAUSE_WEEKS = (1, 2, 4, 8, 12, 26)
"""Weeks that can be chosen."""


@dataclass(frozen=True, slots=True)
class _ListChoice:
    """What the form shows of one list. `topics` is None for all."""

    ticked: bool
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


class _PreferencesReader:
    """Whose page it is, as they stand now."""

    def __init__(self, tx: SqlTransaction, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.all_lists = tx.lists.list_mailing_lists()
        self.memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(subscriber)
        }

    def find_active_membership(self, mailing_list: MailingList) -> Membership | None:
        membership = self.memberships.get(mailing_list.slug)
        return membership if membership and membership.state is MembershipState.ACTIVE else None

    @property
    def active_lists(self) -> list[MailingList]:
        """The lists that they are on."""
        return [one for one in self.all_lists if self.find_active_membership(one)]

    @property
    def visible_lists(self) -> list[MailingList]:
        """Those that they are on, and those that anyone may join."""
        return [
            mailing_list
            for mailing_list in self.all_lists
            if mailing_list.visibility is Visibility.PUBLIC or self.is_on_list(mailing_list)
        ]

    def is_on_list(self, mailing_list: MailingList) -> bool:
        """Also before they have confirmed."""
        membership = self.memberships.get(mailing_list.slug)
        return membership is not None and membership.state is not MembershipState.UNSUBSCRIBED

    def find_pause_end(self, now: datetime) -> datetime | None:
        """When the last of their pauses ends."""
        pause_ends = [
            membership.paused_until
            for membership in self.memberships.values()
            if membership.state is MembershipState.ACTIVE
            and membership.paused_until
            and membership.paused_until > now
        ]
        return max(pause_ends, default=None)

    @property
    def language(self) -> str:
        own_tags = [
            membership.language
            for one in self.active_lists
            if (membership := self.find_active_membership(one))
        ]
        return next((tag for tag in own_tags if tag), self.subscriber.person.language)


def add_routes(site: PublicSite) -> None:
    def find_reader(tx: SqlTransaction, token: str) -> _PreferencesReader | None:
        try:
            link = links.verify_member_link(site.mailer.store.key, LinkPurpose.PREFERENCES, token)
        except TokenError:
            return None
        subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
        return _PreferencesReader(tx, subscriber) if subscriber else None

    def render_page(
        tx: SqlTransaction,
        request: Request,
        token: str,
        reader: _PreferencesReader,
        template: str,
        **extra_context: Any,
    ) -> Response:
        now = site.mailer.clock()
        context: dict[str, Any] = {
            "token": token,
            "address": addresses.format_isolated_address(reader.subscriber.address),
            "said": "",
            "wrong": "",
            "paused_until": reader.find_pause_end(now),
            "member": bool(reader.active_lists),
        }
        return site.render_page(
            request, template, language=reader.language, **context | extra_context
        )

    def make_page_handler(
        template: str, **extra_context: Any
    ) -> Callable[[Request, str], Response]:
        def show_page(request: Request, token: str) -> Response:
            with site.mailer.store.read() as tx:
                reader = find_reader(tx, token)
                if reader is None:
                    return site.refuse_link(request)
                return render_page(tx, request, token, reader, template, **extra_context)

        return show_page

    def render_preferences(
        tx: SqlTransaction,
        request: Request,
        token: str,
        reader: _PreferencesReader,
        form: SubmittedForm | None = None,
        **extra_context: Any,
    ) -> Response:
        topics = tx.lists.list_topics()
        tag = site.choose_language(request, reader.language)
        zone = form.get_value("time_zone") if form else reader.subscriber.person.time_zone
        return render_page(
            tx, request, token, reader, "preferences.html",
            lists=[
                (mailing_list, _ListChoice.from_form(form, mailing_list) if form else _ListChoice.from_membership(reader.find_active_membership(mailing_list)))
                for mailing_list in reader.visible_lists
            ],
            topics=sorted(((topic.slug, topic.get_name(tag)) for topic in topics), key=lambda topic_pair: topic_pair[1]),
            reading=form.get_value("language") if form else reader.language,
            tags=_list_language_tags(reader),
            zones=time_zone_picker.render_options(tag, zone),
            own_zone=_find_unlisted_zone(zone, tag),
            wording=site.build_wording(tag).text,
            **extra_context,
        )  # fmt: skip

    def show_preferences(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            reader = find_reader(tx, token)
            return (
                render_preferences(tx, request, token, reader)
                if reader
                else site.refuse_link(request)
            )

    def submit_preferences(
        request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
    ) -> Response:
        reader = find_reader(tx, token)
        if reader is None:
            return site.refuse_link(request)
        language = site.choose_language(request, form.get_value("language") or reader.language)
        try:
            _save_preferences(tx, reader, form, site.mailer.clock(), site.build_wording(language))
        except (InputError, Refused) as error:
            problem = error.where if error.where.startswith("topics ") else "refused"
            render_again = partial(
                render_preferences, request=request, token=token, reader=reader, form=form
            )
            raise UndoWrite(lambda tx: render_again(tx, wrong=problem, status=422)) from error
        reader = find_reader(tx, token)
        assert reader is not None
        return render_preferences(tx, request, token, reader, said="saved")

    def make_change_handler(
        template: str, change: Callable[..., Mapping[str, Any] | Response]
    ) -> Callable[..., Response]:
        def submit_change(
            request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
        ) -> Response:
            reader = find_reader(tx, token)
            if reader is None:
                return site.refuse_link(request)
            outcome = change(tx, reader, form, site.mailer.clock(), request)
            if isinstance(outcome, Response):
                return outcome
            return render_page(
                tx, request, token, find_reader(tx, token) or reader, template, **outcome
            )

        return submit_change

    def pause_mails(
        tx: SqlTransaction,
        reader: _PreferencesReader,
        form: SubmittedForm,
        now: datetime,
        _: Request,
    ) -> Mapping[str, Any]:
        weeks = form.get_value("weeks")
        if weeks not in {"0", *map(str, PAUSE_WEEKS)}:
            return {"wrong": "weeks", "status": 422, "pauses": PAUSE_WEEKS}
        pause_length = timedelta(weeks=int(weeks)) if weeks != "0" else None
        preferences.pause_memberships(
            tx,
            SUBSCRIBER,
            reader.subscriber,
            reader.active_lists,
            pause_length,
            now,
            source=PREFERENCES_SOURCE,
        )
        return {"said": "paused" if pause_length else "resumed", "pauses": PAUSE_WEEKS}

    def change_address(
        tx: SqlTransaction,
        reader: _PreferencesReader,
        form: SubmittedForm,
        now: datetime,
        request: Request,
    ) -> Mapping[str, Any] | Response:
        new_email = form.get_value("email")
        tag = site.choose_language(request, reader.language)
        limits = site.mailer.sign_up_limits
        # A link is no licence to have mails sent to others: it counts as a client, and so does
        # whoever uses it.
        for limit_key in (identify_client(request), f"subscriber {reader.subscriber.id}"):
            if not use_allowance(tx, limits.per_client, limit_key, now):
                return site.refuse_too_many(request, tag)
        try:
            address_change = build_address_change(
                tx, reader.subscriber.id, new_email, tag, PREFERENCES_SOURCE
            )
        except InputError:
            return {"wrong": "email", "status": 422, "email": new_email}
        if not use_allowance(
            tx, limits.per_domain, addresses.extract_wire_domain(address_change.address), now
        ):
            return site.refuse_too_many(request, tag)
        confirmations.request_confirmation(tx, SUBSCRIBER, limits.per_address, address_change, now)
        return {"said": "asked", "email": new_email}

    def unsubscribe_all(
        tx: SqlTransaction,
        reader: _PreferencesReader,
        form: SubmittedForm,
        now: datetime,
        _: Request,
    ) -> Mapping[str, Any]:
        for mailing_list in reader.all_lists:
            membership = reader.memberships.get(mailing_list.slug)
            if membership and membership.state is not MembershipState.UNSUBSCRIBED:
                subscribers.unsubscribe_person(
                    tx, SUBSCRIBER, reader.subscriber, mailing_list, now, source=PREFERENCES_SOURCE
                )
        return {"said": "left"}

    def submit_erasure(
        request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
    ) -> Response:
        reader = find_reader(tx, token)
        if reader is None:
            return site.refuse_link(request)
        if form.get_value("sure") != "yes":
            return render_page(tx, request, token, reader, "erase.html", wrong="sure", status=422)
        erasure.erase_person(
            tx,
            SUBSCRIBER,
            reader.subscriber.address,
            site.mailer.clock(),
            source=PREFERENCES_SOURCE,
        )
        return site.render_page(request, "erased.html", language=reader.language)

    def download_personal_data(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            reader = find_reader(tx, token)
            if reader is None:
                return site.refuse_link(request)
            personal_data = erasure.collect_personal_data(tx, reader.subscriber)
        text = json.dumps(personal_data, ensure_ascii=False, indent=2, default=_serialise_value)
        return Response(
            text,
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="about-me.json"'},
        )

    fields = ("language", "time_zone", "list", "topic LIST", "frequency LIST")
    site.add_get_route("/p/{token}", show_preferences)
    site.add_post_route("/p/{token}", submit_preferences, fields)
    site.add_get_route("/p/{token}/pause", make_page_handler("pause.html", pauses=PAUSE_WEEKS))
    site.add_post_route(
        "/p/{token}/pause", make_change_handler("pause.html", pause_mails), ("weeks",)
    )
    site.add_get_route("/p/{token}/address", make_page_handler("address.html", email=""))
    site.add_post_route(
        "/p/{token}/address", make_change_handler("address.html", change_address), ("email",)
    )
    site.add_get_route("/p/{token}/leave", make_page_handler("leave-all.html"))
    site.add_post_route("/p/{token}/leave", make_change_handler("leave-all.html", unsubscribe_all))
    site.add_get_route("/p/{token}/erase", make_page_handler("erase.html"))
    site.add_post_route("/p/{token}/erase", submit_erasure, ("sure",))
    site.add_get_route("/p/{token}/about-me.json", download_personal_data)


def _save_preferences(
    tx: SqlTransaction,
    reader: _PreferencesReader,
    form: SubmittedForm,
    now: datetime,
    wording: Wording,
) -> None:
    """Carry out what the form says. Raises InputError and Refused."""
    person = reader.subscriber.person
    language = form.get_value("language") or person.language
    person_changes = {"language": language, "time_zone": form.get_value("time_zone")}
    subscribers.edit_subscriber(tx, SUBSCRIBER, person.address, person_changes)
    chosen_lists = form.get_values("list")
    for mailing_list in reader.visible_lists:
        membership = reader.find_active_membership(mailing_list)
        if mailing_list.slug not in chosen_lists:
            if membership:
                subscribers.unsubscribe_person(
                    tx, SUBSCRIBER, reader.subscriber, mailing_list, now, source=PREFERENCES_SOURCE
                )
            continue
        membership_changes: dict[str, Any] = {
            "topics": _read_chosen_topics(tx, form, mailing_list),
            "language": "",
        }
        frequency = form.get_value(f"frequency {mailing_list.slug}")
        if frequency in mailing_list.frequencies:
            membership_changes["frequency"] = Frequency(frequency)
        if membership is None:
            # They have proved with their link that the address is theirs.
            evidence = Evidence(
                ConsentAction.CONFIRMED, PREFERENCES_SOURCE, LawfulBasis.CONSENT, wording
            )
            subscribers.subscribe_person(
                tx, SUBSCRIBER, person, mailing_list, (), now, evidence=evidence, rejoin=True
            )
        preferences.change_membership(
            tx,
            SUBSCRIBER,
            reader.subscriber,
            mailing_list,
            membership_changes,
            now,
            source=PREFERENCES_SOURCE,
        )


def _read_chosen_topics(
    tx: SqlTransaction, form: SubmittedForm, mailing_list: MailingList
) -> tuple[str, ...]:
    """The topics chosen on a list; none for all of them, also those that come later."""
    all_topics = [one.slug for one in tx.lists.list_topics()]
    chosen = tuple(
        slug for slug in form.get_values(f"topic {mailing_list.slug}") if slug in all_topics
    )
    if all_topics and not chosen:
        raise InputError("no topic was chosen", where=f"topics {mailing_list.slug}")
    return () if {*chosen} == {*all_topics} else chosen


def _list_language_tags(reader: _PreferencesReader) -> list[str]:
    """The languages to choose from: those of the pages, and theirs."""
    return sorted({*LANGUAGES, *([reader.language] if reader.language else [])})


def _find_unlisted_zone(zone: str, language: str) -> TimeZoneCity | None:
    """Their zone, where it is none of those that everybody can choose from."""
    if zone not in zones.list_zone_names() or zone in zones.list_inhabited_zones():
        return None
    return TimeZoneCity(zone, time_zone_picker.get_city_name(zone, language))


def _serialise_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
