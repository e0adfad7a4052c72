"""Several editions, several relays and throttled domains share one run."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from mailer import editions
from mailer.app import Mailer
from mailer.config import Throttle
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState, Priority
from mailer.model.editions import Edition
from tests.actors import STAFF
from tests.fake_relay import CLOSE, Envelope, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    deliver_edition,
    deliver_editions,
    run_during_first_message,
    with_relay,
    with_settings,
    with_single_connection,
)
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

MANY = make_addresses(60)


def begin_another_edition(
    mailer: Mailer, slug: str, priority: Priority = Priority.NORMAL
) -> Edition:
    """Start one more edition to the same readers."""
    with mailer.store.begin() as tx:
        factories.add_story(tx, slug)
        edition = factories.create_edition(tx, slug, name=slug.capitalize(), priority=priority)
        started, _ = editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(mailer, tx, edition),
            mailer.renderer,
            mailer.clock(),
        )
    return started


def list_edition_uids(relay: Relay) -> list[str]:
    """List the edition's uid of each received message, which begins its Message-ID."""
    uids = []
    for message in relay.received:
        (line,) = [line for line in message.data.split(b"\r\n") if line.startswith(b"Message-ID:")]
        uids.append(line.partition(b"<")[2].partition(b".")[0].decode())
    return uids


# ---- several editions -------------------------------------------------------------------------


def test_urgent_edition_overtakes_running_newsletter(mailer: Mailer, relay: Relay) -> None:
    newsletter = begin_edition(mailer, *MANY)
    release = begin_another_edition(mailer, "release", Priority.URGENT)
    _, reports = deliver_editions(with_single_connection(mailer), newsletter, release)
    assert [report.edition.state for report in reports] == [EditionState.SENT] * 2
    uids = list_edition_uids(relay)
    assert Counter(uids) == {newsletter.uid: 60, release.uid: 60}
    last_position = len(uids) - uids[::-1].index(release.uid)
    assert last_position <= 60 + 60 // 8 + 4, "the newsletter had one of nine, and the first window"
    assert newsletter.uid in uids[:20], "the newsletter goes on all the time"


def test_run_delivers_only_requested_editions(mailer: Mailer, relay: Relay) -> None:
    first = begin_edition(mailer, *MANY)
    other = begin_another_edition(mailer, "other")
    deliver_edition(mailer, first)
    assert set(list_edition_uids(relay)) == {first.uid}
    assert set(read_delivery_states(mailer.store, other).values()) == {DeliveryState.QUEUED}


def test_following_run_takes_editions_started_later(mailer: Mailer, relay: Relay) -> None:
    first = begin_edition(mailer, *MANY)
    later: list[Edition] = []

    def begin_edition_late() -> None:
        later.append(begin_another_edition(mailer, "later"))
        time.sleep(1.2)

    run_during_first_message(relay, begin_edition_late)
    _, reports = deliver_editions(mailer, first, follow=True)
    assert [report.edition.id for report in reports] == [first.id, later[0].id]
    assert [report.edition.state for report in reports] == [EditionState.SENT] * 2
    assert len(relay.accepted) == 120


def test_finished_edition_is_sent_while_others_go_on(mailer: Mailer, relay: Relay) -> None:
    release = begin_edition(mailer, *MANY)
    newsletter = begin_another_edition(mailer, "newsletter")
    with mailer.store.begin() as tx:
        tx.connection.execute(
            text("UPDATE edition SET priority = 'urgent' WHERE id = :one"), {"one": release.id}
        )
        tx.connection.execute(
            text("UPDATE edition SET priority = 'low' WHERE id = :one"), {"one": newsletter.id}
        )
    states: list[EditionState] = []

    def read_state_late(_: Envelope) -> str:
        if len(relay.received) == 118:
            time.sleep(0.5)
        if len(relay.received) == 119:
            with mailer.store.read() as tx:
                states.append(factories.reload_edition(tx, release).state)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, read_state_late)
    deliver_editions(with_single_connection(mailer), release, newsletter)
    assert states == [EditionState.SENT]


# ---- several relays ---------------------------------------------------------------------------


@pytest.fixture
def second_relay() -> Iterator[Relay]:
    with Relay() as fake_relay:
        yield fake_relay


def add_second_relay(mailer: Mailer, second_relay: Relay, **changes: object) -> Mailer:
    """Add a second relay, whose settings differ from the first in `changes`."""
    relay_settings = mailer.settings.relay
    return with_settings(
        mailer,
        relays={"second": relay_settings.model_copy(update={"port": second_relay.port, **changes})},
    )


