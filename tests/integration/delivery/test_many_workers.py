"""Several editions, several relays, domains that are spared: each has its share."""

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


def also_begun(mailer: Mailer, slug: str, priority: Priority = Priority.NORMAL) -> Edition:
    """One more edition to the same readers."""
    with mailer.store.begin() as tx:
        factories.add_story(tx, slug)
        made = factories.create_edition(tx, slug, name=slug.capitalize(), priority=priority)
        started, _ = editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(mailer, tx, made),
            mailer.renderer,
            mailer.clock(),
        )
    return started


def editions_in_order(relay: Relay) -> list[str]:
    """The edition of each accepted message: its Message-ID begins with its word."""
    found = []
    for one in relay.received:
        (line,) = [line for line in one.data.split(b"\r\n") if line.startswith(b"Message-ID:")]
        found.append(line.partition(b"<")[2].partition(b".")[0].decode())
    return found


# ---- several editions -------------------------------------------------------------------------


def test_an_urgent_edition_does_not_wait_for_another_to_end(mailer: Mailer, relay: Relay) -> None:
    newsletter = begin_edition(mailer, *MANY)
    release = also_begun(mailer, "release", Priority.URGENT)
    _, reports = deliver_editions(with_single_connection(mailer), newsletter, release)
    assert [one.edition.state for one in reports] == [EditionState.SENT] * 2
    order = editions_in_order(relay)
    assert Counter(order) == {newsletter.uid: 60, release.uid: 60}
    last = len(order) - order[::-1].index(release.uid)
    assert last <= 60 + 60 // 8 + 4, "the other had one of nine meanwhile, and the first window"
    assert newsletter.uid in order[:20], "which goes on all the while"


def test_a_run_carries_what_it_was_given_and_no_more(mailer: Mailer, relay: Relay) -> None:
    first = begin_edition(mailer, *MANY)
    other = also_begun(mailer, "other")
    deliver_edition(mailer, first)
    assert set(editions_in_order(relay)) == {first.uid}
    assert set(read_delivery_states(mailer.store, other).values()) == {DeliveryState.QUEUED}


def test_a_run_that_follows_takes_in_what_begins_meanwhile(mailer: Mailer, relay: Relay) -> None:
    first = begin_edition(mailer, *MANY)
    later: list[Edition] = []

    def begin() -> None:
        later.append(also_begun(mailer, "later"))
        time.sleep(1.2)

    run_during_first_message(relay, begin)
    _, reports = deliver_editions(mailer, first, follow=True)
    assert [one.edition.id for one in reports] == [first.id, later[0].id]
    assert [one.edition.state for one in reports] == [EditionState.SENT] * 2
    assert len(relay.accepted) == 120


def test_an_edition_that_is_done_counts_as_sent_while_others_go_on(
    mailer: Mailer, relay: Relay
) -> None:
    release = begin_edition(mailer, *MANY)
    newsletter = also_begun(mailer, "newsletter")
    with mailer.store.begin() as tx:
        tx.connection.execute(
            text("UPDATE edition SET priority = 'urgent' WHERE id = :one"), {"one": release.id}
        )
        tx.connection.execute(
            text("UPDATE edition SET priority = 'low' WHERE id = :one"), {"one": newsletter.id}
        )
    found: list[EditionState] = []

    def look(_: Envelope) -> str:
        if len(relay.received) == 118:
            time.sleep(0.5)
        if len(relay.received) == 119:
            with mailer.store.read() as tx:
                found.append(factories.reload_edition(tx, release).state)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, look)
    deliver_editions(with_single_connection(mailer), release, newsletter)
    assert found == [EditionState.SENT]


# ---- several relays ---------------------------------------------------------------------------


@pytest.fixture
def second() -> Iterator[Relay]:
    with Relay() as running:
        yield running


def two_relays(mailer: Mailer, second: Relay, **changes: object) -> Mailer:
    """The second relay beside the first, of which these settings differ."""
    ours = mailer.settings.relay
    return with_settings(
        mailer, relays={"second": ours.model_copy(update={"port": second.port, **changes})}
    )


