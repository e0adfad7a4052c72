"""Each edition and each relay has its share, and no claim is lost or given twice."""

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


def claims(edition: int, count: int, domain: str = "example.org", first: int = 0) -> list[Claim]:
    """Claims whose ids are their edition's thousands and a number."""
    return [
        Claim(edition * 100_000 + n, edition, n, f"reader{n}@{domain}", "", "en", 1, 1)
        for n in range(first, first + count)
    ]


def dispatch(*relays: Relay, **throttles: Throttle) -> DispatchScheduler:
    """With `relays`, or one without limits; domains' dots are underscores."""
    limits = {domain.replace("_", "."): one for domain, one in throttles.items()}
    return DispatchScheduler(relays or (Relay(),), DomainThrottles(limits))


def seat(relay: str = "relay") -> ConnectionWindow:
    return ConnectionWindow(relay, window=10)


def editions_of(picks: Iterable[PickedMessage]) -> Counter[int]:
    return Counter(pick.claim.edition_id for pick in picks)


def ids(picks: Iterable[PickedMessage]) -> list[int]:
    return [pick.claim.id for pick in picks]


# ---- between editions -------------------------------------------------------------------------

weights = st.one_of(st.sampled_from([one.weight for one in Priority]), st.integers(1, 100))


@given(st.lists(weights, min_size=1, max_size=5), st.integers(1, 400))
def test_each_edition_has_its_share_of_the_messages_at_every_moment(
    given_weights: list[int], count: int
) -> None:
    ours = dispatch()
    for number, weight in enumerate(given_weights):
        ours.add_edition(number, weight)
        ours.add_claims(number, claims(number, count))
    got = editions_of(ours.pick_messages(seat(), count, NOW))
    for number, weight in enumerate(given_weights):
        share = count * weight / sum(given_weights)
        assert abs(got[number] - share) <= len(given_weights)


def test_a_newcomer_starts_level_with_those_that_have_gone_on_for_long() -> None:
    ours = dispatch()
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 2000))
    ours.pick_messages(seat(), 1000, NOW)
    ours.add_edition(2, 8)
    ours.add_claims(2, claims(2, 2000))
    got = editions_of(ours.pick_messages(seat(), 100, NOW))
    assert got == {1: 50, 2: 50}, "nothing is made up for"


def test_a_press_release_is_out_long_before_a_newsletter_which_goes_on_meanwhile() -> None:
    ours = dispatch()
    ours.add_edition(1, Priority.NORMAL.weight)
    ours.add_claims(1, claims(1, 2000))
    ours.pick_messages(seat(), 500, NOW)
    ours.add_edition(2, Priority.URGENT.weight)
    ours.add_claims(2, claims(2, 200))
    got = editions_of(ours.pick_messages(seat(), 230, NOW))
    assert got[2] == 200
    assert got[1] >= 20


@given(st.integers(1, 300), st.integers(1, 300))
def test_nothing_is_owed_to_an_edition_for_the_time_in_which_it_had_nothing(
    alone: int, both: int
) -> None:
    ours = dispatch()
    for number in (1, 2):
        ours.add_edition(number, 8)
    ours.add_claims(1, claims(1, 1000))
    ours.pick_messages(seat(), alone, NOW)
    ours.add_claims(2, claims(2, 1000))
    got = editions_of(ours.pick_messages(seat(), both, NOW))
    assert abs(got[1] - got[2]) <= 1


def test_what_a_limit_keeps_back_is_not_owed_to_an_edition_later() -> None:
    """Else it would have all of the limited domain to itself until it had caught up."""
    ours = dispatch(spared_example=Throttle(rate=10))
    for number in (1, 2):
        ours.add_edition(number, 8)
    ours.add_claims(1, claims(1, 50, "spared.example"))
    ours.add_claims(2, claims(2, 1000))
    assert editions_of(ours.pick_messages(seat(), 1000, NOW))[2] > 900, "it alone may go"
    ours.add_claims(2, claims(2, 50, "spared.example", first=1000))
    got = Counter[int]()
    for tenth in range(1, 21):
        got += editions_of(ours.pick_messages(seat(), 10, NOW + tenth / 10))
    assert got[1] + got[2] >= 19
    assert abs(got[1] - got[2]) <= 3


def test_an_edition_alone_is_picked_in_the_order_of_its_claims() -> None:
    ours = dispatch()
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5))
    assert ids(ours.pick_messages(seat(), 3, NOW)) == [100_000, 100_001, 100_002]
    assert ids(ours.pick_messages(seat(), 3, NOW)) == [100_003, 100_004]


