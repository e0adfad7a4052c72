"""Who signs up is written to once, and only what their address should get."""

import re
from datetime import timedelta

import pytest

from mailer.audience import confirmations, links, subscribers
from mailer.audience.confirmations import Confirmation, ConfirmationState, Wishes
from mailer.audience.consent import Wording
from mailer.audience.lists import edit_list
from mailer.store import Transaction
from tests.integration import office
from tests.integration.office import DAY
from tests.integration.worker.conftest import Desk

NEW = "new@example.org"
S = ConfirmationState


def ask(desk: Desk, address: str = NEW, language: str = "en") -> Confirmation | None:
    with desk.mailer.store.begin() as tx:
        asked = confirmations.sign_up(tx.lists, address, Wishes(("news",)), language, "page")
        limit = desk.mailer.sign_up_limits.per_address
        confirmations.ask(tx.confirmations, tx.allowances, limit, asked, desk.now)
        return next(iter(reversed(tx.confirmations.of_address(address))), None)


def confirm(desk: Desk, number: int) -> None:
    with desk.mailer.store.begin() as tx:
        known = tx.confirmations.find_confirmation(number)
        assert known is not None
        confirmations.confirm(
            tx.confirmations, tx.subscribers, tx.lists, tx.allowances,
            desk.mailer.sign_up_limits.per_address, known, desk.now,
            wording=Wording("en", "I agree."),
        )  # fmt: skip


def state(desk: Desk, number: int) -> ConfirmationState | None:
    with desk.mailer.store.read() as tx:
        found = tx.confirmations.find_confirmation(number)
        return found.state if found else None


def work(desk: Desk) -> None:
    desk.tick()
    desk.deliver()


def test_a_new_address_is_asked_and_its_link_names_what_was_asked(desk: Desk) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    (mail,) = desk.mails(NEW)
    part = mail.get_body(("plain",))
    assert part is not None
    (token,) = {*re.findall(r"/c/(\S+)", part.get_content())}
    assert links.confirmation(desk.mailer.store.key, token) == asked.id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    assert state(desk, asked.id) is S.MAILED
    work(desk)
    assert len(desk.mails(NEW)) == 1


def test_who_confirms_is_on_the_list_and_is_welcomed_where_it_says_so(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        edit_list(tx.lists, "news", {"welcome": True})
    asked = ask(desk)
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    _, welcome = desk.mails(NEW)
    assert "List-Unsubscribe=One-Click" in str(welcome["List-Unsubscribe-Post"])
    assert state(desk, asked.id) is S.DONE
    with desk.mailer.store.read() as tx:
        known = subscribers.get(tx.subscribers, NEW)
        assert [one.list for one in tx.subscribers.memberships(known)] == ["news"]


def test_without_a_welcome_nothing_more_comes(desk: Desk) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    confirm(desk, asked.id)
    work(desk)
    assert len(desk.mails(NEW)) == 1
    assert state(desk, asked.id) is S.DONE


def test_who_is_on_the_list_is_told_so(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        office.person(tx, NEW)
    asked = ask(desk)
    assert asked is not None
    work(desk)
    (mail,) = desk.mails(NEW)
    assert "/p/" in str(mail)
    assert "/c/" not in str(mail)
    assert state(desk, asked.id) is S.DONE


def test_a_suppressed_address_gets_nothing(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        office.suppress(tx, NEW)
    asked = ask(desk)
    assert asked is not None
    work(desk)
    assert desk.mails(NEW) == []
    assert state(desk, asked.id) is S.DONE


def test_many_sign_ups_for_one_address_are_one_mail(desk: Desk) -> None:
    for _ in range(20):
        ask(desk)
    work(desk)
    for _ in range(20):
        ask(desk)
    work(desk)
    assert len(desk.mails(NEW)) == 1


def test_the_next_day_it_can_be_asked_again(desk: Desk) -> None:
    for later in (0, 1, 2):
        desk.now = desk.now + later * DAY
        ask(desk)
        work(desk)
    assert len(desk.mails(NEW)) == 3


def test_a_letter_that_somebody_had_today_comes_from_a_further_edition(desk: Desk) -> None:
    for _ in range(2):
        ask(desk)
        work(desk)
        desk.now += timedelta(hours=2)
    assert len(desk.mails(NEW)) == 2


def test_everyone_gets_it_in_their_language_from_one_edition_each(desk: Desk) -> None:
    for number in range(6):
        ask(desk, f"reader{number}@example.net", ("fr", "ar")[number % 2])
    work(desk)
    found = [desk.mails(f"reader{number}@example.net")[0] for number in range(6)]
    assert [one["Content-Language"] for one in found] == ["fr", "ar"] * 3


def test_what_dies_half_way_is_done_again_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask(desk)
    assert asked is not None
    real = confirmations.move

    def die(*_: object) -> None:
        raise RuntimeError("the power is cut")

    monkeypatch.setattr(confirmations, "move", die)
    desk.keeper.tick()
    desk.deliver()
    assert desk.mails(NEW) == []
    monkeypatch.setattr(confirmations, "move", real)
    work(desk)
    assert len(desk.mails(NEW)) == 1


def test_what_nobody_confirms_is_forgotten(desk: Desk) -> None:
    asked = ask(desk)
    assert asked is not None
    work(desk)
    desk.tick(desk.now + timedelta(days=6))
    assert state(desk, asked.id) is S.MAILED
    desk.tick(desk.now + timedelta(days=1, minutes=1))
    assert state(desk, asked.id) is None

    def left(tx: Transaction) -> bool:
        return tx.allowances.any_before(desk.now)

    with desk.mailer.store.read() as tx:
        assert not left(tx)
