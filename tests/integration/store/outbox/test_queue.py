"""The moves of a delivery, one by one: claim, gate and settle."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from mailer import editions, outbox
from mailer.actor import Actor
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


def test_claim_takes_due_deliveries_and_counts_attempt(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    first = claim_deliveries(store, edition, worker_id, limit=2)
    rest = claim_deliveries(store, edition, other_worker_id)
    assert (len(first), len(rest)) == (2, 3)
    assert {claim.attempt for claim in first + rest} == {1}
    assert sorted(claim.address for claim in first + rest) == READERS
    assert claim_deliveries(store, edition, worker_id) == []
    assert are_all_in_state(store, edition, CLAIMED, 1)


def test_claim_has_every_field_of_its_delivery(
    store: Store, edition: Edition, worker_id: int
) -> None:
    claim = claim_deliveries(store, edition, worker_id)[0]
    row = read_deliveries(store, edition)[claim.address]
    assert claim == Claim(*(getattr(row, field) for field in Claim._fields))


def test_claim_takes_at_most_its_limit(mailer: Mailer, store: Store, worker_id: int) -> None:
    many = begin_edition(mailer, *make_addresses(60))
    assert len(claim_deliveries(store, many, worker_id, limit=7)) == 7
    assert list(read_delivery_states(store, many).values()).count(CLAIMED) == 7


def test_simultaneous_claims_share_deliveries(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int, backend: str
) -> None:
    """PostgreSQL skips the rows that another transaction is about to claim."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with store.begin() as tx, store.begin() as other_tx:
        first = tx.outbox.claim_deliveries(edition.id, worker_id, 3)
        second = other_tx.outbox.claim_deliveries(edition.id, other_worker_id, 9)
    assert (len(first), len(second)) == (3, 2)


