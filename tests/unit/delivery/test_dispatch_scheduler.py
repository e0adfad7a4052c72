"""Editions and relays get their shares, and no claim is lost or picked twice."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import Relay, Throttle
from mailer.delivery.dispatch_scheduler import (
    LOOKAHEAD,
    MAX_PARKED,
    SHARE_SLACK,
    STALL_TIMEOUT,
    ConnectionWindow,
    DispatchScheduler,
    PickedMessage,
)
from mailer.delivery.throttle import DomainThrottles
from mailer.model.deliveries import Claim
from mailer.model.edition_states import Priority

NOW = 1000.0


def make_claims(
    edition: int, count: int, domain: str = "example.org", first: int = 0
) -> list[Claim]:
    """Make claims whose ids are the edition's id times 100,000 plus a number."""
    return [
        Claim(edition * 100_000 + n, edition, n, f"reader{n}@{domain}", "", "en", 1, 1)
        for n in range(first, first + count)
    ]


def make_scheduler(*relays: Relay, **throttles: Throttle) -> DispatchScheduler:
    """Make a scheduler for `relays`, or for one relay without limits.

    Keywords are throttled domains, with underscores for dots."""
    limits = {domain.replace("_", "."): limit for domain, limit in throttles.items()}
    return DispatchScheduler(relays or (Relay(),), DomainThrottles(limits))


def make_window(relay: str = "relay") -> ConnectionWindow:
    return ConnectionWindow(relay, window=10)


def count_by_edition(picks: Iterable[PickedMessage]) -> Counter[int]:
    return Counter(pick.claim.edition_id for pick in picks)


def list_ids(picks: Iterable[PickedMessage]) -> list[int]:
    return [pick.claim.id for pick in picks]


# ---- between editions -------------------------------------------------------------------------

weights = st.one_of(
    st.sampled_from([priority.weight for priority in Priority]), st.integers(1, 100)
)


@given(st.lists(weights, min_size=1, max_size=5), st.integers(1, 400))
def test_editions_share_messages_by_weight_at_every_moment(
    drawn_weights: list[int], count: int
) -> None:
    scheduler = make_scheduler()
    for number, weight in enumerate(drawn_weights):
        scheduler.add_edition(number, weight)
        scheduler.add_claims(number, make_claims(number, count))
    counts_by_edition = count_by_edition(scheduler.pick_messages(make_window(), count, NOW))
    for number, weight in enumerate(drawn_weights):
        share = count * weight / sum(drawn_weights)
        assert abs(counts_by_edition[number] - share) <= len(drawn_weights)


def test_new_edition_starts_level_with_running_ones() -> None:
    scheduler = make_scheduler()
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 2000))
    scheduler.pick_messages(make_window(), 1000, NOW)
    scheduler.add_edition(2, 8)
    scheduler.add_claims(2, make_claims(2, 2000))
    counts_by_edition = count_by_edition(scheduler.pick_messages(make_window(), 100, NOW))
    assert counts_by_edition == {1: 50, 2: 50}, "the new edition must not make up for the past"


def test_urgent_edition_overtakes_newsletter_without_stopping_it() -> None:
    scheduler = make_scheduler()
    scheduler.add_edition(1, Priority.NORMAL.weight)
    scheduler.add_claims(1, make_claims(1, 2000))
    scheduler.pick_messages(make_window(), 500, NOW)
    scheduler.add_edition(2, Priority.URGENT.weight)
    scheduler.add_claims(2, make_claims(2, 200))
    counts_by_edition = count_by_edition(scheduler.pick_messages(make_window(), 230, NOW))
    assert counts_by_edition[2] == 200
    assert counts_by_edition[1] >= 20


@given(st.integers(1, 300), st.integers(1, 300))
def test_edition_without_messages_is_owed_nothing_later(
    count_alone: int, count_together: int
) -> None:
    scheduler = make_scheduler()
    for number in (1, 2):
        scheduler.add_edition(number, 8)
    scheduler.add_claims(1, make_claims(1, 1000))
    scheduler.pick_messages(make_window(), count_alone, NOW)
    scheduler.add_claims(2, make_claims(2, 1000))
    counts_by_edition = count_by_edition(
        scheduler.pick_messages(make_window(), count_together, NOW)
    )
    assert abs(counts_by_edition[1] - counts_by_edition[2]) <= 1


