"""A kill takes two people, and reaches exactly the recipients of the release, once."""

import pytest

from mailer import articles, editions, embargoes, outbox, releases, tokens
from mailer.app import Mailer
from mailer.audience import lists
from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.errors import Refused
from mailer.model.articles import ArticleKind, ArticleQuery, ArticleState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition, NewEdition
from mailer.model.embargoes import EmbargoEventType
from mailer.worker.status import read_status
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    run_during_first_message,
    with_single_connection,
)
from tests.integration.releases.factories import (
    MINUTE,
    SLUG,
    TRUSTED,
    PressScenario,
    confirm_kill,
    confirm_previewed_kill,
    correct_release,
    deliver_mails,
    get_current_minute,
    list_all_recipients,
    list_recipients,
    make_terms,
    request_kill,
)


def test_kill_takes_two_people(mailer: Mailer, wide_release: Edition) -> None:
    with pytest.raises(Refused, match="no one has asked for"):
        confirm_kill(mailer)
    (paused,) = request_kill(mailer)
    with (
        mailer.store.begin() as tx,
        pytest.raises(Refused, match="Amina asked for lanterns to be killed"),
    ):
        editions.check_not_killed(tx, editions.get_edition(tx, paused.id))
    assert (paused.id, paused.state) == (wide_release.id, EditionState.PAUSED)
    with pytest.raises(Refused, match="takes two people"):
        confirm_kill(mailer, "  amina ")
    confirm_kill(mailer)
    with pytest.raises(Refused, match="was killed by Amina and Bela"):
        confirm_kill(mailer, "Chidi")


def test_kill_request_is_in_status_and_in_the_log(mailer: Mailer, wide_release: Edition) -> None:
    request_kill(mailer)
    with mailer.store.read() as tx:
        status = read_status(mailer, tx)
        (event,) = embargoes.list_log(tx, SLUG)[:1]
    assert [request.slug for request in status.kill_requests] == [SLUG]
    assert f"{SLUG}: a kill waits for the second person" in list(status.problems)
    assert (event.event_type, event.actor) == (EmbargoEventType.KILL_REQUESTED, "Amina")
    confirm_kill(mailer)
    with mailer.store.begin() as tx:
        assert read_status(mailer, tx).kill_requests == ()
        with pytest.raises(Refused, match="was killed by Amina and Bela"):
            editions.create_edition(
                tx, STAFF, NewEdition("Again", "news", stories=(SLUG,)), mailer.clock()
            )
        with pytest.raises(Refused, match="never comes back"):
            articles.queue_articles(tx, STAFF, SLUG, None, mailer.clock())
    with pytest.raises(Refused, match="was killed"):
        correct_release(mailer)


def test_kill_request_can_be_withdrawn(mailer: Mailer, relay: Relay, wide_release: Edition) -> None:
    request_kill(mailer)
    deliver_mails(mailer)
    assert relay.received == []
    with mailer.store.begin() as tx:
        (again,) = releases.withdraw_kill(tx, AMINA, SLUG, mailer.clock())
    assert again.state is EditionState.SENDING
    deliver_mails(mailer)
    assert sorted(relay.accepted) == list_all_recipients()


def test_kill_stops_waiting_mails_and_notifies_recipients(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    run_during_first_message(relay, lambda: bool(request_kill(mailer)))
    deliver_mails(with_single_connection(mailer))
    confirm_kill(mailer)
    deliver_mails(mailer)
    old = list_recipients(relay, "Press release")
    assert 0 < len(old) < len(list_all_recipients())
    assert list_recipients(relay, "DO NOT USE") == old
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, wide_release).state is EditionState.CANCELLED
        (article,) = tx.articles.find_articles(ArticleQuery(slugs=(SLUG,)))
    assert article.state is ArticleState.KILLED


