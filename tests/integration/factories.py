"""A small office to test with: topics, lists, people and stories, made by the verbs that staff
use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer import articles, digests, editions
from mailer.app import Mailer
from mailer.audience import lists, subscribers, suppressions
from mailer.delivery.process_identity import create_worker_name
from mailer.intake.markup import to_html
from mailer.message import Slot, create_marker, create_slot
from mailer.model.articles import Article, ArticleKind, Content
from mailer.model.deliveries import Delivery, DeliveryState
from mailer.model.digests import Digest, DigestSettings
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.model.imports import ImportRow
from mailer.model.lists import MailingList
from mailer.model.subscribers import MembershipState, Person, Subscriber
from mailer.model.suppressions import SuppressionReason
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.fakes import FrozenRenderer

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MARKER = create_marker("0123456789abcdef")

TOPICS = ("health", "migration", "climate", "housing")


def add_topics(tx: SqlTransaction, *slugs: str) -> None:
    for slug in slugs or TOPICS:
        lists.add_topic(tx, STAFF, slug, {"en": slug.capitalize()}, NOW)


def add_mailing_list(tx: SqlTransaction, slug: str = "news", language: str = "en") -> MailingList:
    return lists.add_list(tx, STAFF, slug, slug.capitalize(), NOW, language=language)


def get_mailing_list(tx: SqlTransaction, slug: str = "news") -> MailingList:
    return lists.get_list(tx, slug)


def add_subscriber(
    tx: SqlTransaction,
    address: str,
    *topic_slugs: str,
    list_slug: str = "news",
    state: MembershipState = MembershipState.ACTIVE,
    language: str = "",
    joined: datetime = NOW,
    **fields: Any,
) -> Subscriber:
    """Add a subscriber to a list with these topics. `language` is the subscriber's own."""
    subscriber, _ = subscribers.subscribe_person(
        tx,
        STAFF,
        Person(address, language=language, **fields),
        get_mailing_list(tx, list_slug),
        lists.get_topics(tx, topic_slugs),
        joined,
        state=MembershipState.PENDING
        if state is MembershipState.PENDING
        else MembershipState.ACTIVE,
    )
    if state is MembershipState.UNSUBSCRIBED:
        unsubscribe_address(tx, address, list_slug=list_slug)
    return subscriber


def unsubscribe_address(
    tx: SqlTransaction, address: str, list_slug: str = "news", now: datetime = NOW
) -> None:
    subscriber = subscribers.get_subscriber(tx, address)
    subscribers.unsubscribe_person(tx, STAFF, subscriber, get_mailing_list(tx, list_slug), now)


def suppress_address(tx: SqlTransaction, address: str) -> None:
    suppressions.suppress_address(
        tx, STAFF, address, SuppressionReason.MANUAL, "asked by phone", NOW
    )


def make_content(slug: str, *topic_slugs: str, language: str = "en", **fields: Any) -> Content:
    title = slug.replace("-", " ").capitalize()
    body = fields.pop("body", f"What {title} is about.\n\n.And a line that starts with a dot.")
    default_fields: dict[str, Any] = {
        "kind": ArticleKind.NEWS,
        "title": f"{title} ({language})",
        "published": NOW - DAY,
        "summary": f"{title} in short.",
        "canonical_url": f"https://www.example.org/{language}/{slug}",
    }
    return Content(
        slug=slug,
        language=language,
        body=body,
        html=to_html(body),
        topics=topic_slugs,
        **default_fields | fields,
    )


def add_story(
    tx: SqlTransaction, slug: str, *topic_slugs: str, language: str = "en", **fields: Any
) -> Article:
    return articles.add_article(
        tx, STAFF, make_content(slug, *topic_slugs, language=language, **fields), NOW
    )[0]


def add_digest(tx: SqlTransaction, slug: str = "weekly", **fields: Any) -> Digest:
    fields = {"name": "The week", "list": "news"} | fields
    return digests.add_digest(tx, STAFF, DigestSettings(slug=slug, **fields), NOW)


