"""A sent edition goes to one reader again: one message more, and the edition stays as it is."""

from collections.abc import Callable
from threading import Event

import pytest

from mailer import articles, digests, editions, outbox
from mailer.app import Mailer
from mailer.audience import erasure, preferences, subscribers
from mailer.config import SafeSection
from mailer.errors import Refused
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.outbox import QueuedRepeat
from mailer.outbox.repeats import REPEAT_EVENT
from mailer.store import SqlTransaction, schema
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import count_states, with_settings
from tests.integration.factories import DAY

ANA, BEN, LATE = "ana@example.org", "ben@example.org", "late@example.org"

Repeat = Callable[..., QueuedRepeat]


@pytest.fixture
def sent_edition(mailer: Mailer, relay: Relay) -> Edition:
    """An edition that the relay accepted for Ana and refused for Ben."""
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=BEN)
    started = factories.begin_edition(mailer, ANA, BEN, template="digest")
    mailer.deliver_editions([started], Event())
    relay.received.clear()
    with mailer.store.read() as tx:
        return factories.reload_edition(tx, started)


@pytest.fixture
def repeat(mailer: Mailer) -> Repeat:
    """A function that queues a repeat."""

    def queue(edition: Edition, address: str, office: Mailer = mailer) -> QueuedRepeat:
        with office.store.begin() as tx:
            current = factories.reload_edition(tx, edition)
            return outbox.repeat_edition(tx, AMINA, current, address, office.clock())

    return queue


def deliver_all(mailer: Mailer) -> None:
    mailer.deliver_editions([], Event(), follow_new=True)


def explain(mailer: Mailer, edition: Edition, address: str) -> str:
    with mailer.store.read() as tx:
        return outbox.explain_outcome(tx, factories.reload_edition(tx, edition), address)


# ---- what is sent -----------------------------------------------------------------------------


def test_repeat_is_the_same_mail_with_a_message_id_of_its_own(mailer: Mailer, relay: Relay) -> None:
    started = factories.begin_edition(mailer, ANA, template="digest")
    mailer.deliver_editions([started], Event())
    with mailer.store.begin() as tx:
        current = factories.reload_edition(tx, started)
        queued = outbox.repeat_edition(tx, AMINA, current, ANA, mailer.clock())
    assert (queued.number, queued.was_accepted) == (1, True)
    deliver_all(mailer)
    first, second = (received.message for received in relay.received)
    assert [received.recipient for received in relay.received] == [ANA, ANA]
    assert first["Message-ID"] != second["Message-ID"]
    for header in ("Subject", "From", "To", "List-Id", "List-Unsubscribe"):
        assert first[header] == second[header]
    for kind in ("plain", "html"):
        parts = [mail.get_body((kind,)) for mail in (first, second)]
        contents = [part.get_content() for part in parts if part is not None]
        assert contents[0] == contents[1]


def test_repeat_leaves_the_edition_and_its_report_as_they_are(
    mailer: Mailer, sent_edition: Edition, repeat: Repeat
) -> None:
    def read_rows() -> list[object]:
        with mailer.store.read() as tx:
            in_edition = schema.delivery.c.edition_id == sent_edition.id
            rows = [*tx.connection.execute(schema.delivery.select().where(in_edition))]
            report = tx.outbox.build_report(factories.reload_edition(tx, sent_edition))
            return [*rows, report]

    before = read_rows()
    queued = repeat(sent_edition, ANA)
    deliver_all(mailer)
    assert read_rows() == before
    with mailer.store.read() as tx:
        mail = factories.reload_edition(tx, queued.mail)
        assert (mail.kind, mail.state) == (EditionKind.REPEAT, EditionState.SENT)
        assert mail.repeated_id == sent_edition.id
        assert count_states(tx.outbox.build_report(mail)) == {"sent": 1}
        assert tx.editions.list_recent_editions() == [factories.reload_edition(tx, sent_edition)]
        events = [event.event_type for event in tx.editions.list_events(sent_edition)]
    assert events.count(REPEAT_EVENT) == 1


def test_accepted_deliveries_are_never_queued_again_by_a_repeat(
    mailer: Mailer, relay: Relay, sent_edition: Edition, repeat: Repeat
) -> None:
    """After a repeat, retrying and delivering the edition sends nothing to its accepted readers."""
    repeat(sent_edition, ANA)
    deliver_all(mailer)
    relay.received.clear()
    with mailer.store.begin() as tx:
        current = factories.reload_edition(tx, sent_edition)
        outbox.retry_failed_deliveries(tx, STAFF, current, mailer.clock())
    deliver_all(mailer)
    deliver_all(mailer)
    assert ANA not in [received.recipient for received in relay.received]


