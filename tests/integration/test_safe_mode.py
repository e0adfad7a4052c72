"""Safe mode over the relay: whatever mail is sent, only the recipients of the settings get it."""

import threading

import pytest

from mailer import editions, recovery
from mailer.app import Mailer
from mailer.cli.sending import summarise_progress
from mailer.config import SafeSection
from mailer.delivery.outcomes import DeliveryProgress
from mailer.delivery.reply_report import count_open_failures, list_advice
from mailer.errors import ConfigError
from mailer.model.contacts import Trust
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.service_mails import Addressee
from mailer.notices import StaffAddresses, queue_test_mail
from mailer.worker.status import read_status
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import with_settings
from tests.integration.factories import NOW
from tests.integration.releases.factories import add_contact, begin_release, create_office
from tests.integration.store.outbox.service_mail_factories import BODY, WELCOME, queue_mail

SAFE = ("me@safe.example", "also@safe.example")
OTHERS = ("ana@example.org", "me@sub.safe.example", "me@safe.example.org", "safe.example@x.org")


def deliver_all(mailer: Mailer) -> DeliveryProgress:
    progress, _ = mailer.deliver_editions([], threading.Event(), follow_new=True)
    return progress


def queue_every_kind_of_mail(mailer: Mailer) -> int:
    """Queue an edition, a release, a notice, service mails and a test mail, each to safe recipients
    and others. Returns the number of deliveries."""
    with mailer.store.begin() as tx:
        create_office(tx)
        subscribers = [factories.add_subscriber(tx, address) for address in (*SAFE, *OTHERS)]
        for address in (*SAFE, *OTHERS):
            add_contact(tx, address, Trust.TRUSTED)
        factories.add_story(tx, "boats")
        begin_release(mailer, tx)
        edition = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())
        tx.notices.queue_notice(BODY, "news", (*SAFE, *OTHERS), NOW, STAFF, uid="abcdef0123456789")
        queue_mail(tx, *SAFE, *OTHERS)
        people = {person.address: Addressee(person.id) for person in subscribers}
        tx.service_mails.queue_service_mail(WELCOME, BODY, people, NOW, STAFF)
        queue_test_mail(
            tx,
            AMINA,
            factories.reload_edition(tx, edition),
            (SAFE[0], OTHERS[0]),
            mailer.renderer,
            StaffAddresses(others=(SAFE[0], OTHERS[0])),
            mailer.clock(),
            hourly_limit=30,
        )
    with mailer.store.read() as tx:
        all_editions = tx.editions.list_recent_editions([], 100, notices=True)
        return sum(tx.outbox.build_report(one).total for one in all_editions)


@pytest.mark.parametrize("recipients", [SAFE, ("SAFE.example",)])
def test_every_kind_of_mail_goes_only_to_safe_recipients(
    mailer: Mailer, relay: Relay, recipients: tuple[str, ...]
) -> None:
    total = queue_every_kind_of_mail(mailer)
    safe_mailer = with_settings(mailer, safe=SafeSection(recipients=recipients))
    progress = deliver_all(safe_mailer)
    assert set(relay.accepted) == set(SAFE)
    assert progress.sent == len(relay.accepted) == 5 * len(SAFE) + 1
    assert progress.diverted == total - progress.sent
    assert progress.turned_away == progress.failed == progress.left == 0
    assert summarise_progress(progress)["diverted"] == progress.diverted
    with mailer.store.read() as tx:
        all_editions = tx.editions.list_recent_editions([], 100, notices=True)
        assert {edition.state for edition in all_editions} == {EditionState.SENT}
        for edition in all_editions:
            for delivery in tx.outbox.list_deliveries(edition):
                is_safe = delivery.address in SAFE
                state = DeliveryState.SENT if is_safe else DeliveryState.DIVERTED
                assert delivery.state is state
    with_settings(mailer, safe=SafeSection())
    assert deliver_all(mailer).done == 0, "what was diverted is not sent later"


def test_clone_sends_no_kind_of_mail_to_anyone(mailer: Mailer, relay: Relay) -> None:
    total = queue_every_kind_of_mail(mailer)
    with mailer.store.begin() as tx:
        recovery.declare_clone(tx, STAFF, NOW)
    assert deliver_all(mailer).diverted == total
    assert relay.received == []


def test_report_and_status_show_what_safe_mode_diverted(mailer: Mailer, relay: Relay) -> None:
    edition = factories.begin_edition(mailer, *SAFE, *OTHERS)
    safe_mailer = with_settings(mailer, safe=SafeSection(recipients=("safe.example",)))
    with mailer.store.read() as tx:
        safe_mode = read_status(safe_mailer, tx).safe_mode
    assert safe_mode is not None
    assert safe_mode.words == "[safe] is set, and mail goes only to safe.example"
    deliver_all(safe_mailer)
    with mailer.store.read() as tx:
        report = tx.outbox.build_report(factories.reload_edition(tx, edition))
        status = read_status(safe_mailer, tx)
    assert (report.states[DeliveryState.SENT], report.states[DeliveryState.DIVERTED]) == (2, 4)
    assert count_open_failures(report) == {}
    assert not status.failed
    (advice,) = list_advice(report)
    assert advice.text == "4 diverted, since safe mode was on; to send them after all"
    assert [step.action for step in advice.steps] == ["retry_diverted_deliveries", "send_edition"]


def test_recipients_of_other_alphabets_are_recognised(mailer: Mailer, relay: Relay) -> None:
    addresses = ("ana@bücher.example", "ana@xn--bcher-kva.example.org")
    factories.begin_edition(mailer, *addresses)
    deliver_all(with_settings(mailer, safe=SafeSection(recipients=("xn--bcher-kva.example",))))
    assert relay.accepted == ["ana@xn--bcher-kva.example"]


def test_recipient_that_is_no_address_is_refused(mailer: Mailer) -> None:
    with pytest.raises(ConfigError, match=r"safe\.recipients: .*is not a mail address"):
        with_settings(mailer, safe=SafeSection(recipients=("a..b@example.org",)))
