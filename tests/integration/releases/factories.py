"""A press office with an embargoed release at every exit that there is: in a digest that was sent
to a public list, in a mail that waits at the gate, on the press pages, in the feeds."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mailer import articles, digests, editions, embargoes, releases, tokens
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.audience import contacts, lists
from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.errors import Embargoed, Refused
from mailer.model.articles import ArticleKind
from mailer.model.contacts import ContactProfile, FollowUp, Trust
from mailer.model.edition_states import EditionRole, EditionState
from mailer.model.editions import ChangeNote, Edition, NewEdition
from mailer.model.embargoes import Embargo, EmbargoTerms
from mailer.model.lists import Visibility
from mailer.model.press_release import Asset, AssetKind, Quote, Release
from mailer.releases import CorrectionResult
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.web.public.asgi import AsgiClient

SLUG = "lanterns"
WORD = "Lanterns"
"""In everything that tells of the story, and in nothing else."""
FILE = "ab" * 32
TRUSTED, UNTRUSTED, READER = "ana@example.org", "ben@example.org", "reader@example.org"
MINUTE = timedelta(minutes=1)


def get_current_minute() -> datetime:
    """Real time, to the minute: an embargo's end is one, and the gate goes by the database."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def make_terms(moment: datetime, zone: str = "UTC") -> EmbargoTerms:
    return EmbargoTerms(moment.replace(tzinfo=None), zone)


def add_contact(tx: SqlTransaction, address: str, trust: Trust, list_slug: str = "press") -> None:
    subscriber = factories.add_subscriber(tx, address, list_slug=list_slug)
    contacts.save_contact(
        tx,
        STAFF,
        subscriber,
        ContactProfile("The Example", ("migration",), trust, FollowUp.WELCOME),
        factories.NOW,
    )


def create_office(tx: SqlTransaction) -> None:
    """Add lists, subscribers and the story, which is not embargoed yet."""
    factories.add_topics(tx)
    factories.add_mailing_list(tx, "news")
    lists.add_list(tx, STAFF, "press", "Press", factories.NOW, visibility=Visibility.PRIVATE)
    factories.add_subscriber(tx, READER)
    add_contact(tx, TRUSTED, Trust.TRUSTED)
    add_contact(tx, UNTRUSTED, Trust.UNTRUSTED)
    tx.releases.save_file(FILE, "text/csv", b"a,b\n1,2\n", factories.NOW)
    factories.add_story(
        tx,
        SLUG,
        title=f"{WORD} on the water",
        summary=f"{WORD} for everyone.",
        kind=ArticleKind.PRESS_RELEASE,
        canonical_url="",
        release=Release(
            quotes=(Quote("We lit them.", "Mara Vell"),),
            assets=(
                Asset(
                    AssetKind.DOCUMENT,
                    f"{WORD} in figures",
                    file=FILE,
                    name="figures.csv",
                    media_type="text/csv",
                    size=8,
                ),
            ),
        ),
    )


def create_sent_digest(mailer: Mailer, tx: SqlTransaction) -> Edition:
    """A digest with the story that was sent to a public list some time ago."""
    edition = editions.create_edition(
        tx, STAFF, NewEdition("The week", "news", stories=(SLUG,)), mailer.clock()
    )
    edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
    edition, _ = editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())
    tx.outbox.cancel_unsent_deliveries(edition.id)
    return tx.editions.set_state(edition, EditionState.SENT, mailer.clock(), STAFF)


def find_advance_edition(mailer: Mailer, tx: SqlTransaction) -> Edition:
    return next(
        edition
        for edition in tx.editions.list_release_editions(SLUG, "press")
        if edition.role is EditionRole.ADVANCE
    )


