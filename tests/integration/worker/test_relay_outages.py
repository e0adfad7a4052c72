"""A relay that refuses is on record, so that any process can say that mail is not going out."""

from datetime import timedelta

import pytest

from mailer import editions, outbox
from mailer.actor import DELIVERY
from mailer.app.relay_outages import OutageRecorder
from mailer.config import Relay
from mailer.delivery.outcomes import DeliveryProgress
from mailer.errors import RelayError
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState
from mailer.model.relay_outages import RelayOutage, RelayRest
from mailer.worker.status import WorkerStatus, read_status
from tests.actors import STAFF
from tests.fake_relay import Step
from tests.integration.worker.conftest import HOUR, MINUTE, NINE, WorkerHarness


@pytest.fixture
def started(harness: WorkerHarness) -> WorkerHarness:
    """An office in which the sending of an edition has begun."""
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("daily")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    assert harness.get_edition().state is EditionState.SENDING
    return harness


def load_status(harness: WorkerHarness) -> WorkerStatus:
    with harness.mailer.store.read() as tx:
        return read_status(harness.mailer, tx)


def test_status_says_first_that_relay_refuses_until_it_accepts_again(
    started: WorkerHarness,
) -> None:
    started.relay.answer_always(Step.MAIL, "550 5.7.1 <office@example.org> is not yours")
    with pytest.raises(RelayError):
        started.deliver_editions()
    words = (
        "relay relay has accepted nothing since 09:00 UTC: the relay replied 550 5.7.1 <<address>> "
        "is not yours (to MAIL); tried again when mail is next due"
    )
    status = load_status(started)
    assert status.headline == f"mail is not going out: {words}"
    assert words in status.problems
    started.now += MINUTE
    started.relay.reset_script()
    with started.mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, started.get_edition(), started.now)
    started.deliver_editions()
    started.run_tick()
    status = load_status(started)
    assert status.relay_outages == ()
    assert status.headline.startswith("mail goes out when it is due")
    assert list(status.problems) == []


def test_relay_that_refuses_connections_is_on_record(started: WorkerHarness) -> None:
    started.relay.answer_always(Step.CONNECT, "421 4.3.2 too busy")
    with pytest.raises(RelayError):
        started.deliver_editions()
    (outage,) = load_status(started).relay_outages
    assert (outage.relay, outage.since) == ("relay", NINE)
    assert outage.reason.startswith("the relay replied 421 4.3.2 too busy")
    assert outage.retry_at is not None


def test_outage_goes_on_since_it_began_and_names_next_try(harness: WorkerHarness) -> None:
    now = harness.now
    with harness.mailer.store.begin() as tx:
        outbox.record_relay_outage(tx, DELIVERY, "relay", RelayRest("first", 5.0), now)
        outage = outbox.record_relay_outage(
            tx, DELIVERY, "relay", RelayRest("then", 120.0), now + MINUTE
        )
        assert tx.outbox.list_relay_outages() == [outage]
    assert outage == RelayOutage("relay", now, "then", now + 3 * MINUTE)
    assert outage.describe_outage(now + MINUTE).endswith(
        "since 06:00 UTC: then; tried again at 06:03 UTC"
    )
    later = outage.describe_outage(now + timedelta(days=1))
    assert later.endswith("since Mon 01 Mar 06:00 UTC: then; tried again when mail is next due")
    with harness.mailer.store.begin() as tx:
        outbox.end_relay_outage(tx, DELIVERY, "relay")
        assert tx.outbox.list_relay_outages() == []


def test_one_relay_of_two_that_fails_is_a_problem_and_mail_still_goes_out(
    harness: WorkerHarness,
) -> None:
    settings = harness.mailer.settings
    harness.mailer.settings = settings.model_copy(
        update={"relays": {"second": Relay(host="127.0.0.1", port=harness.relay.port)}}
    )
    with harness.mailer.store.begin() as tx:
        for relay in ("second", "removed from the settings"):
            outbox.record_relay_outage(tx, DELIVERY, relay, RelayRest("no", None), harness.now)
    harness.run_tick()
    status = load_status(harness)
    assert [outage.relay for outage in status.relay_outages] == ["second"]
    assert status.headline.startswith("mail goes out when it is due")
    assert list(status.problems) == [status.relay_outages[0].describe_outage(harness.now)]


def test_record_of_earlier_process_is_removed_once_relay_answers(harness: WorkerHarness) -> None:
    store = harness.mailer.store
    with store.begin() as tx:
        outbox.record_relay_outage(tx, DELIVERY, "relay", RelayRest("no", None), harness.now)
    recorder = OutageRecorder(store, harness.mailer.clock)
    recorder.record_progress(DeliveryProgress())
    with store.read() as tx:
        assert tx.outbox.list_relay_outages()
    recorder.record_progress(DeliveryProgress(answering_relays=("relay",)))
    with store.read() as tx:
        assert tx.outbox.list_relay_outages() == []
    recorder.record_progress(DeliveryProgress(relay_rests={"relay": RelayRest("again", 1.0)}))
    with store.read() as tx:
        assert [outage.reason for outage in tx.outbox.list_relay_outages()] == ["again"]