def test_throttled_edition_is_not_owed_messages_later() -> None:
    """Otherwise the edition would have the whole limit to itself until it had caught up."""
    scheduler = make_scheduler(spared_example=Throttle(rate=10))
    for number in (1, 2):
        scheduler.add_edition(number, 8)
    scheduler.add_claims(1, make_claims(1, 50, "spared.example"))
    scheduler.add_claims(2, make_claims(2, 1000))
    assert count_by_edition(scheduler.pick_messages(make_window(), 1000, NOW))[2] > 900, (
        "only edition 2 has unlimited messages"
    )
    scheduler.add_claims(2, make_claims(2, 50, "spared.example", first=1000))
    counts_by_edition = Counter[int]()
    for tenth in range(1, 21):
        counts_by_edition += count_by_edition(
            scheduler.pick_messages(make_window(), 10, NOW + tenth / 10)
        )
    assert counts_by_edition[1] + counts_by_edition[2] >= 19
    assert abs(counts_by_edition[1] - counts_by_edition[2]) <= 3


def test_single_edition_is_picked_in_claim_order() -> None:
    scheduler = make_scheduler()
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5))
    assert list_ids(scheduler.pick_messages(make_window(), 3, NOW)) == [100_000, 100_001, 100_002]
    assert list_ids(scheduler.pick_messages(make_window(), 3, NOW)) == [100_003, 100_004]


def test_dropped_edition_is_never_picked() -> None:
    scheduler = make_scheduler()
    for number in (1, 2):
        scheduler.add_edition(number, 8)
        scheduler.add_claims(number, make_claims(number, 10))
    scheduler.drop_edition(1)
    assert count_by_edition(scheduler.pick_messages(make_window(), 20, NOW)) == {2: 10}


def test_forget_claims_drops_waiting_and_postponed_claims() -> None:
    scheduler = make_scheduler(example_org=Throttle(rate=1))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 2 * MAX_PARKED))
    scheduler.pick_messages(make_window(), 10, NOW)
    scheduler.forget_claims()
    assert scheduler.list_claim_ids() == []
    assert list(scheduler.pop_postponed()) == []
    assert (scheduler.count_claims(1), scheduler.ready_count) == (0, 0)


# ---- between relays ---------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 100), min_size=2, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=80),
    st.integers(1, 40),
)
def test_relays_share_messages_by_weight_in_any_order(
    drawn_weights: list[int], order: list[int], limit: int
) -> None:
    relays = [Relay(name=f"r{n}", weight=weight) for n, weight in enumerate(drawn_weights)]
    scheduler = make_scheduler(*relays)
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, len(order) * limit))
    for relay in relays:
        scheduler.note_progress(relay.name, NOW)
    counts_by_relay: Counter[str] = Counter()
    for number in order:
        name = relays[number % len(relays)].name
        counts_by_relay[name] += len(scheduler.pick_messages(make_window(name), limit, NOW))
    for relay in relays:
        for other_relay in relays:
            assert relay.weight
            assert other_relay.weight
            fair_count = counts_by_relay[other_relay.name] * relay.weight / other_relay.weight
            assert counts_by_relay[relay.name] <= fair_count + SHARE_SLACK + 1 + 1e-6


def test_stalled_relay_does_not_hold_up_other_relays() -> None:
    scheduler = make_scheduler(Relay(name="good", weight=1), Relay(name="stalled", weight=1))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5000))
    for name in ("good", "stalled"):
        scheduler.note_progress(name, NOW)
    assert len(scheduler.pick_messages(make_window("good"), 1000, NOW)) == SHARE_SLACK + 1
    assert scheduler.pick_messages(make_window("good"), 1000, NOW + 0.9 * STALL_TIMEOUT) == []
    assert scheduler.wake_at < NOW + 2 * STALL_TIMEOUT, "the ledger must ask again"
    assert len(scheduler.pick_messages(make_window("good"), 1000, NOW + STALL_TIMEOUT)) == 1000


