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


def ask(
    desk: WorkerHarness,
    address: str = NEW,
    language: str = "en",
    lists: tuple[str, ...] = ("news",),
) -> Confirmation | None:
    with desk.mailer.store.begin() as tx:
        asked = confirmations.build_sign_up(tx, address, SignUpWishes(lists), language, "page")
        limit = desk.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, asked, desk.now)
        return next(iter(reversed(tx.sign_ups.list_for_address(address))), None)


def confirm(desk: WorkerHarness, number: int, *only: str) -> None:
    with desk.mailer.store.begin() as tx:
        confirmation = tx.sign_ups.find_confirmation(number)
        assert confirmation is not None
        confirmations.apply_confirmation(
            tx,
            STAFF,
            desk.mailer.sign_up_limits.per_address,
            confirmation,
            desk.now,
            wording=Wording("en", "I agree."),
            accepted_lists=only or None,
        )


def state(desk: WorkerHarness, number: int) -> ConfirmationState | None:
    with desk.mailer.store.read() as tx:
        found = tx.sign_ups.find_confirmation(number)
        return found.state if found else None


def work(desk: WorkerHarness) -> None:
    desk.run_tick()
    desk.deliver_editions()


def standing(desk: WorkerHarness) -> list[Edition]:
    """Letters' editions, the oldest first."""
    with desk.mailer.store.read() as tx:
        found = tx.editions.list_recent_editions([], 100, notices=True)
    return [one for one in reversed(found) if one.kind in PER_RECIPIENT_KINDS]


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_new_address_is_asked_to_confirm_its_wishes(desk: WorkerHarness) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    (mail,) = desk.list_mails(NEW)
    part = mail.get_body(("plain",))
    assert part is not None
    (token,) = {*re.findall(r"/c/(\S+)", part.get_content())}
    assert links.verify_confirmation_link(desk.mailer.store.key, token) == asked.id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    assert state(desk, asked.id) is S.MAILED
    work(desk)
    assert len(desk.list_mails(NEW)) == 1


