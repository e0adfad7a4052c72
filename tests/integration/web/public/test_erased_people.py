"""Erasure leaves no trace in the database: no address, no former address, no name."""

import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from threading import Event

import pytest

from mailer import editions
from mailer.audience import subscribers
from mailer.log import create_logger
from mailer.model.editions import Edition
from mailer.worker import Scheduler
from tests.actors import STAFF
from tests.conftest import KEY
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice, dump_tables, find_words

FIRST_ADDRESS = "zenobia@first.example.org"
CURRENT_ADDRESS = "zenobia.q@second.example.org"
UNCONFIRMED_ADDRESS = "zenobia.w@third.example.org"
NAME = "Zenobia Quillfeather"
TRACES = ("zenobia", "quillfeather", "first.example.org", "second.example.org", "third.example.org")


class ErasureScenario:
    """A subscriber who uses every page before they are erased."""

    def __init__(self, pages: AsgiClient, seeded_office: SeededOffice, relay: Relay) -> None:
        self.pages = pages
        self.office = seeded_office
        self.relay = relay
        self.scheduler = Scheduler(
            seeded_office.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0
        )

    def run_worker(self) -> None:
        assert self.scheduler.run_tick()
        self.office.mailer.deliver_editions([], Event(), follow_new=True)

    def send_form(self, target: str, status: int = 200, **fields: str | list[str]) -> None:
        assert self.pages.send_form(target, fields).status == status, target

    def confirm_address(self, address: str) -> None:
        *_, confirmation = self.office.list_confirmations(address)
        self.send_form(self.office.build_confirm_path(confirmation.id))

    def send_edition(self) -> Edition:
        with self.office.store.begin() as tx:
            factories.add_story(tx, "boats")
            edition = factories.approve_without_composing(
                self.office.mailer, tx, factories.create_edition(tx, "boats")
            )
            started_edition, _ = editions.start_edition(
                tx, STAFF, edition, self.office.mailer.renderer, self.office.mailer.clock()
            )
        self.office.mailer.deliver_editions([started_edition], Event())
        return started_edition

    def make_subscriber_history(self) -> str:
        """Sign up, confirm, change the address and the choices. Return the preferences path."""
        self.send_form("/subscribe", email=FIRST_ADDRESS, list=["news", "press"], topic="health")
        self.run_worker()
        self.confirm_address(FIRST_ADDRESS)
        self.run_worker()
        with self.office.store.begin() as tx:
            subscribers.edit_subscriber(tx, STAFF, FIRST_ADDRESS, {"name": NAME, "country": "GB"})
        person = self.office.find_subscriber(FIRST_ADDRESS)
        assert person is not None
        link = self.office.build_preferences_path(person)
        self.send_edition()
        self.send_form(f"{link}/address", email=CURRENT_ADDRESS)
        self.run_worker()
        self.confirm_address(CURRENT_ADDRESS)
        self.run_worker()
        self.send_form(f"{link}/pause", weeks="4")
        self.send_form(f"{link}/pause", weeks="0")
        self.send_form(self.office.build_unsubscribe_path(person, self.office.press))
        self.send_form(f"{self.office.build_unsubscribe_path(person, self.office.press)}/undo")
        # Not yet confirmed: a sign-up by another person, and another change of address.
        self.send_form("/subscribe", email=CURRENT_ADDRESS, list="press")
        self.send_form(f"{link}/address", email=UNCONFIRMED_ADDRESS)
        self.run_worker()
        assert {FIRST_ADDRESS, CURRENT_ADDRESS, UNCONFIRMED_ADDRESS} <= {*self.relay.accepted}
        rows_by_table = dump_tables(self.office.store)
        for trace in (FIRST_ADDRESS, CURRENT_ADDRESS, UNCONFIRMED_ADDRESS, NAME):
            assert any(find_words(rows_by_table, trace)), (
                f"{trace} is not in the database before the erasure"
            )
        return link


def erase_by_page(scenario: ErasureScenario, link: str, _: Callable[..., str]) -> None:
    scenario.send_form(f"{link}/erase", status=422)
    assert any(find_words(dump_tables(scenario.office.store), CURRENT_ADDRESS)), (
        "the box was not ticked"
    )
    scenario.send_form(f"{link}/erase", sure="yes")


