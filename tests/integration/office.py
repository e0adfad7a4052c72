"""A small office to test with: topics, lists, people and stories, made by the verbs that staff
use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer import articles, digests, editions
from mailer.app import Mailer
from mailer.articles import Article, Content, Kind
from mailer.audience import lists, subscribers, suppressions
from mailer.audience.lists import MailingList
from mailer.audience.rows import Row
from mailer.audience.subscribers import MembershipState, Person, Subscriber
from mailer.audience.suppressions import Reason
from mailer.delivery.owner import new_owner
from mailer.digests import Digest, Order
from mailer.editions import Body, Edition, NewEdition
from mailer.intake.markup import to_html
from mailer.message import Slot, marker, slot
from mailer.outbox import Delivery, DeliveryState
from mailer.store import Store, Transaction

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MARKER = marker("0123456789abcdef")

TOPICS = ("health", "migration", "climate", "housing")


def topics(tx: Transaction, *slugs: str) -> None:
    for slug in slugs or TOPICS:
        lists.add_topic(tx.lists, slug, {"en": slug.capitalize()}, NOW)


def mailing_list(tx: Transaction, slug: str = "news", language: str = "en") -> MailingList:
    return lists.add_list(tx.lists, slug, slug.capitalize(), NOW, language=language)


def the_list(tx: Transaction, slug: str = "news") -> MailingList:
    return lists.get_list(tx.lists, slug)


def person(
    tx: Transaction,
    address: str,
    *chosen: str,
    to: str = "news",
    state: MembershipState = MembershipState.ACTIVE,
    language: str = "",
    joined: datetime = NOW,
    **fields: Any,
) -> Subscriber:
    """Somebody on a list, with the topics chosen there. `language` is their own."""
    subscriber, _ = subscribers.subscribe(
        tx.subscribers,
        Person(address, language=language, **fields),
        the_list(tx, to),
        lists.get_topics(tx.lists, chosen),
        joined,
        state=MembershipState.PENDING
        if state is MembershipState.PENDING
        else MembershipState.ACTIVE,
    )
    if state is MembershipState.UNSUBSCRIBED:
        leave(tx, address, to=to)
    return subscriber


def leave(tx: Transaction, address: str, to: str = "news", now: datetime = NOW) -> None:
    known = subscribers.get(tx.subscribers, address)
    subscribers.unsubscribe(tx.subscribers, known, the_list(tx, to), now)


def suppress(tx: Transaction, address: str) -> None:
    suppressions.suppress(tx.suppressions, address, Reason.MANUAL, "asked by phone", NOW)


def content(slug: str, *about: str, language: str = "en", **fields: Any) -> Content:
    title = slug.replace("-", " ").capitalize()
    body = fields.pop("body", f"What {title} is about.\n\n.And a line that starts with a dot.")
    plain: dict[str, Any] = {
        "kind": Kind.NEWS,
        "title": f"{title} ({language})",
        "published": NOW - DAY,
        "summary": f"{title} in short.",
        "canonical_url": f"https://www.example.org/{language}/{slug}",
    }
    return Content(
        slug=slug, language=language, body=body, html=to_html(body), topics=about, **plain | fields
    )


def story(tx: Transaction, slug: str, *about: str, language: str = "en", **fields: Any) -> Article:
    return articles.add(tx.articles, content(slug, *about, language=language, **fields), NOW)[0]


def digest(tx: Transaction, slug: str = "weekly", **fields: Any) -> Digest:
    fields = {"name": "The week", "list": "news"} | fields
    return digests.add(tx.digests, Order(slug=slug, **fields), NOW)


def edition(tx: Transaction, *slugs: str, to: str = "news", **fields: Any) -> Edition:
    fields = {"name": "The week"} | fields
    return editions.create(tx.editions, NewEdition(list=to, stories=slugs, **fields), NOW)


def again(tx: Transaction, known: Edition) -> Edition:
    return editions.get(tx.editions, known.id)


# ---- an edition on its way --------------------------------------------------------------------


def addresses(count: int) -> list[str]:
    return [f"reader{number:03}@example.org" for number in range(count)]


def begun(
    mailer: Mailer, *readers: str, stories: tuple[str, ...] = ("boats",), template: str = ""
) -> Edition:
    """An edition that is approved and planned for these readers. Without a `template` its body is
    made here, which is a hundred times faster than composing."""
    with mailer.store.begin() as tx:
        rows = [Row(line, Person(reader)) for line, reader in enumerate(readers)]
        tx.rows.bring_in(rows, mailing_list(tx), "test", NOW)
        for slug in stories:
            story(tx, slug)
        if template:
            made = mailer.approve(tx, edition(tx, *stories, template=template), "Amina")
        else:
            made = approved_by_hand(mailer, tx, edition(tx, *stories))
        started, plan = mailer.start(tx, made)
    assert plan is not None
    assert plan.planned == len(readers)
    return started


def approved_by_hand(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    link = slot(MARKER, Slot.UNSUBSCRIBE)
    body = Body(
        language="en",
        subject="The week",
        text=f"Hello {slot(MARKER, Slot.NAME)}\n\n{link}\n",
        html=f'<p>Hello {slot(MARKER, Slot.NAME)}</p><a href="{link}">Leave</a>',
        marker=MARKER,
        stories=(1 << len(made.stories)) - 1,
    )
    seen = editions.content_hash(
        made,
        tx.editions.list_of(made),
        tx.editions.filter_of(made),
        mailer.settings.letterhead,
        [body],
    )
    made = tx.editions.freeze(made, [body], made.stories, seen)
    return editions.approve(tx.editions, made, "Amina", NOW)


def deliveries(store: Store, known: Edition) -> dict[str, Delivery]:
    with store.read() as tx:
        return {one.address: one for one in tx.outbox.deliveries(known, limit=10_000)}


def states(store: Store, known: Edition) -> dict[str, DeliveryState]:
    return {address: one.state for address, one in deliveries(store, known).items()}


# ---- senders ----------------------------------------------------------------------------------


def sender(tx: Transaction, name: str = "elsewhere") -> int:
    """The number of a sender of whose process nothing is known: only its beat tells."""
    return tx.senders.sign_on(name, NOW)


def dead_sender(tx: Transaction) -> int:
    """The number of a sender that has certainly ended: its process had this one's number, and
    began before it."""
    place, pid, started, nonce = new_owner().split(":")
    return tx.senders.sign_on(f"{place}:{pid}:{int(started) - 1}:{nonce}", NOW)


def take_over(tx: Transaction, number: int) -> tuple[int, int] | None:
    """Take what a sender holds, as whoever has seen its beat stand still does."""
    (found,) = [one for one in tx.senders.senders() if one.id == number]
    return tx.senders.take_over(found)
