"""The moves of a delivery, one by one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailer import editions
from mailer.app import Mailer, utc_now
from mailer.editions import Edition, EditionState, InDoubt
from mailer.outbox import Delivery, DeliveryState, Settlement
from mailer.store import Store, Transaction
from tests.integration import office
from tests.integration.office import DAY, addresses, begun, deliveries, end_leases, states

READERS = addresses(5)
QUEUED, CLAIMED, ON_WIRE, SENT = (
    DeliveryState.QUEUED,
    DeliveryState.CLAIMED,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
)


@pytest.fixture
def edition(mailer: Mailer) -> Edition:
    return begun(mailer, *READERS)


def claimed(
    store: Store, edition: Edition, owner: str = "one", limit: int = 9, lease: float = 60
) -> list[Delivery]:
    with store.begin() as tx:
        return tx.queue.claim(edition, owner, limit, lease)


def gated(
    store: Store, edition: Edition, some: list[Delivery], owner: str = "one", lease: float = 60
) -> set[int]:
    with store.begin() as tx:
        return tx.queue.gate(edition, owner, [one.id for one in some], lease)


def turned_away(store: Store, edition: Edition, some: list[Delivery]) -> EditionState:
    with store.begin() as tx:
        return tx.queue.turn_away(edition, "one", [one.id for one in some])


def settled(store: Store, *some: Settlement, owner: str = "one") -> int:
    with store.begin() as tx:
        return tx.queue.settle(owner, some)


def all_are(store: Store, edition: Edition, state: DeliveryState) -> bool:
    return set(states(store, edition).values()) == {state}


def test_a_claim_takes_what_is_due_and_counts_an_attempt(store: Store, edition: Edition) -> None:
    first = claimed(store, edition, limit=2)
    rest = claimed(store, edition, "two")
    assert len(first) == 2
    assert len(rest) == 3
    assert {one.state for one in first + rest} == {CLAIMED}
    assert {one.attempt for one in first + rest} == {1}
    assert not {one.id for one in first} & {one.id for one in rest}
    assert claimed(store, edition) == []


def test_a_claim_takes_no_more_than_asked(mailer: Mailer, store: Store) -> None:
    many = begun(mailer, *addresses(60))
    assert len(claimed(store, many, limit=7)) == 7
    assert list(states(store, many).values()).count(CLAIMED) == 7


def test_two_claims_at_once_share(store: Store, edition: Edition, backend: str) -> None:
    """PostgreSQL skips the rows that another transaction is about to claim."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with store.begin() as one, store.begin() as two:
        first = one.queue.claim(edition, "one", 3, 60)
        second = two.queue.claim(edition, "two", 9, 60)
    assert (len(first), len(second)) == (3, 2)


def test_what_is_deferred_is_not_due_before_its_time(store: Store, edition: Edition) -> None:
    some = claimed(store, edition, limit=1)
    gated(store, edition, some)
    assert settled(store, Settlement(some[0].id, QUEUED, "450 later", DAY)) == 1
    assert len(claimed(store, edition, "two")) == 4
    kept = deliveries(store, edition)[some[0].address]
    assert (kept.state, kept.reply, kept.attempt) == (QUEUED, "450 later", 1)
    assert abs(kept.next_attempt_at - utc_now() - DAY) < timedelta(minutes=1)
    with store.begin() as tx:
        assert tx.queue.make_due(edition) == 1
    assert len(claimed(store, edition, "two")) == 1


def test_the_gate_lets_out_what_its_owner_claimed(store: Store, edition: Edition) -> None:
    some = claimed(store, edition)
    assert gated(store, edition, some, "two") == set()
    assert gated(store, edition, some) == {one.id for one in some}
    assert gated(store, edition, some) == set(), "it opens once"
    assert all_are(store, edition, ON_WIRE)


def test_the_gate_is_shut_when_the_lease_has_ended(store: Store, edition: Edition) -> None:
    some = claimed(store, edition, lease=0)
    assert gated(store, edition, some) == set()
    assert turned_away(store, edition, some) is EditionState.SENDING
    assert all_are(store, edition, QUEUED)
    assert {one.attempt for one in deliveries(store, edition).values()} == {0}


def _suppress(tx: Transaction, edition: Edition) -> None:
    office.suppress(tx, READERS[0])