def test_confirming_subscriber_joins_list_and_is_welcomed(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        edit_list(tx, STAFF, "news", {"welcome": True})
    asked = ask(desk)
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    _, welcome = desk.list_mails(NEW)
    assert "List-Unsubscribe=One-Click" in str(welcome["List-Unsubscribe-Post"])
    assert state(desk, asked.id) is S.DONE
    with desk.mailer.store.read() as tx:
        known = subscribers.get_subscriber(tx, NEW)
        assert [one.list for one in tx.subscribers.list_memberships(known)] == ["news"]


def test_list_without_welcome_sends_no_further_mail(desk: WorkerHarness) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    assert len(desk.list_mails(NEW)) == 1
    assert state(desk, asked.id) is S.DONE


def test_sign_up_of_member_is_answered_as_member(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_subscriber(tx, NEW)
    asked = ask(desk)
    assert asked is not None
    work(desk)
    (mail,) = desk.list_mails(NEW)
    assert "/p/" in str(mail)
    assert "/c/" not in str(mail)
    assert state(desk, asked.id) is S.DONE


def test_suppressed_address_gets_no_mail(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        factories.suppress_address(tx, NEW)
    asked = ask(desk)
    assert asked is not None
    work(desk)
    assert desk.list_mails(NEW) == []
    assert state(desk, asked.id) is S.DONE


def test_many_sign_ups_for_one_address_get_one_mail(desk: WorkerHarness) -> None:
    for _ in range(20):
        ask(desk)
    work(desk)
    for _ in range(20):
        ask(desk)
    work(desk)
    assert len(desk.list_mails(NEW)) == 1


def test_address_can_be_asked_again_the_next_day(desk: WorkerHarness) -> None:
    for later in (0, 1, 2):
        desk.now = desk.now + later * DAY
        ask(desk)
        work(desk)
    assert len(desk.list_mails(NEW)) == 3


def test_repeated_service_mail_comes_from_another_edition(desk: WorkerHarness) -> None:
    for _ in range(2):
        ask(desk)
        work(desk)
        desk.now += timedelta(hours=2)
    assert len(desk.list_mails(NEW)) == 2


def test_service_mails_use_one_edition_per_language(desk: WorkerHarness) -> None:
    for number in range(6):
        ask(desk, f"reader{number}@example.net", ("fr", "ar")[number % 2])
    work(desk)
    found = [desk.list_mails(f"reader{number}@example.net")[0] for number in range(6)]
    assert [one["Content-Language"] for one in found] == ["fr", "ar"] * 3


def test_interrupted_confirmation_job_is_repeated_once(
    desk: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(desk)
    assert asked is not None
    real = confirmations.move_confirmation

    def die(*_: object) -> None:
        raise RuntimeError("the power is cut")

    monkeypatch.setattr(confirmations, "move_confirmation", die)
    desk.keeper.run_tick()
    desk.deliver_editions()
    assert desk.list_mails(NEW) == []
    monkeypatch.setattr(confirmations, "move_confirmation", real)
    work(desk)
    assert len(desk.list_mails(NEW)) == 1


def test_unconfirmed_sign_up_is_deleted(desk: WorkerHarness) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    desk.run_tick(desk.now + timedelta(days=6))
    assert state(desk, asked.id) is S.MAILED
    desk.run_tick(desk.now + timedelta(days=1, minutes=1))
    assert state(desk, asked.id) is None

    def left(tx: SqlTransaction) -> bool:
        return tx.sign_ups.has_windows_before(desk.now)

    with desk.mailer.store.read() as tx:
        assert not left(tx)


# ---- which letter -----------------------------------------------------------------------------


def two_lists(desk: WorkerHarness, *welcoming: str) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        for slug in welcoming:
            edit_list(tx, STAFF, slug, {"welcome": True})


def test_member_of_one_list_is_asked_and_welcomed_to_the_other_only(
    desk: WorkerHarness,
) -> None:
    two_lists(desk, "news", "press")
    with desk.mailer.store.begin() as tx:
        factories.add_subscriber(tx, NEW, joined=desk.now - DAY)
    asked = ask(desk, lists=("news", "press"))
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    confirming, welcome = desk.list_mails(NEW)
    assert str(confirming["Subject"]).endswith("News and Press")
    assert str(welcome["Subject"]).endswith(": Press")


def test_lists_deselected_on_the_page_send_no_welcome(desk: WorkerHarness) -> None:
    two_lists(desk, "news")
    asked = ask(desk, lists=("news", "press"))
    assert asked is not None
    work(desk)
    confirm(desk, asked.id, "press")
    work(desk)
    assert len(desk.list_mails(NEW)) == 1
    assert state(desk, asked.id) is S.DONE


def test_welcome_names_all_joined_lists(
    desk: WorkerHarness,
) -> None:
    two_lists(desk, "press")
    asked = ask(desk, lists=("news", "press"))
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    welcome = desk.list_mails(NEW)[-1]
    assert "* News" in text(welcome)
    assert "* Press" in text(welcome)
    token = str(welcome["List-Unsubscribe"]).strip("<>").rpartition("/u/")[2]
    link = links.verify_member_link(desk.mailer.store.key, links.LinkPurpose.UNSUBSCRIBE, token)
    with desk.mailer.store.read() as tx:
        assert factories.get_mailing_list(tx, "press").id == link.list_id
        assert subscribers.get_subscriber(tx, NEW).id == link.subscriber_id


def test_subscriber_who_leaves_before_welcome_gets_none(desk: WorkerHarness) -> None:
    """Once an unsubscribe is answered, nothing more of the list passes the gate."""
    two_lists(desk, "news")
    asked = ask(desk)
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    desk.run_tick()
    with desk.mailer.store.begin() as tx:
        factories.unsubscribe_address(tx, NEW, now=desk.now)
    desk.deliver_editions()
    assert len(desk.list_mails(NEW)) == 1


def test_changed_address_is_confirmed_by_mail(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        known = subscribers.get_subscriber(tx, "amal@example.org")
        asked = confirmations.build_address_change(tx, known.id, NEW, "fr", "page")
        limit = desk.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, asked, desk.now)
        (made,) = tx.sign_ups.list_for_address(NEW)
    work(desk)
    (mail,) = desk.list_mails(NEW)
    assert mail["Content-Language"] == "fr"
    (token,) = {*re.findall(r"/c/(\S+)", text(mail))}
    assert links.verify_confirmation_link(desk.mailer.store.key, token) == made.id
    confirm(desk, made.id)
    work(desk)
    assert len(desk.list_mails(NEW)) == 1
    assert state(desk, made.id) is S.DONE
    with desk.mailer.store.read() as tx:
        assert subscribers.get_subscriber(tx, NEW).id == known.id


def test_erased_subscriber_or_removed_list_gets_no_confirmation_mail(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        known = subscribers.get_subscriber(tx, "amal@example.org")
        asked = confirmations.build_address_change(tx, known.id, NEW, "fr", "page")
        limit = desk.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, asked, desk.now)
        tx.subscribers.remove_subscriber(known)
        factories.add_mailing_list(tx, "press")
    other = ask(desk, "other@example.net", lists=("press",))
    assert other is not None
    with desk.mailer.store.begin() as tx:
        tx.lists.remove_list(factories.get_mailing_list(tx, "press"))
    work(desk)
    assert desk.relay.accepted == []
    assert state(desk, other.id) is S.DONE


def test_name_given_by_stranger_is_not_mailed(desk: WorkerHarness) -> None:
    """The name that somebody typed for an address is not in the mail that goes there."""
    said = "Win a prize at evil.example"
    with desk.mailer.store.begin() as tx:
        wishes = SignUpWishes(("news",), name=said)
        asked = confirmations.build_sign_up(tx, NEW, wishes, "en", "page")
        limit = desk.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, asked, desk.now)
    work(desk)
    (got,) = desk.relay.received
    assert b"evil" not in got.data


def test_old_sign_up_is_not_answered(desk: WorkerHarness) -> None:
    """No worker ran, and the link would be worth nothing."""
    asked = ask(desk)
    assert asked is not None
    work_later = desk.now + desk.mailer.link_lifetime
    desk.run_tick(work_later)
    desk.deliver_editions()
    assert desk.list_mails(NEW) == []


# ---- in one edition ---------------------------------------------------------------------------


def test_service_editions_are_one_per_day_language_and_lists(desk: WorkerHarness) -> None:
    two_lists(desk)
    for number, lists in enumerate([("news",), ("news", "press"), ("press", "news"), ("news",)]):
        ask(desk, f"one{number}@example.net", lists=lists)
    ask(desk, "un@example.net", "fr")
    ask(desk, "um@example.net", "pt")  # for which there are no words: it is in the office's
    work(desk)
    desk.now += DAY
    ask(desk, "later@example.net")
    work(desk)
    assert sorted(one.name for one in standing(desk)) == [
        "confirm · News · en · 2027-03-01",
        "confirm · News · en · 2027-03-02",
        "confirm · News · fr · 2027-03-01",
        "confirm · News, Press · en · 2027-03-01",
    ]
    assert {one.state for one in standing(desk)} == {EditionState.SENT}
    assert len({one.uid for one in standing(desk)}) == 4
    assert len(desk.relay.accepted) == 7


def test_changed_wording_makes_another_service_edition(desk: WorkerHarness, tmp_path: Path) -> None:
    ask(desk, "a@example.net")
    work(desk)
    own = tmp_path / "own"
    (own / "email/confirm").mkdir(parents=True)
    (own / "email/confirm/subject.txt").write_text("Is it you?")
    ours = desk.mailer.settings.model_copy(update={"paths": Paths(templates=own)})
    desk.mailer.settings = ours
    ask(desk, "b@example.net")
    work(desk)
    assert desk.list_subjects("b@example.net") == ["Is it you?"]
    assert len(standing(desk)) == 2
    web = ours.web.model_copy(update={"base_url": "https://other.example.org"})
    desk.mailer.settings = ours.model_copy(update={"web": web})
    ask(desk, "c@example.net")
    work(desk)
    assert "https://other.example.org/c/" in text(desk.list_mails("c@example.net")[0])
    assert len(standing(desk)) == 3


def test_hundreds_of_sign_ups_are_answered_by_one_tick(desk: WorkerHarness) -> None:
    everyone = [f"reader{number}@example.net" for number in range(250)]
    for address in everyone:
        ask(desk, address)
    work(desk)
    assert sorted(desk.relay.accepted) == sorted(everyone)
    (made,) = standing(desk)
    assert made.kind is EditionKind.SERVICE


def test_uncomposable_service_mail_is_logged_once_and_blocks_no_other(
    desk: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(wanted: ServiceMail, settings: Settings) -> EditionBody:
        if wanted.language == "fr":
            raise KeyError("num")
        return compose_service_mail(wanted, settings)

    monkeypatch.setattr(confirmations_module, "compose_service_mail", fails)
    asked = ask(desk, language="fr")
    assert asked is not None
    ask(desk, "other@example.net")
    for _ in range(3):
        work(desk)
    assert desk.relay.accepted == ["other@example.net"]
    assert len(desk.find_log_lines("step failed")) == 1
    assert state(desk, asked.id) is S.ASKED
    monkeypatch.undo()
    work(desk)
    assert len(desk.list_mails(NEW)) == 1


def test_sign_up_repeated_during_answer_gets_one_mail(
    desk: WorkerHarness,
) -> None:
    """Their wishes are changed, the state that the worker gave it stays."""
    asked = ask(desk)
    assert asked is not None
    desk.run_tick()
    ask(desk, language="fr")
    assert state(desk, asked.id) is S.MAILED
    work(desk)
    assert len(desk.list_mails(NEW)) == 1


# ---- when delivery has stopped ----------------------------------------------------------------


def test_service_mails_paused_by_delivery_resume_by_themselves(
    desk: WorkerHarness,
) -> None:
    """Their edition is in no list in which staff could resume it."""
    desk.relay.answer_always(Step.DOT, "554 5.7.1 this relay knows you no more")
    asked = [ask(desk, f"reader{number}@example.net") for number in range(6)]
    work(desk)
    (made,) = standing(desk)
    assert made.state is EditionState.PAUSED
    desk.relay.reset_script()
    desk.run_tick(desk.now + confirmations_module.RESUME_DELAY - timedelta(minutes=1))
    assert standing(desk)[0].state is EditionState.PAUSED
    desk.run_tick(desk.now + HOUR)
    desk.deliver_editions()
    assert standing(desk)[0].state is EditionState.SENT
    assert sorted(desk.relay.accepted) == [f"reader{number}@example.net" for number in range(6)]
    assert all(one and state(desk, one.id) is S.MAILED for one in asked)
    assert len(desk.find_log_lines("service mails resumed")) == 1


def test_service_mails_paused_by_staff_stay_paused(desk: WorkerHarness) -> None:
    ask(desk)
    desk.run_tick()
    with desk.mailer.store.begin() as tx:
        made = editions.get_edition(tx, standing(desk)[0].id)
        editions.pause_edition(tx, create_local_actor("Ana"), made, desk.now)
    desk.run_tick(desk.now + DAY)
    desk.deliver_editions()
    assert desk.list_mails(NEW) == []
