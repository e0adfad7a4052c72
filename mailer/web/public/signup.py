"""Sign-up: a page, the same in a frame of another site, and a form that stands anywhere.

Nobody is looked up: what somebody asks for is written down, and the worker decides what mail the
address gets, if any. The answer is the same for every address, and takes the same time.
"""

from typing import Any

from fastapi import HTTPException, Request, Response

from mailer.audience import addresses, confirmations
from mailer.audience.choices import frequencies
from mailer.audience.confirmations import SIGN_UP_PAGE, Wishes
from mailer.audience.limits import use
from mailer.audience.lists import Frequency, MailingList, Topic, Visibility
from mailer.errors import InputError, NotFound
from mailer.store import Transaction
from mailer.web.public.forms import Form
from mailer.web.public.guard import client_of, page_policy
from mailer.web.public.kept import Kept
from mailer.web.public.site import LANGUAGES, Site

TRAP = "website"
"""A field that people don't see: who fills it in is a program."""

FIELDS = ("email", "of", "list", "topic", "language", "frequency", TRAP)


class _Choices:
    """What can be signed up for, for one reader."""

    def __init__(self, tx: Transaction, language: str, only: str = "") -> None:
        self.lists = [one for one in tx.lists.lists() if one.visibility is Visibility.PUBLIC]
        self.topics: list[Topic] = tx.lists.topics()
        if only and only not in {one.slug for one in self.lists}:
            raise HTTPException(404)
        self.language = language
        self.only = only

    @property
    def shown(self) -> list[MailingList]:
        return [one for one in self.lists if not self.only or one.slug == self.only]

    def plain(self) -> dict[str, Any]:
        """For the template."""
        return {
            "lists": self.shown,
            "topics": sorted(
                ((one.slug, one.name(self.language)) for one in self.topics), key=lambda one: one[1]
            ),
            "frequencies": frequencies(self.shown),
            "only": self.only,
            "tags": LANGUAGES,
        }


def add(site: Site) -> None:
    policy = {"Content-Security-Policy": page_policy(site.settings, framed=True)}

    def home(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            lists = _Choices(tx, site.language(request)).lists
        return site.page(request, "home.html", lists=lists)

    def show(request: Request, of: str = "") -> Response:
        return form_page(request, of)

    def show_framed(request: Request, of: str) -> Response:
        return form_page(request, of, framed=True)

    def form_page(request: Request, of: str, *, framed: bool = False) -> Response:
        language = site.language(request)
        with site.mailer.store.read() as tx:
            choices = _Choices(tx, language, of)
        chosen = {one.slug for one in choices.shown} if len(choices.shown) == 1 else set()
        return _form(site, request, choices, chosen=chosen, framed=framed)

    def take(request: Request, form: Form, tx: Transaction) -> Response:
        language = site.language(request, form.get("language"))
        now = site.mailer.clock()
        limits = site.mailer.sign_up_limits
        if not use(tx.allowances, limits.per_client, client_of(request), now):
            return site.too_many(request, language)
        if form.get(TRAP):
            return _sent(site, request, language, form)
        wishes = Wishes(
            lists=form.all("list"),
            topics=form.all("topic"),
            frequency=_frequency(form.get("frequency")),
        )
        try:
            address = addresses.normalise(form.get("email"))
            if not use(tx.allowances, limits.per_domain, addresses.domain_of(address), now):
                return site.too_many(request, language)
            asked = confirmations.sign_up(tx.lists, address, wishes, language, source=SIGN_UP_PAGE)
        except InputError as error:
            wrong = "list" if isinstance(error, NotFound) or error.where == "lists" else "email"
            return _form(
                site, request, _sent_from(tx, language, form), status=422, wrong=wrong,
                email=form.get("email"), chosen=form.all("list"), picked=form.all("topic"),
                wanted=form.get("frequency"), language=language,
            )  # fmt: skip
        confirmations.ask(tx.confirmations, tx.allowances, limits.per_address, asked, now)
        return _sent(site, request, language, form)

    def _sent_from(tx: Transaction, language: str, form: Form) -> _Choices:
        """What the page offered that the form was sent from: one list, or all."""
        everything = _Choices(tx, language)
        known = form.get("of") in {one.slug for one in everything.lists}
        return _Choices(tx, language, form.get("of")) if known else everything

    def _form(
        site: Site,
        request: Request,
        choices: _Choices,
        *,
        status: int = 200,
        framed: bool = False,
        language: str = "",
        **given: Any,
    ) -> Response:
        blank: dict[str, Any] = {"wrong": "", "email": "", "chosen": (), "picked": (), "wanted": ""}
        return site.page(
            request, "subscribe.html", status=status, headers=policy if framed else {},
            framed=framed, language=language, **choices.plain(), **blank | given,
        )  # fmt: skip

    def _sent(site: Site, request: Request, language: str, form: Form) -> Response:
        return site.page(
            request, "subscribe-sent.html", language=language,
            email=form.get("email"), days=site.settings.retention.unconfirmed_days,
        )  # fmt: skip

    kept = Kept()
    site.get("/", kept.page(home))
    site.get("/subscribe", kept.page(show))
    site.get("/subscribe/{of}", kept.page(show))
    site.get("/embed/{of}", kept.page(show_framed))
    site.post("/subscribe", take, FIELDS)


def _frequency(value: str) -> Frequency:
    return Frequency(value) if value in [*Frequency] else Frequency.EVERY