def test_returning_relay_does_not_make_up_missed_messages() -> None:
    scheduler = make_scheduler(Relay(name="good", weight=1), Relay(name="back", weight=1))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 20_000))
    scheduler.note_progress("good", NOW)
    scheduler.pick_messages(make_window("good"), 5000, NOW)
    scheduler.note_progress("back", NOW + 60)
    scheduler.note_progress("good", NOW + 60)
    counts_by_relay = Counter(back=0, good=0)
    for _ in range(1000):
        for name in counts_by_relay:
            counts_by_relay[name] += len(scheduler.pick_messages(make_window(name), 1, NOW + 60))
    assert counts_by_relay["good"] >= 1000 - 2 * SHARE_SLACK


def test_relay_without_weight_takes_any_number_of_messages() -> None:
    scheduler = make_scheduler(
        Relay(name="free"), Relay(name="first", weight=1), Relay(name="spare", weight=0)
    )
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5000))
    for name in ("free", "first", "spare"):
        scheduler.note_progress(name, NOW)
    assert len(scheduler.pick_messages(make_window("free"), 1000, NOW)) == 1000
    assert len(scheduler.pick_messages(make_window("first"), 1000, NOW)) == 1000, (
        "no other relay has a share"
    )
    assert len(scheduler.pick_messages(make_window("spare"), 1000, NOW)) == 1000


@given(st.floats(0.5, 200), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_relay_rate_holds_over_all_connections(rate: float, pauses: list[float]) -> None:
    scheduler = make_scheduler(Relay(rate=rate))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5000))
    now, sent_at = NOW, []
    for number, pause in enumerate(pauses):
        now += pause
        for pick in scheduler.pick_messages(make_window(), 50, now):
            assert pick.not_before <= now + LOOKAHEAD + 1e-9
            sent_at.append(max(pick.not_before, now))
        assert number or sent_at, "the first message may go at once"
    for first in range(0, len(sent_at), 7):
        for last in range(first, len(sent_at)):
            assert last - first + 1 <= rate * (sent_at[last] - sent_at[first]) + 2 + 1e-6


def test_rate_limited_message_wakes_ledger_in_time() -> None:
    scheduler = make_scheduler(Relay(rate=0.5))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 3))
    assert len(scheduler.pick_messages(make_window(), 10, NOW)) == 2
    assert scheduler.wake_at == NOW + 2 - LOOKAHEAD
    assert [
        pick.not_before for pick in scheduler.pick_messages(make_window(), 10, scheduler.wake_at)
    ] == [NOW + 2]


# ---- throttled domains ------------------------------------------------------------------------


def test_throttled_domain_waits_while_other_domains_pass() -> None:
    scheduler = make_scheduler(slow_example=Throttle(rate=1))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 50, "slow.example"))
    scheduler.add_claims(1, make_claims(1, 50, "example.org", first=50))
    window = make_window()
    domains = Counter(
        pick.claim.address.partition("@")[2] for pick in scheduler.pick_messages(window, 100, NOW)
    )
    assert domains == {"slow.example": 2, "example.org": 50}
    assert scheduler.count_claims(1) == 48
    assert scheduler.wake_at == NOW + 1
    assert len(scheduler.pick_messages(window, 100, NOW + 1)) == 1


def test_throttled_domain_postpones_excess_claims_in_order() -> None:
    scheduler = make_scheduler(slow_example=Throttle(rate=2))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 300, "slow.example"))
    assert len(scheduler.pick_messages(make_window(), 300, NOW)) == 2
    assert scheduler.count_claims(1) == MAX_PARKED
    postponed = sorted(scheduler.pop_postponed(), key=lambda item: item[1])
    assert [claim.id for claim, _ in postponed] == [100_000 + n for n in range(2 + MAX_PARKED, 300)]
    assert postponed[0][1] >= MAX_PARKED / 2, "postponed claims come after the parked ones"
    delays = [delay for _, delay in postponed]
    assert len(set(delays)) == len(delays)
    assert list(scheduler.pop_postponed()) == []


