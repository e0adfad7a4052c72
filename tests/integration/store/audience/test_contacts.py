"""Adding, editing and importing media contacts, in the database."""

from typing import Any

import pytest

from mailer.audience import contacts, lists, subscribers
from mailer.audience.imports.contacts import ContactRow, import_contacts
from mailer.errors import NotFound, Refused
from mailer.model.contacts import Contact, ContactProfile, FollowUp, Trust
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Visibility
from mailer.model.subscribers import Evidence, MembershipState, Person
from mailer.model.suppressions import SuppressionReason
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ANA, BEN = "ana@example.org", "ben@example.org"
EVIDENCE = Evidence(source="a file")
BEATS = frozenset({"beats"})


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        lists.add_list(tx, STAFF, "press", "Press", NOW, visibility=Visibility.PRIVATE)
    return store


def add_contact(tx: SqlTransaction, **changes: Any) -> tuple[Contact, bool]:
    return contacts.add_contact(
        tx,
        STAFF,
        Person(ANA),
        contacts.get_private_list(tx, "press"),
        changes,
        NOW,
        evidence=EVIDENCE,
    )


def make_row(line: int, address: str, *beats: str) -> ContactRow:
    return ContactRow(ImportRow(line, Person(address)), ContactProfile(beats=beats), BEATS)


def import_rows(
    tx: SqlTransaction, *rows: ContactRow | RowResult, lines: dict[str, int] | None = None
) -> list[RowResult]:
    return import_contacts(
        tx,
        STAFF,
        rows,
        "press",
        NOW,
        evidence=EVIDENCE,
        lines_by_address={} if lines is None else lines,
    )


def test_contacts_are_added_to_private_lists_only(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        with pytest.raises(Refused, match="'news' is a public list, which anyone may join"):
            contacts.get_private_list(tx, "news")
        with pytest.raises(NotFound):
            contacts.get_private_list(tx, "unknown")
        assert contacts.get_private_list(tx, "press").slug == "press"


def test_contacts_who_left_or_bounced_are_not_imported_as_active(seeded_store: Store) -> None:
    left = ContactRow(
        ImportRow(2, Person(ANA), state=RowState.UNSUBSCRIBED), ContactProfile(), BEATS
    )
    bounced = ContactRow(
        ImportRow(3, Person(BEN), state=RowState.SUPPRESSED, reason=SuppressionReason.BOUNCE),
        ContactProfile(),
        BEATS,
    )
    with seeded_store.begin() as tx:
        results = import_rows(tx, left, bounced, make_row(4, ANA))
        assert [result.outcome for result in results] == [
            RowOutcome.LEFT,
            RowOutcome.SUPPRESSED,
            RowOutcome.SKIPPED,
        ]
        subscriber = subscribers.get_subscriber(tx, ANA)
        membership = subscribers.find_membership(tx, subscriber, "press")
        assert membership
        assert membership.state is MembershipState.UNSUBSCRIBED
        assert tx.subscribers.find_suppression_reason(BEN) == "bounce"


def test_adding_contact_again_changes_only_stated_fields(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        assert add_contact(tx, outlet="The Example", trust=Trust.TRUSTED)[1]
        contact, changed = add_contact(tx, beats=("health",))
        assert changed
        assert contact.profile == ContactProfile("The Example", ("health",), Trust.TRUSTED)
        assert add_contact(tx) == (contact, False)


def test_adding_contact_keeps_topics_chosen_on_the_list(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", list_slug="press")
        contact, _ = add_contact(tx)
        membership = subscribers.find_membership(tx, contact.subscriber, "press")
    assert membership is not None
    assert membership.topics == ("health",)


def test_editing_contact_changes_only_stated_fields(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        contact, _ = add_contact(tx, outlet="The Example", trust=Trust.TRUSTED)
        edited = contacts.edit_contact(
            tx, STAFF, contact.subscriber, {"follow_up": FollowUp.NEVER}, NOW
        )
        assert edited.profile == ContactProfile("The Example", (), Trust.TRUSTED, FollowUp.NEVER)
        other_subscriber = factories.add_subscriber(tx, BEN)
        with pytest.raises(NotFound, match="is not a media contact"):
            contacts.edit_contact(tx, STAFF, other_subscriber, {}, NOW)


def test_contact_import_reports_added_updated_and_unchanged(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        assert [
            import_rows(tx, make_row(2, ANA, *beats))[0].outcome
            for beats in (["health"], ["health"], ["work"])
        ] == [RowOutcome.ADDED, RowOutcome.UNCHANGED, RowOutcome.UPDATED]


def test_first_line_of_an_address_counts_across_batches(seeded_store: Store) -> None:
    lines: dict[str, int] = {}
    with seeded_store.begin() as tx:
        refused = RowResult(4, RowOutcome.REFUSED, "", "it is empty")
        results = import_rows(
            tx, make_row(2, ANA, "health"), make_row(3, ANA, "work"), refused, lines=lines
        )
        results += import_rows(tx, make_row(5, ANA, "work"), lines=lines)
        assert [(result.outcome, result.reason) for result in results] == [
            (RowOutcome.ADDED, ""),
            (RowOutcome.SKIPPED, "line 2 has this address"),
            (RowOutcome.REFUSED, "it is empty"),
            (RowOutcome.SKIPPED, "line 2 has this address"),
        ]
        contact = contacts.get_contact(tx, subscribers.get_subscriber(tx, ANA))
    assert contact.profile.beats == ("health",)


def test_contact_import_does_not_resubscribe_people(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        contact, _ = add_contact(tx)
        subscribers.unsubscribe_person(
            tx, STAFF, contact.subscriber, lists.get_list(tx, "press"), NOW
        )
        (result,) = import_rows(tx, make_row(2, ANA, "health"))
        assert result.outcome is RowOutcome.SKIPPED
        assert "unsubscribed from the list 'press'" in result.reason
        assert contacts.get_contact(tx, contact.subscriber).profile.beats == ()


def test_contact_import_refuses_public_list(seeded_store: Store) -> None:
    with seeded_store.begin() as tx, pytest.raises(Refused, match="is a public list"):
        import_contacts(
            tx, STAFF, [make_row(2, ANA)], "news", NOW, evidence=EVIDENCE, lines_by_address={}
        )
