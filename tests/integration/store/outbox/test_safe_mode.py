"""Safe mode at the gate: only the recipients of the settings pass, and the others are diverted."""

import string
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update

from mailer import outbox, recovery
from mailer.app import Mailer
from mailer.model.deliveries import DIVERTED_REPLY, DeliveryState
from mailer.model.editions import Edition
from mailer.model.safe_mode import SafeMode
from mailer.store import Store
from mailer.store.prepared_statements import PreparedStatement
from mailer.store.schema import delivery
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW, read_deliveries, read_delivery_states
from tests.integration.store.outbox.transitions import (
    READERS,
    check_gate_again,
    claim_and_gate,
    claim_deliveries,
    gate_deliveries,
    settle_refused_deliveries,
)

DIVERTED, ON_WIRE, QUEUED = DeliveryState.DIVERTED, DeliveryState.ON_WIRE, DeliveryState.QUEUED


def pass_gate(store: Store, edition: Edition, worker_id: int) -> set[str]:
    """Gate all deliveries, settle those that the gate refuses, and return the addresses of the
    others."""
    claims = claim_deliveries(store, edition, worker_id)
    passed_ids = gate_deliveries(store, worker_id, claims)
    settle_refused_deliveries(
        store, worker_id, [claim for claim in claims if claim.id not in passed_ids]
    )
    return {claim.address for claim in claims if claim.id in passed_ids}


@pytest.mark.parametrize(
    ("recipients", "passed"),
    [
        (READERS[:1], READERS[:1]),
        (["@example.org"], READERS),
        (["@example.net"], []),
        (["@org"], []),
        (["@ple.org"], []),
        (["@xample.org", "@.org", "@", "%", "_", "%@example.org", "@example_org"], []),
        ([READERS[1], "@example.net", READERS[2]], READERS[1:3]),
    ],
)
def test_gate_lets_only_safe_recipients_pass(
    store: Store, edition: Edition, worker_id: int, recipients: list[str], passed: Sequence[str]
) -> None:
    store.safe_recipients = tuple(recipients)
    assert pass_gate(store, edition, worker_id) == set(passed)
    rows = read_deliveries(store, edition)
    for address, row in rows.items():
        if address in passed:
            assert (row.state, row.attempt) == (ON_WIRE, 1)
        else:
            assert (row.state, row.attempt) == (DIVERTED, 0), "its attempt does not count"
            assert row.reply == DIVERTED_REPLY


def test_domain_of_safe_mode_does_not_cover_its_subdomains(
    store: Store, edition: Edition, worker_id: int
) -> None:
    with store.begin() as tx:
        for address, new_address in zip(
            READERS,
            ("a@sub.example.net", "a@example.net", "a@EXAMPLE.NET", "example.net@b.org", "a@b.org"),
            strict=True,
        ):
            tx.connection.execute(
                update(delivery).where(delivery.c.address == address).values(address=new_address)
            )
    store.safe_recipients = ("@example.net",)
    assert pass_gate(store, edition, worker_id) == {"a@example.net", "a@EXAMPLE.NET"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.from_regex(r"[ab%_]{0,2}@?[ab.%_]{0,3}", fullmatch=True), min_size=1),
    st.from_regex(r"[ab%_]{1,2}@[ab.]{1,3}", fullmatch=True),
)
@example(["@b.a"], "a@b.a")
@example(["a@b"], "aa@b")
def test_record_of_safe_mode_judges_as_the_gate_does(
    store: Store, edition: Edition, recipients: list[str], address: str
) -> None:
    store.safe_recipients = tuple(recipients)
    with store.begin() as tx:
        worker_id = factories.register_worker(tx)
        tx.connection.execute(
            update(delivery).values(address=delivery.c.id.concat(f"{string.ascii_letters}@x.y"))
        )
        first_id = tx.outbox.list_deliveries(edition)[0].id
        tx.connection.execute(
            update(delivery)
            .where(delivery.c.id == first_id)
            .values(address=address, state="claimed", worker_id=worker_id)
        )
        passed_ids = tx.outbox.gate_deliveries(worker_id, [first_id])
        tx.connection.execute(update(delivery).values(state="queued", worker_id=None))
    assert bool(passed_ids) == SafeMode(tuple(recipients)).is_recipient(address)


def test_clone_without_recipients_lets_no_one_pass(
    store: Store, edition: Edition, worker_id: int
) -> None:
    with store.begin() as tx:
        recovery.declare_clone(tx, STAFF, NOW)
        worker_id = factories.register_worker(tx, "the clone's")
        assert tx.outbox.find_safe_mode() == SafeMode((), is_clone=True)
    assert pass_gate(store, edition, worker_id) == set()
    assert set(read_delivery_states(store, edition).values()) == {DIVERTED}


