"""A correction reaches exactly those who have got what it corrects, once; a kill so, and it takes
two people."""

import threading

import pytest
from sqlalchemy import update

from mailer import articles, editions, embargoes, releases, tokens
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.audience import lists, preferences
from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.errors import Refused
from mailer.model.articles import ArticleKind, ArticleQuery, ArticleState
from mailer.model.contacts import Trust
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionRole, EditionState, InDoubtPolicy
from mailer.model.editions import ChangeNote, Edition, NewEdition
from mailer.model.embargoes import EmbargoEventType
from mailer.releases import CorrectionResult
from mailer.store.schema import edition as edition_table
from tests.actors import AMINA, STAFF
from tests.fake_relay import CLOSE, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    run_during_first_message,
    with_single_connection,
)
from tests.integration.factories import read_deliveries, read_delivery_states
from tests.integration.releases.factories import (
    MINUTE,
    SLUG,
    TRUSTED,
    PressScenario,
    add_contact,
    begin_release,
    create_office,
    get_current_minute,
    make_terms,
)

CHANGE = ChangeNote({"": "Ten towns, not twelve."}, {"": "We had counted two twice."})
WHAT, WHY = CHANGE.what[""], CHANGE.why[""]
CONTACTS = [f"press{number:02}@example.org" for number in range(12)]


