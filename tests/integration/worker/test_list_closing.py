"""Closing a list: a last mail to all its members, no further edition, and a way back."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from mailer import digests, editions, list_closing, outbox
from mailer.audience import lists, preferences, subscribers
from mailer.digests import occurrences
from mailer.errors import InputError, Refused
from mailer.list_closing import ClosedList
from mailer.model.edition_states import EditionState
from mailer.model.lists import Frequency
from mailer.model.schedules import OccurrenceState
from mailer.model.signup import ConfirmationState
from mailer.worker.status import read_status
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.worker.conftest import NINE, START, WorkerHarness
from tests.integration.worker.sign_ups import NEW, confirm_sign_up, request_sign_up, run_worker

REASONS = {"en": "The *project* has ended.", "fr": "Le projet est terminé."}


def close_list(harness: WorkerHarness, *, mails: bool = True) -> ClosedList:
    with harness.mailer.store.begin() as tx:
        writer = harness.mailer.renderer if mails else None
        return list_closing.close_list(tx, STAFF, "news", REASONS, harness.now, writer=writer)


def send_last_mail(harness: WorkerHarness, closed: ClosedList) -> None:
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, closed.last_edition.id)
        edition = editions.approve_edition(tx, AMINA, edition, harness.mailer.renderer, harness.now)
        editions.start_edition(tx, AMINA, edition, harness.mailer.renderer, harness.now)
    harness.mailer.deliver_editions([edition], threading.Event())


def get_text(harness: WorkerHarness, address: str) -> str:
    (mail,) = harness.list_mails(address)
    part = mail.get_body(("plain",))
    assert part is not None
    return f"{mail['Subject']}\n{part.get_content()}"


def test_last_mail_reaches_members_of_every_topic_frequency_and_language(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    with harness.mailer.store.begin() as tx:
        factories.add_digest(tx, "the-week", frequency=Frequency.WEEKLY)
        weekly_reader = factories.add_subscriber(tx, "weekly@example.org", "climate", language="fr")
        preferences.change_membership(
            tx,
            STAFF,
            weekly_reader,
            factories.get_mailing_list(tx),
            {"frequency": Frequency.WEEKLY},
            START,
        )
        factories.add_subscriber(tx, "left@example.org")
        factories.unsubscribe_address(tx, "left@example.org")
    send_last_mail(harness, close_list(harness))
    assert sorted(harness.relay.accepted) == [
        "amal@example.org",
        "bela@example.org",
        "weekly@example.org",
    ]
    english = get_text(harness, "bela@example.org")
    assert "“News” has ended" in english
    assert "The *project* has ended." in english
    assert "This is the last email of this list." in " ".join(english.split())
    french = get_text(harness, "weekly@example.org")
    assert "a pris fin" in french
    assert "Le projet est terminé." in french


def test_last_mail_needs_approval(harness: WorkerHarness) -> None:
    closed = close_list(harness)
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, closed.last_edition.id)
        assert edition.state is EditionState.DRAFT
        with pytest.raises(Refused, match="not approved"):
            editions.start_edition(tx, STAFF, edition, harness.mailer.renderer, harness.now)


def test_closed_list_makes_no_edition_and_calendar_says_why(harness: WorkerHarness) -> None:
    harness.add_digest(approvers=("approver@example.org",))
    harness.add_schedule("every day")
    close_list(harness, mails=False)
    with harness.mailer.store.read() as tx:
        calendar = harness.mailer.build_calendar(tx, digests.get_digest(tx, "weekly"))
        (planned, *_) = calendar.list_upcoming(harness.now, 3)
    assert planned.occurrence.skipped
    assert planned.occurrence.note == (
        "the list 'news' was closed on 2027-03-01: The *project* has ended."
    )
    harness.run_tick(NINE)
    harness.deliver_editions()
    with harness.mailer.store.read() as tx:
        assert not tx.editions.list_recent_editions([], 10, notices=True), "no edition, no notice"
        saved = tx.schedules.list_occurrences("weekly", 5)
    assert {occurrence.state for occurrence in saved} == {OccurrenceState.SKIPPED}
    assert "was closed" in saved[0].reason


@pytest.mark.parametrize("act", ["assemble", "send now", "new edition"])
def test_staff_cannot_send_to_closed_list(harness: WorkerHarness, act: str) -> None:
    harness.add_digest()
    harness.add_schedule("every day")
    close_list(harness)
    with harness.mailer.store.begin() as tx:
        calendar = harness.mailer.build_calendar(tx, digests.get_digest(tx, "weekly"))
        (planned,) = calendar.list_upcoming(harness.now, 1)
        acts: dict[str, Callable[[], object]] = {
            "assemble": lambda: digests.assemble_edition(tx, STAFF, "weekly", harness.now),
            "send now": lambda: occurrences.send_now(tx, STAFF, planned, harness.now),
            "new edition": lambda: factories.create_edition(tx, "boats"),
        }
        with pytest.raises(Refused, match="the list 'news' was closed on 2027-03-01"):
            acts[act]()


def test_explanation_knows_that_the_last_mail_is_for_every_frequency(
    harness: WorkerHarness,
) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_digest(tx, "the-week", frequency=Frequency.WEEKLY)
        reader = subscribers.get_subscriber(tx, "amal@example.org")
        changes = {"frequency": Frequency.WEEKLY}
        mailing_list = factories.get_mailing_list(tx)
        preferences.change_membership(tx, STAFF, reader, mailing_list, changes, START)
    closed = close_list(harness)
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, closed.last_edition.id)
        edition, _ = editions.compose_edition(tx, STAFF, edition, harness.mailer.renderer)
        explanation = outbox.explain_outcome(tx, edition, "amal@example.org")
    assert explanation.startswith("amal@example.org will get edition")
    assert explanation.endswith("it is for them too: it is the last mail of the list.")


def test_reopening_withdraws_the_closing_story_alone(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_story(tx, "news-closed-roads", "health")
    closed = close_list(harness)
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, closed.last_edition.id)
        stories = (*edition.stories, "news-closed-roads")
        editions.arrange_stories(tx, STAFF, edition, stories, harness.now)
        list_closing.reopen_list(tx, STAFF, "news", harness.now)
        assert tx.editions.find_queued_slugs(stories) == {"news-closed-roads"}


def test_closing_cancels_unsent_editions_and_frees_their_stories(harness: WorkerHarness) -> None:
    harness.add_digest()
    with harness.mailer.store.begin() as tx:
        unsent, _ = digests.assemble_edition(tx, STAFF, "weekly", harness.now)
    closed = close_list(harness)
    assert [edition.id for edition in closed.cancelled] == [unsent.id]
    assert harness.get_edition(unsent.id).state is EditionState.CANCELLED
    with harness.mailer.store.read() as tx:
        candidates = tx.digests.list_candidate_stories(digests.get_digest(tx, "weekly"))
        assert [story.slug for story in candidates] == ["boats"], "not the last mail's own"


def test_closed_list_takes_no_new_members_but_keeps_its_members(harness: WorkerHarness) -> None:
    close_list(harness)
    with harness.mailer.store.begin() as tx:
        with pytest.raises(Refused, match="closed") as caught:
            factories.add_subscriber(tx, "zoe@example.org")
        assert caught.value.code == "list_closed"
        subscriber = subscribers.get_subscriber(tx, "amal@example.org")
        mailing_list = factories.get_mailing_list(tx)
        changed = preferences.change_membership(
            tx, STAFF, subscriber, mailing_list, {"language": "fr"}, harness.now
        )
        assert changed.language == "fr"
        factories.unsubscribe_address(tx, "amal@example.org")
        with pytest.raises(Refused, match="closed"):
            preferences.restore_membership(
                tx, STAFF, subscriber, mailing_list, harness.now, source="page"
            )


def test_sign_up_confirmed_after_closing_is_refused_and_not_welcomed(
    harness: WorkerHarness,
) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    late_sign_up = request_sign_up(harness, "late@example.org")
    close_list(harness, mails=False)
    with pytest.raises(Refused, match="closed"):
        confirm_sign_up(harness, sign_up.id)
    run_worker(harness)
    assert not harness.list_mails("late@example.org"), "nothing is left to confirm"
    assert late_sign_up is not None
    assert len(harness.list_mails(NEW)) == 1
    with harness.mailer.store.read() as tx:
        confirmation = tx.sign_ups.find_confirmation(late_sign_up.id)
        assert confirmation is not None
        assert confirmation.state is ConfirmationState.DONE


def test_reopened_list_sends_again_and_forgets_its_last_mail(harness: WorkerHarness) -> None:
    harness.add_digest()
    closed = close_list(harness)
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        list_closing.reopen_list(tx, STAFF, "news", harness.now)
        assert not factories.get_mailing_list(tx).is_closed
    assert harness.get_edition(closed.last_edition.id).state is EditionState.CANCELLED
    with harness.mailer.store.begin() as tx:
        edition, _ = digests.assemble_edition(tx, STAFF, "weekly", harness.now)
        assert edition.stories == ("boats",)
        factories.add_subscriber(tx, "zoe@example.org")
        with pytest.raises(Refused, match="not closed"):
            list_closing.reopen_list(tx, STAFF, "news", harness.now)
    again = close_list(harness)
    assert again.last_edition is not None
    assert again.last_edition.stories == ("news-closed-2",)


def test_list_is_not_reopened_while_its_last_mail_is_sent(harness: WorkerHarness) -> None:
    closed = close_list(harness)
    assert closed.last_edition is not None
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, closed.last_edition.id)
        edition = editions.approve_edition(tx, AMINA, edition, harness.mailer.renderer, START)
        editions.start_edition(tx, AMINA, edition, harness.mailer.renderer, START)
        with pytest.raises(Refused, match="is sending"):
            list_closing.reopen_list(tx, STAFF, "news", harness.now)


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        ({}, "there is none in en"),
        ({"fr": "Fini."}, "there is none in en"),
        ({"en": " "}, "there is none in en"),
        ({"en": "x" * 501}, "501 characters"),
        ({"en": "a\x07b"}, "control characters"),
    ],
)
def test_unusable_reason_closes_nothing(
    harness: WorkerHarness, reasons: dict[str, str], message: str
) -> None:
    with harness.mailer.store.begin() as tx:
        with pytest.raises(InputError, match=message):
            list_closing.close_list(tx, STAFF, "news", reasons, START, writer=None)
        assert not lists.get_list(tx, "news").is_closed


def test_status_shows_closed_list_until_its_last_mail_is_sent(harness: WorkerHarness) -> None:
    closed = close_list(harness)
    harness.now = START + timedelta(days=30)
    with harness.mailer.store.read() as tx:
        (closed_list,) = read_status(harness.mailer, tx).closed_lists
    assert closed.last_edition is not None
    assert closed_list.words == f"last mail: edition {closed.last_edition.id}, draft"
    send_last_mail(harness, closed)
    with harness.mailer.store.read() as tx:
        assert not read_status(harness.mailer, tx).closed_lists
