"""Urgent editions: they reach members of every frequency, and say why."""

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.audience import preferences
from mailer.errors import InputError, Refused
from mailer.model.deliveries import Exclusion
from mailer.model.edition_states import EditionRole, EditionState, Priority
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.outbox import explain_outcome
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ANA, BEN = "ana@example.org", "ben@example.org"
REASONS = {"en": "The dam may break tonight.", "fr": "Le barrage peut céder cette nuit."}


def create_flood_edition(tx: SqlTransaction) -> Edition:
    """Make an edition of regular frequency. Ben chose the weekly one."""
    factories.add_topics(tx)
    factories.add_mailing_list(tx)
    factories.add_digest(tx, frequency=Frequency.WEEKLY)
    for address in (ANA, BEN):
        factories.add_subscriber(tx, address, language="fr" if address == ANA else "")
    mailing_list, ben = factories.get_mailing_list(tx), tx.subscribers.find_subscriber(BEN)
    assert ben is not None
    changes = {"frequency": Frequency.WEEKLY}
    preferences.change_membership(tx, STAFF, ben, mailing_list, changes, NOW)
    factories.add_story(tx, "flood", "health")
    return factories.create_edition(tx, "flood")


def start_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
    return editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())[0]


def test_urgent_edition_reaches_members_of_every_frequency(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        edition = create_flood_edition(tx)
        assert "they chose a mail a week" in explain_outcome(tx, edition, BEN)
        edition = editions.set_urgent_reasons(tx, STAFF, edition, REASONS, NOW)
        started = start_edition(mailer, tx, edition)
        assert {delivery.address for delivery in tx.outbox.list_deliveries(started)} == {ANA, BEN}
        outcome = explain_outcome(tx, started, BEN)
        assert outcome.endswith(
            "Although they chose a mail a week, it is for them too, since it is urgent: "
            "The dam may break tonight."
        )
        assert "urgent" not in explain_outcome(tx, started, ANA)
        factories.add_subscriber(tx, "cleo@example.org", joined=mailer.clock())
    with mailer.store.read() as tx:
        assert "after it was planned" in explain_outcome(tx, started, "cleo@example.org")


def test_urgent_mail_states_its_reason_in_the_readers_language(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        edition = create_flood_edition(tx)
        edition = editions.set_urgent_reasons(tx, STAFF, edition, REASONS, NOW)
        edition, composition = editions.compose_edition(tx, STAFF, edition, mailer.renderer)
        bodies = {body.language: body for body in tx.editions.list_bodies(edition)}
    assert composition is not None
    assert "it is urgent, and goes to members of every frequency" in "; ".join(composition.warnings)
    for language, reason in REASONS.items():
        body = bodies[language]
        assert reason in body.html
        assert reason in " ".join(body.text.split())
    assert "quelle que soit la fréquence" in bodies["fr"].html


def test_story_of_urgent_edition_comes_once(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        edition = create_flood_edition(tx)
        edition = editions.set_urgent_reasons(tx, STAFF, edition, REASONS, NOW)
        start_edition(mailer, tx, edition)
        factories.add_story(tx, "repairs")
        weekly_edition = factories.create_edition(
            tx, "flood", "repairs", frequency=Frequency.WEEKLY
        )
        weekly_edition = start_edition(mailer, tx, weekly_edition)
        (delivery,) = tx.outbox.list_deliveries(weekly_edition)
        status = tx.outbox.get_recipient_status(weekly_edition, BEN)
        assert delivery.address == BEN
        assert status.story_titles == ("Repairs (en)",)
        factories.add_subscriber(tx, "cleo@example.org")
        again = editions.set_urgent_reasons(
            tx, STAFF, factories.create_edition(tx, "flood"), REASONS, NOW
        )
        again = start_edition(mailer, tx, again)
        recipients = [delivery.address for delivery in tx.outbox.list_deliveries(again)]
        assert recipients == ["cleo@example.org"]
        assert tx.outbox.build_report(again).excluded == {Exclusion.HAS_IT: 2}


def test_urgency_voids_the_approval(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        edition = create_flood_edition(tx)
        approved = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
        urgent = editions.set_urgent_reasons(tx, STAFF, approved, REASONS, NOW)
        assert (urgent.state, urgent.approval) == (EditionState.DRAFT, None)
        again = editions.approve_edition(tx, AMINA, urgent, mailer.renderer, mailer.clock())
        assert again.content_hash != approved.content_hash
        plain = editions.set_urgent_reasons(tx, STAFF, again, {}, NOW)
        assert not factories.reload_edition(tx, plain).is_urgent
        assert (urgent.priority, plain.priority) == (Priority.URGENT, Priority.NORMAL)
        events = [event.detail for event in tx.editions.list_events(plain)]
        assert "urgent: The dam may break tonight." in events
        assert "urgent no longer" in events


@pytest.mark.parametrize("reasons", [{"fr": "Le barrage."}, {"en": "  "}, {"en": "a\x00b"}])
def test_urgency_needs_a_reason_in_the_editions_language(
    mailer: Mailer, reasons: dict[str, str]
) -> None:
    with mailer.store.begin() as tx:
        edition = create_flood_edition(tx)
        with pytest.raises(InputError, match="reason"):
            editions.set_urgent_reasons(tx, STAFF, edition, reasons, NOW)
        assert not factories.reload_edition(tx, edition).is_urgent


def test_edition_of_release_cannot_be_urgent(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_flood_edition(tx)
        release = factories.create_edition(tx, "flood", role=EditionRole.RELEASE)
        with pytest.raises(Refused, match="is of a press release"):
            editions.set_urgent_reasons(tx, STAFF, release, REASONS, NOW)