def erase_by_command(scenario: ErasureScenario, link: str, run_mailer: Callable[..., str]) -> None:
    run_mailer("subscriber", "erase", CURRENT_ADDRESS, "--dry-run")
    assert any(find_words(dump_tables(scenario.office.store), CURRENT_ADDRESS)), "it was a dry run"
    output = run_mailer("subscriber", "erase", CURRENT_ADDRESS)
    assert "erased" in output


@pytest.fixture
def scenario(pages: AsgiClient, seeded_office: SeededOffice, relay: Relay) -> ErasureScenario:
    return ErasureScenario(pages, seeded_office, relay)


@pytest.fixture
def run_mailer(database_url: str, tmp_path: Path) -> Callable[..., str]:
    """Run a command on the pages' database, and return its output and errors."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mailer.toml").write_text("")

    def run_command(*words: str) -> str:
        completed = subprocess.run(
            [sys.executable, "-m", "mailer", "--database", database_url, *words],
            cwd=tmp_path,
            env={**os.environ, "MAILER_SECRET_KEY": KEY.hex()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout + completed.stderr

    return run_command


@pytest.mark.parametrize("erase", [erase_by_page, erase_by_command])
def test_erasure_leaves_no_trace_in_the_database(
    scenario: ErasureScenario,
    run_mailer: Callable[..., str],
    erase: Callable[[ErasureScenario, str, Callable[..., str]], None],
) -> None:
    link = scenario.make_subscriber_history()
    erase(scenario, link, run_mailer)
    assert [*find_words(dump_tables(scenario.office.store), *TRACES)] == []
    assert scenario.pages.get_page(link).status == 404


def test_old_links_and_mails_bring_nothing_back_after_an_erasure(scenario: ErasureScenario) -> None:
    """Old links, an open confirmation, and the worker."""
    link = scenario.make_subscriber_history()
    subscriber = scenario.office.find_subscriber(CURRENT_ADDRESS)
    assert subscriber is not None
    unsubscribe_path = scenario.office.build_unsubscribe_path(subscriber)
    confirmation_ids = [one.id for one in scenario.office.list_confirmations(CURRENT_ADDRESS)]
    scenario.send_form(f"{link}/erase", sure="yes")
    mail_count = len(scenario.relay.accepted)
    scenario.send_form(unsubscribe_path)
    for confirmation_id in confirmation_ids:
        scenario.send_form(scenario.office.build_confirm_path(confirmation_id), status=404)
    scenario.send_form(f"{link}/address", status=404, email=FIRST_ADDRESS)
    scenario.run_worker()
    assert [*find_words(dump_tables(scenario.office.store), *TRACES)] == []
    assert len(scenario.relay.accepted) == mail_count


def test_sign_up_of_an_erased_address_gets_no_mail_and_is_deleted(
    scenario: ErasureScenario,
) -> None:
    """The sign-up is in the database until the worker deletes it, as any other is."""
    link = scenario.make_subscriber_history()
    scenario.send_form(f"{link}/erase", sure="yes")
    mail_count = len(scenario.relay.accepted)
    scenario.send_form("/subscribe", email=CURRENT_ADDRESS, list="news")
    scenario.run_worker()
    assert len(scenario.relay.accepted) == mail_count
    later = NOW + scenario.office.mailer.link_lifetime * 2
    scenario.office.mailer.clock = lambda: later
    scenario.run_worker()
    assert [*find_words(dump_tables(scenario.office.store), *TRACES)] == []


def test_erasure_keeps_a_former_address_that_another_person_has_now(
    scenario: ErasureScenario,
) -> None:
    link = scenario.make_subscriber_history()
    scenario.office.add_person(FIRST_ADDRESS, name="Heir")
    scenario.send_form(f"{link}/erase", sure="yes")
    heir = scenario.office.find_subscriber(FIRST_ADDRESS)
    assert heir is not None
    assert heir.person.name == "Heir"
    assert [
        *find_words(dump_tables(scenario.office.store), CURRENT_ADDRESS, UNCONFIRMED_ADDRESS, NAME)
    ] == []