@dataclass
class PressScenario:
    """An office with a story. `digest` and `release` are begun, the release's mails wait."""

    mailer: Mailer
    relay: Relay
    pages: AsgiClient
    digest: Edition
    release: Edition

    def save_embargo(self, terms: EmbargoTerms, until: datetime | None = None) -> None:
        """Write an embargo down as it is, also one that has ended."""
        with self.mailer.store.begin() as tx:
            tx.embargoes.save_embargo(Embargo(SLUG, terms, until or terms.moment, factories.NOW))

    def set_embargo(self, terms: EmbargoTerms) -> None:
        with self.mailer.store.begin() as tx:
            embargoes.set_embargo(tx, AMINA, SLUG, terms, self.mailer.clock())

    def lift_embargo(self) -> None:
        with self.mailer.store.begin() as tx:
            embargoes.lift_embargo(tx, AMINA, SLUG, self.mailer.clock())

    def deliver_mails(self) -> None:
        self.mailer.deliver_editions([], threading.Event(), follow_new=True)


# ---- exits: whether the story leaves ----------------------------------------------------------

Exit = Callable[[PressScenario], bool]


def _make_page_exit(path: str, *, word: str = WORD) -> Exit:
    def can_leave(desk: PressScenario) -> bool:
        answer = desk.pages.get_page(path.format(digest=desk.digest, slug=SLUG))
        assert answer.status in {200, 404}
        return answer.status == 200 and word.encode() in answer.body

    return can_leave


def _can_view_mail(desk: PressScenario) -> bool:
    token = tokens.sign_token(desk.mailer.store.key, LinkPurpose.VIEW, desk.digest.id, "en", "1")
    answer = desk.pages.get_page(f"/v/{token}")
    assert answer.status in {200, 404}
    return answer.status == 200


def _can_read_private_page(desk: PressScenario) -> bool:
    """Return the page of an advance copy, for a person who is on the list and not trusted."""
    with desk.mailer.store.read() as tx:
        subscriber = tx.subscribers.find_subscriber(UNTRUSTED)
        mailing_list = lists.get_list(tx, "press")
        copies = [
            edition
            for edition in tx.editions.list_release_editions(SLUG)
            if edition.role is EditionRole.ADVANCE
        ]
    assert subscriber is not None
    link = MemberLink(subscriber.id, mailing_list.id, copies[0].id if copies else desk.release.id)
    answer = desk.pages.get_page(
        "/e/" + sign_member_link(desk.mailer.store.key, LinkPurpose.ADVANCE, link)
    )
    assert answer.status in {200, 404}
    return answer.status == 200


def _can_digest_choose(desk: PressScenario) -> bool:
    with desk.mailer.store.read() as tx:
        digest = digests.get_digest(tx, "weekly")
        embargoed = tx.digests.find_embargoed_slugs(desk.mailer.clock())
        choice = digests.choose_stories(
            digest.settings,
            tx.digests.list_candidate_stories(digest),
            desk.mailer.clock(),
            embargoed,
        )
        return SLUG in [story.slug for story in choice.stories]


def _can_edition_begin(desk: PressScenario) -> bool:
    """Check whether an approved edition with the story may begin."""

    class _DiscardEdition(Exception):
        pass

    began = False
    try:
        with desk.mailer.store.begin() as tx:
            edition = editions.create_edition(
                tx, STAFF, NewEdition("Another", "news", stories=(SLUG,)), desk.mailer.clock()
            )
            edition = approve_edition(desk.mailer, tx, edition)
            try:
                editions.start_edition(
                    tx, STAFF, edition, desk.mailer.renderer, desk.mailer.clock()
                )
                began = True
            except Embargoed:
                began = False
            raise _DiscardEdition
    except _DiscardEdition:
        return began


def approve_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())


def _can_pass_gate(desk: PressScenario) -> bool:
    """Check whether the gate lets the begun release pass. Call it last: it delivers the mails."""
    desk.deliver_mails()
    return bool(desk.relay.accepted)


