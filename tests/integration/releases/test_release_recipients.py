"""The course of a release: the advance copy to whom it is trusted, the release to everybody else
when the embargo ends."""

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
def course(mailer: Mailer) -> ReleaseEditions:
    """A release that is embargoed for two hours: its advance copy has begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + 2 * HOUR), mailer.clock()
        )
        made = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        return releases.begin_release(tx, AMINA, made, mailer.renderer, mailer.clock())


@pytest.fixture
def pages(mailer: Mailer) -> Iterator[AsgiClient]:
    with open_client(create_public_app(mailer, create_logger(StringIO()))) as opened:
        yield opened


def deliver(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def trust(mailer: Mailer, address: str, how: Trust) -> None:
    with mailer.store.begin() as tx:
        known = tx.subscribers.find_subscriber(address)
        assert known is not None
        had = contacts.get_contact(tx, known).profile
        contacts.save_contact(tx, STAFF, known, replace(had, trust=how), mailer.clock())


def text(relay: Relay, to: str) -> str:
    (mail,) = [one.message for one in relay.received if to in str(one.message["To"])]
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link(relay: Relay) -> str:
    """The private page's, as it stands in the mail."""
    (line,) = {one for one in text(relay, TRUSTED).splitlines() if "/e/" in one}
    return line[line.index("/e/") :]


def test_the_advance_copy_goes_to_the_trusted_and_says_so(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    assert course.advance is not None
    assert course.reaches[course.advance.id].excluded == {Exclusion.UNTRUSTED: 1}
    assert course.reaches[course.release.id].excluded == {Exclusion.HAS_IT: 1}
    deliver(mailer)
    assert relay.accepted == [TRUSTED]
    (mail,) = [one.message for one in relay.received]
    assert mail["Subject"] == "EMBARGOED: Lanterns on the water"
    said = text(relay, TRUSTED)
    assert said.index("EMBARGOED UNTIL") < said.index("Lanterns")
    for place in ("London", "Geneva", "New York", "UTC"):
        assert place in said
    assert "FOR IMMEDIATE RELEASE" not in said


def test_the_release_goes_to_the_others_when_it_ends(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx, pytest.raises(Embargoed):
        editions.start_edition(
            tx, STAFF, factories.reload_edition(tx, course.release), mailer.renderer, mailer.clock()
        )
    keeper = Scheduler(mailer, create_logger(StringIO()))
    assert keeper.run_tick()
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, course.release).state is EditionState.SCHEDULED
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, AMINA, SLUG, mailer.clock())
    assert keeper.run_tick()
    deliver(mailer)
    assert sorted(relay.accepted) == [TRUSTED, UNTRUSTED]
    assert "FOR IMMEDIATE RELEASE" in text(relay, UNTRUSTED)