def test_each_repeat_is_explained_and_stands_in_the_history(
    mailer: Mailer, sent_edition: Edition, repeat: Repeat
) -> None:
    assert "again" not in explain(mailer, sent_edition, ANA)
    for number in (1, 2):
        assert repeat(sent_edition, ANA).number == number
        deliver_all(mailer)
    explanation = explain(mailer, sent_edition, ANA)
    assert explanation.startswith(f"{ANA} got edition {sent_edition.id}")
    assert explanation.count(f"{AMINA.name} had it sent to them again as edition") == 2
    with mailer.store.read() as tx:
        entries = tx.subscribers.list_consent_entries(ANA)
    repeats = [entry for entry in entries if entry.act == "sent_again"]
    assert [entry.actor_key for entry in repeats] == [AMINA.key] * 2
    assert [entry.detail.partition(",")[0] for entry in repeats] == ["request 1", "request 2"]


def test_member_who_joined_later_may_get_it_for_the_first_time(
    mailer: Mailer, relay: Relay, sent_edition: Edition, repeat: Repeat
) -> None:
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, LATE, name="Late", joined=mailer.clock())
    queued = repeat(sent_edition, LATE)
    assert (queued.number, queued.was_accepted) == (1, False)
    deliver_all(mailer)
    assert [received.recipient for received in relay.received] == [LATE]
    assert "joined the list" in explain(mailer, sent_edition, LATE)
    assert "had it sent to them again" in explain(mailer, sent_edition, LATE)


# ---- who gets nothing -------------------------------------------------------------------------


def leave(tx: SqlTransaction) -> None:
    factories.unsubscribe_address(tx, ANA)


def pause(tx: SqlTransaction) -> None:
    subscriber = subscribers.get_subscriber(tx, ANA)
    news = factories.get_mailing_list(tx)
    later = factories.NOW + 9999 * DAY
    preferences.pause_memberships(tx, STAFF, subscriber, [news], 7 * DAY, later)


def suppress(tx: SqlTransaction) -> None:
    factories.suppress_address(tx, ANA)


def move(tx: SqlTransaction) -> None:
    subscriber = subscribers.get_subscriber(tx, ANA)
    preferences.change_address(tx, STAFF, subscriber, "ana@example.net", factories.NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (leave, "unsubscribed on the list"),
        (pause, "has paused the mails"),
        (suppress, "must not be mailed"),
        (move, ANA),
    ],
)
def test_repeat_is_refused_with_its_reason(
    mailer: Mailer,
    relay: Relay,
    sent_edition: Edition,
    repeat: Repeat,
    change: Callable[[SqlTransaction], None],
    reason: str,
) -> None:
    with mailer.store.begin() as tx:
        change(tx)
    with pytest.raises(Refused, match=reason):
        repeat(sent_edition, ANA)
    deliver_all(mailer)
    assert relay.received == []


@pytest.mark.parametrize("change", [leave, pause, suppress, move])
def test_gate_stops_a_queued_repeat(
    mailer: Mailer,
    relay: Relay,
    sent_edition: Edition,
    repeat: Repeat,
    change: Callable[[SqlTransaction], None],
) -> None:
    queued = repeat(sent_edition, ANA)
    with mailer.store.begin() as tx:
        change(tx)
    deliver_all(mailer)
    assert relay.received == []
    (delivery,) = factories.read_deliveries(mailer.store, queued.mail).values()
    assert delivery.state is DeliveryState.SUPPRESSED


def test_safe_mode_stops_a_repeat_at_the_gate_too(
    mailer: Mailer, relay: Relay, sent_edition: Edition, repeat: Repeat
) -> None:
    queued = repeat(sent_edition, ANA)
    safe = with_settings(mailer, safe=SafeSection(recipients=("safe@example.org",)))
    with pytest.raises(Refused, match="safe mode"):
        repeat(sent_edition, BEN, office=safe)
    deliver_all(safe)
    assert relay.received == []
    (delivery,) = factories.read_deliveries(mailer.store, queued.mail).values()
    assert delivery.state is DeliveryState.DIVERTED


def test_repeat_waits_for_an_earlier_one(sent_edition: Edition, repeat: Repeat) -> None:
    repeat(sent_edition, ANA)
    with pytest.raises(Refused, match="already on its way"):
        repeat(sent_edition, ANA)


def test_strangers_get_the_explanation(sent_edition: Edition, repeat: Repeat) -> None:
    with pytest.raises(Refused, match="is not a subscriber"):
        repeat(sent_edition, "who@example.org")


