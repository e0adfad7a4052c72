"""The recipients of a release: contacts trusted with the advance copy, and all others when the
embargo ends."""

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO, StringIO

import pytest

from mailer import editions, embargoes, outbox, releases
from mailer.app import Mailer
from mailer.audience import contacts, erasure, lists
from mailer.errors import Embargoed
from mailer.log import create_logger
from mailer.model.contacts import Trust
from mailer.model.deliveries import DeliveryState, Exclusion
from mailer.model.edition_states import EditionState
from mailer.model.embargoes import Embargo, EmbargoEventType
from mailer.releases import ReleaseEditions
from mailer.web.public import create_public_app
from mailer.worker import Scheduler
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import read_delivery_states
from tests.integration.releases.factories import (
    SLUG,
    TRUSTED,
    UNTRUSTED,
    create_office,
    get_current_minute,
    make_terms,
)
from tests.integration.web.public.asgi import AsgiClient, open_client

HOUR = timedelta(hours=1)


@pytest.fixture
def release_editions(mailer: Mailer) -> ReleaseEditions:
    """A release that is embargoed for two hours: its advance copy has begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + 2 * HOUR), mailer.clock()
        )
        created = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        return releases.begin_release(tx, AMINA, created, mailer.renderer, mailer.clock())


@pytest.fixture
def pages(mailer: Mailer) -> Iterator[AsgiClient]:
    with open_client(create_public_app(mailer, create_logger(StringIO()))) as opened:
        yield opened


def deliver_mails(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def set_trust(mailer: Mailer, address: str, trust: Trust) -> None:
    with mailer.store.begin() as tx:
        subscriber = tx.subscribers.find_subscriber(address)
        assert subscriber is not None
        profile = replace(contacts.get_contact(tx, subscriber).profile, trust=trust)
        contacts.save_contact(tx, STAFF, subscriber, profile, mailer.clock())


def get_mail_text(relay: Relay, address: str) -> str:
    (mail,) = [
        received.message for received in relay.received if address in str(received.message["To"])
    ]
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def find_private_link(relay: Relay) -> str:
    """Return the link to the advance copy's page, as it stands in the mail."""
    (line,) = {line for line in get_mail_text(relay, TRUSTED).splitlines() if "/e/" in line}
    return line[line.index("/e/") :]


