"""A person who signs up gets one mail, and only the mail that the address should get."""

import re
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailer import editions
from mailer.actor import create_local_actor
from mailer.audience import links, subscribers
from mailer.audience.lists import edit_list
from mailer.audience.signup import confirmations
from mailer.audience.signup.service_mails import ServiceMail
from mailer.config import Paths, Settings
from mailer.model.edition_states import PER_RECIPIENT_KINDS, EditionKind, EditionState
from mailer.model.editions import Edition, EditionBody
from mailer.model.signup import Confirmation, ConfirmationState, SignUpWishes
from mailer.model.subscribers import Wording
from mailer.render import compose_service_mail
from mailer.store import SqlTransaction
from mailer.worker import confirmations as confirmations_module
from tests.actors import STAFF
from tests.fake_relay import Step
from tests.integration import factories
from tests.integration.factories import DAY, HOUR
from tests.integration.worker.conftest import WorkerHarness

NEW = "new@example.org"
S = ConfirmationState


def request_sign_up(
    harness: WorkerHarness,
    address: str = NEW,
    language: str = "en",
    lists: tuple[str, ...] = ("news",),
) -> Confirmation | None:
    with harness.mailer.store.begin() as tx:
        sign_up = confirmations.build_sign_up(tx, address, SignUpWishes(lists), language, "page")
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, sign_up, harness.now)
        return next(iter(reversed(tx.sign_ups.list_for_address(address))), None)


def confirm_sign_up(harness: WorkerHarness, confirmation_id: int, *list_slugs: str) -> None:
    with harness.mailer.store.begin() as tx:
        confirmation = tx.sign_ups.find_confirmation(confirmation_id)
        assert confirmation is not None
        confirmations.apply_confirmation(
            tx,
            STAFF,
            harness.mailer.sign_up_limits.per_address,
            confirmation,
            harness.now,
            wording=Wording("en", "I agree."),
            accepted_lists=list_slugs or None,
        )


def find_state(harness: WorkerHarness, confirmation_id: int) -> ConfirmationState | None:
    with harness.mailer.store.read() as tx:
        confirmation = tx.sign_ups.find_confirmation(confirmation_id)
        return confirmation.state if confirmation else None


def run_worker(harness: WorkerHarness) -> None:
    harness.run_tick()
    harness.deliver_editions()


def list_service_editions(harness: WorkerHarness) -> list[Edition]:
    """Return the editions of service mails, the oldest first."""
    with harness.mailer.store.read() as tx:
        newest_first = tx.editions.list_recent_editions([], 100, notices=True)
    return [edition for edition in reversed(newest_first) if edition.kind in PER_RECIPIENT_KINDS]


def get_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_new_address_is_asked_to_confirm_its_wishes(harness: WorkerHarness) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    (mail,) = harness.list_mails(NEW)
    part = mail.get_body(("plain",))
    assert part is not None
    (token,) = {*re.findall(r"/c/(\S+)", part.get_content())}
    assert links.verify_confirmation_link(harness.mailer.store.key, token) == sign_up.id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    assert find_state(harness, sign_up.id) is S.MAILED
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1


def test_confirming_subscriber_joins_list_and_is_welcomed(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"welcome": True})
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id)
    run_worker(harness)
    _, welcome = harness.list_mails(NEW)
    assert "List-Unsubscribe=One-Click" in str(welcome["List-Unsubscribe-Post"])
    assert find_state(harness, sign_up.id) is S.DONE
    with harness.mailer.store.read() as tx:
        subscriber = subscribers.get_subscriber(tx, NEW)
        assert [membership.list for membership in tx.subscribers.list_memberships(subscriber)] == [
            "news"
        ]


def test_list_without_welcome_sends_no_further_mail(harness: WorkerHarness) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id)
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1
    assert find_state(harness, sign_up.id) is S.DONE