def test_an_edition_that_is_dropped_is_picked_no_more() -> None:
    ours = dispatch()
    for number in (1, 2):
        ours.add_edition(number, 8)
        ours.add_claims(number, claims(number, 10))
    ours.drop_edition(1)
    assert editions_of(ours.pick_messages(seat(), 20, NOW)) == {2: 10}


def test_what_is_no_longer_ours_is_forgotten() -> None:
    ours = dispatch(example_org=Throttle(rate=1))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 2 * MAX_PARKED))
    ours.pick_messages(seat(), 10, NOW)
    ours.forget_claims()
    assert ours.list_claim_ids() == []
    assert list(ours.pop_postponed()) == []
    assert (ours.count_claims(1), ours.ready_count) == (0, 0)


# ---- between relays ---------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 100), min_size=2, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=80),
    st.integers(1, 40),
)
def test_relays_keep_to_their_weights_whoever_asks(
    given_weights: list[int], order: list[int], room: int
) -> None:
    relays = [Relay(name=f"r{n}", weight=weight) for n, weight in enumerate(given_weights)]
    ours = dispatch(*relays)
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, len(order) * room))
    for relay in relays:
        ours.note_progress(relay.name, NOW)
    got: Counter[str] = Counter()
    for asks in order:
        name = relays[asks % len(relays)].name
        got[name] += len(ours.pick_messages(seat(name), room, NOW))
    for one in relays:
        for other in relays:
            assert one.weight
            assert other.weight
            fair = got[other.name] * one.weight / other.weight
            assert got[one.name] <= fair + SHARE_SLACK + 1 + 1e-6


def test_a_relay_that_makes_no_progress_holds_nobody_up() -> None:
    ours = dispatch(Relay(name="good", weight=1), Relay(name="stalled", weight=1))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5000))
    for name in ("good", "stalled"):
        ours.note_progress(name, NOW)
    assert len(ours.pick_messages(seat("good"), 1000, NOW)) == SHARE_SLACK + 1
    assert ours.pick_messages(seat("good"), 1000, NOW + 0.9 * STALL_TIMEOUT) == []
    assert ours.wake_at < NOW + 2 * STALL_TIMEOUT, "it is to be asked again"
    assert len(ours.pick_messages(seat("good"), 1000, NOW + STALL_TIMEOUT)) == 1000


def test_a_relay_that_comes_back_does_not_take_what_it_missed() -> None:
    ours = dispatch(Relay(name="good", weight=1), Relay(name="back", weight=1))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 20_000))
    ours.note_progress("good", NOW)
    ours.pick_messages(seat("good"), 5000, NOW)
    ours.note_progress("back", NOW + 60)
    ours.note_progress("good", NOW + 60)
    got = Counter(back=0, good=0)
    for _ in range(1000):
        for name in got:
            got[name] += len(ours.pick_messages(seat(name), 1, NOW + 60))
    assert got["good"] >= 1000 - 2 * SHARE_SLACK


def test_a_relay_without_a_weight_takes_what_it_can() -> None:
    ours = dispatch(
        Relay(name="free"), Relay(name="first", weight=1), Relay(name="spare", weight=0)
    )
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5000))
    for name in ("free", "first", "spare"):
        ours.note_progress(name, NOW)
    assert len(ours.pick_messages(seat("free"), 1000, NOW)) == 1000
    assert len(ours.pick_messages(seat("first"), 1000, NOW)) == 1000, "the only one with a share"
    assert len(ours.pick_messages(seat("spare"), 1000, NOW)) == 1000


@given(st.floats(0.5, 200), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_relays_rate_holds_over_all_its_connections(rate: float, pauses: list[float]) -> None:
    ours = dispatch(Relay(rate=rate))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5000))
    now, went = NOW, []
    for number, pause in enumerate(pauses):
        now += pause
        for pick in ours.pick_messages(seat(), 50, now):
            assert pick.not_before <= now + LOOKAHEAD + 1e-9
            went.append(max(pick.not_before, now))
        assert number or went, "the first may go at once"
    for first in range(0, len(went), 7):
        for last in range(first, len(went)):
            assert last - first + 1 <= rate * (went[last] - went[first]) + 2 + 1e-6


def test_a_message_that_only_a_rate_keeps_back_is_asked_for_in_time() -> None:
    ours = dispatch(Relay(rate=0.5))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 3))
    assert len(ours.pick_messages(seat(), 10, NOW)) == 2
    assert ours.wake_at == NOW + 2 - LOOKAHEAD
    assert [pick.not_before for pick in ours.pick_messages(seat(), 10, ours.wake_at)] == [NOW + 2]


