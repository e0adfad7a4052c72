"""A correction reaches exactly the recipients of the release, once."""

import pytest
from sqlalchemy import update

from mailer import articles, editions, releases
from mailer.app import Mailer
from mailer.audience import lists, preferences
from mailer.errors import Refused
from mailer.model.articles import ArticleKind
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionRole, EditionState, InDoubtPolicy
from mailer.model.editions import ChangeNote, Edition, NewEdition
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
    CHANGE,
    CONTACTS,
    SLUG,
    WHAT,
    WHY,
    PressScenario,
    begin_release,
    correct_release,
    create_office,
    deliver_mails,
    list_all_recipients,
    list_recipients,
)


def test_correction_reaches_recipients_and_new_version_the_rest(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    """The first send is stopped after a few recipients, in the middle of a message."""
    created: list[CorrectionResult] = []
    run_during_first_message(relay, lambda: created.append(correct_release(mailer)))
    deliver_mails(with_single_connection(mailer))
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, wide_release).state is EditionState.CANCELLED
    deliver_mails(mailer)
    old = list_recipients(relay, "Press release: Lanterns on")
    assert 0 < len(old) < len(list_all_recipients())
    assert list_recipients(relay, "CORRECTION: Lanterns, corrected") == old
    new = list_recipients(relay, "Press release: Lanterns, corrected")
    assert sorted([*old, *new]) == list_all_recipients()
    (stopped,) = created[0].stopped
    assert stopped.id == wide_release.id
    assert [edition.role for edition, _ in created[0].begun] == [
        EditionRole.CORRECTION,
        EditionRole.RELEASE,
    ]