def test_deferred_450_delivery_is_not_due_before_its_time(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    (claim,) = claim_and_gate(store, edition, worker_id, limit=1)
    settle_deliveries(
        store, Settlement(claim.id, worker_id, QUEUED, "450 later", DAY.total_seconds())
    )
    assert len(claim_deliveries(store, edition, other_worker_id)) == 4
    row = read_deliveries(store, edition)[claim.address]
    assert (row.state, row.reply, row.attempt) == (QUEUED, "450 later", 1)
    assert abs(row.next_attempt_at - get_utc_now() - DAY) < timedelta(minutes=1)
    with store.begin() as tx:
        assert tx.outbox.count_due_deliveries(edition.id) == 0
        assert tx.outbox.make_deliveries_due(edition) == 1
        assert tx.outbox.count_due_deliveries(edition.id) == 1
    assert [claim.attempt for claim in claim_deliveries(store, edition, other_worker_id)] == [2]


# ---- the gate ---------------------------------------------------------------------------------


def test_gate_passes_only_claims_of_its_worker(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claims = claim_deliveries(store, edition, worker_id)
    assert gate_deliveries(store, other_worker_id, claims) == set()
    assert are_all_in_state(store, edition, CLAIMED, 1)
    assert gate_deliveries(store, worker_id, claims) == {claim.id for claim in claims}
    assert are_all_in_state(store, edition, ON_WIRE, 1)


def test_gate_recheck_passes_again_for_its_worker(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claims = claim_and_gate(store, edition, worker_id)
    assert check_gate_again(store, worker_id, claims) == {claim.id for claim in claims}
    assert check_gate_again(store, other_worker_id, claims) == set()
    assert are_all_in_state(store, edition, ON_WIRE, 1)


def suppress_reader(tx: SqlTransaction) -> None:
    factories.suppress_address(tx, READERS[0])


def unsubscribe_reader(tx: SqlTransaction) -> None:
    factories.unsubscribe_address(tx, READERS[0])


GATE_AND_RECHECK = pytest.mark.parametrize(
    ("get_claims", "check_gate"),
    [(claim_deliveries, gate_deliveries), (claim_and_gate, check_gate_again)],
    ids=["gate", "second look"],
)
ClaimGetter = Callable[[Store, Edition, int], list[Claim]]
GateCheck = Callable[[Store, int, Sequence[Claim]], set[int]]


def pause_reader(tx: SqlTransaction) -> None:
    subscriber = subscribers.get_subscriber(tx, READERS[0])
    week, now = timedelta(weeks=1), datetime.now(UTC)
    preferences.pause_memberships(
        tx, STAFF, subscriber, [factories.get_mailing_list(tx)], week, now
    )


@pytest.mark.parametrize("action", [suppress_reader, unsubscribe_reader, pause_reader])
@GATE_AND_RECHECK
def test_unsubscribe_suppression_or_pause_blocks_gate(
    store: Store,
    edition: Edition,
    worker_id: int,
    action: Callable[[SqlTransaction], None],
    get_claims: ClaimGetter,
    check_gate: GateCheck,
) -> None:
    claims = get_claims(store, edition, worker_id)
    with store.begin() as tx:
        action(tx)
    passed = check_gate(store, worker_id, claims)
    refused = [claim for claim in claims if claim.id not in passed]
    assert [claim.address for claim in refused] == [READERS[0]]
    assert settle_refused_deliveries(store, worker_id, refused) == 1
    row = read_deliveries(store, edition)[READERS[0]]
    assert (row.state, row.attempt) == (SUPPRESSED, 0)


def test_unsubscribe_from_other_list_does_not_block_gate(
    store: Store, edition: Edition, worker_id: int
) -> None:
    claims = claim_deliveries(store, edition, worker_id)
    with store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        factories.add_subscriber(tx, READERS[0], list_slug="press")
        factories.unsubscribe_address(tx, READERS[0], list_slug="press")
    assert len(gate_deliveries(store, worker_id, claims)) == 5


def set_cancelled(tx: SqlTransaction, actor: Actor, edition: Edition, now: datetime) -> Edition:
    """Cancel an edition but none of its deliveries, so that only the gate stops them."""
    return tx.editions.set_state(edition, EditionState.CANCELLED, now, actor)


@GATE_AND_RECHECK
def test_cancelling_edition_cancels_claimed_deliveries(
    store: Store, edition: Edition, worker_id: int, get_claims: ClaimGetter, check_gate: GateCheck
) -> None:
    claims = get_claims(store, edition, worker_id)
    with store.begin() as tx:
        editions.cancel_edition(tx, STAFF, edition, get_utc_now())
    assert check_gate(store, worker_id, claims) == set()
    settle_refused_deliveries(store, worker_id, claims)
    assert are_all_in_state(store, edition, DeliveryState.CANCELLED, 0)


@GATE_AND_RECHECK
@pytest.mark.parametrize(
    ("action", "expected_state", "settled_count"),
    [
        (editions.pause_edition, QUEUED, 0),
        (set_cancelled, DeliveryState.CANCELLED, 5),
    ],
)
def test_paused_or_cancelled_edition_blocks_gate(
    store: Store,
    edition: Edition,
    worker_id: int,
    action: Callable[..., Edition],
    expected_state: DeliveryState,
    settled_count: int,
    get_claims: ClaimGetter,
    check_gate: GateCheck,
) -> None:
    claims = get_claims(store, edition, worker_id)
    with store.begin() as tx:
        action(tx, STAFF, edition, get_utc_now())
    assert check_gate(store, worker_id, claims) == set()
    assert settle_refused_deliveries(store, worker_id, claims) == settled_count
    assert are_all_in_state(store, edition, expected_state, 0)


def test_refused_delivery_without_own_reason_is_requeued(
    store: Store, edition: Edition, worker_id: int
) -> None:
    """If a pause ended between the gate and the refusal, no one is suppressed."""
    claims = claim_deliveries(store, edition, worker_id)
    with store.begin() as tx:
        factories.suppress_address(tx, READERS[0])
    assert settle_refused_deliveries(store, worker_id, claims) == 1
    rows = read_delivery_states(store, edition)
    assert rows.pop(READERS[0]) is SUPPRESSED
    assert set(rows.values()) == {QUEUED}


def test_only_own_worker_settles_refused_delivery(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claims = claim_and_gate(store, edition, worker_id)
    with store.begin() as tx:
        factories.suppress_address(tx, READERS[0])
    assert settle_refused_deliveries(store, other_worker_id, claims) == 0
    assert are_all_in_state(store, edition, ON_WIRE, 1)


@pytest.mark.parametrize(
    "action",
    [
        lambda tx, edition: factories.unsubscribe_address(tx, READERS[0]),
        lambda tx, edition: factories.suppress_address(tx, READERS[0]),
        lambda tx, edition: editions.pause_edition(tx, STAFF, edition, get_utc_now()),
    ],
)
def test_unsubscribe_waits_for_commit_of_open_gate(
    store: Store,
    edition: Edition,
    worker_id: int,
    action: Callable[[SqlTransaction, Edition], object],
    backend: str,
) -> None:
    """Otherwise an unsubscribe would be confirmed, and the message pass the gate a moment later."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    claims = claim_deliveries(store, edition, worker_id)
    with store.begin() as tx:
        tx.outbox.lock_edition_states([edition.id])
        assert len(tx.outbox.gate_deliveries(worker_id, [claim.id for claim in claims])) == 5
        with store.begin() as other_tx:
            other_tx.connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                action(other_tx, edition)
            other_tx.rollback()
    with store.begin() as other_tx:
        action(other_tx, edition)


# ---- settlements ------------------------------------------------------------------------------


def test_claim_before_gate_cannot_be_settled(
    store: Store, edition: Edition, worker_id: int
) -> None:
    (claim,) = claim_deliveries(store, edition, worker_id, limit=1)
    settle_deliveries(store, Settlement(claim.id, worker_id, FAILED, "550 no"))
    assert read_delivery_states(store, edition)[claim.address] is CLAIMED


def test_relay_fault_spends_no_attempt(store: Store, edition: Edition, worker_id: int) -> None:
    (claim,) = claim_and_gate(store, edition, worker_id, limit=1)
    settle_deliveries(store, Settlement(claim.id, worker_id, QUEUED, counts_as_attempt=False))
    assert read_deliveries(store, edition)[claim.address].attempt == 0


def test_reclaimed_worker_can_settle_only_acceptance(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    """The worker was slow, and was declared dead."""
    (claim,) = claim_and_gate(store, edition, worker_id, limit=1)
    with store.begin() as tx:
        assert factories.take_over_worker(tx, worker_id) == (0, 1)
    settle_deliveries(store, Settlement(claim.id, worker_id, FAILED, "550 no"))
    assert read_delivery_states(store, edition)[claim.address] is IN_DOUBT
    with store.begin() as tx:
        assert tx.outbox.apply_in_doubt_rule(edition, get_utc_now()) == 1
    (new_claim,) = [
        row for row in claim_and_gate(store, edition, other_worker_id) if row.id == claim.id
    ]
    settle_deliveries(store, Settlement(new_claim.id, worker_id, QUEUED, "451 later"))
    assert read_delivery_states(store, edition)[claim.address] is ON_WIRE
    settle_deliveries(store, Settlement(new_claim.id, worker_id, SENT, "250 2.0.0 yes"))
    settle_deliveries(store, Settlement(new_claim.id, other_worker_id, FAILED, "550 twice"))
    settle_deliveries(store, Settlement(new_claim.id, other_worker_id, SENT, "250 twice"))
    row = read_deliveries(store, edition)[claim.address]
    assert (row.state, row.reply) == (SENT, "250 2.0.0 yes")
    assert gate_deliveries(store, other_worker_id, [new_claim]) == set(), (
        "an accepted message is not sent again"
    )


@pytest.mark.parametrize(
    "state", [worker_id for worker_id in DeliveryState if worker_id is not SENT]
)
def test_late_acceptance_is_settled_in_every_state(
    store: Store,
    mailer: Mailer,
    edition: Edition,
    worker_id: int,
    other_worker_id: int,
    state: DeliveryState,
) -> None:
    (claim,) = claim_and_gate(store, edition, worker_id, limit=1)
    with store.begin() as tx:
        factories.take_over_worker(tx, worker_id)
        if state is not IN_DOUBT:
            outbox.send_in_doubt_again(tx, STAFF, edition, get_utc_now())
    match state:
        case DeliveryState.CANCELLED:
            with store.begin() as tx:
                editions.cancel_edition(tx, AMINA, edition, mailer.clock(), reason="")
        case DeliveryState.CLAIMED:
            claim_deliveries(store, edition, other_worker_id)
        case DeliveryState.SUPPRESSED:
            claims = claim_deliveries(store, edition, other_worker_id)
            with store.begin() as tx:
                factories.suppress_address(tx, claim.address)
            settle_refused_deliveries(store, other_worker_id, claims)
        case DeliveryState.DIVERTED:
            claims = claim_deliveries(store, edition, other_worker_id)
            store.safe_recipients = ("elsewhere@example.net",)
            settle_refused_deliveries(store, other_worker_id, claims)
        case DeliveryState.ON_WIRE | DeliveryState.FAILED | DeliveryState.EXPIRED:
            claim_and_gate(store, edition, other_worker_id)
            settle_deliveries(store, Settlement(claim.id, other_worker_id, state, "no"))
    assert read_delivery_states(store, edition)[claim.address] is state
    settle_deliveries(store, Settlement(claim.id, worker_id, SENT, "250 ok"))
    row = read_deliveries(store, edition)[claim.address]
    assert (row.state, row.reply) == (SENT, "250 ok")
    with store.read() as tx:
        assert outbox.explain_outcome(tx, edition, claim.address)