EXITS: dict[str, Exit] = {
    "a digest chooses it": _can_digest_choose,
    "an edition begins": _can_edition_begin,
    "the archive": _make_page_exit("/archive"),
    "the list's archive": _make_page_exit("/archive/news"),
    "the archive's search": _make_page_exit("/archive/news?q=lanterns", word="on the water"),
    "the mail as a page": _make_page_exit("/archive/news/{digest.uid}"),
    "the archive's Atom feed": _make_page_exit("/archive/news/atom.xml"),
    "the archive's RSS feed": _make_page_exit("/archive/news/rss.xml"),
    "the sitemap": lambda desk: _make_page_exit("/sitemap.xml", word=desk.digest.uid)(desk),
    "the view in a browser": _can_view_mail,
    "the story's page": _make_page_exit("/stories/{slug}/en"),
    "the press page": _make_page_exit("/press/{slug}"),
    "the list of press pages": _make_page_exit("/press"),
    "the press feed": _make_page_exit("/press/atom.xml"),
    "ninjs": _make_page_exit("/press/{slug}/ninjs.json"),
    "the kit": _make_page_exit("/press/{slug}/kit.zip", word=SLUG),
    "a file": _make_page_exit(f"/press/{{slug}}/files/{FILE[:16]}/figures.csv", word="a,b"),
    "the gate": _can_pass_gate,
}
"""Each says whether the story leaves by it."""

NEVER: dict[str, Exit] = {"the page of an advance copy, to the untrusted": _can_read_private_page}


def list_open_exits(desk: PressScenario, *names: str) -> list[str]:
    """Those by which the story leaves now."""
    return [name for name, leaves in EXITS.items() if (not names or name in names) and leaves(desk)]


def begin_release(mailer: Mailer, tx: SqlTransaction, **fields: Any) -> Edition:
    """The release, begun: nothing of it is sent yet."""
    release_editions = releases.prepare_release(
        tx,
        STAFF,
        SLUG,
        lists.get_list(tx, "press"),
        mailer.renderer,
        mailer.clock(),
        default_language=mailer.settings.defaults.language,
        **fields,
    )
    return releases.begin_release(
        tx, AMINA, release_editions, mailer.renderer, mailer.clock()
    ).release


# ---- corrections and kills ---------------------------------------------------------------------

CHANGE = ChangeNote({"": "Ten towns, not twelve."}, {"": "We had counted two twice."})
WHAT, WHY = CHANGE.descriptions[""], CHANGE.reasons[""]
CONTACTS = [f"press{number:02}@example.org" for number in range(12)]


def deliver_mails(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def correct_release(mailer: Mailer, title: str = "Lanterns, corrected") -> CorrectionResult:
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": title}, mailer.clock())
        return releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())


def list_recipients(relay: Relay, word: str) -> list[str]:
    """Return the addresses that mails with this word in their subject were accepted for."""
    return sorted(
        mail.recipient
        for mail in relay.received
        if mail.accepted and word in str(mail.message["Subject"])
    )


def list_all_recipients() -> list[str]:
    return sorted(["ana@example.org", "ben@example.org", *CONTACTS])


def request_kill(mailer: Mailer, actor_name: str = "Amina") -> tuple[Edition, ...]:
    with mailer.store.begin() as tx:
        return releases.request_kill(
            tx, create_local_actor(actor_name), SLUG, {"": "It is not true."}, mailer.clock()
        )[0]


def confirm_kill(mailer: Mailer, actor_name: str = "Bela") -> CorrectionResult:
    with mailer.store.begin() as tx:
        return confirm_previewed_kill(mailer, tx, actor_name)


def confirm_previewed_kill(
    mailer: Mailer, tx: SqlTransaction, actor_name: str = "Bela", slug: str = SLUG
) -> CorrectionResult:
    """Preview and confirm the kill of a release."""
    actor, now = create_local_actor(actor_name), mailer.clock()
    try:
        fingerprint = releases.preview_kill(tx, actor, slug, mailer.renderer, now).fingerprint
    except Refused:
        fingerprint = ""  # confirming has to refuse it too
    return releases.confirm_kill(tx, actor, slug, mailer.renderer, now, fingerprint=fingerprint)