def test_whoever_is_not_trusted_any_more_gets_nothing_also_of_what_is_planned(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    assert course.advance is not None
    trust(mailer, TRUSTED, Trust.UNTRUSTED)
    deliver(mailer)
    assert relay.received == []
    assert read_delivery_states(mailer.store, course.advance) == {TRUSTED: DeliveryState.SUPPRESSED}


def test_a_moved_embargo_stops_what_states_the_old_one(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    assert course.advance is not None
    with mailer.store.begin() as tx:
        _, effect = embargoes.set_embargo(
            tx, AMINA, SLUG, make_terms(get_current_minute() + 5 * HOUR), mailer.clock()
        )
        assert effect.paused == (course.advance.id,)
        assert effect.moved == (course.release.id,)
        release = factories.reload_edition(tx, course.release)
        assert release.state is EditionState.SCHEDULED
        assert release.appointment is not None
        assert release.appointment.moment == get_current_minute() + 5 * HOUR
    deliver(mailer)
    assert relay.received == []
    with mailer.store.begin() as tx:
        editions.resume_edition(
            tx, STAFF, factories.reload_edition(tx, course.advance), mailer.clock()
        )
    deliver(mailer)
    assert relay.received == [], "its mails state the old one, whoever lets it go on"


def test_a_new_advance_copy_states_the_moved_embargo(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    ends = get_current_minute() + 30 * HOUR
    with mailer.store.begin() as tx:
        embargoes.set_embargo(tx, STAFF, SLUG, make_terms(ends), mailer.clock())
        assert course.advance is not None
        editions.cancel_edition(
            tx, AMINA, factories.reload_edition(tx, course.advance), mailer.clock(), reason="moved"
        )
        made = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        releases.begin_release(tx, AMINA, made, mailer.renderer, mailer.clock())
    deliver(mailer)
    assert f"{ends:%H:%M} UTC" in text(relay, TRUSTED)


def test_a_private_page_is_its_readers_alone_and_each_look_is_written_down(
    mailer: Mailer, relay: Relay, course: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver(mailer)
    path = link(relay)
    assert pages.get_page(f"/press/{SLUG}").status == 404
    shown = pages.get_page(path, headers=[("User-Agent", "a browser")])
    assert shown.status == 200
    assert "EMBARGOED UNTIL" in shown.text
    assert "Lanterns on the water" in shown.text
    assert shown.get_header("cache-control") == "no-store"
    kit = pages.get_page(f"{path}/kit.zip")
    assert kit.status == 200
    for wrong in (path[:-1] + ("A" if path[-1] != "A" else "B"), path.replace("/e/", "/v/")):
        assert pages.get_page(wrong).status == 404
    trust(mailer, TRUSTED, Trust.UNTRUSTED)
    assert pages.get_page(path).status == 404
    assert pages.get_page(f"{path}/kit.zip").status == 404
    with mailer.store.read() as tx:
        found = [
            (one.what, one.who, one.detail)
            for one in tx.embargoes.list_events(SLUG)
            if one.who == TRUSTED
        ]
    assert [what for what, _, _ in found] == [
        EmbargoEventType.VIEWED,
        EmbargoEventType.VIEWED,
        EmbargoEventType.REFUSED,
        EmbargoEventType.REFUSED,
    ]
    assert found[0][2] == "the page, with a browser"
    assert "not trusted" in found[2][2]


def test_the_kit_of_an_advance_copy_carries_the_embargo(
    mailer: Mailer, relay: Relay, course: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver(mailer)
    kit = zipfile.ZipFile(BytesIO(pages.get_page(f"{link(relay)}/kit.zip").body))
    assert kit.read(f"{SLUG}/release.en.txt").startswith(b"EMBARGOED UNTIL\n")
    assert kit.read(f"{SLUG}/files/figures.csv") == b"a,b\n1,2\n"


def test_after_the_end_the_link_leads_to_the_page_without_the_embargo(
    mailer: Mailer, relay: Relay, course: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, STAFF, SLUG, mailer.clock())
    shown = pages.get_page(link(relay))
    assert shown.status == 200
    assert "EMBARGOED" not in shown.text
    assert pages.get_page(f"/press/{SLUG}").status == 200, "it opens by itself, without a worker"


def test_a_release_passes_a_newsletter_that_is_being_sent(mailer: Mailer, relay: Relay) -> None:
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
        made = releases.prepare_release(
            tx,
            STAFF,
            SLUG,
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        releases.begin_release(tx, AMINA, made, mailer.renderer, mailer.clock())
    deliver(mailer)
    order = [str(one.message["Subject"]) for one in relay.received]
    assert len(order) == 603
    last = max(at for at, subject in enumerate(order) if subject.startswith("Press release"))
    assert last < 60


def test_new_rules_for_a_zone_are_written_down_by_the_worker(mailer: Mailer) -> None:
    until = get_current_minute() + 2 * HOUR
    with mailer.store.begin() as tx:
        create_office(tx)
        tx.embargoes.save_embargo(Embargo(SLUG, make_terms(until + HOUR), until, factories.NOW))
    keeper = Scheduler(mailer, create_logger(StringIO()))
    assert keeper.run_tick()
    with mailer.store.read() as tx:
        kept = embargoes.get_embargo(tx, SLUG)
    assert kept.until == until + HOUR


def test_why_somebody_got_nothing_is_said(mailer: Mailer, course: ReleaseEditions) -> None:
    assert course.advance is not None
    with mailer.store.read() as tx:
        advance = outbox.explain_outcome(
            tx, factories.reload_edition(tx, course.advance), UNTRUSTED
        )
        release = outbox.explain_outcome(tx, factories.reload_edition(tx, course.release), TRUSTED)
    assert "not trusted with embargoes" in advance
    assert "by another of its editions" in release


def test_what_a_contact_looked_at_is_in_their_copy_and_goes_with_them(
    mailer: Mailer, relay: Relay, course: ReleaseEditions, pages: AsgiClient
) -> None:
    deliver(mailer)
    pages.get_page(link(relay))
    with mailer.store.begin() as tx:
        known = tx.subscribers.find_subscriber(TRUSTED)
        assert known is not None
        told = erasure.collect_personal_data(tx, known)["press"]
        assert (told["outlet"], told["beats"], len(told["looks"])) == (
            "The Example", ["migration"], 1,
        )  # fmt: skip
        erasure.erase_person(tx, STAFF, TRUSTED, mailer.clock())
        assert TRUSTED not in {one.who for one in tx.embargoes.list_events(SLUG)}
