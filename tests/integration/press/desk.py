"""A press office with an embargoed release at every exit that there is: in a digest that was sent
to a public list, in a mail that waits at the gate, on the press pages, in the feeds."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mailer import digests, editions, embargoes, tokens
from mailer.app import Mailer, press
from mailer.articles import Kind
from mailer.articles.release import Asset, AssetKind, Quote, Release
from mailer.audience import contacts, lists
from mailer.audience.contacts import FollowUp, Standing, Trust
from mailer.audience.links import MemberLink, Purpose, sign_member
from mailer.audience.lists import Visibility
from mailer.editions import Edition, EditionState, NewEdition, Role
from mailer.embargoes import Embargo, Terms
from mailer.errors import Embargoed
from mailer.store import Transaction
from tests.integration import office
from tests.integration.web.public.asgi import Pages
from tests.smtpd import Relay

SLUG = "lanterns"
WORD = "Lanterns"
"""In everything that tells of the story, and in nothing else."""
FILE = "ab" * 32
TRUSTED, UNTRUSTED, READER = "ana@example.org", "ben@example.org", "reader@example.org"
MINUTE = timedelta(minutes=1)


def now() -> datetime:
    """Real time, to the minute: an embargo's end is one, and the gate goes by the database."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def terms(when: datetime, zone: str = "UTC") -> Terms:
    return Terms(when.replace(tzinfo=None), zone)


def contact(tx: Transaction, address: str, trust: Trust, to: str = "press") -> None:
    person = office.person(tx, address, to=to)
    contacts.save(
        tx.contacts, person, Standing("The Example", ("migration",), trust, FollowUp.WELCOME),
        office.NOW,
    )  # fmt: skip


def furnish(tx: Transaction) -> None:
    """Lists, people and the story, which is not embargoed yet."""
    office.topics(tx)
    office.mailing_list(tx, "news")
    lists.add_list(tx.lists, "press", "Press", office.NOW, visibility=Visibility.PRIVATE)
    office.person(tx, READER)
    contact(tx, TRUSTED, Trust.TRUSTED)
    contact(tx, UNTRUSTED, Trust.UNTRUSTED)
    tx.files.keep(FILE, "text/csv", b"a,b\n1,2\n", office.NOW)
    office.story(
        tx,
        SLUG,
        title=f"{WORD} on the water",
        summary=f"{WORD} for everyone.",
        kind=Kind.PRESS_RELEASE,
        canonical_url="",
        release=Release(
            quotes=(Quote("We lit them.", "Mara Vell"),),
            assets=(
                Asset(
                    AssetKind.DOCUMENT, f"{WORD} in figures", file=FILE, name="figures.csv",
                    media_type="text/csv", size=8,
                ),
            ),
        ),
    )  # fmt: skip


def sent_digest(mailer: Mailer, tx: Transaction) -> Edition:
    """A digest with the story that was sent to a public list some time ago."""
    made = editions.create(
        tx.editions, NewEdition("The week", "news", stories=(SLUG,)), mailer.clock()
    )
    made = mailer.approve(tx, made, "Amina")
    made, _ = mailer.start(tx, made)
    tx.queue.cancel_waiting(made.id)
    return tx.editions.set_state(made, EditionState.SENT, mailer.clock())


def advance_of(mailer: Mailer, tx: Transaction) -> Edition:
    return next(one for one in tx.editions.of_release(SLUG, "press") if one.role is Role.ADVANCE)


@dataclass
class Desk:
    """What a test turns and reads. `digest` and `release` are begun, the release's mails wait."""

    mailer: Mailer
    relay: Relay
    pages: Pages
    digest: Edition
    release: Edition

    def embargo(self, when: Terms, until: datetime | None = None) -> None:
        """Write an embargo down as it is, also one that has ended."""
        with self.mailer.store.begin() as tx:
            tx.embargoes.keep(Embargo(SLUG, when, until or when.moment, office.NOW))

    def put(self, when: Terms) -> None:
        with self.mailer.store.begin() as tx:
            embargoes.put(tx.embargoes, SLUG, when, self.mailer.clock(), by="Amina")

    def lift(self) -> None:
        with self.mailer.store.begin() as tx:
            embargoes.lift(tx.embargoes, SLUG, self.mailer.clock(), by="Amina")

    def deliver(self) -> None:
        self.mailer.deliver([], threading.Event(), follow=True)


