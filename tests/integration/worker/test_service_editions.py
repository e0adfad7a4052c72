"""Service mails share editions, and resume when delivery had stopped them."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailer import editions, render
from mailer.actor import create_local_actor
from mailer.audience.signup.service_mails import ServiceMail
from mailer.config import Paths, Settings
from mailer.editions.service_editions import RESUME_DELAY
from mailer.errors import RelayError
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import EditionBody
from mailer.model.signup import ConfirmationState
from mailer.render import compose_service_mail
from mailer.worker.status import read_status
from tests.fake_relay import Step
from tests.integration.factories import DAY, HOUR
from tests.integration.worker.conftest import WorkerHarness
from tests.integration.worker.sign_ups import (
    NEW,
    add_press_list,
    find_state,
    get_text,
    list_service_editions,
    request_sign_up,
    run_worker,
)

S = ConfirmationState


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

    monkeypatch.setattr(render, "compose_service_mail", compose_or_fail)
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


def test_service_mails_paused_by_delivery_resume_by_themselves(
    harness: WorkerHarness,
) -> None:
    """Their edition is in no list in which staff could resume it."""
    harness.relay.answer_always(Step.MAIL, "550 5.7.1 this relay knows you no more")
    sign_ups = [request_sign_up(harness, f"reader{number}@example.net") for number in range(6)]
    with pytest.raises(RelayError):
        run_worker(harness)
    (edition,) = list_service_editions(harness)
    assert edition.state is EditionState.PAUSED
    harness.relay.reset_script()
    harness.run_tick(harness.now + RESUME_DELAY - timedelta(minutes=1))
    assert list_service_editions(harness)[0].state is EditionState.PAUSED
    harness.run_tick(harness.now + HOUR)
    harness.deliver_editions()
    assert list_service_editions(harness)[0].state is EditionState.SENT
    assert sorted(harness.relay.accepted) == [f"reader{number}@example.net" for number in range(6)]
    assert all(sign_up and find_state(harness, sign_up.id) is S.MAILED for sign_up in sign_ups)
    assert len(harness.find_log_lines("service mails resumed")) == 1


BOGUS_REPLIES = ("550 Unrouteable address", "550 5.7.1 blocked", "550 5.1.90 daily limit", "550 no")


@pytest.mark.parametrize("reply", BOGUS_REPLIES)
def test_bogus_sign_ups_never_stop_good_ones(harness: WorkerHarness, reply: str) -> None:
    """A stranger chooses the domains, and so the replies."""
    bogus_addresses = [f"u{number}@bogus{number % 50}.example" for number in range(200)]
    for address in bogus_addresses:
        harness.relay.answer_always(Step.RCPT, reply, to=address)
        request_sign_up(harness, address)
    request_sign_up(harness)
    run_worker(harness)
    assert harness.relay.accepted == [NEW]
    (edition,) = list_service_editions(harness)
    assert edition.state is not EditionState.PAUSED
    request_sign_up(harness, "later@example.org")
    run_worker(harness)
    assert harness.relay.accepted == [NEW, "later@example.org"]


def test_deferred_service_mails_go_when_relay_accepts_again(harness: WorkerHarness) -> None:
    harness.relay.answer_always(Step.DOT, "554 5.7.1 on a block list")
    request_sign_up(harness)
    run_worker(harness)
    (edition,) = list_service_editions(harness)
    assert edition.state is EditionState.SENDING
    harness.relay.reset_script()
    with harness.mailer.store.begin() as tx:
        assert tx.outbox.make_deliveries_due(edition) == 1
    run_worker(harness)
    assert harness.relay.accepted == [NEW]
    assert list_service_editions(harness)[0].state is EditionState.SENT


def test_status_tells_of_service_mails_refused_for_our_reasons(harness: WorkerHarness) -> None:
    harness.relay.answer_always(Step.RCPT, "550 5.1.90 daily limit reached")
    for number in range(5):
        request_sign_up(harness, f"reader{number}@example.net")
        assert not list_service_problems(harness)
        run_worker(harness)
    (problem,) = list_service_problems(harness)
    assert "5.1.90" in problem
    harness.relay.reset_script()
    request_sign_up(harness)
    run_worker(harness)
    assert not list_service_problems(harness)


def test_bogus_sign_ups_are_no_problem_of_ours(harness: WorkerHarness) -> None:
    harness.relay.answer_always(Step.RCPT, "550 Unrouteable address")
    for number in range(7):
        request_sign_up(harness, f"reader{number}@example.net")
    run_worker(harness)
    assert not list_service_problems(harness)


def list_service_problems(harness: WorkerHarness) -> list[str]:
    """List the problems of service mails that `mailer status --check` tells of."""
    with harness.mailer.store.read() as tx:
        problems = list(read_status(harness.mailer, tx).problems)
    return [problem for problem in problems if "mails about sign-ups" in problem]


def test_service_mails_paused_by_staff_stay_paused(harness: WorkerHarness) -> None:
    request_sign_up(harness)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, list_service_editions(harness)[0].id)
        editions.pause_edition(tx, create_local_actor("Ana"), edition, harness.now)
    harness.run_tick(harness.now + DAY)
    harness.deliver_editions()
    assert harness.list_mails(NEW) == []