def test_sign_up_of_member_is_answered_as_member(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_subscriber(tx, NEW)
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    (mail,) = harness.list_mails(NEW)
    assert "/p/" in str(mail)
    assert "/c/" not in str(mail)
    assert find_state(harness, sign_up.id) is S.DONE


def test_suppressed_address_gets_no_mail(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.suppress_address(tx, NEW)
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    assert harness.list_mails(NEW) == []
    assert find_state(harness, sign_up.id) is S.DONE


def test_many_sign_ups_for_one_address_get_one_mail(harness: WorkerHarness) -> None:
    for _ in range(20):
        request_sign_up(harness)
    run_worker(harness)
    for _ in range(20):
        request_sign_up(harness)
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1


def test_address_can_be_asked_again_the_next_day(harness: WorkerHarness) -> None:
    for later in (0, 1, 2):
        harness.now = harness.now + later * DAY
        request_sign_up(harness)
        run_worker(harness)
    assert len(harness.list_mails(NEW)) == 3


def test_repeated_service_mail_comes_from_another_edition(harness: WorkerHarness) -> None:
    for _ in range(2):
        request_sign_up(harness)
        run_worker(harness)
        harness.now += timedelta(hours=2)
    assert len(harness.list_mails(NEW)) == 2


def test_service_mails_use_one_edition_per_language(harness: WorkerHarness) -> None:
    for number in range(6):
        request_sign_up(harness, f"reader{number}@example.net", ("fr", "ar")[number % 2])
    run_worker(harness)
    mails = [harness.list_mails(f"reader{number}@example.net")[0] for number in range(6)]
    assert [mail["Content-Language"] for mail in mails] == ["fr", "ar"] * 3


def test_interrupted_confirmation_job_is_repeated_once(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    move_confirmation = confirmations.move_confirmation

    def fail(*_: object) -> None:
        raise RuntimeError("the power is cut")

    monkeypatch.setattr(confirmations, "move_confirmation", fail)
    harness.scheduler.run_tick()
    harness.deliver_editions()
    assert harness.list_mails(NEW) == []
    monkeypatch.setattr(confirmations, "move_confirmation", move_confirmation)
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1


def test_unconfirmed_sign_up_is_deleted(harness: WorkerHarness) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    harness.run_tick(harness.now + timedelta(days=6))
    assert find_state(harness, sign_up.id) is S.MAILED
    harness.run_tick(harness.now + timedelta(days=1, minutes=1))
    assert find_state(harness, sign_up.id) is None

    def has_windows(tx: SqlTransaction) -> bool:
        return tx.sign_ups.has_windows_before(harness.now)

    with harness.mailer.store.read() as tx:
        assert not has_windows(tx)


# ---- which service mail -----------------------------------------------------------------------


def add_press_list(harness: WorkerHarness, *welcoming_slugs: str) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        for slug in welcoming_slugs:
            edit_list(tx, STAFF, slug, {"welcome": True})


def test_member_of_one_list_is_asked_and_welcomed_to_the_other_only(
    harness: WorkerHarness,
) -> None:
    add_press_list(harness, "news", "press")
    with harness.mailer.store.begin() as tx:
        factories.add_subscriber(tx, NEW, joined=harness.now - DAY)
    sign_up = request_sign_up(harness, lists=("news", "press"))
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id)
    run_worker(harness)
    confirming, welcome = harness.list_mails(NEW)
    assert str(confirming["Subject"]).endswith("News and Press")
    assert str(welcome["Subject"]).endswith(": Press")


def test_lists_deselected_on_the_page_send_no_welcome(harness: WorkerHarness) -> None:
    add_press_list(harness, "news")
    sign_up = request_sign_up(harness, lists=("news", "press"))
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id, "press")
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1
    assert find_state(harness, sign_up.id) is S.DONE


def test_welcome_names_all_joined_lists(
    harness: WorkerHarness,
) -> None:
    add_press_list(harness, "press")
    sign_up = request_sign_up(harness, lists=("news", "press"))
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id)
    run_worker(harness)
    welcome = harness.list_mails(NEW)[-1]
    assert "* News" in get_text(welcome)
    assert "* Press" in get_text(welcome)
    token = str(welcome["List-Unsubscribe"]).strip("<>").rpartition("/u/")[2]
    link = links.verify_member_link(harness.mailer.store.key, links.LinkPurpose.UNSUBSCRIBE, token)
    with harness.mailer.store.read() as tx:
        assert factories.get_mailing_list(tx, "press").id == link.list_id
        assert subscribers.get_subscriber(tx, NEW).id == link.subscriber_id