def test_domain_connection_limit_holds_until_messages_are_settled() -> None:
    scheduler = make_scheduler(slow_example=Throttle(connections=1))
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5, "slow.example"))
    window, other_window = make_window(), make_window()
    (first,) = scheduler.pick_messages(window, 1, NOW)
    assert scheduler.pick_messages(other_window, 5, NOW) == []
    (second,) = scheduler.pick_messages(window, 1, NOW)
    scheduler.release_throttle(window, first.claim)
    assert scheduler.pick_messages(other_window, 5, NOW) == [], "one message is still in flight"
    scheduler.release_throttle(window, second.claim)
    assert len(scheduler.pick_messages(other_window, 1, NOW)) == 1


def test_throttled_domains_are_compared_in_wire_form() -> None:
    scheduler = DispatchScheduler(
        (Relay(),), DomainThrottles({"xn--bcher-kva.example": Throttle(rate=1)})
    )
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5, "bücher.example"))
    assert len(scheduler.pick_messages(make_window(), 5, NOW)) == 2


DOMAINS = ("fast.example", "slow.example", "narrow.example")
actions = st.lists(
    st.one_of(
        st.tuples(
            st.just("stock"), st.integers(1, 3), st.sampled_from(DOMAINS), st.integers(1, 130)
        ),
        st.tuples(st.just("pick"), st.integers(0, 3), st.floats(0, 2), st.integers(1, 60)),
        st.tuples(st.just("settle"), st.integers(0, 3), st.just(0.0), st.integers(1, 60)),
        st.tuples(st.just("put off"), st.just(0), st.just(0.0), st.just(0)),
    ),
    max_size=40,
)


@given(actions)
def test_scheduler_never_loses_or_repeats_a_claim(
    actions: list[tuple[str, int, str | float, int]],
) -> None:
    relays = (Relay(name="one", weight=2, rate=40), Relay(name="two", weight=1))
    limits = {"slow.example": Throttle(rate=5), "narrow.example": Throttle(connections=1)}
    scheduler = DispatchScheduler(relays, DomainThrottles(limits))
    windows = [make_window("one"), make_window("one"), make_window("two"), make_window("two")]
    in_flight: list[list[Claim]] = [[], [], [], []]
    now, stocked_count, picked_ids, postponed_ids = NOW, 0, list[int](), list[int]()
    for number in (1, 2, 3):
        scheduler.add_edition(number, 1 << number)
    for action, number, argument, count in actions:
        match action:
            case "stock":
                scheduler.add_claims(
                    number, make_claims(number, count, str(argument), first=stocked_count)
                )
                stocked_count += count
            case "pick":
                now += float(argument)
                for pick in scheduler.pick_messages(windows[number], count, now):
                    picked_ids.append(pick.claim.id)
                    in_flight[number].append(pick.claim)
            case "settle":
                for claim in in_flight[number][:count]:
                    scheduler.release_throttle(windows[number], claim)
                del in_flight[number][:count]
            case _:
                postponed_ids += [
                    claim.id for claim, delay in scheduler.pop_postponed() if delay > 0
                ]
    postponed_ids += [claim.id for claim, _ in scheduler.pop_postponed()]
    all_ids = [*picked_ids, *postponed_ids, *scheduler.list_claim_ids()]
    assert len(all_ids) == len(set(all_ids)) == stocked_count
    assert (
        scheduler.ready_count
        <= sum(map(scheduler.count_claims, (1, 2, 3)))
        == len(scheduler.list_claim_ids())
    )
    assert sum(bool(narrow_claims) for narrow_claims in map(find_narrow_claims, in_flight)) <= 1


def find_narrow_claims(claims: list[Claim]) -> list[Claim]:
    return [claim for claim in claims if claim.address.endswith("narrow.example")]


@pytest.mark.parametrize("limit", [0, -1])
def test_connection_without_room_gets_no_messages(limit: int) -> None:
    scheduler = make_scheduler()
    scheduler.add_edition(1, 8)
    scheduler.add_claims(1, make_claims(1, 5))
    assert scheduler.pick_messages(make_window(), limit, NOW) == []