def test_two_relays_share(mailer: Mailer, relay: Relay, second: Relay) -> None:
    many = make_addresses(400)
    edition = begin_edition(mailer, *many)
    _, report = deliver_edition(two_relays(mailer, second), edition)
    assert sorted(relay.accepted + second.accepted) == many
    assert relay.accepted
    assert second.accepted
    assert report.edition.state is EditionState.SENT


def test_when_one_relay_is_down_the_other_carries_all(
    mailer: Mailer, relay: Relay, second: Relay
) -> None:
    second.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(two_relays(mailer, second), edition)
    assert sorted(relay.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_when_one_relay_refuses_us_the_other_carries_all(
    mailer: Mailer, relay: Relay, second: Relay
) -> None:
    second.answer_always(Step.MAIL, "550 5.7.1 not your address")
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(two_relays(mailer, second), edition)
    assert sorted(relay.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_when_all_relays_are_down_the_run_ends(mailer: Mailer, second: Relay) -> None:
    second.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    with pytest.raises(RelayError):
        deliver_edition(two_relays(with_relay(mailer, port=1), second), edition)
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.QUEUED}


def test_a_relay_stands_by_while_the_first_works(
    mailer: Mailer, relay: Relay, second: Relay
) -> None:
    edition = begin_edition(mailer, *MANY)
    deliver_edition(two_relays(mailer, second, weight=0), edition)
    assert sorted(relay.accepted) == MANY
    assert second.connections == 0


def test_a_relay_that_stands_by_takes_over_when_the_first_fails(
    mailer: Mailer, relay: Relay, second: Relay
) -> None:
    relay.answer_always(Step.CONNECT, CLOSE)
    edition = begin_edition(mailer, *MANY)
    _, report = deliver_edition(two_relays(mailer, second, weight=0), edition)
    assert sorted(second.accepted) == MANY
    assert report.edition.state is EditionState.SENT


def test_a_relays_rate_is_kept_over_all_its_connections(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *make_addresses(12))
    began = time.monotonic()
    deliver_edition(with_relay(mailer, rate=10), edition)
    assert len(relay.accepted) == 12
    assert time.monotonic() - began >= 1


# ---- domains that are spared ------------------------------------------------------------------


def spared(mailer: Mailer, **limits: float) -> Mailer:
    return with_settings(mailer, throttle={"example.org": Throttle.model_validate(limits)})


def test_a_domains_rate_is_kept_and_all_get_it(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *make_addresses(12), "bo@example.net")
    began = time.monotonic()
    _, report = deliver_edition(spared(mailer, rate=10), edition)
    assert time.monotonic() - began >= 1
    assert len(relay.accepted) == 13
    assert "bo@example.net" in relay.accepted[:4], "others go by"
    assert report.edition.state is EditionState.SENT


def test_more_of_a_domain_than_wait_here_go_back_until_their_turn(
    mailer: Mailer, relay: Relay
) -> None:
    many = make_addresses(260)
    edition = begin_edition(mailer, *many)
    _, report = deliver_edition(spared(mailer, rate=150), edition)
    assert sorted(relay.accepted) == many
    assert report.edition.state is EditionState.SENT


def test_a_domain_is_carried_for_by_as_many_connections_as_it_may(
    mailer: Mailer, relay: Relay
) -> None:
    at_once: list[int] = []
    busy: set[str] = set()

    def look(envelope: Envelope) -> str:
        busy.add(envelope.recipient)
        at_once.append(len(busy))
        time.sleep(0.02)
        busy.discard(envelope.recipient)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, look)
    edition = begin_edition(mailer, *MANY)
    deliver_edition(spared(mailer, connections=2), edition)
    assert sorted(relay.accepted) == MANY
    assert max(at_once) <= 2


@pytest.mark.parametrize("per_connection", [1, 3])
def test_a_domain_at_its_limit_finds_a_new_connection_when_the_last_has_ended(
    mailer: Mailer, relay: Relay, per_connection: int
) -> None:
    few = make_addresses(12)
    edition = begin_edition(mailer, *few)
    ours = with_relay(with_single_connection(mailer, window=1), per_connection=per_connection)
    _, report = deliver_edition(spared(ours, rate=30), edition)
    assert relay.accepted == few
    assert report.edition.state is EditionState.SENT