def test_correction_after_resumed_release_reaches_all_recipients(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    def pause() -> None:
        with mailer.store.begin() as tx:
            editions.pause_edition(
                tx, STAFF, factories.reload_edition(tx, wide_release), mailer.clock(), reason="look"
            )

    run_during_first_message(relay, pause)
    deliver_mails(with_single_connection(mailer))
    before = len(relay.accepted)
    assert 0 < before < len(list_all_recipients())
    with mailer.store.begin() as tx:
        editions.resume_edition(
            tx, STAFF, factories.reload_edition(tx, wide_release), mailer.clock()
        )
    deliver_mails(mailer)
    correct_release(mailer)
    deliver_mails(mailer)
    assert (
        list_recipients(relay, "CORRECTION")
        == list_recipients(relay, "Press release")
        == list_all_recipients()
    )


def test_late_settlement_adds_recipient_to_correction(
    mailer: Mailer, wide_release: Edition
) -> None:
    """The outcome of a message on the wire is unknown. If the message turns out to have arrived,
    its recipient gets the correction too; if it did not, the new version."""
    with mailer.store.begin() as tx:
        sleeper = factories.register_worker(tx)
        first, second, *_ = tx.outbox.claim_deliveries(wide_release.id, sleeper, 3)
        assert tx.outbox.gate_deliveries(sleeper, [first.id, second.id]) == {first.id, second.id}
    created = correct_release(mailer)
    plans = {edition.role: plan for edition, plan in created.begun}
    assert plans[EditionRole.CORRECTION].planned == 0
    assert plans[EditionRole.RELEASE].planned == len(list_all_recipients()) - 2
    correction, rest = (edition for edition, _ in created.begun)
    with mailer.store.begin() as tx:
        tx.outbox.settle_deliveries(
            [
                Settlement(first.id, sleeper, DeliveryState.SENT, "250 ok"),
                Settlement(second.id, sleeper, DeliveryState.QUEUED, "450 later", 60.0),
            ]
        )
        tx.outbox.cancel_unsent_deliveries(wide_release.id)
    deliver_mails(mailer)
    assert read_delivery_states(mailer.store, correction) == {first.address: DeliveryState.SENT}
    reached = read_delivery_states(mailer.store, rest)
    assert second.address in reached
    assert first.address not in reached
    assert set(reached.values()) == {DeliveryState.SENT}
    deliver_mails(mailer)
    assert len(read_deliveries(mailer.store, correction)) == 1


def test_in_doubt_delivery_gets_the_correction(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    relay.answer_once(Step.DOT, CLOSE)
    with mailer.store.begin() as tx:
        statement = update(edition_table).where(edition_table.c.id == wide_release.id)
        tx.connection.execute(statement.values(in_doubt=InDoubtPolicy.KEEP_IN_DOUBT.value))
    deliver_mails(with_single_connection(mailer))
    doubted = [
        address
        for address, state in read_delivery_states(mailer.store, wide_release).items()
        if state is DeliveryState.IN_DOUBT
    ]
    assert len(doubted) == 1
    correct_release(mailer)
    deliver_mails(mailer)
    assert doubted[0] in list_recipients(relay, "CORRECTION")


def test_second_correction_reaches_recipients_of_any_version(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    deliver_mails(mailer)
    correct_release(mailer)
    deliver_mails(mailer)
    correct_release(mailer, "Lanterns, once more")
    deliver_mails(mailer)
    assert list_recipients(relay, "CORRECTION: Lanterns, once more") == list_all_recipients()


def test_correction_skips_unsubscribed_and_suppressed_contacts(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        factories.unsubscribe_address(tx, CONTACTS[0], list_slug="press")
        factories.suppress_address(tx, CONTACTS[1])
    correct_release(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "CORRECTION") == [
        address for address in list_all_recipients() if address not in {CONTACTS[0], CONTACTS[1]}
    ]


def test_correction_of_unsent_or_unchanged_release_is_refused(
    mailer: Mailer, wide_release: Edition
) -> None:
    with mailer.store.begin() as tx, pytest.raises(Refused, match="has not changed"):
        releases.correct_release(tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock())
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats", kind=ArticleKind.PRESS_RELEASE)
        with pytest.raises(Refused, match="no release of boats has been sent"):
            releases.correct_release(tx, AMINA, "boats", CHANGE, mailer.renderer, mailer.clock())


def test_changed_release_is_refused_as_new_release(mailer: Mailer, wide_release: Edition) -> None:
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


def test_correction_is_marked_on_page_in_archive_and_in_feeds(
    desk: PressScenario,
) -> None:
    correct_release(desk.mailer)
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


def test_correction_states_the_change_in_readers_language(mailer: Mailer, relay: Relay) -> None:
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
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        articles.edit_article(
            tx, STAFF, SLUG, "en", {"title": "Lanterns, corrected"}, mailer.clock()
        )
        change = ChangeNote({"": "Ten towns.", "FR": "Dix villes."}, {"en": "We miscounted."})
        created = releases.correct_release(tx, AMINA, SLUG, change, mailer.renderer, mailer.clock())
    assert created.warnings == (
        "readers of fr read 'why' in en: give it in fr too",
        f"{SLUG} in fr has no quotes",
        f"{SLUG} in fr has no assets",
    )
    deliver_mails(mailer)
    english, french = (
        relay.list_mails(address)[-1].as_string()
        for address in ("ana@example.org", "chloe@example.org")
    )
    assert "Ten towns." in english
    assert "Dix villes." in french
    assert "We miscounted." in french


def test_withdrawing_story_voids_approval_of_its_editions(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        factories.add_story(tx, "boats")
        created = editions.create_edition(
            tx, STAFF, NewEdition("Next week", "news", stories=("boats", SLUG)), mailer.clock()
        )
        created = editions.approve_edition(tx, AMINA, created, mailer.renderer, mailer.clock())
        articles.withdraw_articles(tx, STAFF, SLUG, None, mailer.clock())
        created = factories.reload_edition(tx, created)
        assert (created.state, created.approval) == (EditionState.DRAFT, None)
        recomposed, _ = editions.compose_edition(tx, STAFF, created, mailer.renderer)
        assert "Lanterns" not in tx.editions.list_bodies(recomposed)[0].html


def test_merged_subscriber_gets_correction_once_at_current_address(
    mailer: Mailer, relay: Relay, wide_release: Edition
) -> None:
    deliver_mails(mailer)
    with mailer.store.begin() as tx:
        merged, remaining = (tx.subscribers.find_subscriber(CONTACTS[at]) for at in (0, 1))
        assert merged is not None
        assert remaining is not None
        preferences.merge_subscribers(tx, STAFF, merged, remaining, mailer.clock())
    correct_release(mailer)
    deliver_mails(mailer)
    deliver_mails(mailer)
    assert list_recipients(relay, "CORRECTION") == [
        address for address in list_all_recipients() if address != CONTACTS[0]
    ]
