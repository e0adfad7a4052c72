"""A person who signs up gets one mail, and only the mail that the address should get."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.actor import SUBSCRIBER
from mailer.audience import links, subscribers
from mailer.audience.lists import edit_list
from mailer.audience.signup import confirmations
from mailer.errors import ApprovalVoid, InputError
from mailer.model.signup import ConfirmationState, SignUpWishes
from mailer.store import SqlTransaction
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY
from tests.integration.worker.conftest import WorkerHarness
from tests.integration.worker.sign_ups import (
    NEW,
    add_press_list,
    confirm_sign_up,
    find_state,
    get_text,
    request_sign_up,
    run_worker,
)

S = ConfirmationState


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


def test_confirmation_of_choices_that_were_not_shown_is_refused(harness: WorkerHarness) -> None:
    add_press_list(harness, "news")
    sign_up = request_sign_up(harness, lists=("news", "press"))
    assert sign_up is not None
    run_worker(harness)
    limit = harness.mailer.sign_up_limits.per_address
    with harness.mailer.store.begin() as tx:
        mailed = tx.sign_ups.find_confirmation(sign_up.id)
        assert mailed is not None
        shown_choices = confirmations.compute_choices_fingerprint(
            replace(mailed, wishes=SignUpWishes(("news",)))
        )
        with pytest.raises(ApprovalVoid):
            confirmations.apply_confirmation(
                tx, SUBSCRIBER, limit, mailed, harness.now, fingerprint=shown_choices
            )
        with pytest.raises(InputError) as caught:
            confirmations.apply_confirmation(
                tx, SUBSCRIBER, limit, mailed, harness.now, accepted_lists=()
            )
        assert caught.value.code == confirmations.NO_LIST_CHOSEN
        assert tx.sign_ups.find_confirmation(sign_up.id) == mailed
        confirmed = confirmations.apply_confirmation(
            tx,
            SUBSCRIBER,
            limit,
            mailed,
            harness.now,
            fingerprint=confirmations.compute_choices_fingerprint(mailed),
        )
    assert confirmed.state is S.CONFIRMED


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
