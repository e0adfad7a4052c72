"""The moves of a delivery, one by one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from mailer import editions, outbox
from mailer.app import Mailer, get_utc_now
from mailer.audience import preferences, subscribers
from mailer.model.deliveries import Claim, DeliveryState, Settlement
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import (
    DAY,
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)
from tests.integration.store.outbox.transitions import (
    READERS,
    are_all_in_state,
    check_gate_again,
    claim_and_gate,
    claim_deliveries,
    gate_deliveries,
    settle_deliveries,
    settle_refused_deliveries,
)

QUEUED, CLAIMED, ON_WIRE, SENT, FAILED, IN_DOUBT, SUPPRESSED = (
    DeliveryState.QUEUED,
    DeliveryState.CLAIMED,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.IN_DOUBT,
    DeliveryState.SUPPRESSED,
)


# ---- claims -----------------------------------------------------------------------------------


def test_a_claim_takes_what_is_due_and_counts_an_attempt(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    first = claim_deliveries(store, edition, one, limit=2)
    rest = claim_deliveries(store, edition, two)
    assert (len(first), len(rest)) == (2, 3)
    assert {claim.attempt for claim in first + rest} == {1}
    assert sorted(claim.address for claim in first + rest) == READERS
    assert claim_deliveries(store, edition, one) == []
    assert are_all_in_state(store, edition, CLAIMED, 1)


def test_a_claim_is_what_a_courier_needs(store: Store, edition: Edition, one: int) -> None:
    claim = claim_deliveries(store, edition, one)[0]
    row = read_deliveries(store, edition)[claim.address]
    assert claim == Claim(*(getattr(row, field) for field in Claim._fields))


def test_a_claim_takes_no_more_than_asked(mailer: Mailer, store: Store, one: int) -> None:
    many = begin_edition(mailer, *make_addresses(60))
    assert len(claim_deliveries(store, many, one, limit=7)) == 7
    assert list(read_delivery_states(store, many).values()).count(CLAIMED) == 7


def test_two_claims_at_once_share(
    store: Store, edition: Edition, one: int, two: int, backend: str
) -> None:
    """PostgreSQL skips the rows that another transaction is about to claim."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with store.begin() as tx, store.begin() as other:
        first = tx.outbox.claim_deliveries(edition.id, one, 3)
        second = other.outbox.claim_deliveries(edition.id, two, 9)
    assert (len(first), len(second)) == (3, 2)


