"""Service mails with the same text share one edition, and each passes the gate."""

from dataclasses import replace

from mailer import editions
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.field_types import FieldType
from mailer.message import Slot, build_field_argument
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState, Priority
from mailer.model.service_mails import Addressee
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import HOUR, NOW
from tests.integration.store.outbox.service_mail_factories import (
    BODY,
    CONFIRM,
    WELCOME,
    deliver_all,
    list_all_editions,
    queue_mail,
)
from tests.integration.store.outbox.transitions import (
    check_gate_again,
    claim_deliveries,
    gate_deliveries,
)

S = EditionState


# ---- service editions -------------------------------------------------------------------------


def test_service_mail_goes_at_once_to_address_on_no_list(
    ready_mailer: Mailer, relay: Relay
) -> None:
    with ready_mailer.store.begin() as tx:
        assert queue_mail(tx, "a@example.net", "b@example.net") == {
            "a@example.net",
            "b@example.net",
        }
    (edition,) = list_all_editions(ready_mailer.store)
    assert (edition.kind, edition.state, edition.priority) == (
        EditionKind.SERVICE,
        S.SENDING,
        Priority.URGENT,
    )
    assert (edition.archive, edition.list, edition.template) == (
        ArchiveVisibility.PRIVATE,
        "news",
        "confirm",
    )
    deliver_all(ready_mailer)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]
    assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [S.SENT]


def test_equal_service_mails_share_one_edition(ready_mailer: Mailer, relay: Relay) -> None:
    for address in ("a@example.net", "b@example.net", "c@example.net"):
        with ready_mailer.store.begin() as tx:
            queue_mail(tx, address)
        assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [S.SENDING]
        deliver_all(ready_mailer)
    (edition,) = list_all_editions(ready_mailer.store)
    assert edition.state is S.SENT
    assert len(relay.accepted) == 3
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "d@example.net", key=replace(CONFIRM, seed="changed text"))
    assert len(list_all_editions(ready_mailer.store)) == 2


def test_second_service_mail_to_address_gets_further_edition(
    ready_mailer: Mailer, relay: Relay
) -> None:
    for _ in range(3):
        with ready_mailer.store.begin() as tx:
            assert queue_mail(tx, "a@example.net") == {"a@example.net"}
        deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"] * 3
    assert [edition.name for edition in list_all_editions(ready_mailer.store)] == [
        "confirm · News",
        "confirm · News (2)",
        "confirm · News (3)",
    ]
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    states = [edition.state for edition in list_all_editions(ready_mailer.store)]
    assert states == [S.SENDING, S.SENT, S.SENT], "the first edition has room for other addresses"


def test_service_mail_is_queued_only_for_addresses_not_in_edition(
    ready_mailer: Mailer,
) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    with ready_mailer.store.begin() as tx:
        assert queue_mail(tx, "a@example.net", "b@example.net") == {"b@example.net"}
        assert queue_mail(tx, "a@example.net") == {"a@example.net"}
    assert len(list_all_editions(ready_mailer.store)) == 2


def test_rolled_back_service_mail_leaves_nothing(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    deliver_all(ready_mailer)
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
        tx.rollback()
    (edition,) = list_all_editions(ready_mailer.store)
    assert edition.state is S.SENT
    assert list(factories.read_deliveries(ready_mailer.store, edition)) == ["a@example.net"]
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]


