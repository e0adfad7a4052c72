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

from mailer import zones
from mailer.audience import addresses, choices, confirmations, erasure, links, subscribers
from mailer.audience.confirmations import new_address
from mailer.audience.consent import Act, Basis, Evidence, Wording
from mailer.audience.limits import use
from mailer.audience.links import Purpose
from mailer.audience.lists import Frequency, MailingList, Visibility
from mailer.audience.subscribers import Membership, MembershipState, Subscriber
from mailer.errors import InputError, Refused, TokenError
from mailer.store import Transaction
from mailer.web.public import places
from mailer.web.public.forms import Form
from mailer.web.public.guard import client_of
from mailer.web.public.places import Place
from mailer.web.public.site import LANGUAGES, Site
from mailer.web.public.writer import Undo

PAGE = "preferences page"
PAUSES = (1, 2, 4, 8, 12, 26)
"""Weeks that can be chosen."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the form shows of one list. `topics` is None for all."""

    ticked: bool
    topics: tuple[str, ...] | None
    frequency: str

    @classmethod
    def of(cls, known: Membership | None) -> "_Choice":
        if known is None:
            return cls(False, None, Frequency.EVERY)
        return cls(True, known.topics or None, known.frequency)

    @classmethod
    def sent(cls, form: Form, list_: MailingList) -> "_Choice":
        topics = form.all(f"topic {list_.slug}")
        frequency = form.get(f"frequency {list_.slug}") or Frequency.EVERY
        return cls(list_.slug in form.all("list"), topics, frequency)


class _Reader:
    """Whose page it is, as they stand now."""

    def __init__(self, tx: Transaction, person: Subscriber) -> None:
        self.person = person
        self.all_lists = tx.lists.lists()
        self.memberships = {one.list: one for one in tx.subscribers.memberships(person)}

    def active(self, list_: MailingList) -> Membership | None:
        known = self.memberships.get(list_.slug)
        return known if known and known.state is MembershipState.ACTIVE else None

    @property
    def mine(self) -> list[MailingList]:
        """The lists that they are on."""
        return [one for one in self.all_lists if self.active(one)]

    @property
    def lists(self) -> list[MailingList]:
        """Those that they are on, and those that anyone may join."""
        return [
            one for one in self.all_lists if one.visibility is Visibility.PUBLIC or self.is_on(one)
        ]

    def is_on(self, list_: MailingList) -> bool:
        """Also before they have confirmed."""
        known = self.memberships.get(list_.slug)
        return known is not None and known.state is not MembershipState.UNSUBSCRIBED

    def paused_until(self, now: datetime) -> datetime | None:
        """When the last of their pauses ends."""
        ends = [
            one.paused_until
            for one in self.memberships.values()
            if one.state is MembershipState.ACTIVE and one.paused_until and one.paused_until > now
        ]
        return max(ends, default=None)

    @property
    def language(self) -> str:
        own = [known.language for one in self.mine if (known := self.active(one))]
        return next((tag for tag in own if tag), self.person.person.language)