@pytest.fixture
def release(mailer: Mailer) -> Edition:
    """A release to twelve more contacts, begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        for address in CONTACTS:
            add_contact(tx, address, Trust.UNTRUSTED)
        return begin_release(mailer, tx)


def deliver(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def correct(mailer: Mailer, title: str = "Lanterns, corrected") -> CorrectionResult:
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": title}, mailer.clock())
        return releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())


def got(relay: Relay, word: str) -> list[str]:
    """Whom mails with this word in their subject were accepted for."""
    found = [one for one in relay.received if one.accepted and word in str(one.message["Subject"])]
    return sorted(one.recipient for one in found)


def everybody() -> list[str]:
    return sorted(["ana@example.org", "ben@example.org", *CONTACTS])


def test_those_who_got_it_get_the_correction_and_the_rest_the_new_version(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    """The first send is stopped after some of them, in the middle of a message."""
    made: list[CorrectionResult] = []
    run_during_first_message(relay, lambda: made.append(correct(mailer)))
    deliver(with_single_connection(mailer))
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, release).state is EditionState.CANCELLED
    deliver(mailer)
    old = got(relay, "Press release: Lanterns on")
    assert 0 < len(old) < len(everybody())
    assert got(relay, "CORRECTION: Lanterns, corrected") == old
    new = got(relay, "Press release: Lanterns, corrected")
    assert sorted([*old, *new]) == everybody()
    (stopped,) = made[0].stopped
    assert stopped.id == release.id
    assert [one.role for one, _ in made[0].begun] == [EditionRole.CORRECTION, EditionRole.RELEASE]


def test_the_first_send_resumes_before_the_correction_and_all_who_got_it_are_corrected(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    def pause() -> None:
        with mailer.store.begin() as tx:
            editions.pause_edition(
                tx, STAFF, factories.reload_edition(tx, release), mailer.clock(), reason="look"
            )

    run_during_first_message(relay, pause)
    deliver(with_single_connection(mailer))
    before = len(relay.accepted)
    assert 0 < before < len(everybody())
    with mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, factories.reload_edition(tx, release), mailer.clock())
    deliver(mailer)
    correct(mailer)
    deliver(mailer)
    assert got(relay, "CORRECTION") == got(relay, "Press release") == everybody()


def test_a_sender_that_wakes_up_after_the_correction_tells_of_one_more_who_got_it(
    mailer: Mailer, release: Edition
) -> None:
    """Of a message on the wire nobody knows whether it got there. When it turns out that it did,
    the correction goes there too; when it did not, the new version."""
    with mailer.store.begin() as tx:
        sleeper = factories.register_worker(tx)
        first, second, *_ = tx.outbox.claim_deliveries(release.id, sleeper, 3)
        assert tx.outbox.gate_deliveries(sleeper, [first.id, second.id]) == {first.id, second.id}
    made = correct(mailer)
    plans = {one.role: plan for one, plan in made.begun}
    assert plans[EditionRole.CORRECTION].planned == 0
    assert plans[EditionRole.RELEASE].planned == len(everybody()) - 2
    correction, rest = (one for one, _ in made.begun)
    with mailer.store.begin() as tx:
        tx.outbox.settle_deliveries(
            [
                Settlement(first.id, sleeper, DeliveryState.SENT, "250 ok"),
                Settlement(second.id, sleeper, DeliveryState.QUEUED, "450 later", 60.0),
            ]
        )
        tx.outbox.cancel_unsent_deliveries(release.id)
    deliver(mailer)
    assert read_delivery_states(mailer.store, correction) == {first.address: DeliveryState.SENT}
    reached = read_delivery_states(mailer.store, rest)
    assert second.address in reached
    assert first.address not in reached
    assert set(reached.values()) == {DeliveryState.SENT}
    deliver(mailer)
    assert len(read_deliveries(mailer.store, correction)) == 1


def test_in_doubt_counts_as_having_got_it(mailer: Mailer, relay: Relay, release: Edition) -> None:
    relay.answer_once(Step.DOT, CLOSE)
    with mailer.store.begin() as tx:
        hold = update(edition_table).where(edition_table.c.id == release.id)
        tx.connection.execute(hold.values(in_doubt=InDoubtPolicy.KEEP_IN_DOUBT.value))
    deliver(with_single_connection(mailer))
    doubted = [
        a
        for a, s in read_delivery_states(mailer.store, release).items()
        if s is DeliveryState.IN_DOUBT
    ]
    assert len(doubted) == 1
    correct(mailer)
    deliver(mailer)
    assert doubted[0] in got(relay, "CORRECTION")


def test_a_second_correction_reaches_whoever_has_any_version(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    deliver(mailer)
    correct(mailer)
    deliver(mailer)
    correct(mailer, "Lanterns, once more")
    deliver(mailer)
    assert got(relay, "CORRECTION: Lanterns, once more") == everybody()


def test_whoever_has_left_is_not_written_to_again(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx:
        factories.unsubscribe_address(tx, CONTACTS[0], list_slug="press")
        factories.suppress_address(tx, CONTACTS[1])
    correct(mailer)
    deliver(mailer)
    assert got(relay, "CORRECTION") == [
        one for one in everybody() if one not in {CONTACTS[0], CONTACTS[1]}
    ]


def test_there_is_nothing_to_correct_before_it_is_sent_or_changed(
    mailer: Mailer, release: Edition
) -> None:
    with mailer.store.begin() as tx, pytest.raises(Refused, match="has not changed"):
        releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats", kind=ArticleKind.PRESS_RELEASE)
        with pytest.raises(Refused, match="no release of boats has been sent"):
            releases.correct_release(tx, AMINA, "boats", CHANGE, mailer.renderer, mailer.clock())


def test_a_changed_release_is_not_sent_as_if_it_were_new(mailer: Mailer, release: Edition) -> None:
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": "Lanterns, new"}, mailer.clock())
        with pytest.raises(Refused, match="was changed after it was sent"):
            releases.prepare_release(
                tx,
                STAFF,
                SLUG,
                lists.get_list(tx, "press"),
                mailer.renderer,
                mailer.clock(),
                default_language=mailer.settings.defaults.language,
            )


def test_a_correction_is_marked_on_the_page_in_the_archive_and_in_feeds(
    desk: PressScenario,
) -> None:
    correct(desk.mailer)
    page = desk.pages.get_page(f"/press/{SLUG}").text
    assert "Lanterns, corrected" in page
    assert WHAT in page
    assert WHY in page
    for path in (
        "/archive/news",
        "/archive/news/atom.xml",
        "/archive/news/rss.xml",
        "/press/atom.xml",
    ):
        assert WHAT in desk.pages.get_page(path).text, path


def test_each_reads_what_has_changed_in_their_language(mailer: Mailer, relay: Relay) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        factories.add_story(
            tx,
            SLUG,
            language="fr",
            title="Lanternes",
            kind=ArticleKind.PRESS_RELEASE,
            canonical_url="",
        )
        factories.add_subscriber(tx, "chloe@example.org", list_slug="press", language="fr")
        begin_release(mailer, tx)
    deliver(mailer)
    with mailer.store.begin() as tx:
        articles.edit_article(
            tx, STAFF, SLUG, "en", {"title": "Lanterns, corrected"}, mailer.clock()
        )
        change = ChangeNote({"": "Ten towns.", "FR": "Dix villes."}, {"en": "We miscounted."})
        made = releases.correct_release(tx, AMINA, SLUG, change, mailer.renderer, mailer.clock())
    assert made.warnings == (
        "readers of fr read 'why' in en: give it in fr too",
        f"{SLUG} in fr has no quotes",
        f"{SLUG} in fr has no assets",
    )
    deliver(mailer)
    english, french = (
        relay.list_mails(one)[-1].as_string() for one in ("ana@example.org", "chloe@example.org")
    )
    assert "Ten towns." in english
    assert "Dix villes." in french
    assert "We miscounted." in french


# ---- kills ------------------------------------------------------------------------------------


def ask(mailer: Mailer, by: str = "Amina") -> tuple[Edition, ...]:
    with mailer.store.begin() as tx:
        return releases.request_kill(
            tx, create_local_actor(by), SLUG, {"": "It is not true."}, mailer.clock()
        )[0]


def confirm(mailer: Mailer, by: str = "Bela") -> CorrectionResult:
    with mailer.store.begin() as tx:
        return releases.confirm_kill(
            tx, create_local_actor(by), SLUG, mailer.renderer, mailer.clock()
        )


def test_a_kill_takes_two_people(mailer: Mailer, release: Edition) -> None:
    with pytest.raises(Refused, match="nobody has asked for"):
        confirm(mailer)
    (paused,) = ask(mailer)
    with (
        mailer.store.begin() as tx,
        pytest.raises(Refused, match="Amina asked for lanterns to be killed"),
    ):
        editions.check_not_killed(tx, editions.get_edition(tx, paused.id))
    assert (paused.id, paused.state) == (release.id, EditionState.PAUSED)
    with pytest.raises(Refused, match="takes two people"):
        confirm(mailer, "  amina ")
    confirm(mailer)
    with pytest.raises(Refused, match="was killed by Amina and Bela"):
        confirm(mailer, "Chidi")


def test_one_who_asked_for_it_may_think_better_of_it(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    ask(mailer)
    deliver(mailer)
    assert relay.received == []
    with mailer.store.begin() as tx:
        (again,) = releases.withdraw_kill(tx, AMINA, SLUG, mailer.clock())
    assert again.state is EditionState.SENDING
    deliver(mailer)
    assert sorted(relay.accepted) == everybody()


def test_a_kill_stops_what_waits_and_tells_whoever_has_it(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    run_during_first_message(relay, lambda: bool(ask(mailer)))
    deliver(with_single_connection(mailer))
    confirm(mailer)
    deliver(mailer)
    old = got(relay, "Press release")
    assert 0 < len(old) < len(everybody())
    assert got(relay, "DO NOT USE") == old
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, release).state is EditionState.CANCELLED
        (article,) = tx.articles.find_articles(ArticleQuery(slugs=(SLUG,)))
    assert article.state is ArticleState.KILLED


def test_a_killed_story_leaves_every_edition_and_never_comes_back(desk: PressScenario) -> None:
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
    ask(mailer)
    confirm(mailer)
    with mailer.store.begin() as tx:
        approved, running = (
            factories.reload_edition(tx, approved),
            factories.reload_edition(tx, running),
        )
        assert approved.state is EditionState.DRAFT
        assert approved.approval is None
        assert running.state is EditionState.PAUSED
        fresh, _ = editions.compose_edition(tx, approved, mailer.renderer)
        assert "Lanterns" not in tx.editions.list_bodies(fresh)[0].html
        with pytest.raises(Refused, match="never comes back"):
            articles.restore_articles(tx, STAFF, SLUG, None, mailer.clock())
        with pytest.raises(Refused, match="never comes back"):
            factories.add_story(tx, SLUG)
    gone = desk.pages.get_page(f"/press/{SLUG}")
    assert gone.status == 410
    assert "Lanterns" not in gone.text
    for path in ("/press", "/press/atom.xml", "/archive/news", "/archive/news/atom.xml"):
        assert "Lanterns" not in desk.pages.get_page(path).text, path
    assert desk.pages.get_page(f"/archive/news/{desk.digest.uid}").status == 404
    token = tokens.sign_token(mailer.store.key, LinkPurpose.VIEW, desk.digest.id, "en", "1")
    assert desk.pages.get_page(f"/v/{token}").status == 410


def test_an_advance_copy_that_was_killed_says_so_to_who_has_it_and_to_nobody_else(
    desk: PressScenario,
) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, canonical_url="")
        embargoes.set_embargo(
            tx, STAFF, "second", make_terms(get_current_minute() + 60 * MINUTE), mailer.clock()
        )
        course = releases.prepare_release(
            tx,
            STAFF,
            "second",
            lists.get_list(tx, "press"),
            mailer.renderer,
            mailer.clock(),
            default_language=mailer.settings.defaults.language,
        )
        made = releases.begin_release(tx, AMINA, course, mailer.renderer, mailer.clock())
        assert made.advance
        known = tx.subscribers.find_subscriber(TRUSTED)
        assert known
        link = MemberLink(known.id, lists.get_list(tx, "press").id, made.advance.id)
    desk.deliver_mails()
    own = "/e/" + sign_member_link(mailer.store.key, LinkPurpose.ADVANCE, link)
    passed_on = "/v/" + tokens.sign_token(
        mailer.store.key, LinkPurpose.VIEW, made.advance.id, "en", "1"
    )
    assert (desk.pages.get_page(own).status, desk.pages.get_page(passed_on).status) == (200, 404)
    with mailer.store.begin() as tx:
        releases.request_kill(tx, AMINA, "second", {"": "It is not true."}, mailer.clock())
    with mailer.store.begin() as tx:
        releases.confirm_kill(
            tx, create_local_actor("Bela"), "second", mailer.renderer, mailer.clock()
        )
    assert (desk.pages.get_page(own).status, desk.pages.get_page(passed_on).status) == (410, 404)
    assert desk.pages.get_page("/press/second").status == 404
    with mailer.store.read() as tx:
        told = [(one.what, one.who) for one in tx.embargoes.list_events("second")]
    assert (EmbargoEventType.KILL_REQUESTED, "Amina") in told
    assert (EmbargoEventType.KILLED, "Bela") in told


def test_withdrawing_a_story_voids_the_approval_of_what_holds_it(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        factories.add_story(tx, "boats")
        made = editions.create_edition(
            tx, STAFF, NewEdition("Next week", "news", stories=("boats", SLUG)), mailer.clock()
        )
        made = editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock())
        articles.withdraw_articles(tx, STAFF, SLUG, None, mailer.clock())
        made = factories.reload_edition(tx, made)
        assert (made.state, made.approval) == (EditionState.DRAFT, None)
        fresh, _ = editions.compose_edition(tx, made, mailer.renderer)
        assert "Lanterns" not in tx.editions.list_bodies(fresh)[0].html


def test_whoever_was_merged_gets_the_correction_once_where_they_are_now(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx:
        gone, kept = (tx.subscribers.find_subscriber(CONTACTS[at]) for at in (0, 1))
        assert gone is not None
        assert kept is not None
        preferences.merge_subscribers(tx, STAFF, gone, kept, mailer.clock())
    correct(mailer)
    deliver(mailer)
    deliver(mailer)
    assert got(relay, "CORRECTION") == [one for one in everybody() if one != CONTACTS[0]]