def test_member_with_another_frequency_gets_no_repeat(
    mailer: Mailer, sent_edition: Edition, repeat: Repeat
) -> None:
    with mailer.store.begin() as tx:
        factories.add_digest(tx, "monthly", frequency=Frequency.MONTHLY)
        subscriber = factories.add_subscriber(tx, LATE)
        news = factories.get_mailing_list(tx)
        preferences.change_membership(
            tx, STAFF, subscriber, news, {"frequency": Frequency.MONTHLY}, factories.NOW
        )
    with pytest.raises(Refused, match="they chose another frequency"):
        repeat(sent_edition, LATE)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": EditionState.SENDING.value}, "only a sent edition"),
        ({"state": EditionState.CANCELLED.value}, "only a sent edition"),
        ({"kind": EditionKind.TEST.value}, "not a digest's"),
        ({"role": EditionRole.RELEASE.value}, "not a digest's"),
    ],
)
def test_only_sent_editions_of_a_list_are_repeated(
    mailer: Mailer,
    sent_edition: Edition,
    repeat: Repeat,
    values: dict[str, str],
    reason: str,
) -> None:
    with mailer.store.begin() as tx:
        tx.connection.execute(
            schema.edition.update().where(schema.edition.c.id == sent_edition.id).values(values)
        )
        current = editions.get_edition(tx, sent_edition.id)
        with pytest.raises(Refused, match=reason):
            outbox.repeat_edition(tx, AMINA, current, ANA, mailer.clock())
        tx.rollback()


def test_erasure_removes_the_reader_from_repeats(
    mailer: Mailer, sent_edition: Edition, repeat: Repeat
) -> None:
    queued = repeat(sent_edition, ANA)
    deliver_all(mailer)
    with mailer.store.begin() as tx:
        erasure.erase_person(tx, STAFF, ANA, mailer.clock())
    (delivery,) = factories.read_deliveries(mailer.store, queued.mail).values()
    assert delivery.address.startswith(schema.ERASED)
    assert (delivery.name, delivery.fields) == ("", "")


# ---- stories ----------------------------------------------------------------------------------


def start_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
    return editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())[0]


def send_to_two(mailer: Mailer, *slugs: str, urgent: bool = False) -> Edition:
    """Send an edition with these stories to Ana and Ben, on a list with a weekly digest."""
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        for address in (ANA, BEN):
            factories.add_subscriber(tx, address)
        for slug in slugs:
            factories.add_story(tx, slug, "health")
        edition = factories.create_edition(tx, *slugs)
        if urgent:
            reasons = {"en": "The dam may break."}
            edition = editions.set_urgent_reasons(tx, STAFF, edition, reasons, mailer.clock())
        started = start_edition(mailer, tx, edition)
    mailer.deliver_editions([started], Event())
    with mailer.store.read() as tx:
        return factories.reload_edition(tx, started)


def choose_weekly(tx: SqlTransaction, address: str) -> None:
    preferences.change_membership(
        tx,
        STAFF,
        subscribers.get_subscriber(tx, address),
        factories.get_mailing_list(tx),
        {"frequency": Frequency.WEEKLY},
        factories.NOW + DAY,
    )


@pytest.mark.parametrize("later_edition", ["weekly", "urgent"])
def test_story_of_a_repeat_comes_once(
    mailer: Mailer, relay: Relay, repeat: Repeat, later_edition: str
) -> None:
    """Ben got the story only by the repeat: neither the weekly edition, which he chooses next, nor
    an urgent one brings it again."""
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=BEN)
    sent = send_to_two(mailer, "flood")
    repeat(sent, BEN)
    deliver_all(mailer)
    assert [received.recipient for received in relay.received].count(BEN) == 1
    relay.received.clear()
    with mailer.store.begin() as tx:
        if later_edition == "weekly":
            choose_weekly(tx, BEN)
            edition, _ = digests.assemble_edition(tx, STAFF, "weekly", mailer.clock())
        else:
            edition = factories.create_edition(tx, "flood")
            reasons = {"en": "The dam may break."}
            edition = editions.set_urgent_reasons(tx, STAFF, edition, reasons, mailer.clock())
        started = start_edition(mailer, tx, edition)
    mailer.deliver_editions([started], Event())
    assert BEN not in [received.recipient for received in relay.received]


def test_repeat_leaves_out_what_was_withdrawn_since(
    mailer: Mailer, relay: Relay, repeat: Repeat
) -> None:
    sent = send_to_two(mailer, "flood", "fire")
    relay.received.clear()
    with mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, "flood", None, mailer.clock())
    queued = repeat(sent, BEN)
    assert queued.left_out == ("flood",)
    deliver_all(mailer)
    (received,) = relay.received
    for kind in ("plain", "html"):
        part = received.message.get_body((kind,))
        assert part is not None
        assert "Fire" in part.get_content()
        assert "Flood" not in part.get_content()
    with mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, "fire", None, mailer.clock())
    with pytest.raises(Refused, match=r"no story left for ben@example\.org: fire, flood can't be"):
        repeat(sent, BEN)


def test_urgent_edition_is_repeated_for_members_of_every_frequency(
    mailer: Mailer, relay: Relay, repeat: Repeat
) -> None:
    sent = send_to_two(mailer, "flood", urgent=True)
    relay.received.clear()
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, LATE, joined=mailer.clock())
        choose_weekly(tx, LATE)
    for number in (1, 2):
        assert repeat(sent, LATE).number == number, "an earlier repeat does not rule out another"
        deliver_all(mailer)
    assert [received.recipient for received in relay.received] == [LATE, LATE]
