"""Editions against a simulated relay: every good address is served, every dead one fails, a policy
pauses the edition within 50 refusals, and each edition ends."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.replies import Phase, Reply, judge_reply
from mailer.model.deliveries import DeliveryState
from tests.unit.delivery.relay_simulation import SimulatedEdition, SimulatedRelay

SENT, FAILED = DeliveryState.SENT, DeliveryState.FAILED

DEAD_TEXTS = (
    "Unrouteable address",
    "5.1.1 no such user here",
    "5.2.1 closed for good",
    "5.0.0 user unknown",
)
UNJUDGED_TEXTS = ("5.7.1 we do not take this", "no", "5.0.0 declined, case {number}")
POLICIES = (
    "5.1.90 the day's recipients are used up",
    "5.2.252 SendAsDenied",
    "5.7.1 on a block list, ref {number}-A",
    "5.7.26 no SPF\n5.7.26 no DKIM {number} - gsmtp",
    "5.7.515 authentication level",
    "5.7.1 go away, token {number}",
)


def make_refusal(text: str, number: int, phase: Phase = Phase.RCPT) -> Reply:
    return judge_reply(phase, 550, text.format(number=number))


def make_edition(
    seed: int,
    size: int,
    dead_share: float,
    dead_texts: tuple[str, ...] = DEAD_TEXTS,
    greylisted_share: float = 0.0,
    domains: int = 20,
    connections: int = 4,
) -> SimulatedEdition:
    """Make an edition of which `dead_share` is dead and `greylisted_share` is deferred at first."""
    generator = random.Random(seed)
    dead = {
        number: make_refusal(generator.choice(dead_texts), number)
        for number in range(size)
        if generator.random() < dead_share
    }
    greylisted = {
        number: generator.randint(1, 3)
        for number in range(size)
        if generator.random() < greylisted_share
    }
    addresses = [f"reader{n}@d{generator.randrange(domains)}.example" for n in range(size)]
    relay = SimulatedRelay(dead, greylisted)
    return SimulatedEdition(addresses, relay, seed, connections)


def check_outcome(edition: SimulatedEdition) -> None:
    for row in edition.rows:
        is_dead = row.number in edition.relay.dead
        assert row.state is (FAILED if is_dead else SENT)
        assert row.accepted_count == (not is_dead)


shares = st.one_of(st.sampled_from([0.0, 0.03, 0.5, 1.0]), st.floats(0, 1))
seeds = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 300), shares, shares, st.integers(1, 30), st.integers(1, 16))
def test_dead_addresses_fail_once_and_good_ones_are_served(
    seed: int, size: int, dead_share: float, greylisted_share: float, domains: int, connections: int
) -> None:
    edition = make_edition(
        seed, size, dead_share, DEAD_TEXTS, greylisted_share, domains, connections
    )
    edition.send()
    check_outcome(edition)
    dead_rows = [row for row in edition.rows if row.number in edition.relay.dead]
    assert all(row.refused_count == 1 for row in dead_rows)
    is_hopeless = len(dead_rows) == size
    assert edition.pauses == (["nothing accepted"] if is_hopeless else [])


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 300), shares, shares, st.integers(1, 30))
def test_unjudged_dead_addresses_pause_edition_at_most_once_each(
    seed: int, size: int, dead_share: float, greylisted_share: float, domains: int
) -> None:
    edition = make_edition(seed, size, dead_share, UNJUDGED_TEXTS, greylisted_share, domains)
    edition.send()
    check_outcome(edition)
    assert all(row.refused_count <= 2 for row in edition.rows)
    assert len(edition.pauses) <= len(UNJUDGED_TEXTS) + 1


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(60, 300),
    st.floats(0, 0.6),
    shares,
    st.sampled_from(POLICIES),
    st.integers(0, 250),
    st.integers(1, 8),
)
def test_policy_pauses_within_fifty_and_all_are_served_when_it_is_lifted(
    seed: int,
    size: int,
    dead_share: float,
    greylisted_share: float,
    policy_text: str,
    policy_from: int,
    connections: int,
) -> None:
    edition = make_edition(
        seed, size, dead_share, DEAD_TEXTS, greylisted_share, connections=connections
    )
    relay = edition.relay
    relay.policy = lambda number: make_refusal(policy_text, number, Phase.DOT)
    relay.policy_from = min(policy_from, size - 40)

    def lift_policy() -> None:
        relay.policy = None

    edition.send(lift_policy)
    check_outcome(edition)
    assert edition.pauses
    assert all(count <= 50 for count in edition.refusals_before_pause)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(30, 200), st.sampled_from(POLICIES), st.integers(2, 40))
def test_policy_that_stays_ends_and_retry_serves_the_rest(
    seed: int, size: int, policy_text: str, policy_from: int
) -> None:
    """A person who resumes without fixing the cause gets an end, and a list to queue again."""
    edition = make_edition(seed, size, 0.1)
    relay = edition.relay
    relay.policy = lambda number: make_refusal(policy_text, number)
    relay.policy_from = policy_from
    edition.send()
    assert all(count <= 50 for count in edition.refusals_before_pause)
    states = edition.count_states()
    assert states[SENT] + states[FAILED] == size
    relay.policy = None
    edition.retry_failed()
    edition.send()
    check_outcome(edition)


def test_308_readers_with_8_gone_are_sent_without_pause() -> None:
    for text in (*DEAD_TEXTS, "5.7.1 unknown here, {number}"):
        edition = make_edition(5, 308, 0.0)
        edition.relay.dead = {number: make_refusal(text, number) for number in range(20, 308, 40)}
        edition.send()
        assert edition.count_states() == {SENT: 300, FAILED: 8}
        assert edition.pauses == []


def test_policy_for_one_in_two_puts_off_the_others() -> None:
    edition = make_edition(5, 12, 0.0, domains=12)
    blocked = judge_reply(Phase.RCPT, 550, "5.7.1 Blocked for bad reputation")
    edition.relay.dead = dict.fromkeys(range(0, 12, 2), blocked)
    states = []
    edition.send(lambda: states.append(edition.count_states()))
    assert states[0] == {SENT: 6, DeliveryState.QUEUED: 6}
    assert "6 recipients were refused alike" in edition.pauses[0]
    assert edition.count_states() == {SENT: 6, FAILED: 6}, "a person's resume tries them once more"
    assert len(edition.pauses) == 1