def create_edition(
    tx: SqlTransaction, *slugs: str, list_slug: str = "news", **fields: Any
) -> Edition:
    fields = {"name": "The week"} | fields
    return editions.create_edition(
        tx, STAFF, NewEdition(list=list_slug, stories=slugs, **fields), NOW
    )


def reload_edition(tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.get_edition(tx, edition.id)


# ---- an edition on its way --------------------------------------------------------------------


def make_addresses(count: int) -> list[str]:
    return [f"reader{number:03}@example.org" for number in range(count)]


def begin_edition(
    mailer: Mailer,
    *readers: str,
    stories: tuple[str, ...] = ("boats",),
    template: str = "",
    starts: bool = True,
) -> Edition:
    """An edition that is approved and, with `starts`, planned for these readers. Without a
    `template` its body is made here, which is a hundred times faster than composing."""
    with mailer.store.begin() as tx:
        rows = [ImportRow(line, Person(reader)) for line, reader in enumerate(readers)]
        tx.import_rows.import_people(STAFF, rows, add_mailing_list(tx), "test", NOW)
        for slug in stories:
            add_story(tx, slug)
        if template:
            approved = editions.approve_edition(
                tx,
                AMINA,
                create_edition(tx, *stories, template=template),
                mailer.renderer,
                mailer.clock(),
            )
        else:
            approved = approve_without_composing(mailer, tx, create_edition(tx, *stories))
        if not starts:
            return approved
        started, plan = editions.start_edition(tx, STAFF, approved, mailer.renderer, mailer.clock())
    assert plan is not None
    assert plan.planned == len(readers)
    return started


def approve_without_composing(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    link = create_slot(MARKER, Slot.UNSUBSCRIBE)
    body = EditionBody(
        language="en",
        subject="The week",
        text=f"Hello {create_slot(MARKER, Slot.NAME)}\n\n{link}\n",
        html=f'<p>Hello {create_slot(MARKER, Slot.NAME)}</p><a href="{link}">Leave</a>',
        marker=MARKER,
        stories=(1 << len(edition.stories)) - 1,
    )
    content_hash = editions.compute_content_hash(
        edition,
        tx.editions.load_mailing_list(edition),
        tx.editions.load_segment_filter(edition),
        mailer.settings.describe_sender(""),
        [body],
    )
    edition = tx.editions.freeze_edition(edition, [body], edition.stories, content_hash)
    renderer = FrozenRenderer(mailer.settings.describe_sender(""))
    return editions.approve_edition(tx, AMINA, edition, renderer, NOW)


def read_deliveries(store: Store, edition: Edition) -> dict[str, Delivery]:
    with store.read() as tx:
        return {
            delivery.address: delivery
            for delivery in tx.outbox.list_deliveries(edition, limit=10_000)
        }


def read_delivery_states(store: Store, edition: Edition) -> dict[str, DeliveryState]:
    return {
        address: delivery.state for address, delivery in read_deliveries(store, edition).items()
    }


# ---- senders ----------------------------------------------------------------------------------


def register_worker(tx: SqlTransaction, name: str = "elsewhere") -> int:
    """The number of a sender of whose process nothing is known: only its beat tells."""
    return tx.outbox.register_worker(name, NOW)


def register_dead_worker(tx: SqlTransaction) -> int:
    """The number of a sender that has certainly ended: its process had this one's number, and
    began before it."""
    host, pid, started, nonce = create_worker_name().split(":")
    return tx.outbox.register_worker(f"{host}:{pid}:{int(started) - 1}:{nonce}", NOW)


def take_over_worker(tx: SqlTransaction, worker_id: int) -> tuple[int, int] | None:
    """Reclaim a worker's deliveries, as another worker does once the heartbeat stands still."""
    (worker,) = [candidate for candidate in tx.outbox.list_workers() if candidate.id == worker_id]
    return tx.outbox.reclaim_deliveries(worker)