def test_two_relays_share_one_edition(mailer: Mailer, relay: Relay, second_relay: Relay) -> None:
    addresses = make_addresses(400)
    edition = begin_edition(mailer, *addresses)
    _, report = deliver_edition(add_second_relay(mailer, second_relay), edition)
    assert sorted(relay.accepted + second_relay.accepted) == addresses
    assert relay.accepted
    assert second_relay.accepted
    assert report.edition.state is EditionState.SENT


def test_other_relay_delivers_all_when_one_is_down(
    mailer: Mailer, relay: Relay, second_relay: Relay
) -> None:
    second_relay.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(add_second_relay(mailer, second_relay), edition)
    assert sorted(relay.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_other_relay_delivers_all_when_one_refuses_sender(
    mailer: Mailer, relay: Relay, second_relay: Relay
) -> None:
    second_relay.answer_always(Step.MAIL, "550 5.7.1 not your address")
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(add_second_relay(mailer, second_relay), edition)
    assert sorted(relay.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_run_ends_when_all_relays_are_down(mailer: Mailer, second_relay: Relay) -> None:
    second_relay.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    with pytest.raises(RelayError):
        deliver_edition(add_second_relay(with_relay(mailer, port=1), second_relay), edition)
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.QUEUED}


def test_standby_relay_is_unused_while_first_works(
    mailer: Mailer, relay: Relay, second_relay: Relay
) -> None:
    edition = begin_edition(mailer, *MANY)
    deliver_edition(add_second_relay(mailer, second_relay, weight=0), edition)
    assert sorted(relay.accepted) == MANY
    assert second_relay.connections == 0


def test_standby_relay_takes_over_when_first_fails(
    mailer: Mailer, relay: Relay, second_relay: Relay
) -> None:
    relay.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(add_second_relay(mailer, second_relay, weight=0), edition)
    assert sorted(second_relay.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_relay_rate_holds_over_all_connections(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *make_addresses(12))
    started_at = time.monotonic()
    deliver_edition(with_relay(mailer, rate=10), edition)
    assert len(relay.accepted) == 12
    assert time.monotonic() - started_at >= 1


# ---- throttled domains ------------------------------------------------------------------------


def throttle_domain(mailer: Mailer, **limits: float) -> Mailer:
    return with_settings(mailer, throttle={"example.org": Throttle.model_validate(limits)})


def test_domain_rate_holds_and_everyone_is_served(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *make_addresses(12), "bo@example.net")
    started_at = time.monotonic()
    _, report = deliver_edition(throttle_domain(mailer, rate=10), edition)
    assert time.monotonic() - started_at >= 1
    assert len(relay.accepted) == 13
    assert "bo@example.net" in relay.accepted[:4], "other domains must not wait"
    assert report.edition.state is EditionState.SENT


def test_postponed_domain_messages_are_sent_later(mailer: Mailer, relay: Relay) -> None:
    addresses = make_addresses(260)
    edition = begin_edition(mailer, *addresses)
    _, report = deliver_edition(throttle_domain(mailer, rate=150), edition)
    assert sorted(relay.accepted) == addresses
    assert report.edition.state is EditionState.SENT


def test_domain_connection_limit_is_kept(mailer: Mailer, relay: Relay) -> None:
    busy_counts: list[int] = []
    busy_recipients: set[str] = set()

    def count_busy(envelope: Envelope) -> str:
        busy_recipients.add(envelope.recipient)
        busy_counts.append(len(busy_recipients))
        time.sleep(0.02)
        busy_recipients.discard(envelope.recipient)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, count_busy)
    edition = begin_edition(mailer, *MANY)
    deliver_edition(throttle_domain(mailer, connections=2), edition)
    assert sorted(relay.accepted) == MANY
    assert max(busy_counts) <= 2


@pytest.mark.parametrize("per_connection", [1, 3])
def test_throttled_domain_gets_new_connection_after_last_closed(
    mailer: Mailer, relay: Relay, per_connection: int
) -> None:
    addresses = make_addresses(12)
    edition = begin_edition(mailer, *addresses)
    changed_mailer = with_relay(
        with_single_connection(mailer, window=1), per_connection=per_connection
    )
    _, report = deliver_edition(throttle_domain(changed_mailer, rate=30), edition)
    assert relay.accepted == addresses
    assert report.edition.state is EditionState.SENT