def test_what_is_deferred_is_not_due_before_its_time(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    (claim,) = claim_and_gate(store, edition, one, limit=1)
    settle_deliveries(store, Settlement(claim.id, one, QUEUED, "450 later", DAY.total_seconds()))
    assert len(claim_deliveries(store, edition, two)) == 4
    kept = read_deliveries(store, edition)[claim.address]
    assert (kept.state, kept.reply, kept.attempt) == (QUEUED, "450 later", 1)
    assert abs(kept.next_attempt_at - get_utc_now() - DAY) < timedelta(minutes=1)
    with store.begin() as tx:
        assert tx.outbox.count_due_deliveries(edition.id) == 0
        assert tx.outbox.make_deliveries_due(edition) == 1
        assert tx.outbox.count_due_deliveries(edition.id) == 1
    assert [again.attempt for again in claim_deliveries(store, edition, two)] == [2]


# ---- the gate ---------------------------------------------------------------------------------


def test_the_gate_lets_out_what_its_sender_claimed(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    some = claim_deliveries(store, edition, one)
    assert gate_deliveries(store, two, some) == set()
    assert are_all_in_state(store, edition, CLAIMED, 1)
    assert gate_deliveries(store, one, some) == {claim.id for claim in some}
    assert are_all_in_state(store, edition, ON_WIRE, 1)


def test_a_second_look_lets_out_again_what_has_passed(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    some = claim_and_gate(store, edition, one)
    assert check_gate_again(store, one, some) == {claim.id for claim in some}
    assert check_gate_again(store, two, some) == set()
    assert are_all_in_state(store, edition, ON_WIRE, 1)


def _suppress(tx: SqlTransaction) -> None:
    factories.suppress_address(tx, READERS[0])


def _leave(tx: SqlTransaction) -> None:
    factories.unsubscribe_address(tx, READERS[0])


FIRST_AND_SECOND_LOOK = pytest.mark.parametrize(
    ("get", "look"),
    [(claim_deliveries, gate_deliveries), (claim_and_gate, check_gate_again)],
    ids=["gate", "second look"],
)
Get = Callable[[Store, Edition, int], list[Claim]]
Look = Callable[[Store, int, Sequence[Claim]], set[int]]


def _pause(tx: SqlTransaction) -> None:
    known = subscribers.get_subscriber(tx, READERS[0])
    week, now = timedelta(weeks=1), datetime.now(UTC)
    preferences.pause_memberships(tx, known, [factories.get_mailing_list(tx)], week, now)


@pytest.mark.parametrize("act", [_suppress, _leave, _pause])
@FIRST_AND_SECOND_LOOK
def test_the_gate_is_shut_to_those_who_left(
    store: Store,
    edition: Edition,
    one: int,
    act: Callable[[SqlTransaction], None],
    get: Get,
    look: Look,
) -> None:
    some = get(store, edition, one)
    with store.begin() as tx:
        act(tx)
    passed = look(store, one, some)
    refused = [claim for claim in some if claim.id not in passed]
    assert [claim.address for claim in refused] == [READERS[0]]
    assert settle_refused_deliveries(store, one, refused) == 1
    kept = read_deliveries(store, edition)[READERS[0]]
    assert (kept.state, kept.attempt) == (SUPPRESSED, 0)


def test_one_who_left_another_list_still_gets_it(store: Store, edition: Edition, one: int) -> None:
    some = claim_deliveries(store, edition, one)
    with store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        factories.add_subscriber(tx, READERS[0], list_slug="press")
        factories.unsubscribe_address(tx, READERS[0], list_slug="press")
    assert len(gate_deliveries(store, one, some)) == 5


@FIRST_AND_SECOND_LOOK
@pytest.mark.parametrize(
    ("state", "then", "gone"),
    [
        (EditionState.PAUSED, QUEUED, 0),
        (EditionState.CANCELLED, DeliveryState.CANCELLED, 5),
    ],
)
def test_the_gate_is_shut_when_the_edition_stands(
    store: Store,
    edition: Edition,
    one: int,
    state: EditionState,
    then: DeliveryState,
    gone: int,
    get: Get,
    look: Look,
) -> None:
    some = get(store, edition, one)
    with store.begin() as tx:
        editions.change_state(tx, STAFF, edition, state, get_utc_now())
    assert look(store, one, some) == set()
    assert settle_refused_deliveries(store, one, some) == gone
    assert are_all_in_state(store, edition, then, 0)


def test_what_is_turned_away_for_no_reason_of_its_own_goes_back(
    store: Store, edition: Edition, one: int
) -> None:
    """A pause that has ended between the gate and the refusal suppresses nobody."""
    some = claim_deliveries(store, edition, one)
    with store.begin() as tx:
        factories.suppress_address(tx, READERS[0])
    assert settle_refused_deliveries(store, one, some) == 1
    found = read_delivery_states(store, edition)
    assert found.pop(READERS[0]) is SUPPRESSED
    assert set(found.values()) == {QUEUED}


def test_nobody_is_turned_away_but_by_their_sender(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    some = claim_and_gate(store, edition, one)
    with store.begin() as tx:
        factories.suppress_address(tx, READERS[0])
    assert settle_refused_deliveries(store, two, some) == 0
    assert are_all_in_state(store, edition, ON_WIRE, 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda tx, edition: factories.unsubscribe_address(tx, READERS[0]),
        lambda tx, edition: factories.suppress_address(tx, READERS[0]),
        lambda tx, edition: editions.pause_edition(tx, STAFF, edition, get_utc_now()),
    ],
)
def test_whoever_leaves_while_the_gate_is_open_waits_for_its_commit(
    store: Store,
    edition: Edition,
    one: int,
    act: Callable[[SqlTransaction, Edition], object],
    backend: str,
) -> None:
    """Else an unsubscribe would be answered, and the message let out a moment later."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    some = claim_deliveries(store, edition, one)
    with store.begin() as tx:
        tx.outbox.lock_edition_states([edition.id])
        assert len(tx.outbox.gate_deliveries(one, [claim.id for claim in some])) == 5
        with store.begin() as other:
            other.connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                act(other, edition)
            other.rollback()
    with store.begin() as other:
        act(other, edition)


# ---- settlements ------------------------------------------------------------------------------


def test_what_was_not_let_out_cannot_be_settled(store: Store, edition: Edition, one: int) -> None:
    (claim,) = claim_deliveries(store, edition, one, limit=1)
    settle_deliveries(store, Settlement(claim.id, one, FAILED, "550 no"))
    assert read_delivery_states(store, edition)[claim.address] is CLAIMED


def test_nobodys_attempt_is_spent_on_the_relays_fault(
    store: Store, edition: Edition, one: int
) -> None:
    (claim,) = claim_and_gate(store, edition, one, limit=1)
    settle_deliveries(store, Settlement(claim.id, one, QUEUED, counts_as_attempt=False))
    assert read_deliveries(store, edition)[claim.address].attempt == 0


def test_of_a_sender_that_lost_the_row_only_an_acceptance_counts(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    """It was slow, and was taken for dead."""
    (claim,) = claim_and_gate(store, edition, one, limit=1)
    with store.begin() as tx:
        assert factories.take_over_worker(tx, one) == (0, 1)
    settle_deliveries(store, Settlement(claim.id, one, FAILED, "550 no"))
    assert read_delivery_states(store, edition)[claim.address] is IN_DOUBT
    with store.begin() as tx:
        assert tx.outbox.apply_in_doubt_rule(edition, get_utc_now()) == 1
    (again,) = [row for row in claim_and_gate(store, edition, two) if row.id == claim.id]
    settle_deliveries(store, Settlement(again.id, one, QUEUED, "451 later"))
    assert read_delivery_states(store, edition)[claim.address] is ON_WIRE
    settle_deliveries(store, Settlement(again.id, one, SENT, "250 2.0.0 yes"))
    settle_deliveries(store, Settlement(again.id, two, FAILED, "550 twice"))
    settle_deliveries(store, Settlement(again.id, two, SENT, "250 twice"))
    kept = read_deliveries(store, edition)[claim.address]
    assert (kept.state, kept.reply) == (SENT, "250 2.0.0 yes")
    assert gate_deliveries(store, two, [again]) == set(), "it is not sent again"


@pytest.mark.parametrize("became", [one for one in DeliveryState if one is not SENT])
def test_late_news_of_an_acceptance_is_taken_in_every_state(
    store: Store, mailer: Mailer, edition: Edition, one: int, two: int, became: DeliveryState
) -> None:
    (claim,) = claim_and_gate(store, edition, one, limit=1)
    with store.begin() as tx:
        factories.take_over_worker(tx, one)
        if became is not IN_DOUBT:
            outbox.send_in_doubt_again(tx, STAFF, edition, get_utc_now())
    match became:
        case DeliveryState.CANCELLED:
            with store.begin() as tx:
                editions.cancel_edition(tx, AMINA, edition, mailer.clock(), reason="")
        case DeliveryState.CLAIMED:
            claim_deliveries(store, edition, two)
        case DeliveryState.SUPPRESSED:
            some = claim_deliveries(store, edition, two)
            with store.begin() as tx:
                factories.suppress_address(tx, claim.address)
            settle_refused_deliveries(store, two, some)
        case DeliveryState.ON_WIRE | DeliveryState.FAILED | DeliveryState.EXPIRED:
            claim_and_gate(store, edition, two)
            settle_deliveries(store, Settlement(claim.id, two, became, "no"))
    assert read_delivery_states(store, edition)[claim.address] is became
    settle_deliveries(store, Settlement(claim.id, one, SENT, "250 ok"))
    kept = read_deliveries(store, edition)[claim.address]
    assert (kept.state, kept.reply) == (SENT, "250 ok")
    with store.read() as tx:
        assert outbox.explain_outcome(tx, edition, claim.address)


# ---- back to the queue ------------------------------------------------------------------------


def test_giving_back_touches_only_ones_own(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    mine = claim_deliveries(store, edition, one, limit=3)
    claim_deliveries(store, edition, two)
    gate_deliveries(store, one, mine[:1])
    with store.begin() as tx:
        assert tx.outbox.return_claims(edition.id, one, keep_ids=[mine[1].id]) == 1
    found = read_deliveries(store, edition)
    assert found[mine[0].address].state is ON_WIRE
    assert found[mine[1].address].state is CLAIMED
    assert (found[mine[2].address].state, found[mine[2].address].attempt) == (QUEUED, 0)
    assert [row.state for row in found.values()].count(CLAIMED) == 3


def test_what_waits_for_its_turn_in_a_domain_is_due_then(
    store: Store, edition: Edition, one: int, two: int
) -> None:
    some = claim_deliveries(store, edition, one)
    with store.begin() as tx:
        tx.outbox.postpone_deliveries(one, [(some[0].id, 0), (some[1].id, 3600)])
        tx.outbox.postpone_deliveries(two, [(some[2].id, 0)])
        assert tx.outbox.count_due_deliveries(edition.id) == 1
    found = read_deliveries(store, edition)
    for claim in some[:2]:
        assert (found[claim.address].state, found[claim.address].attempt) == (QUEUED, 0)
    assert [row.state for row in found.values()].count(CLAIMED) == 3
    assert [again.id for again in claim_deliveries(store, edition, two)] == [some[0].id]


def test_cancelling_takes_all_that_has_not_gone(
    mailer: Mailer, store: Store, edition: Edition, one: int
) -> None:
    some = claim_deliveries(store, edition, one, limit=3)
    gate_deliveries(store, one, some[:1])
    with store.begin() as tx:
        editions.cancel_edition(
            tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
        )
    found = read_deliveries(store, edition)
    assert found.pop(some[0].address).state is ON_WIRE
    assert {(row.state, row.attempt) for row in found.values()} == {(DeliveryState.CANCELLED, 0)}
    assert check_gate_again(store, one, some) == set()
    settle_deliveries(store, Settlement(some[0].id, one, SENT, "250 ok"))
    assert read_delivery_states(store, edition)[some[0].address] is SENT


def test_what_was_refused_for_no_fault_of_theirs_is_queued_again(
    store: Store, edition: Edition, one: int
) -> None:
    some = claim_and_gate(store, edition, one)
    settle_deliveries(
        store, *[Settlement(claim.id, one, FAILED, "550 5.7.1 no") for claim in some[:3]]
    )
    with store.begin() as tx:
        assert (
            tx.outbox.return_to_queue(edition.id, [FAILED], [claim.id for claim in some[1:]]) == 2
        )
    found = read_deliveries(store, edition)
    assert found[some[0].address].state is FAILED
    assert (found[some[1].address].state, found[some[1].address].attempt) == (QUEUED, 0)


# ---- several editions -------------------------------------------------------------------------


def test_one_edition_is_nothing_to_another(
    mailer: Mailer, store: Store, edition: Edition, one: int, two: int
) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "roads")
        made = editions.approve_edition(
            tx, AMINA, factories.create_edition(tx, "roads"), mailer.renderer, mailer.clock()
        )
        other, _ = editions.start_edition(tx, STAFF, made, mailer.renderer, mailer.clock())
    claim_deliveries(store, edition, one)
    with store.begin() as tx:
        assert tx.outbox.return_claims(other.id, one) == 0
        assert tx.outbox.has_unfinished_deliveries(other)
        assert tx.outbox.is_claimed_by_others([edition.id, other.id], two)
        assert not tx.outbox.is_claimed_by_others([edition.id], one)
        assert not tx.outbox.is_claimed_by_others([other.id], two)
        assert tx.outbox.lock_edition_states([edition.id, other.id, 99]) == {
            edition.id: EditionState.SENDING,
            other.id: EditionState.SENDING,
        }
    assert len(claim_deliveries(store, other, two)) == 5