def test_subscriber_who_leaves_before_welcome_gets_none(harness: WorkerHarness) -> None:
    """Once an unsubscribe is answered, nothing more of the list passes the gate."""
    add_press_list(harness, "news")
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    run_worker(harness)
    confirm_sign_up(harness, sign_up.id)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        factories.unsubscribe_address(tx, NEW, now=harness.now)
    harness.deliver_editions()
    assert len(harness.list_mails(NEW)) == 1


def test_changed_address_is_confirmed_by_mail(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        subscriber = subscribers.get_subscriber(tx, "amal@example.org")
        address_change = confirmations.build_address_change(tx, subscriber.id, NEW, "fr", "page")
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, address_change, harness.now)
        (saved,) = tx.sign_ups.list_for_address(NEW)
    run_worker(harness)
    (mail,) = harness.list_mails(NEW)
    assert mail["Content-Language"] == "fr"
    (token,) = {*re.findall(r"/c/(\S+)", get_text(mail))}
    assert links.verify_confirmation_link(harness.mailer.store.key, token) == saved.id
    confirm_sign_up(harness, saved.id)
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1
    assert find_state(harness, saved.id) is S.DONE
    with harness.mailer.store.read() as tx:
        assert subscribers.get_subscriber(tx, NEW).id == subscriber.id


def test_erased_subscriber_or_removed_list_gets_no_confirmation_mail(
    harness: WorkerHarness,
) -> None:
    with harness.mailer.store.begin() as tx:
        subscriber = subscribers.get_subscriber(tx, "amal@example.org")
        address_change = confirmations.build_address_change(tx, subscriber.id, NEW, "fr", "page")
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, address_change, harness.now)
        tx.subscribers.remove_subscriber(subscriber)
        factories.add_mailing_list(tx, "press")
    sign_up = request_sign_up(harness, "other@example.net", lists=("press",))
    assert sign_up is not None
    with harness.mailer.store.begin() as tx:
        tx.lists.remove_list(factories.get_mailing_list(tx, "press"))
    run_worker(harness)
    assert harness.relay.accepted == []
    assert find_state(harness, sign_up.id) is S.DONE


def test_name_given_by_stranger_is_not_mailed(harness: WorkerHarness) -> None:
    """The name that a visitor typed for an address is not in the mail to that address."""
    typed_name = "Win a prize at evil.example"
    with harness.mailer.store.begin() as tx:
        wishes = SignUpWishes(("news",), name=typed_name)
        sign_up = confirmations.build_sign_up(tx, NEW, wishes, "en", "page")
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, sign_up, harness.now)
    run_worker(harness)
    (received,) = harness.relay.received
    assert b"evil" not in received.data


def test_old_sign_up_is_not_answered(harness: WorkerHarness) -> None:
    """No worker ran, and the link would be worth nothing."""
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    work_later = harness.now + harness.mailer.link_lifetime
    harness.run_tick(work_later)
    harness.deliver_editions()
    assert harness.list_mails(NEW) == []


# ---- in one edition ---------------------------------------------------------------------------


def test_service_editions_are_one_per_day_language_and_lists(harness: WorkerHarness) -> None:
    add_press_list(harness)
    for number, lists in enumerate([("news",), ("news", "press"), ("press", "news"), ("news",)]):
        request_sign_up(harness, f"one{number}@example.net", lists=lists)
    request_sign_up(harness, "un@example.net", "fr")
    request_sign_up(
        harness, "um@example.net", "pt"
    )  # for which there are no words: it is in the office's
    run_worker(harness)
    harness.now += DAY
    request_sign_up(harness, "later@example.net")
    run_worker(harness)
    assert sorted(edition.name for edition in list_service_editions(harness)) == [
        "confirm · News · en · 2027-03-01",
        "confirm · News · en · 2027-03-02",
        "confirm · News · fr · 2027-03-01",
        "confirm · News, Press · en · 2027-03-01",
    ]
    assert {edition.state for edition in list_service_editions(harness)} == {EditionState.SENT}
    assert len({edition.uid for edition in list_service_editions(harness)}) == 4
    assert len(harness.relay.accepted) == 7