def test_advance_copy_goes_to_trusted_contacts_and_says_so(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    assert release_editions.advance is not None
    assert release_editions.reaches[release_editions.advance.id].excluded == {
        Exclusion.UNTRUSTED: 1
    }
    assert release_editions.reaches[release_editions.release.id].excluded == {Exclusion.HAS_IT: 1}
    deliver_mails(mailer)
    assert relay.accepted == [TRUSTED]
    (mail,) = [received.message for received in relay.received]
    assert mail["Subject"] == "EMBARGOED: Lanterns on the water"
    mail_text = get_mail_text(relay, TRUSTED)
    assert mail_text.index("EMBARGOED UNTIL") < mail_text.index("Lanterns")
    for place in ("London", "Geneva", "New York", "UTC"):
        assert place in mail_text
    assert "FOR IMMEDIATE RELEASE" not in mail_text


def test_release_goes_to_the_others_when_embargo_ends(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx, pytest.raises(Embargoed):
        editions.start_edition(
            tx,
            STAFF,
            factories.reload_edition(tx, release_editions.release),
            mailer.renderer,
            mailer.clock(),
        )
    scheduler = Scheduler(mailer, create_logger(StringIO()))
    assert scheduler.run_tick()
    with mailer.store.read() as tx:
        assert (
            factories.reload_edition(tx, release_editions.release).state is EditionState.SCHEDULED
        )
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, AMINA, SLUG, mailer.clock())
    assert scheduler.run_tick()
    deliver_mails(mailer)
    assert sorted(relay.accepted) == [TRUSTED, UNTRUSTED]
    assert "FOR IMMEDIATE RELEASE" in get_mail_text(relay, UNTRUSTED)


def test_contact_who_lost_trust_gets_no_planned_advance_copy(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    assert release_editions.advance is not None
    set_trust(mailer, TRUSTED, Trust.UNTRUSTED)
    deliver_mails(mailer)
    assert relay.received == []
    assert read_delivery_states(mailer.store, release_editions.advance) == {
        TRUSTED: DeliveryState.SUPPRESSED
    }


def test_moved_embargo_stops_mails_that_state_the_old_one(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    assert release_editions.advance is not None
    with mailer.store.begin() as tx:
        _, effect = embargoes.set_embargo(
            tx, AMINA, SLUG, make_terms(get_current_minute() + 5 * HOUR), mailer.clock()
        )
        assert effect.paused == (release_editions.advance.id,)
        assert effect.moved == (release_editions.release.id,)
        release = factories.reload_edition(tx, release_editions.release)
        assert release.state is EditionState.SCHEDULED
        assert release.appointment is not None
        assert release.appointment.moment == get_current_minute() + 5 * HOUR
    deliver_mails(mailer)
    assert relay.received == []
    with mailer.store.begin() as tx:
        editions.resume_edition(
            tx, STAFF, factories.reload_edition(tx, release_editions.advance), mailer.clock()
        )
    deliver_mails(mailer)
    assert relay.received == [], "its mails state the old embargo, even when staff resume it"


def test_new_advance_copy_states_the_moved_embargo(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    ends = get_current_minute() + 30 * HOUR
    with mailer.store.begin() as tx:
        embargoes.set_embargo(tx, STAFF, SLUG, make_terms(ends), mailer.clock())
        assert release_editions.advance is not None
        editions.cancel_edition(
            tx,
            AMINA,
            factories.reload_edition(tx, release_editions.advance),
            mailer.clock(),
            reason="moved",
        )
        created = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        releases.begin_release(tx, AMINA, created, mailer.renderer, mailer.clock())
    deliver_mails(mailer)
    assert f"{ends:%H:%M} UTC" in get_mail_text(relay, TRUSTED)


def test_advance_copy_is_open_only_to_its_reader_and_logs_views(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver_mails(mailer)
    path = find_private_link(relay)
    assert pages.get_page(f"/press/{SLUG}").status == 404
    page = pages.get_page(path, headers=[("User-Agent", "a browser")])
    assert page.status == 200
    assert "EMBARGOED UNTIL" in page.text
    assert "Lanterns on the water" in page.text
    assert page.get_header("cache-control") == "no-store"
    kit = pages.get_page(f"{path}/kit.zip")
    assert kit.status == 200
    for wrong in (path[:-1] + ("A" if path[-1] != "A" else "B"), path.replace("/e/", "/v/")):
        assert pages.get_page(wrong).status == 404
    set_trust(mailer, TRUSTED, Trust.UNTRUSTED)
    assert pages.get_page(path).status == 404
    assert pages.get_page(f"{path}/kit.zip").status == 404
    with mailer.store.read() as tx:
        events = [event for event in tx.embargoes.list_events(SLUG) if event.actor == TRUSTED]
    assert [event.event_type for event in events] == [
        EmbargoEventType.VIEWED,
        EmbargoEventType.VIEWED,
        EmbargoEventType.REFUSED,
        EmbargoEventType.REFUSED,
    ]
    assert events[0].detail == "the page, with a browser"
    assert "not trusted" in events[2].detail


def test_press_kit_of_advance_copy_carries_the_embargo(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver_mails(mailer)
    kit = zipfile.ZipFile(BytesIO(pages.get_page(f"{find_private_link(relay)}/kit.zip").body))
    assert kit.read(f"{SLUG}/release.en.txt").startswith(b"EMBARGOED UNTIL\n")
    assert kit.read(f"{SLUG}/files/figures.csv") == b"a,b\n1,2\n"


def test_private_link_shows_page_without_embargo_after_its_end(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, STAFF, SLUG, mailer.clock())
    page = pages.get_page(find_private_link(relay))
    assert page.status == 200
    assert "EMBARGOED" not in page.text
    assert pages.get_page(f"/press/{SLUG}").status == 200, "it opens by itself, without a worker"


def test_release_passes_a_newsletter_that_is_being_sent(mailer: Mailer, relay: Relay) -> None:
    """Both have mails to send; the release's are all out before a tenth of the newsletter's."""
    with mailer.store.begin() as tx:
        create_office(tx)
        for number in range(600):
            factories.add_subscriber(tx, f"reader{number:03}@example.org")
        factories.add_story(tx, "boats")
        weekly = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        editions.start_edition(tx, STAFF, weekly, mailer.renderer, mailer.clock())
        created = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        releases.begin_release(tx, AMINA, created, mailer.renderer, mailer.clock())
    deliver_mails(mailer)
    order = [str(mail.message["Subject"]) for mail in relay.received]
    assert len(order) == 603
    last = max(at for at, subject in enumerate(order) if subject.startswith("Press release"))
    assert last < 60


def test_worker_records_new_rules_for_a_zone(mailer: Mailer) -> None:
    until = get_current_minute() + 2 * HOUR
    with mailer.store.begin() as tx:
        create_office(tx)
        tx.embargoes.save_embargo(Embargo(SLUG, make_terms(until + HOUR), until, factories.NOW))
    scheduler = Scheduler(mailer, create_logger(StringIO()))
    assert scheduler.run_tick()
    with mailer.store.read() as tx:
        saved_embargo = embargoes.get_embargo(tx, SLUG)
    assert saved_embargo.until == until + HOUR


def test_missing_delivery_of_release_is_explained(
    mailer: Mailer, release_editions: ReleaseEditions
) -> None:
    assert release_editions.advance is not None
    with mailer.store.read() as tx:
        advance = outbox.explain_outcome(
            tx, factories.reload_edition(tx, release_editions.advance), UNTRUSTED
        )
        release = outbox.explain_outcome(
            tx, factories.reload_edition(tx, release_editions.release), TRUSTED
        )
    assert "not trusted with embargoes" in advance
    assert "in another of its editions" in release


def test_page_views_are_exported_and_erased_with_the_contact(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver_mails(mailer)
    pages.get_page(find_private_link(relay))
    with mailer.store.begin() as tx:
        contact = tx.subscribers.find_subscriber(TRUSTED)
        assert contact is not None
        data = erasure.collect_personal_data(tx, contact)["press"]
        assert (data["outlet"], data["beats"], len(data["looks"])) == (
            "The Example",
            ["migration"],
            1,
        )
        erasure.erase_person(tx, STAFF, TRUSTED, mailer.clock())
        assert TRUSTED not in {event.actor for event in tx.embargoes.list_events(SLUG)}