def _leave(tx: Transaction, edition: Edition) -> None:
    office.leave(tx, READERS[0])


@pytest.mark.parametrize("act", [_suppress, _leave])
def test_the_gate_is_shut_to_those_who_left(
    store: Store, edition: Edition, act: Callable[[Transaction, Edition], None]
) -> None:
    some = claimed(store, edition)
    with store.begin() as tx:
        act(tx, edition)
    passed = gated(store, edition, some)
    refused = [one for one in some if one.id not in passed]
    assert [one.address for one in refused] == [READERS[0]]
    assert turned_away(store, edition, refused) is EditionState.SENDING
    kept = deliveries(store, edition)[READERS[0]]
    assert (kept.state, kept.attempt) == (DeliveryState.SUPPRESSED, 0)


def test_one_who_left_another_list_still_gets_it(store: Store, edition: Edition) -> None:
    some = claimed(store, edition)
    with store.begin() as tx:
        office.mailing_list(tx, "press")
        office.person(tx, READERS[0], to="press")
        office.leave(tx, READERS[0], to="press")
    assert len(gated(store, edition, some)) == 5


@pytest.mark.parametrize(
    ("act", "then", "edition_then"),
    [
        (editions.pause, QUEUED, EditionState.PAUSED),
        (editions.cancel, DeliveryState.CANCELLED, EditionState.CANCELLED),
    ],
)
def test_the_gate_is_shut_when_the_edition_stands(
    store: Store,
    edition: Edition,
    act: Callable[..., Edition],
    then: DeliveryState,
    edition_then: EditionState,
) -> None:
    some = claimed(store, edition)
    with store.begin() as tx:
        act(tx.editions, edition, utc_now())
    assert gated(store, edition, some) == set()
    assert turned_away(store, edition, some) is edition_then
    assert all_are(store, edition, then)


def test_a_pause_that_ends_between_gate_and_refusal_suppresses_nobody(
    store: Store, edition: Edition, backend: str
) -> None:
    """On PostgreSQL the two statements of one transaction may see two states of the edition."""
    some = claimed(store, edition)
    with store.begin() as tx:
        paused = editions.pause(tx.editions, edition, utc_now())
        office.suppress(tx, READERS[0])
    if backend == "sqlite":
        assert gated(store, edition, some) == set()
        with store.begin() as tx:
            editions.resume(tx.editions, paused, utc_now())
        turned_away(store, edition, some)
    else:
        with store.begin() as tx:
            assert tx.queue.gate(edition, "one", [one.id for one in some], 60) == set()
            with store.begin() as other:
                editions.resume(other.editions, paused, utc_now())
            tx.queue.turn_away(edition, "one", [one.id for one in some])
    found = states(store, edition)
    assert found.pop(READERS[0]) is DeliveryState.SUPPRESSED
    assert set(found.values()) == {QUEUED}


def test_a_late_report_changes_nothing(store: Store, edition: Edition) -> None:
    """The owner was slow, and another took the row over."""
    (one,) = claimed(store, edition, limit=1)
    gated(store, edition, [one])
    with store.begin() as tx:
        end_leases(tx)
        assert tx.queue.recover(edition) == (0, 1)
    assert settled(store, Settlement(one.id, SENT, "250 ok")) == 0
    assert states(store, edition)[one.address] is DeliveryState.IN_DOUBT
    with store.begin() as tx:
        assert tx.queue.apply_in_doubt_rule(edition, utc_now()) == 1
    again = next(row for row in claimed(store, edition, "two") if row.id == one.id)
    gated(store, edition, [again], "two")
    assert settled(store, Settlement(one.id, SENT, "250 ok")) == 0
    assert settled(store, Settlement(one.id, SENT, "250 2.0.0 yes"), owner="two") == 1
    kept = deliveries(store, edition)[one.address]
    assert (kept.state, kept.reply, kept.attempt) == (SENT, "250 2.0.0 yes", 2)


def test_what_was_not_let_out_cannot_be_settled(store: Store, edition: Edition) -> None:
    (one,) = claimed(store, edition, limit=1)
    assert settled(store, Settlement(one.id, SENT, "250 ok")) == 0
    assert states(store, edition)[one.address] is CLAIMED


def test_nobodys_attempt_is_spent_on_the_relays_fault(store: Store, edition: Edition) -> None:
    (one,) = claimed(store, edition, limit=1)
    gated(store, edition, [one])
    settled(store, Settlement(one.id, QUEUED, spend=False))
    assert deliveries(store, edition)[one.address].attempt == 0