def test_killed_story_leaves_every_edition_and_never_comes_back(desk: PressScenario) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats")
        approved = editions.create_edition(
            tx, STAFF, NewEdition("Next week", "news", stories=("boats", SLUG)), mailer.clock()
        )
        approved = editions.approve_edition(tx, AMINA, approved, mailer.renderer, mailer.clock())
        running = editions.create_edition(
            tx, STAFF, NewEdition("This week", "news", stories=("boats", SLUG)), mailer.clock()
        )
        running, _ = editions.start_edition(
            tx,
            STAFF,
            editions.approve_edition(tx, AMINA, running, mailer.renderer, mailer.clock()),
            mailer.renderer,
            mailer.clock(),
        )
    request_kill(mailer)
    confirm_kill(mailer)
    with mailer.store.begin() as tx:
        approved, running = (
            factories.reload_edition(tx, approved),
            factories.reload_edition(tx, running),
        )
        assert approved.state is EditionState.DRAFT
        assert approved.approval is None
        assert running.state is EditionState.PAUSED
        recomposed, _ = editions.compose_edition(tx, STAFF, approved, mailer.renderer)
        assert "Lanterns" not in tx.editions.list_bodies(recomposed)[0].html
        with pytest.raises(Refused, match="never comes back"):
            articles.restore_articles(tx, STAFF, SLUG, None, mailer.clock())
        with pytest.raises(Refused, match="never comes back"):
            factories.add_story(tx, SLUG)
    killed_page = desk.pages.get_page(f"/press/{SLUG}")
    assert killed_page.status == 410
    assert "Lanterns" not in killed_page.text
    for path in ("/press", "/press/atom.xml", "/archive/news", "/archive/news/atom.xml"):
        assert "Lanterns" not in desk.pages.get_page(path).text, path
    assert desk.pages.get_page(f"/archive/news/{desk.digest.uid}").status == 404
    token = tokens.sign_token(mailer.store.key, LinkPurpose.VIEW, desk.digest.id, "en", "1")
    assert desk.pages.get_page(f"/v/{token}").status == 410


def test_killed_advance_copy_says_so_only_to_its_recipient(
    desk: PressScenario,
) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, canonical_url="")
        embargoes.set_embargo(
            tx, STAFF, "second", make_terms(get_current_minute() + 60 * MINUTE), mailer.clock()
        )
        release_editions = releases.prepare_release(
            tx,
            STAFF,
            "second",
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        created = releases.begin_release(
            tx, AMINA, release_editions, mailer.renderer, mailer.clock()
        )
        assert created.advance
        contact = tx.subscribers.find_subscriber(TRUSTED)
        assert contact
        link = MemberLink(contact.id, lists.get_list(tx, "press").id, created.advance.id)
    desk.deliver_mails()
    own = "/e/" + sign_member_link(mailer.store.key, LinkPurpose.ADVANCE, link)
    passed_on = "/v/" + tokens.sign_token(
        mailer.store.key, LinkPurpose.VIEW, created.advance.id, "en", "1"
    )
    assert (desk.pages.get_page(own).status, desk.pages.get_page(passed_on).status) == (200, 404)
    with mailer.store.begin() as tx:
        releases.request_kill(tx, AMINA, "second", {"": "It is not true."}, mailer.clock())
    with mailer.store.begin() as tx:
        confirm_previewed_kill(mailer, tx, slug="second")
    assert (desk.pages.get_page(own).status, desk.pages.get_page(passed_on).status) == (410, 404)
    assert desk.pages.get_page("/press/second").status == 404
    with mailer.store.read() as tx:
        events = [(event.event_type, event.actor) for event in tx.embargoes.list_events("second")]
    assert (EmbargoEventType.KILL_REQUESTED, "Amina") in events
    assert (EmbargoEventType.KILLED, "Bela") in events


def test_kill_cancels_repeats_of_newsletters_with_the_story(
    mailer: Mailer, wide_release: Edition
) -> None:
    """A queued repeat would otherwise wait at the gate until someone cancels it."""
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        new = NewEdition("The week", wide_release.list, stories=(SLUG,))
        newsletter = editions.create_edition(tx, STAFF, new, mailer.clock())
        newsletter = editions.approve_edition(
            tx, AMINA, newsletter, mailer.renderer, mailer.clock()
        )
        newsletter, _ = editions.start_edition(
            tx, STAFF, newsletter, mailer.renderer, mailer.clock()
        )
        reader = tx.outbox.list_deliveries(newsletter)[0].address
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        newsletter = editions.get_edition(tx, newsletter.id)
        repeat = outbox.repeat_edition(tx, AMINA, newsletter, reader, mailer.clock())
    request_kill(mailer)
    confirm_kill(mailer)
    with mailer.store.read() as tx:
        assert editions.get_edition(tx, repeat.mail.id).state is EditionState.CANCELLED
