"""Staff change one reader: what changes, what the log says, and when an address counts."""

import pytest

from mailer.app import Mailer
from mailer.audience import staff_edits, subscribers
from mailer.audience.own_preferences import is_on_list
from mailer.audience.signup import confirmations
from mailer.audience.staff_edits import ReaderChanges
from mailer.errors import InputError, NotFound, Refused
from mailer.field_types import FieldType
from mailer.model.lists import Frequency
from mailer.model.reader_fields import ReaderField
from mailer.model.signup import ConfirmationState, MailLimit
from mailer.model.subscribers import ConsentAction, Subscriber
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ANA = "ana@example.org"
FIELDS = {
    "town": ReaderField("town", FieldType.TEXT, {}),
    "members": ReaderField("members", FieldType.NUMBER, {}),
}


@pytest.fixture
def ready_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        factories.add_subscriber(tx, ANA, "health", name="Ana", fields={"town": "Rome", "old": "1"})
    return store


def find_ana(tx: SqlTransaction) -> Subscriber:
    return subscribers.get_subscriber(tx, ANA)


def list_details(tx: SqlTransaction) -> list[tuple[str, str, str]]:
    """Return (actor, list, detail) of the changes in Ana's log, without the first entry."""
    return [
        (entry.actor_key, entry.list, entry.detail)
        for entry in tx.subscribers.list_consent_entries(ANA)
        if entry.act is ConsentAction.CHANGED
    ]


def test_edit_changes_person_fields_and_membership(ready_store: Store) -> None:
    changes = ReaderChanges(
        person={"name": "Ana Quay", "language": "fr", "time_zone": "Europe/Paris"},
        fields={"town": "", "members": "3"},
        membership={"topics": ["climate", "health"], "frequency": Frequency.WEEKLY},
    )
    with ready_store.begin() as tx:
        edited = staff_edits.edit_reader(
            tx,
            AMINA,
            find_ana(tx),
            changes,
            NOW,
            declared_fields=FIELDS,
            mailing_list=factories.get_mailing_list(tx),
        )
        assert find_ana(tx) == edited.subscriber
        assert edited.subscriber.person.fields == {"members": "3", "old": "1"}
        (membership,) = tx.subscribers.list_memberships(edited.subscriber)
        assert membership == edited.membership
        assert (membership.topics, membership.frequency) == (("climate", "health"), "weekly")
        assert list_details(tx) == [
            (
                AMINA.key,
                "",
                "name; language: fr; time zone: Europe/Paris; field members; field town",
            ),
            (AMINA.key, "news", "topics: climate, health; frequency: weekly"),
        ]


def test_edit_without_a_change_logs_nothing(ready_store: Store) -> None:
    changes = ReaderChanges({"name": "Ana"}, {"town": "Rome"}, {"topics": ("health",)})
    with ready_store.begin() as tx:
        edited = staff_edits.edit_reader(
            tx,
            AMINA,
            find_ana(tx),
            changes,
            NOW,
            declared_fields=FIELDS,
            mailing_list=factories.get_mailing_list(tx),
        )
        assert edited.changed == ()
        assert list_details(tx) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (ReaderChanges(membership={"topics": ("health",)}), "need a list"),
        (ReaderChanges(fields={"members": "many"}), "members: 'many' is not a number"),
        (ReaderChanges(fields={"old": "2"}), "no field 'old' in the settings"),
        (ReaderChanges(person={"language": "nowhere"}), "language"),
    ],
)
def test_invalid_edit_changes_nothing(
    ready_store: Store, changes: ReaderChanges, reason: str
) -> None:
    with ready_store.begin() as tx:
        before = find_ana(tx)
        with pytest.raises(InputError) as caught:
            staff_edits.edit_reader(tx, AMINA, before, changes, NOW, declared_fields=FIELDS)
        assert reason in str(caught.value)
        assert find_ana(tx) == before
        assert list_details(tx) == []


def test_choices_of_a_person_who_left_are_not_changed(ready_store: Store) -> None:
    with ready_store.begin() as tx:
        factories.unsubscribe_address(tx, ANA)
        with pytest.raises(NotFound, match="is not on the list 'news'"):
            staff_edits.edit_reader(
                tx,
                AMINA,
                find_ana(tx),
                ReaderChanges(membership={"frequency": Frequency.WEEKLY}),
                NOW,
                mailing_list=factories.get_mailing_list(tx),
            )
        (membership,) = tx.subscribers.list_memberships(find_ana(tx))
        assert not is_on_list(membership)


# ---- the address ------------------------------------------------------------------------------


def test_new_address_counts_once_its_owner_confirms(mailer: Mailer, ready_store: Store) -> None:
    limit = MailLimit(5)
    with ready_store.begin() as tx:
        staff_edits.request_new_address(
            tx, AMINA, find_ana(tx), " ANA@example.net ", "en", limit, NOW, source="by phone"
        )
        assert find_ana(tx).address == ANA
        (request,) = tx.sign_ups.list_in_state([ConfirmationState.ASKED], 5)
        assert (request.address, request.source) == ("ana@example.net", "by phone")
        mailed = confirmations.move_confirmation(tx, STAFF, request, ConfirmationState.MAILED, NOW)
        confirmations.apply_confirmation(tx, STAFF, limit, mailed, NOW)
        assert tx.subscribers.find_subscriber(ANA) is None
        moved = subscribers.get_subscriber(tx, "ana@example.net")
        assert moved.person.fields["town"] == "Rome"


def test_confirmed_address_changes_at_once_and_says_how(ready_store: Store) -> None:
    with ready_store.begin() as tx:
        with pytest.raises(InputError, match="must say how"):
            staff_edits.change_confirmed_address(
                tx, AMINA, find_ana(tx), "ana@example.net", NOW, source=" "
            )
        moved = staff_edits.change_confirmed_address(
            tx, AMINA, find_ana(tx), "ana@example.net", NOW, source="letter of 2 December"
        )
        entries = tx.subscribers.list_consent_entries(moved.address)
    changes = [entry for entry in entries if entry.act is ConsentAction.NEW_ADDRESS]
    assert {entry.address for entry in changes} == {ANA, "ana@example.net"}
    assert {entry.source for entry in changes} == {"letter of 2 December"}
    assert {entry.actor_key for entry in changes} == {AMINA.key}


def test_address_of_another_subscriber_is_refused(ready_store: Store) -> None:
    with ready_store.begin() as tx:
        factories.add_subscriber(tx, "ben@example.org")
        with pytest.raises(Refused, match="address of another subscriber"):
            staff_edits.change_confirmed_address(
                tx, AMINA, find_ana(tx), "ben@example.org", NOW, source="letter"
            )
        assert find_ana(tx).address == ANA
