"""Where several things are done to a release at once, or one after the other in an odd order."""

import os
import threading
import time
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import update

from mailer import articles, editions, embargoes, outbox, releases, sources
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.audience import contacts, lists, segments, subscribers
from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.errors import Refused
from mailer.intake.source_reader import SourceReader
from mailer.lines import fold_name
from mailer.log import create_logger
from mailer.model.articles import ArticleKind, ArticleState
from mailer.model.contacts import Trust
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo
from mailer.model.lists import Visibility
from mailer.model.sources import SourceKind, SourceSettings
from mailer.releases import ReleaseEditions
from mailer.store import SqlTransaction
from mailer.store.schema import subscriber
from mailer.worker import Scheduler, jobs
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay, Step
from tests.integration import factories
from tests.integration.releases.factories import (
    MINUTE,
    SLUG,
    TRUSTED,
    UNTRUSTED,
    PressScenario,
    add_contact,
    begin_release,
    create_office,
    get_current_minute,
    make_terms,
)
from tests.integration.releases.test_corrections import (
    CHANGE,
    WHAT,
    ask,
    confirm,
    correct,
    deliver,
    got,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def course(mailer: Mailer) -> ReleaseEditions:
    """Embargoed for an hour; its advance copy has begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        return embargoed(mailer, tx, SLUG)


def embargoed(mailer: Mailer, tx: SqlTransaction, slug: str, to: str = "press") -> ReleaseEditions:
    embargoes.set_embargo(tx, AMINA, slug, make_terms(get_current_minute() + HOUR), mailer.clock())
    made = releases.prepare_release(
        tx,
        STAFF,
        slug,
        lists.get_list(tx, to),
        mailer.renderer,
        mailer.clock(),
        default_language=mailer.settings.defaults.language,
    )
    return releases.begin_release(tx, AMINA, made, mailer.renderer, mailer.clock())


def lift(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, AMINA, SLUG, mailer.clock())


def tick(mailer: Mailer) -> None:
    keeper = Scheduler(mailer, create_logger(StringIO()))
    keeper.run_tick()
    keeper.release_lease()


def test_a_story_that_is_corrected_while_its_release_begins_undoes_nothing(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    """On PostgreSQL both would read the same state, and what has begun become a draft."""
    deliver(mailer)
    lift(mailer)
    begun = threading.Event()

    def start() -> None:
        with mailer.store.begin() as tx:
            jobs.start_edition(mailer, course.release.id, create_logger(StringIO()), tx)
            begun.set()
            time.sleep(0.5)

    starting = threading.Thread(target=start)
    starting.start()
    assert begun.wait(10)
    correct(mailer)
    starting.join()
    with mailer.store.read() as tx:
        made = factories.reload_edition(tx, course.release)
    assert made.planned_at is not None
    assert made.state is EditionState.CANCELLED
    deliver(mailer)
    assert got(relay, "Press release: Lanterns, corrected") == [UNTRUSTED]


def test_what_was_killed_or_corrected_is_not_sent_again(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no", to=UNTRUSTED)
    deliver(mailer)
    correct(mailer)
    with mailer.store.begin() as tx, pytest.raises(Refused, match="corrected or taken back"):
        outbox.retry_failed_deliveries(
            tx, STAFF, factories.reload_edition(tx, release), mailer.clock()
        )
    ask(mailer)
    confirm(mailer)
    with mailer.store.begin() as tx, pytest.raises(Refused, match="was killed"):
        outbox.retry_failed_deliveries(
            tx, STAFF, factories.reload_edition(tx, release), mailer.clock()
        )


def test_nothing_goes_while_a_second_person_is_looked_for(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    """Neither the release that begins when the embargo ends, nor the advance copy: the verb
    refuses to resume it, and the gate stops it if it is being sent all the same."""
    assert course.advance is not None
    ask(mailer)
    with mailer.store.begin() as tx:
        paused = factories.reload_edition(tx, course.advance)
        with pytest.raises(Refused, match="asked for lanterns to be killed"):
            editions.resume_edition(tx, STAFF, paused, mailer.clock())
        editions.change_state(tx, STAFF, paused, EditionState.SENDING, mailer.clock())
    deliver(mailer)
    lift(mailer)
    tick(mailer)
    deliver(mailer)
    assert relay.received == []


def test_whoever_lost_trust_gets_the_correction_when_the_embargo_ends(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx:
        known = subscribers.get_subscriber(tx, TRUSTED)
        had = contacts.get_contact(tx, known).profile
        contacts.save_contact(tx, STAFF, known, replace(had, trust=Trust.UNTRUSTED), mailer.clock())
    correct(mailer)
    deliver(mailer)
    assert got(relay, "CORRECTION") == []
    lift(mailer)
    deliver(mailer)
    assert got(relay, "CORRECTION") == [TRUSTED]


@pytest.mark.parametrize("corrections", [1, 2])
def test_whoever_gets_the_corrected_version_as_their_first_gets_no_correction(
    mailer: Mailer, relay: Relay, course: ReleaseEditions, corrections: int
) -> None:
    """The release waited for the embargo: it was made before the correction, and begins after."""
    deliver(mailer)
    for number in range(corrections):
        correct(mailer, f"Lanterns, corrected {number}")
        deliver(mailer)
    lift(mailer)
    for _ in range(3):
        tick(mailer)
        deliver(mailer)
    assert relay.accepted.count(UNTRUSTED) == 1
    assert relay.accepted.count(TRUSTED) == 1 + corrections


def test_a_release_to_two_segments_is_corrected_for_both(mailer: Mailer, relay: Relay) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        for country in ("gb", "fr"):
            address = f"{country}@example.org"
            add_contact(tx, address, Trust.UNTRUSTED)
            here = update(subscriber).where(subscriber.c.address == address)
            tx.connection.execute(here.values(country=country.upper()))
            segments.save_segment(
                tx, STAFF, country, country, f"country = {country}", mailer.clock()
            )
            begin_release(mailer, tx, segment=country)
    correct(mailer)
    deliver(mailer)
    assert got(relay, "Press release: Lanterns, corrected") == ["fr@example.org", "gb@example.org"]


def test_a_changed_release_is_new_to_no_list(mailer: Mailer, release: Edition) -> None:
    """Else the first list could not be told any more that it has changed."""
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": "Lanterns, new"}, mailer.clock())
        other = lists.add_list(
            tx, STAFF, "more", "More", factories.NOW, visibility=Visibility.PRIVATE
        )
        with pytest.raises(Refused, match="was changed after it was sent"):
            releases.prepare_release(
                tx,
                STAFF,
                SLUG,
                other,
                mailer.renderer,
                mailer.clock(),
                default_language=mailer.settings.defaults.language,
            )


def test_a_story_that_was_only_withdrawn_and_restored_has_not_changed(
    mailer: Mailer, release: Edition
) -> None:
    with mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, SLUG, None, mailer.clock())
        articles.restore_articles(tx, STAFF, SLUG, None, mailer.clock())
        with pytest.raises(Refused, match="has not changed"):
            releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())


def test_what_was_paused_goes_on_when_its_embargo_was_lifted(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    with mailer.store.begin() as tx:
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + HOUR), mailer.clock()
        )
    deliver(mailer)
    with mailer.store.begin() as tx:
        editions.pause_edition(tx, STAFF, factories.reload_edition(tx, release), mailer.clock())
    lift(mailer)
    with mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, factories.reload_edition(tx, release), mailer.clock())
    deliver(mailer)
    assert sorted(relay.accepted) == [TRUSTED, UNTRUSTED]


def test_advance_copies_that_have_not_gone_by_the_end_are_releases(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    lift(mailer)
    tick(mailer)
    deliver(mailer)
    assert got(relay, "EMBARGOED") == []
    assert got(relay, "Press release") == [TRUSTED, UNTRUSTED]


def test_a_moved_embargo_is_news_to_whoever_has_the_advance_copy(
    mailer: Mailer, relay: Relay, course: ReleaseEditions
) -> None:
    deliver(mailer)
    with mailer.store.begin() as tx:
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + 5 * HOUR), mailer.clock()
        )
        releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())
    deliver(mailer)
    assert got(relay, "EMBARGOED CORRECTION") == [TRUSTED]


def test_the_kill_of_an_advance_copy_comes_into_no_archive(desk: PressScenario) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, title="Second secret")
        add_contact(tx, TRUSTED, Trust.TRUSTED, list_slug="news")
        embargoed(mailer, tx, "second", to="news")
    desk.deliver_mails()
    with mailer.store.begin() as tx:
        releases.request_kill(tx, AMINA, "second", {"": "It is not true."}, mailer.clock())
        releases.confirm_kill(
            tx, create_local_actor("Bela"), "second", mailer.renderer, mailer.clock()
        )
        tx.embargoes.save_embargo(
            Embargo(
                "second",
                make_terms(get_current_minute() - MINUTE),
                get_current_minute() - MINUTE,
                factories.NOW,
            )
        )
    for path in ("/archive", "/archive/news", "/archive/news/atom.xml", "/press"):
        assert "Second secret" not in desk.pages.get_page(path).text, path


def test_an_old_link_shows_the_corrected_advance_copy_and_no_odd_name_fails(
    desk: PressScenario,
) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, title="Second, wrong")
        made = embargoed(mailer, tx, "second")
        known = subscribers.get_subscriber(tx, TRUSTED)
        list_ = lists.get_list(tx, "press")
    desk.deliver_mails()
    assert made.advance is not None
    link = MemberLink(known.id, list_.id, made.advance.id)
    path = "/e/" + sign_member_link(mailer.store.key, LinkPurpose.ADVANCE, link)
    assert "Second, wrong" in desk.pages.get_page(path).text
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "second", "en", {"title": "Second, right"}, mailer.clock())
        releases.correct_release(tx, AMINA, "second", CHANGE, mailer.renderer, mailer.clock())
    shown = desk.pages.get_page(path).text
    assert "Second, right" in shown
    assert WHAT in shown
    for name in ("a%00b", "a%0a%1b[31mb", "x" * 500):
        assert desk.pages.get_page(f"{path}/files/abc/{name}").status == 404


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jose\u0301", "Jos\u00e9"),
        ("An\u200ba", " ana "),
        ("Ana", "Ana\ufe0e"),
        ("Ana", "A\u034fna"),
        ("\u0130pek", "ipek"),
        ("I\u015f\u0131k", "i\u015fik"),
    ],
)
def test_one_person_is_not_two_by_how_a_name_is_written(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


# ---- drafts -----------------------------------------------------------------------------------


def test_a_folder_has_no_say_in_what_is_out_nor_in_what_staff_write(
    mailer: Mailer, tmp_path: Path
) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        articles.add_article(
            tx,
            AMINA,
            factories.make_content("boats", title="Staff title"),
            mailer.clock(),
            state=ArticleState.DRAFT,
        )
        made = sources.add_source(
            tx, STAFF, SourceSettings("drop", SourceKind.FOLDER, str(tmp_path)), mailer.clock()
        )
    front = "title: Laternen\nslug: lanterns\nlanguage: de\nembargo: 2027-06-01 00:01"
    embargo = f"---\n{front}\n---\nText\n"
    (tmp_path / "a.md").write_text(embargo, "utf-8")
    (tmp_path / "b.md").write_text("---\ntitle: Other\nslug: boats\n---\nText\n", "utf-8")
    for file in tmp_path.iterdir():
        os.utime(file, (time.time() - 100,) * 2)
    brought = sources.poll_source(
        mailer.store, STAFF, made, SourceReader(mailer.settings), mailer.clock
    )
    assert brought is not None
    assert brought.unchanged_queued == ["boats (en)"]
    assert "queued already" in brought.problems[0]
    with mailer.store.read() as tx:
        assert tx.embargoes.find_embargo(SLUG) is None
        assert articles.get_article(tx, "boats", "en").title == "Staff title"
