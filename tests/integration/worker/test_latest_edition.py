"""A new member gets the latest edition with their own topics, and nothing that must not be sent."""

from datetime import timedelta
from typing import Any

import pytest

from mailer import articles, digests, editions, embargoes, releases
from mailer.audience import preferences, subscribers
from mailer.audience.lists import edit_list
from mailer.audience.signup import confirmations
from mailer.model.articles import ArticleKind
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind, EditionRole, EditionState
from mailer.model.editions import ChangeNote, Edition
from mailer.model.embargoes import EmbargoTerms
from mailer.model.lists import Frequency
from mailer.model.releases import Kill
from mailer.model.signup import ConfirmationState, SignUpWishes
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.worker.conftest import START, WorkerHarness
from tests.integration.worker.sign_ups import NEW, confirm_sign_up, find_state, run_worker

HOUR = timedelta(hours=1)


def send_edition(harness: WorkerHarness, *slugs: str, **fields: Any) -> Edition:
    """Send an edition to the members of the list, and return it."""
    with harness.mailer.store.begin() as tx:
        edition = factories.create_edition(tx, *slugs, **fields)
        edition = editions.approve_edition(tx, AMINA, edition, harness.mailer.renderer, harness.now)
        editions.start_edition(tx, AMINA, edition, harness.mailer.renderer, harness.now)
    harness.deliver_editions()
    sent = harness.get_edition(edition.id)
    assert sent.state is EditionState.SENT
    return sent


def join_list(harness: WorkerHarness, *topics: str, language: str = "en") -> int:
    """Sign up, confirm, and let the worker answer. Returns the id of the confirmation."""
    with harness.mailer.store.begin() as tx:
        sign_up = confirmations.build_sign_up(
            tx, NEW, SignUpWishes(("news",), topics), language, "page"
        )
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, sign_up, harness.now)
        (confirmation,) = tx.sign_ups.list_for_address(NEW)
    run_worker(harness)
    confirm_sign_up(harness, confirmation.id)
    run_worker(harness)
    return confirmation.id


def list_texts(harness: WorkerHarness) -> list[str]:
    """Return the text parts of the mails that the new member has got after confirming, a welcome
    first."""
    texts = []
    for mail in harness.list_mails(NEW)[1:]:
        part = mail.get_body(("plain",))
        assert part is not None
        texts.append(f"{mail['Subject']}\n{part.get_content()}")
    return sorted(texts, key=lambda text: "/v/" in text)


@pytest.fixture
def office(harness: WorkerHarness) -> WorkerHarness:
    with harness.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"welcome": True, "welcome_edition": True})
        factories.add_story(tx, "flats", "housing")
        factories.add_story(tx, "boats", "health", language="fr")
    return harness


def test_new_member_gets_latest_edition_with_their_topics(office: WorkerHarness) -> None:
    send_edition(office, "flats")
    edition = send_edition(office, "boats", "flats")
    office.now = START + 48 * HOUR
    confirmation_id = join_list(office, "housing")
    welcome, copy = list_texts(office)
    assert "You are subscribed" in welcome
    assert "Flats" in copy
    assert "Boats" not in copy
    assert "Monday 1 March 2027" in " ".join(copy.split()), "the day on which it was sent"
    assert find_state(office, confirmation_id) is ConfirmationState.DONE
    run_worker(office)
    assert len(list_texts(office)) == 2
    with office.mailer.store.read() as tx:
        assert NEW not in {one.address for one in tx.outbox.list_deliveries(edition, limit=10)}
        report = tx.outbox.build_report(editions.get_edition(tx, edition.id))
        assert report.total == 2, "it is no delivery of that edition"
    for mail in office.list_mails(NEW)[1:]:
        assert "List-Unsubscribe=One-Click" in str(mail["List-Unsubscribe-Post"])


def test_copy_of_a_counted_edition_leads_to_the_stories_themselves(office: WorkerHarness) -> None:
    """A copy does not count as a delivery of the edition, and neither do its links."""
    url = "https://www.example.org/nets"
    with office.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"counts_clicks": True})
        factories.add_story(tx, "nets", "health", canonical_url=url)
        factories.add_subscriber(tx, "zoe@example.org", "health")
    send_edition(office, "nets", "flats")
    (counted_mail,) = office.list_mails("zoe@example.org")
    assert "/r/" in str(counted_mail)
    join_list(office)
    _, copy = list_texts(office)
    assert url in copy
    assert "/r/" not in copy


def test_new_member_gets_latest_edition_in_their_language(office: WorkerHarness) -> None:
    with office.mailer.store.begin() as tx:
        factories.add_subscriber(tx, "zoe@example.org", language="fr")
    send_edition(office, "boats")
    join_list(office, language="fr")
    _, copy = list_texts(office)
    assert "Boats (fr)" in copy