def test_cancelled_service_edition_takes_no_more_mails(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    with ready_mailer.store.begin() as tx:
        editions.cancel_edition(
            tx, AMINA, editions.get_edition(tx, edition.id), ready_mailer.clock(), reason=""
        )
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [
        S.CANCELLED,
        S.SENDING,
    ]
    deliver_all(ready_mailer)
    assert relay.accepted == ["b@example.net"]


def test_service_mail_is_hidden_from_lists_of_editions(ready_mailer: Mailer) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
        queue_mail(tx, "a@example.net", key=WELCOME)
    with ready_mailer.store.read() as tx:
        assert tx.editions.list_recent_editions() == []
        assert tx.editions.find_unnotified_editions(9) == []


# ---- the gate ---------------------------------------------------------------------------------


def test_service_mail_to_suppressed_address_is_not_sent(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net", "b@example.net")
        factories.suppress_address(tx, "b@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]
    (edition,) = list_all_editions(ready_mailer.store)
    assert (
        factories.read_delivery_states(ready_mailer.store, edition)["b@example.net"]
        is DeliveryState.SUPPRESSED
    )


def test_suppression_after_claim_blocks_service_mail(ready_mailer: Mailer, worker_id: int) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net", "b@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    claims = claim_deliveries(ready_mailer.store, edition, worker_id)
    with ready_mailer.store.begin() as tx:
        factories.suppress_address(tx, "b@example.net")
    addresses_by_id = {claim.id: claim.address for claim in claims}
    assert {
        addresses_by_id[delivery_id]
        for delivery_id in gate_deliveries(ready_mailer.store, worker_id, claims)
    } == {"a@example.net"}
    with ready_mailer.store.begin() as tx:
        factories.suppress_address(tx, "a@example.net")
    assert check_gate_again(ready_mailer.store, worker_id, claims) == set()


def test_request_id_of_service_mail_is_not_taken_for_member(
    ready_mailer: Mailer, relay: Relay, worker_id: int
) -> None:
    """The id in a confirmation may equal that of a member who unsubscribed, or of another one."""
    with ready_mailer.store.begin() as tx:
        leaver = factories.add_subscriber(tx, "leaver@example.org")
        factories.unsubscribe_address(tx, "leaver@example.org")
        tx.service_mails.queue_service_mail(
            CONFIRM, BODY, {"a@example.net": Addressee(leaver.id)}, NOW, STAFF
        )
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]
    with ready_mailer.store.read() as tx:
        assert tx.subscribers.list_mailed_editions(leaver) == []


def test_welcome_mail_goes_only_to_members(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        member = factories.add_subscriber(tx, "stays@example.org")
        leaver = factories.add_subscriber(tx, "leaves@example.org")
        members = {subscriber.address: Addressee(subscriber.id) for subscriber in (member, leaver)}
        tx.service_mails.queue_service_mail(
            WELCOME, BODY, members | {"stranger@example.org": Addressee(99)}, NOW, STAFF
        )
        factories.unsubscribe_address(tx, "leaves@example.org")
    deliver_all(ready_mailer)
    assert relay.accepted == ["stays@example.org"]


def test_erased_address_gets_no_service_mail(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
        tx.subscribers.erase_address("a@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == []
    (edition,) = list_all_editions(ready_mailer.store)
    assert [*factories.read_delivery_states(ready_mailer.store, edition).values()] == [
        DeliveryState.SUPPRESSED
    ]


def test_paused_service_edition_holds_its_mails(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    with ready_mailer.store.begin() as tx:
        editions.pause_edition(
            tx,
            create_local_actor("Ana"),
            editions.get_edition(tx, edition.id),
            NOW + HOUR,
        )
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == []
    with ready_mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, editions.get_edition(tx, edition.id), NOW + HOUR)
    deliver_all(ready_mailer)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]


def test_copy_holds_the_fields_that_its_body_prints(ready_mailer: Mailer) -> None:
    argument = build_field_argument("town", FieldType.TEXT, "en", "here")
    body = replace(BODY, text=f"{BODY.marker}{Slot.FIELD}{argument.encode().hex()}z\n")
    people = {
        "a@example.net": Addressee(7, fields={"town": "Vigo", "level": "friend"}),
        "b@example.net": Addressee(8),
    }
    with ready_mailer.store.begin() as tx:
        tx.service_mails.queue_service_mail(WELCOME, body, people, NOW, STAFF)
    (edition,) = list_all_editions(ready_mailer.store)
    deliveries = factories.read_deliveries(ready_mailer.store, edition)
    assert deliveries["a@example.net"].fields == '{"town":"Vigo"}'
    assert deliveries["b@example.net"].fields == ""