def test_giving_back_touches_only_ones_own(store: Store, edition: Edition) -> None:
    mine = claimed(store, edition, limit=2)
    claimed(store, edition, "two")
    gated(store, edition, mine[:1])
    with store.begin() as tx:
        assert tx.queue.give_back(edition, "one") == 1
    found = deliveries(store, edition)
    assert found[mine[0].address].state is ON_WIRE
    assert (found[mine[1].address].state, found[mine[1].address].attempt) == (QUEUED, 0)
    assert sum(one.state is CLAIMED for one in found.values()) == 3


def test_what_a_live_owner_holds_is_not_taken(store: Store, edition: Edition) -> None:
    some = claimed(store, edition)
    gated(store, edition, some[:2])
    with store.begin() as tx:
        assert tx.queue.recover(edition) == (0, 0)
        assert 50 < tx.queue.seconds_held(edition) <= 60


def test_what_a_dead_owner_held_is_taken_back(store: Store, edition: Edition) -> None:
    some = claimed(store, edition, lease=0)
    with store.begin() as tx:
        assert tx.queue.recover(edition) == (5, 0)
    assert all_are(store, edition, QUEUED)
    some = claimed(store, edition)
    gated(store, edition, some[:2], lease=0)
    with store.begin() as tx:
        assert tx.queue.recover(edition) == (0, 2)
        end_leases(tx)
        assert tx.queue.recover(edition) == (3, 0)
        assert tx.queue.seconds_held(edition) == 0
    found = deliveries(store, edition)
    doubted = [one for one in found.values() if one.state is DeliveryState.IN_DOUBT]
    assert {one.id for one in doubted} == {one.id for one in some[:2]}
    assert {one.reply for one in doubted} == {"the sender died after the message was let out"}


def test_the_rule_for_rows_in_doubt(mailer: Mailer, store: Store, edition: Edition) -> None:
    some = claimed(store, edition, limit=1)
    gated(store, edition, some, lease=0)
    with store.begin() as tx:
        tx.queue.recover(edition)
        held = tx.editions.change(edition, edition)
        assert held.in_doubt is InDoubt.RESEND
        assert tx.queue.undone(held) == 5, "what is to be sent again isn't done"
        assert tx.queue.apply_in_doubt_rule(held, utc_now()) == 1
    assert all_are(store, edition, QUEUED)
    assert deliveries(store, edition)[some[0].address].attempt == 1


def test_cancelling_takes_all_that_has_not_gone(
    mailer: Mailer, store: Store, edition: Edition
) -> None:
    some = claimed(store, edition, limit=3)
    gated(store, edition, some[:1])
    with store.begin() as tx:
        mailer.cancel(tx, office.again(tx, edition), reason="", actor="Amina")
    found = states(store, edition)
    assert found.pop(some[0].address) is ON_WIRE
    assert set(found.values()) == {DeliveryState.CANCELLED}
    assert gated(store, edition, some) == set()
    assert settled(store, Settlement(some[0].id, SENT, "250 ok")) == 1


def test_what_was_refused_for_no_fault_of_theirs_is_queued_again(
    store: Store, edition: Edition
) -> None:
    some = claimed(store, edition)
    gated(store, edition, some)
    settled(
        store,
        Settlement(some[0].id, DeliveryState.FAILED, "550 5.7.1 no"),
        Settlement(some[1].id, SENT, "250 ok"),
    )
    with store.begin() as tx:
        assert tx.queue.requeue_failed([one.id for one in some]) == 1
    kept = deliveries(store, edition)[some[0].address]
    assert (kept.state, kept.attempt) == (QUEUED, 0)


def test_one_edition_is_nothing_to_another(mailer: Mailer, store: Store, edition: Edition) -> None:
    with store.begin() as tx:
        office.story(tx, "roads")
        made = mailer.approve(tx, office.edition(tx, "roads"), "Amina")
        other, _ = mailer.start(tx, made)
    claimed(store, edition, lease=0)
    with store.begin() as tx:
        assert tx.queue.recover(other) == (0, 0)
        assert tx.queue.give_back(other, "one") == 0
        assert tx.queue.undone(other) == 5
    assert len(claimed(store, other)) == 5