# ---- exits: whether the story leaves ----------------------------------------------------------

Exit = Callable[[Desk], bool]


def _page(path: str, *, word: str = WORD) -> Exit:
    def leaves(desk: Desk) -> bool:
        answer = desk.pages.get(path.format(digest=desk.digest, slug=SLUG))
        assert answer.status in {200, 404}
        return answer.status == 200 and word.encode() in answer.body

    return leaves


def _view(desk: Desk) -> bool:
    token = tokens.sign(desk.mailer.store.key, Purpose.VIEW, desk.digest.id, "en", "1")
    answer = desk.pages.get(f"/v/{token}")
    assert answer.status in {200, 404}
    return answer.status == 200


def _private(desk: Desk) -> bool:
    """The page of an advance copy, for somebody who is on the list and not trusted."""
    with desk.mailer.store.read() as tx:
        known = tx.subscribers.find_subscriber(UNTRUSTED)
        list_ = lists.get_list(tx.lists, "press")
        copies = [one for one in tx.editions.of_release(SLUG) if one.role is Role.ADVANCE]
    assert known is not None
    link = MemberLink(known.id, list_.id, copies[0].id if copies else desk.release.id)
    answer = desk.pages.get("/e/" + sign_member(desk.mailer.store.key, Purpose.ADVANCE, link))
    assert answer.status in {200, 404}
    return answer.status == 200


def _choose(desk: Desk) -> bool:
    with desk.mailer.store.read() as tx:
        known = digests.get(tx.digests, "weekly")
        held = tx.digests.held(desk.mailer.clock())
        choice = digests.choose(
            known.order, tx.digests.candidates(known), desk.mailer.clock(), held
        )
        return SLUG in [story.slug for story in choice.stories]


def _begin(desk: Desk) -> bool:
    """Whether an approved edition with the story may begin."""

    class _Undo(Exception):
        pass

    began = False
    try:
        with desk.mailer.store.begin() as tx:
            made = editions.create(
                tx.editions, NewEdition("Another", "news", stories=(SLUG,)), desk.mailer.clock()
            )
            made = mailer_approve(desk.mailer, tx, made)
            try:
                desk.mailer.start(tx, made)
                began = True
            except Embargoed:
                began = False
            raise _Undo
    except _Undo:
        return began


def mailer_approve(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    return mailer.approve(tx, made, "Amina")


def _gate(desk: Desk) -> bool:
    """Whether the release that has begun is let out. It is asked last: then it is out."""
    desk.deliver()
    return bool(desk.relay.accepted)


EXITS: dict[str, Exit] = {
    "a digest chooses it": _choose,
    "an edition begins": _begin,
    "the archive": _page("/archive"),
    "the list's archive": _page("/archive/news"),
    "the archive's search": _page("/archive/news?q=lanterns", word="on the water"),
    "the mail as a page": _page("/archive/news/{digest.uid}"),
    "the archive's Atom feed": _page("/archive/news/atom.xml"),
    "the archive's RSS feed": _page("/archive/news/rss.xml"),
    "the sitemap": lambda desk: _page("/sitemap.xml", word=desk.digest.uid)(desk),
    "the view in a browser": _view,
    "the story's page": _page("/stories/{slug}/en"),
    "the press page": _page("/press/{slug}"),
    "the list of press pages": _page("/press"),
    "the press feed": _page("/press/atom.xml"),
    "ninjs": _page("/press/{slug}/ninjs.json"),
    "the kit": _page("/press/{slug}/kit.zip", word=SLUG),
    "a file": _page(f"/press/{{slug}}/files/{FILE[:16]}/figures.csv", word="a,b"),
    "the gate": _gate,
}
"""Each says whether the story leaves by it."""

NEVER: dict[str, Exit] = {"the page of an advance copy, to the untrusted": _private}


def open_exits(desk: Desk, *names: str) -> list[str]:
    """Those by which the story leaves now."""
    return [name for name, leaves in EXITS.items() if (not names or name in names) and leaves(desk)]


def begin_release(mailer: Mailer, tx: Transaction, **fields: Any) -> Edition:
    """The release, begun: nothing of it is sent yet."""
    course = press.prepare(mailer, tx, SLUG, lists.get_list(tx.lists, "press"), **fields)
    return press.let_go(mailer, tx, course, "Amina").release