def test_clone_lets_the_recipients_of_its_settings_pass(
    store: Store, edition: Edition, worker_id: int
) -> None:
    store.safe_recipients = (READERS[0],)
    with store.begin() as tx:
        recovery.declare_clone(tx, STAFF, NOW)
        worker_id = factories.register_worker(tx, "the clone's")
        assert tx.outbox.find_safe_mode() == SafeMode((READERS[0],), is_clone=True)
    assert pass_gate(store, edition, worker_id) == {READERS[0]}


def test_clone_takes_over_the_claims_of_the_workers_of_its_original(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claim_and_gate(store, edition, worker_id, limit=2)
    claim_deliveries(store, edition, other_worker_id, limit=1)
    with store.begin() as tx:
        recovery.declare_clone(tx, STAFF, NOW)
        assert tx.outbox.list_workers() == []
    states = list(read_delivery_states(store, edition).values())
    assert states.count(DeliveryState.IN_DOUBT) == 2
    assert states.count(QUEUED) == 3


def test_message_past_the_gate_is_diverted_by_a_later_check(
    store: Store, edition: Edition, worker_id: int
) -> None:
    claims = claim_and_gate(store, edition, worker_id)
    store.safe_recipients = (READERS[0],)
    passed_ids = check_gate_again(store, worker_id, claims)
    assert {claim.address for claim in claims if claim.id in passed_ids} == {READERS[0]}
    refused_claims = [claim for claim in claims if claim.id not in passed_ids]
    assert settle_refused_deliveries(store, worker_id, refused_claims) == 4
    assert list(read_delivery_states(store, edition).values()).count(DIVERTED) == 4


def test_suppressed_address_stays_suppressed_in_safe_mode(
    store: Store, edition: Edition, worker_id: int
) -> None:
    store.safe_recipients = ("elsewhere@example.net",)
    with store.begin() as tx:
        factories.suppress_address(tx, READERS[0])
    pass_gate(store, edition, worker_id)
    states = read_delivery_states(store, edition)
    assert states.pop(READERS[0]) is DeliveryState.SUPPRESSED
    assert set(states.values()) == {DIVERTED}


def test_diverted_deliveries_are_counted_apart_and_leave_nothing_to_do(
    store: Store, edition: Edition, worker_id: int
) -> None:
    store.safe_recipients = ("elsewhere@example.net",)
    pass_gate(store, edition, worker_id)
    with store.read() as tx:
        report = tx.outbox.build_report(edition)
        assert {state: count for state, count in report.states.items() if count} == {DIVERTED: 5}
        assert not tx.outbox.has_unfinished_deliveries(edition)
        for address in READERS:
            explanation = outbox.explain_outcome(tx, edition, address)
            assert "did not get" in explanation
            assert "safe mode was on" in explanation


def test_diverted_deliveries_are_sent_only_after_a_persons_retry(
    store: Store, edition: Edition, worker_id: int
) -> None:
    store.safe_recipients = ("elsewhere@example.net",)
    pass_gate(store, edition, worker_id)
    store.safe_recipients = ()
    assert claim_deliveries(store, edition, worker_id) == []
    with store.begin() as tx:
        assert outbox.retry_failed_deliveries(tx, STAFF, edition, NOW) == 0
        assert outbox.retry_diverted_deliveries(tx, STAFF, edition, NOW) == 5
    assert pass_gate(store, edition, worker_id) == set(READERS)


def test_unsent_delivery_is_explained_while_safe_mode_is_on(
    store: Store, mailer: Mailer, edition: Edition
) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "harbour")
        draft = factories.create_edition(tx, "harbour")
        draft = factories.approve_without_composing(mailer, tx, draft)
    store.safe_recipients = (READERS[0],)
    with store.read() as tx:
        for planned in (edition, draft):
            for address in READERS[1:]:
                explanation = outbox.explain_outcome(tx, planned, address)
                assert "will not get it in safe mode ([safe] is set" in explanation
            assert "safe mode" not in outbox.explain_outcome(tx, planned, READERS[0])


def test_safe_mode_is_no_statement_of_its_own(
    store: Store, edition: Edition, worker_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safe mode is a condition of the gate's statements."""
    executed: list[str] = []
    for method in ("run", "fetch_rows"):
        original = getattr(PreparedStatement, method)

        def note_statement(*arguments: Any, method: str = method, original: Any = original) -> Any:
            executed.append(method)
            return original(*arguments)

        monkeypatch.setattr(PreparedStatement, method, note_statement)
    event.listen(
        store.engine, "before_cursor_execute", lambda *arguments: executed.append("another")
    )
    statements = []
    for recipients in ((), (READERS[0], READERS[1])):
        store.safe_recipients = recipients
        claims = claim_deliveries(store, edition, worker_id, limit=2)
        executed.clear()
        with store.begin() as tx:
            tx.outbox.gate_deliveries(worker_id, [claim.id for claim in claims])
        statements.append([*executed])
    assert statements[0] == statements[1]
    assert 1 <= len(statements[0]) <= 2