def test_changed_wording_makes_another_service_edition(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    request_sign_up(harness, "a@example.net")
    run_worker(harness)
    templates = tmp_path / "own"
    (templates / "email/confirm").mkdir(parents=True)
    (templates / "email/confirm/subject.txt").write_text("Is it you?")
    changed_settings = harness.mailer.settings.model_copy(
        update={"paths": Paths(templates=templates)}
    )
    harness.mailer.settings = changed_settings
    request_sign_up(harness, "b@example.net")
    run_worker(harness)
    assert harness.list_subjects("b@example.net") == ["Is it you?"]
    assert len(list_service_editions(harness)) == 2
    web = changed_settings.web.model_copy(update={"base_url": "https://other.example.org"})
    harness.mailer.settings = changed_settings.model_copy(update={"web": web})
    request_sign_up(harness, "c@example.net")
    run_worker(harness)
    assert "https://other.example.org/c/" in get_text(harness.list_mails("c@example.net")[0])
    assert len(list_service_editions(harness)) == 3


def test_hundreds_of_sign_ups_are_answered_by_one_tick(harness: WorkerHarness) -> None:
    addresses = [f"reader{number}@example.net" for number in range(250)]
    for address in addresses:
        request_sign_up(harness, address)
    run_worker(harness)
    assert sorted(harness.relay.accepted) == sorted(addresses)
    (edition,) = list_service_editions(harness)
    assert edition.kind is EditionKind.SERVICE


def test_uncomposable_service_mail_is_logged_once_and_blocks_no_other(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compose_or_fail(service_mail: ServiceMail, settings: Settings) -> EditionBody:
        if service_mail.language == "fr":
            raise KeyError("num")
        return compose_service_mail(service_mail, settings)

    monkeypatch.setattr(confirmations_module, "compose_service_mail", compose_or_fail)
    sign_up = request_sign_up(harness, language="fr")
    assert sign_up is not None
    request_sign_up(harness, "other@example.net")
    for _ in range(3):
        run_worker(harness)
    assert harness.relay.accepted == ["other@example.net"]
    assert len(harness.find_log_lines("step failed")) == 1
    assert find_state(harness, sign_up.id) is S.ASKED
    monkeypatch.undo()
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1


def test_sign_up_repeated_during_answer_gets_one_mail(
    harness: WorkerHarness,
) -> None:
    """Their wishes are changed, the state that the worker gave it stays."""
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    harness.run_tick()
    request_sign_up(harness, language="fr")
    assert find_state(harness, sign_up.id) is S.MAILED
    run_worker(harness)
    assert len(harness.list_mails(NEW)) == 1


# ---- when delivery has stopped ----------------------------------------------------------------


def test_service_mails_paused_by_delivery_resume_by_themselves(
    harness: WorkerHarness,
) -> None:
    """Their edition is in no list in which staff could resume it."""
    harness.relay.answer_always(Step.DOT, "554 5.7.1 this relay knows you no more")
    sign_ups = [request_sign_up(harness, f"reader{number}@example.net") for number in range(6)]
    run_worker(harness)
    (edition,) = list_service_editions(harness)
    assert edition.state is EditionState.PAUSED
    harness.relay.reset_script()
    harness.run_tick(harness.now + confirmations_module.RESUME_DELAY - timedelta(minutes=1))
    assert list_service_editions(harness)[0].state is EditionState.PAUSED
    harness.run_tick(harness.now + HOUR)
    harness.deliver_editions()
    assert list_service_editions(harness)[0].state is EditionState.SENT
    assert sorted(harness.relay.accepted) == [f"reader{number}@example.net" for number in range(6)]
    assert all(sign_up and find_state(harness, sign_up.id) is S.MAILED for sign_up in sign_ups)
    assert len(harness.find_log_lines("service mails resumed")) == 1


def test_service_mails_paused_by_staff_stay_paused(harness: WorkerHarness) -> None:
    request_sign_up(harness)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, list_service_editions(harness)[0].id)
        editions.pause_edition(tx, create_local_actor("Ana"), edition, harness.now)
    harness.run_tick(harness.now + DAY)
    harness.deliver_editions()
    assert harness.list_mails(NEW) == []