def add(site: Site) -> None:
    def find(tx: Transaction, token: str) -> _Reader | None:
        try:
            link = links.member(site.mailer.store.key, Purpose.PREFERENCES, token)
        except TokenError:
            return None
        person = tx.subscribers.by_id(link.subscriber_id)
        return _Reader(tx, person) if person else None

    def page(
        tx: Transaction, request: Request, token: str, reader: _Reader, template: str, **how: Any
    ) -> Response:
        now = site.mailer.clock()
        context: dict[str, Any] = {
            "token": token,
            "address": addresses.shown(reader.person.address),
            "said": "",
            "wrong": "",
            "paused_until": reader.paused_until(now),
            "member": bool(reader.mine),
        }
        return site.page(request, template, language=reader.language, **context | how)

    def shows(template: str, **more: Any) -> Callable[[Request, str], Response]:
        def show(request: Request, token: str) -> Response:
            with site.mailer.store.read() as tx:
                reader = find(tx, token)
                if reader is None:
                    return site.refusal(request)
                return page(tx, request, token, reader, template, **more)

        return show

    def centre(
        tx: Transaction,
        request: Request,
        token: str,
        reader: _Reader,
        form: Form | None = None,
        **how: Any,
    ) -> Response:
        topics = tx.lists.topics()
        tag = site.language(request, reader.language)
        zone = form.get("time_zone") if form else reader.person.person.time_zone
        return page(
            tx, request, token, reader, "preferences.html",
            lists=[
                (one, _Choice.sent(form, one) if form else _Choice.of(reader.active(one)))
                for one in reader.lists
            ],
            topics=sorted(((t.slug, t.name(tag)) for t in topics), key=lambda one: one[1]),
            reading=form.get("language") if form else reader.language,
            tags=_tags(reader),
            zones=places.options(tag, zone),
            own_zone=_own(zone, tag),
            wording=site.wording(tag).text,
            **how,
        )  # fmt: skip

    def show_centre(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            reader = find(tx, token)
            return centre(tx, request, token, reader) if reader else site.refusal(request)

    def save(request: Request, form: Form, tx: Transaction, token: str) -> Response:
        reader = find(tx, token)
        if reader is None:
            return site.refusal(request)
        language = site.language(request, form.get("language") or reader.language)
        try:
            _save(tx, reader, form, site.mailer.clock(), site.wording(language))
        except (InputError, Refused) as error:
            wrong = error.where if error.where.startswith("topics ") else "refused"
            again = partial(centre, request=request, token=token, reader=reader, form=form)
            raise Undo(lambda tx: again(tx, wrong=wrong, status=422)) from error
        reader = find(tx, token)
        assert reader is not None
        return centre(tx, request, token, reader, said="saved")

    def changes(
        template: str, change: Callable[..., Mapping[str, Any] | Response]
    ) -> Callable[..., Response]:
        def answer(request: Request, form: Form, tx: Transaction, token: str) -> Response:
            reader = find(tx, token)
            if reader is None:
                return site.refusal(request)
            how = change(tx, reader, form, site.mailer.clock(), request)
            if isinstance(how, Response):
                return how
            return page(tx, request, token, find(tx, token) or reader, template, **how)

        return answer

    def pause(
        tx: Transaction, reader: _Reader, form: Form, now: datetime, _: Request
    ) -> Mapping[str, Any]:
        weeks = form.get("weeks")
        if weeks not in {"0", *map(str, PAUSES)}:
            return {"wrong": "weeks", "status": 422, "pauses": PAUSES}
        length = timedelta(weeks=int(weeks)) if weeks != "0" else None
        choices.pause(tx.subscribers, reader.person, reader.mine, length, now, source=PAGE)
        return {"said": "paused" if length else "resumed", "pauses": PAUSES}

    def change_address(
        tx: Transaction, reader: _Reader, form: Form, now: datetime, request: Request
    ) -> Mapping[str, Any] | Response:
        wanted = form.get("email")
        tag = site.language(request, reader.language)
        limits = site.mailer.sign_up_limits
        # A link is no licence to have mails sent to others: it counts as a client, and so does
        # whoever uses it.
        for one in (client_of(request), f"subscriber {reader.person.id}"):
            if not use(tx.allowances, limits.per_client, one, now):
                return site.too_many(request, tag)
        try:
            asked = new_address(tx.subscribers, reader.person.id, wanted, tag, PAGE)
        except InputError:
            return {"wrong": "email", "status": 422, "email": wanted}
        if not use(tx.allowances, limits.per_domain, addresses.domain_of(asked.address), now):
            return site.too_many(request, tag)
        confirmations.ask(tx.confirmations, tx.allowances, limits.per_address, asked, now)
        return {"said": "asked", "email": wanted}

    def leave_all(
        tx: Transaction, reader: _Reader, form: Form, now: datetime, _: Request
    ) -> Mapping[str, Any]:
        for one in reader.all_lists:
            known = reader.memberships.get(one.slug)
            if known and known.state is not MembershipState.UNSUBSCRIBED:
                subscribers.unsubscribe(tx.subscribers, reader.person, one, now, source=PAGE)
        return {"said": "left"}

    def erase(request: Request, form: Form, tx: Transaction, token: str) -> Response:
        reader = find(tx, token)
        if reader is None:
            return site.refusal(request)
        if form.get("sure") != "yes":
            return page(tx, request, token, reader, "erase.html", wrong="sure", status=422)
        erasure.erase(tx.subscribers, reader.person.address, site.mailer.clock(), source=PAGE)
        return site.page(request, "erased.html", language=reader.language)

    def copy(request: Request, token: str) -> Response:
        with site.mailer.store.read() as tx:
            reader = find(tx, token)
            if reader is None:
                return site.refusal(request)
            held = erasure.everything(tx.subscribers, reader.person)
        text = json.dumps(held, ensure_ascii=False, indent=2, default=_plain)
        return Response(
            text,
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="about-me.json"'},
        )

    fields = ("language", "time_zone", "list", "topic LIST", "frequency LIST")
    site.get("/p/{token}", show_centre)
    site.post("/p/{token}", save, fields)
    site.get("/p/{token}/pause", shows("pause.html", pauses=PAUSES))
    site.post("/p/{token}/pause", changes("pause.html", pause), ("weeks",))
    site.get("/p/{token}/address", shows("address.html", email=""))
    site.post("/p/{token}/address", changes("address.html", change_address), ("email",))
    site.get("/p/{token}/leave", shows("leave-all.html"))
    site.post("/p/{token}/leave", changes("leave-all.html", leave_all))
    site.get("/p/{token}/erase", shows("erase.html"))
    site.post("/p/{token}/erase", erase, ("sure",))
    site.get("/p/{token}/about-me.json", copy)


def _save(tx: Transaction, reader: _Reader, form: Form, now: datetime, agreed: Wording) -> None:
    """Carry out what the form says. Raises InputError and Refused."""
    person = reader.person.person
    language = form.get("language") or person.language
    changed = {"language": language, "time_zone": form.get("time_zone")}
    subscribers.edit(tx.subscribers, person.address, changed)
    kept = form.all("list")
    for one in reader.lists:
        membership = reader.active(one)
        if one.slug not in kept:
            if membership:
                subscribers.unsubscribe(tx.subscribers, reader.person, one, now, source=PAGE)
            continue
        wish: dict[str, Any] = {"topics": _topics(tx, form, one), "language": ""}
        frequency = form.get(f"frequency {one.slug}")
        if frequency in one.frequencies:
            wish["frequency"] = Frequency(frequency)
        if membership is None:
            # They have proved with their link that the address is theirs.
            evidence = Evidence(Act.CONFIRMED, PAGE, Basis.CONSENT, agreed)
            subscribers.subscribe(
                tx.subscribers, person, one, (), now, evidence=evidence, rejoin=True
            )
        choices.change(tx.subscribers, reader.person, one, wish, now, source=PAGE)


def _topics(tx: Transaction, form: Form, list_: MailingList) -> tuple[str, ...]:
    """The topics chosen on a list; none for all of them, also those that come later."""
    there = [one.slug for one in tx.lists.topics()]
    chosen = tuple(slug for slug in form.all(f"topic {list_.slug}") if slug in there)
    if there and not chosen:
        raise InputError("no topic was chosen", where=f"topics {list_.slug}")
    return () if {*chosen} == {*there} else chosen


def _tags(reader: _Reader) -> list[str]:
    """The languages to choose from: those of the pages, and theirs."""
    return sorted({*LANGUAGES, *([reader.language] if reader.language else [])})


def _own(zone: str, language: str) -> Place | None:
    """Their zone, where it is none of those that everybody can choose from."""
    if zone not in zones.names() or zone in zones.of_places():
        return None
    return Place(zone, places.city(zone, language))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