def test_edition_without_story_for_member_is_not_sent(office: WorkerHarness) -> None:
    send_edition(office, "boats")
    confirmation_id = join_list(office, "climate")
    assert len(list_texts(office)) == 1
    assert find_state(office, confirmation_id) is ConfirmationState.DONE


def test_list_without_sent_edition_only_welcomes(office: WorkerHarness) -> None:
    with office.mailer.store.begin() as tx:
        factories.create_edition(tx, "boats", template="digest")
    join_list(office)
    assert len(list_texts(office)) == 1


def test_list_without_option_only_welcomes(office: WorkerHarness) -> None:
    send_edition(office, "boats")
    with office.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"welcome_edition": False})
    join_list(office)
    assert len(list_texts(office)) == 1


def test_list_may_send_edition_without_welcome(office: WorkerHarness) -> None:
    send_edition(office, "boats")
    with office.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"welcome": False})
    join_list(office)
    (copy,) = list_texts(office)
    assert "Boats" in copy


@pytest.mark.parametrize("fate", ["withdrawn", "embargoed", "to be killed"])
def test_story_that_must_not_be_sent_is_left_out(office: WorkerHarness, fate: str) -> None:
    send_edition(office, "boats", "flats")
    with office.mailer.store.begin() as tx:
        if fate == "withdrawn":
            articles.withdraw_articles(tx, STAFF, "boats", None, office.now)
        elif fate == "embargoed":
            wall = (office.now + 72 * HOUR).replace(tzinfo=None)
            terms = EmbargoTerms(wall, "UTC")
            embargoes.set_embargo(tx, STAFF, "boats", terms, office.now)
        else:
            tx.releases.save_kill(Kill("boats", {"en": "Not so."}, "Amina", office.now))
    join_list(office)
    _, copy = list_texts(office)
    assert "Flats" in copy
    assert "Boats" not in copy


def test_corrected_release_is_sent_as_corrected(office: WorkerHarness) -> None:
    with office.mailer.store.begin() as tx:
        factories.add_story(tx, "tower", kind=ArticleKind.PRESS_RELEASE, title="A low tower")
    send_edition(office, "tower", role=EditionRole.RELEASE, template="press-release")
    office.now += HOUR
    with office.mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "tower", "en", {"title": "A high tower"}, office.now)
        change = ChangeNote({"": "The height."}, {"": "It was wrong."})
        releases.correct_release(tx, AMINA, "tower", change, office.mailer.renderer, office.now)
    office.deliver_editions()
    join_list(office)
    _, copy = list_texts(office)
    assert "A high tower" in copy
    assert "A low tower" not in copy


def test_member_who_leaves_at_once_gets_no_edition(office: WorkerHarness) -> None:
    send_edition(office, "boats")
    with office.mailer.store.begin() as tx:
        sign_up = confirmations.build_sign_up(tx, NEW, SignUpWishes(("news",)), "en", "page")
        limit = office.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, sign_up, office.now)
        (confirmation,) = tx.sign_ups.list_for_address(NEW)
    run_worker(office)
    confirm_sign_up(office, confirmation.id)
    office.run_tick()
    with office.mailer.store.begin() as tx:
        factories.unsubscribe_address(tx, NEW)
        copies = [
            edition
            for edition in tx.editions.list_recent_editions([], 10, notices=True)
            if edition.kind is EditionKind.WELCOME
        ]
    office.deliver_editions()
    assert not list_texts(office)
    states = {
        state
        for edition in copies
        for state in factories.read_delivery_states(office.mailer.store, edition).values()
    }
    assert states == {DeliveryState.SUPPRESSED}


def test_story_of_the_copy_does_not_come_again_after_a_change_of_frequency(
    office: WorkerHarness,
) -> None:
    with office.mailer.store.begin() as tx:
        factories.add_digest(tx, "the-week", frequency=Frequency.WEEKLY)
    send_edition(office, "flats")
    join_list(office)
    assert len(list_texts(office)) == 2
    office.now += HOUR
    with office.mailer.store.begin() as tx:
        for address in (NEW, "amal@example.org"):
            preferences.change_membership(
                tx,
                STAFF,
                subscribers.get_subscriber(tx, address),
                factories.get_mailing_list(tx),
                {"frequency": Frequency.WEEKLY},
                office.now,
            )
        factories.add_story(tx, "new-boats")
        edition, _ = digests.assemble_edition(tx, STAFF, "the-week", office.now)
        assert {"flats", "new-boats"} <= {*edition.stories}
        edition = editions.approve_edition(tx, AMINA, edition, office.mailer.renderer, office.now)
        editions.start_edition(tx, AMINA, edition, office.mailer.renderer, office.now)
    office.deliver_editions()
    weekly_mail = office.list_mails(NEW)[-1].get_body(("plain",))
    assert weekly_mail is not None
    assert "Boats" in weekly_mail.get_content()
    assert "Flats" not in weekly_mail.get_content()
