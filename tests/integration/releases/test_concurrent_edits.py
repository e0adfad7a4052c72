"""Several changes of a release at once, or one after the other in an odd order."""

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
    CHANGE,
    MINUTE,
    SLUG,
    TRUSTED,
    UNTRUSTED,
    WHAT,
    PressScenario,
    add_contact,
    begin_release,
    confirm_kill,
    confirm_previewed_kill,
    correct_release,
    create_office,
    deliver_mails,
    get_current_minute,
    list_recipients,
    make_terms,
    request_kill,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def release_editions(mailer: Mailer) -> ReleaseEditions:
    """A release embargoed for an hour; its advance copy has begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        return begin_embargoed_release(mailer, tx, SLUG)


def begin_embargoed_release(
    mailer: Mailer, tx: SqlTransaction, slug: str, list_slug: str = "press"
) -> ReleaseEditions:
    embargoes.set_embargo(tx, AMINA, slug, make_terms(get_current_minute() + HOUR), mailer.clock())
    created = releases.prepare_release(
        tx,
        STAFF,
        slug,
        lists.get_list(tx, list_slug),
        mailer.renderer,
        mailer.clock(),
        default_language=mailer.settings.defaults.language,
    )
    return releases.begin_release(tx, AMINA, created, mailer.renderer, mailer.clock())


def lift_embargo(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        embargoes.lift_embargo(tx, AMINA, SLUG, mailer.clock())


def run_worker_tick(mailer: Mailer) -> None:
    scheduler = Scheduler(mailer, create_logger(StringIO()))
    scheduler.run_tick()
    scheduler.release_lease()


def test_correction_while_release_begins_undoes_nothing(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    """On PostgreSQL both would read the same state, and the begun edition become a draft."""
    deliver_mails(mailer)
    lift_embargo(mailer)
    begun = threading.Event()

    def start() -> None:
        with mailer.store.begin() as tx:
            jobs.start_edition(mailer, release_editions.release.id, create_logger(StringIO()), tx)
            begun.set()
            time.sleep(0.5)

    starting = threading.Thread(target=start)
    starting.start()
    assert begun.wait(10)
    correct_release(mailer)
    starting.join()
    with mailer.store.read() as tx:
        created = factories.reload_edition(tx, release_editions.release)
    assert created.planned_at is not None
    assert created.state is EditionState.CANCELLED
    deliver_mails(mailer)
    assert list_recipients(relay, "Press release: Lanterns, corrected") == [UNTRUSTED]


def test_killed_or_corrected_release_is_not_retried(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no", to=UNTRUSTED)
    deliver_mails(mailer)
    correct_release(mailer)
    with mailer.store.begin() as tx, pytest.raises(Refused, match="corrected or taken back"):
        outbox.retry_failed_deliveries(
            tx, STAFF, factories.reload_edition(tx, release), mailer.clock()
        )
    request_kill(mailer)
    confirm_kill(mailer)
    with mailer.store.begin() as tx, pytest.raises(Refused, match="was killed"):
        outbox.retry_failed_deliveries(
            tx, STAFF, factories.reload_edition(tx, release), mailer.clock()
        )


def test_requested_kill_holds_release_and_advance_copy(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    """The verb refuses to resume the advance copy, and the gate stops it if it is being sent all
    the same. The release does not begin when the embargo ends."""
    assert release_editions.advance is not None
    request_kill(mailer)
    with mailer.store.begin() as tx:
        paused = factories.reload_edition(tx, release_editions.advance)
        with pytest.raises(Refused, match="asked for lanterns to be killed"):
            editions.resume_edition(tx, STAFF, paused, mailer.clock())
        editions.change_state(tx, STAFF, paused, EditionState.SENDING, mailer.clock())
    deliver_mails(mailer)
    lift_embargo(mailer)
    run_worker_tick(mailer)
    deliver_mails(mailer)
    assert relay.received == []


def test_contact_who_lost_trust_gets_correction_after_embargo(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        contact = subscribers.get_subscriber(tx, TRUSTED)
        profile = replace(contacts.get_contact(tx, contact).profile, trust=Trust.UNTRUSTED)
        contacts.save_contact(tx, STAFF, contact, profile, mailer.clock())
    correct_release(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "CORRECTION") == []
    lift_embargo(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "CORRECTION") == [TRUSTED]


@pytest.mark.parametrize("corrections", [1, 2])
def test_first_time_recipient_of_corrected_version_gets_no_correction(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions, corrections: int
) -> None:
    """The release, created before the correction, begins after it, when the embargo ends."""
    deliver_mails(mailer)
    for number in range(corrections):
        correct_release(mailer, f"Lanterns, corrected {number}")
        deliver_mails(mailer)
    lift_embargo(mailer)
    for _ in range(3):
        run_worker_tick(mailer)
        deliver_mails(mailer)
    assert relay.accepted.count(UNTRUSTED) == 1
    assert relay.accepted.count(TRUSTED) == 1 + corrections


def test_release_to_two_segments_is_corrected_for_both(mailer: Mailer, relay: Relay) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        for country in ("gb", "fr"):
            address = f"{country}@example.org"
            add_contact(tx, address, Trust.UNTRUSTED)
            statement = update(subscriber).where(subscriber.c.address == address)
            tx.connection.execute(statement.values(country=country.upper()))
            segments.save_segment(
                tx, STAFF, country, country, f"country = {country}", mailer.clock()
            )
            begin_release(mailer, tx, segment=country)
    correct_release(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "Press release: Lanterns, corrected") == [
        "fr@example.org",
        "gb@example.org",
    ]


def test_changed_release_is_refused_for_another_list(mailer: Mailer, release: Edition) -> None:
    """Otherwise the first list could no longer be notified of the change."""
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


def test_withdrawn_and_restored_story_counts_as_unchanged(mailer: Mailer, release: Edition) -> None:
    with mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, SLUG, None, mailer.clock())
        articles.restore_articles(tx, STAFF, SLUG, None, mailer.clock())
        with pytest.raises(Refused, match="has not changed"):
            releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())


def test_paused_release_resumes_after_embargo_is_lifted(
    mailer: Mailer, relay: Relay, release: Edition
) -> None:
    with mailer.store.begin() as tx:
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + HOUR), mailer.clock()
        )
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        editions.pause_edition(tx, STAFF, factories.reload_edition(tx, release), mailer.clock())
    lift_embargo(mailer)
    with mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, factories.reload_edition(tx, release), mailer.clock())
    deliver_mails(mailer)
    assert sorted(relay.accepted) == [TRUSTED, UNTRUSTED]


def test_unsent_advance_copies_become_releases_when_embargo_ends(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    lift_embargo(mailer)
    run_worker_tick(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "EMBARGOED") == []
    assert list_recipients(relay, "Press release") == [TRUSTED, UNTRUSTED]


def test_correction_tells_advance_recipients_of_moved_embargo(
    mailer: Mailer, relay: Relay, release_editions: ReleaseEditions
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        embargoes.set_embargo(
            tx, STAFF, SLUG, make_terms(get_current_minute() + 5 * HOUR), mailer.clock()
        )
        releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())
    deliver_mails(mailer)
    assert list_recipients(relay, "EMBARGOED CORRECTION") == [TRUSTED]


def test_kill_of_advance_copy_comes_into_no_archive(desk: PressScenario) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, title="Second secret")
        add_contact(tx, TRUSTED, Trust.TRUSTED, list_slug="news")
        begin_embargoed_release(mailer, tx, "second", list_slug="news")
    desk.deliver_mails()
    with mailer.store.begin() as tx:
        releases.request_kill(tx, AMINA, "second", {"": "It is not true."}, mailer.clock())
        confirm_previewed_kill(mailer, tx, slug="second")
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


def test_old_link_shows_corrected_advance_copy_and_survives_odd_names(
    desk: PressScenario,
) -> None:
    mailer = desk.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "second", kind=ArticleKind.PRESS_RELEASE, title="Second, wrong")
        created = begin_embargoed_release(mailer, tx, "second")
        contact = subscribers.get_subscriber(tx, TRUSTED)
        list_ = lists.get_list(tx, "press")
    desk.deliver_mails()
    assert created.advance is not None
    link = MemberLink(contact.id, list_.id, created.advance.id)
    path = "/e/" + sign_member_link(mailer.store.key, LinkPurpose.ADVANCE, link)
    assert "Second, wrong" in desk.pages.get_page(path).text
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "second", "en", {"title": "Second, right"}, mailer.clock())
        releases.correct_release(tx, AMINA, "second", CHANGE, mailer.renderer, mailer.clock())
    page_text = desk.pages.get_page(path).text
    assert "Second, right" in page_text
    assert WHAT in page_text
    for name in ("a%00b", "a%0a%1b[31mb", "x" * 500):
        assert desk.pages.get_page(f"{path}/files/abc/{name}").status == 404


@pytest.mark.parametrize(
    ("name", "other_name"),
    [
        ("Jose\u0301", "Jos\u00e9"),
        ("An\u200ba", " ana "),
        ("Ana", "Ana\ufe0e"),
        ("Ana", "A\u034fna"),
        ("\u0130pek", "ipek"),
        ("I\u015f\u0131k", "i\u015fik"),
    ],
)
def test_spellings_of_a_name_fold_to_the_same_person(name: str, other_name: str) -> None:
    assert fold_name(name) == fold_name(other_name)


# ---- drafts -----------------------------------------------------------------------------------


def test_folder_changes_neither_sent_nor_staff_articles(mailer: Mailer, tmp_path: Path) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        articles.add_article(
            tx,
            AMINA,
            factories.make_content("boats", title="Staff title"),
            mailer.clock(),
            state=ArticleState.DRAFT,
        )
        created = sources.add_source(
            tx, STAFF, SourceSettings("drop", SourceKind.FOLDER, str(tmp_path)), mailer.clock()
        )
    front = "title: Laternen\nslug: lanterns\nlanguage: de\nembargo: 2027-06-01 00:01"
    document = f"---\n{front}\n---\nText\n"
    (tmp_path / "a.md").write_text(document, "utf-8")
    (tmp_path / "b.md").write_text("---\ntitle: Other\nslug: boats\n---\nText\n", "utf-8")
    for file in tmp_path.iterdir():
        os.utime(file, (time.time() - 100,) * 2)
    result = sources.poll_source(
        mailer.store, STAFF, created, SourceReader(mailer.settings), mailer.clock
    )
    assert result is not None
    assert result.changed_after_queueing == ["boats (en)"]
    assert "queued already" in result.problems[0]
    with mailer.store.read() as tx:
        assert tx.embargoes.find_embargo(SLUG) is None
        assert articles.get_article(tx, "boats", "en").title == "Staff title"