# ---- domains that are spared ------------------------------------------------------------------


def test_a_domain_at_its_limit_waits_and_the_others_go_by() -> None:
    ours = dispatch(slow_example=Throttle(rate=1))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 50, "slow.example"))
    ours.add_claims(1, claims(1, 50, "example.org", first=50))
    here = seat()
    domains = Counter(
        pick.claim.address.partition("@")[2] for pick in ours.pick_messages(here, 100, NOW)
    )
    assert domains == {"slow.example": 2, "example.org": 50}
    assert ours.count_claims(1) == 48
    assert ours.wake_at == NOW + 1
    assert len(ours.pick_messages(here, 100, NOW + 1)) == 1


def test_only_so_many_of_a_domain_wait_here_and_the_rest_goes_back_in_order() -> None:
    ours = dispatch(slow_example=Throttle(rate=2))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 300, "slow.example"))
    assert len(ours.pick_messages(seat(), 300, NOW)) == 2
    assert ours.count_claims(1) == MAX_PARKED
    back = sorted(ours.pop_postponed(), key=lambda one: one[1])
    assert [claim.id for claim, _ in back] == [100_000 + n for n in range(2 + MAX_PARKED, 300)]
    assert back[0][1] >= MAX_PARKED / 2, "when those that wait here have gone"
    delays = [delay for _, delay in back]
    assert len(set(delays)) == len(delays)
    assert list(ours.pop_postponed()) == []


def test_a_domain_has_so_many_connections_until_what_they_carry_is_settled() -> None:
    ours = dispatch(slow_example=Throttle(connections=1))
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5, "slow.example"))
    one, other = seat(), seat()
    (first,) = ours.pick_messages(one, 1, NOW)
    assert ours.pick_messages(other, 5, NOW) == []
    (second,) = ours.pick_messages(one, 1, NOW)
    ours.release_throttle(one, first.claim)
    assert ours.pick_messages(other, 5, NOW) == [], "one is still out"
    ours.release_throttle(one, second.claim)
    assert len(ours.pick_messages(other, 1, NOW)) == 1


def test_domains_are_told_apart_as_they_stand_on_the_wire() -> None:
    ours = DispatchScheduler(
        (Relay(),), DomainThrottles({"xn--bcher-kva.example": Throttle(rate=1)})
    )
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5, "bücher.example"))
    assert len(ours.pick_messages(seat(), 5, NOW)) == 2


DOMAINS = ("fast.example", "slow.example", "narrow.example")
acts = st.lists(
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


@given(acts)
def test_no_claim_is_lost_or_given_twice(acts: list[tuple[str, int, str | float, int]]) -> None:
    relays = (Relay(name="one", weight=2, rate=40), Relay(name="two", weight=1))
    limits = {"slow.example": Throttle(rate=5), "narrow.example": Throttle(connections=1)}
    ours = DispatchScheduler(relays, DomainThrottles(limits))
    seats = [seat("one"), seat("one"), seat("two"), seat("two")]
    out: list[list[Claim]] = [[], [], [], []]
    now, stocked, picked, back = NOW, 0, list[int](), list[int]()
    for number in (1, 2, 3):
        ours.add_edition(number, 1 << number)
    for act, which, more, count in acts:
        match act:
            case "stock":
                ours.add_claims(which, claims(which, count, str(more), first=stocked))
                stocked += count
            case "pick":
                now += float(more)
                for pick in ours.pick_messages(seats[which], count, now):
                    picked.append(pick.claim.id)
                    out[which].append(pick.claim)
            case "settle":
                for claim in out[which][:count]:
                    ours.release_throttle(seats[which], claim)
                del out[which][:count]
            case _:
                back += [claim.id for claim, delay in ours.pop_postponed() if delay > 0]
    back += [claim.id for claim, _ in ours.pop_postponed()]
    seen = [*picked, *back, *ours.list_claim_ids()]
    assert len(seen) == len(set(seen)) == stocked
    assert ours.ready_count <= sum(map(ours.count_claims, (1, 2, 3))) == len(ours.list_claim_ids())
    assert sum(bool(carried) for carried in map(_narrow, out)) <= 1


def _narrow(carried: list[Claim]) -> list[Claim]:
    return [claim for claim in carried if claim.address.endswith("narrow.example")]


@pytest.mark.parametrize("room", [0, -1])
def test_a_connection_without_room_gets_nothing(room: int) -> None:
    ours = dispatch()
    ours.add_edition(1, 8)
    ours.add_claims(1, claims(1, 5))
    assert ours.pick_messages(seat(), room, NOW) == []
