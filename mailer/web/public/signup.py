"""Sign-up: a page, the same in a frame of another site, and a form that stands anywhere.

Nobody is looked up: what somebody asks for is written down, and the worker decides what mail the
address gets, if any. The answer is the same for every address, and takes the same time.
"""

from typing import Any

from fastapi import HTTPException, Request, Response

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience.preferences import find_common_frequencies
from mailer.audience.signup import confirmations
from mailer.audience.signup.confirmations import SIGN_UP_PAGE
from mailer.audience.signup.rate_limits import use_allowance
from mailer.errors import InputError, NotFound
from mailer.model.lists import Frequency, MailingList, Topic, Visibility
from mailer.model.signup import SignUpWishes
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.middleware import build_page_policy, identify_client
from mailer.web.public.response_cache import ResponseCache
from mailer.web.public.site import LANGUAGES, PublicSite

TRAP_FIELD = "website"
"""A field that people don't see: who fills it in is a program."""

FIELDS = ("email", "of", "list", "topic", "language", "frequency", TRAP_FIELD)


class _SignUpChoices:
    """What can be signed up for, for one reader."""

    def __init__(self, tx: SqlTransaction, language: str, only: str = "") -> None:
        self.lists = [
            mailing_list
            for mailing_list in tx.lists.list_mailing_lists()
            if mailing_list.visibility is Visibility.PUBLIC
        ]
        self.topics: list[Topic] = tx.lists.list_topics()
        if only and only not in {public_list.slug for public_list in self.lists}:
            raise HTTPException(404)
        self.language = language
        self.only = only

    @property
    def offered_lists(self) -> list[MailingList]:
        return [one for one in self.lists if not self.only or one.slug == self.only]

    def to_context(self) -> dict[str, Any]:
        """For the template."""
        return {
            "lists": self.offered_lists,
            "topics": sorted(
                ((topic.slug, topic.get_name(self.language)) for topic in self.topics),
                key=lambda topic: topic[1],
            ),
            "frequencies": find_common_frequencies(self.offered_lists),
            "only": self.only,
            "tags": LANGUAGES,
        }


def add_routes(site: PublicSite) -> None:
    policy = {"Content-Security-Policy": build_page_policy(site.settings, framed=True)}

    def show_home(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            lists = _SignUpChoices(tx, site.choose_language(request)).lists
        return site.render_page(request, "home.html", lists=lists)

    def show_form(request: Request, of: str = "") -> Response:
        return render_form_page(request, of)

    def show_framed_form(request: Request, of: str) -> Response:
        return render_form_page(request, of, framed=True)

    def render_form_page(request: Request, list_slug: str, *, framed: bool = False) -> Response:
        language = site.choose_language(request)
        with site.mailer.store.read() as tx:
            choices = _SignUpChoices(tx, language, list_slug)
        chosen_slugs = (
            {mailing_list.slug for mailing_list in choices.offered_lists}
            if len(choices.offered_lists) == 1
            else set()
        )
        return render_form(site, request, choices, chosen=chosen_slugs, framed=framed)

    def submit_sign_up(request: Request, form: SubmittedForm, tx: SqlTransaction) -> Response:
        language = site.choose_language(request, form.get_value("language"))
        now = site.mailer.clock()
        limits = site.mailer.sign_up_limits
        if not use_allowance(tx, limits.per_client, identify_client(request), now):
            return site.refuse_too_many(request, language)
        if form.get_value(TRAP_FIELD):
            return render_sent_page(site, request, language, form)
        wishes = SignUpWishes(
            lists=form.get_values("list"),
            topics=form.get_values("topic"),
            frequency=_parse_frequency(form.get_value("frequency")),
        )
        try:
            address = addresses.normalise_address(form.get_value("email"))
            if not use_allowance(
                tx, limits.per_domain, addresses.extract_wire_domain(address), now
            ):
                return site.refuse_too_many(request, language)
            sign_up_request = confirmations.build_sign_up(
                tx, address, wishes, language, source=SIGN_UP_PAGE
            )
        except InputError as error:
            is_list_wrong = isinstance(error, NotFound) or "lists" in {error.where, error.field}
            problem = "list" if is_list_wrong else "email"
            return render_form(
                site, request, find_offered_choices(tx, language, form), status=422, wrong=problem,
                email=form.get_value("email"), chosen=form.get_values("list"), picked=form.get_values("topic"),
                wanted=form.get_value("frequency"), language=language,
            )  # fmt: skip
        confirmations.request_confirmation(tx, SUBSCRIBER, limits.per_address, sign_up_request, now)
        return render_sent_page(site, request, language, form)

    def find_offered_choices(
        tx: SqlTransaction, language: str, form: SubmittedForm
    ) -> _SignUpChoices:
        """What the page offered that the form was sent from: one list, or all."""
        all_choices = _SignUpChoices(tx, language)
        is_offered = form.get_value("of") in {
            mailing_list.slug for mailing_list in all_choices.lists
        }
        return _SignUpChoices(tx, language, form.get_value("of")) if is_offered else all_choices

    def render_form(
        site: PublicSite,
        request: Request,
        choices: _SignUpChoices,
        *,
        status: int = 200,
        framed: bool = False,
        language: str = "",
        **context: Any,
    ) -> Response:
        blank: dict[str, Any] = {"wrong": "", "email": "", "chosen": (), "picked": (), "wanted": ""}
        return site.render_page(
            request, "subscribe.html", status=status, headers=policy if framed else {},
            framed=framed, language=language, **choices.to_context(), **blank | context,
        )  # fmt: skip

    def render_sent_page(
        site: PublicSite, request: Request, language: str, form: SubmittedForm
    ) -> Response:
        return site.render_page(
            request, "subscribe-sent.html", language=language,
            email=form.get_value("email"), days=site.settings.retention.unconfirmed_days,
        )  # fmt: skip

    cache = ResponseCache()
    site.add_get_route("/", cache.cache_page(show_home))
    site.add_get_route("/subscribe", cache.cache_page(show_form))
    site.add_get_route("/subscribe/{of}", cache.cache_page(show_form))
    site.add_get_route("/embed/{of}", cache.cache_page(show_framed_form))
    site.add_post_route("/subscribe", submit_sign_up, FIELDS)


def _parse_frequency(value: str) -> Frequency:
    return Frequency(value) if value in [*Frequency] else Frequency.EVERY
