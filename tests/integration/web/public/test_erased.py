"""Who has themselves erased is nowhere in the database afterwards: not their address, not one that
they had before, not their name."""

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

FIRST = "zenobia@first.example.org"
NOW_AT = "zenobia.q@second.example.org"
NEVER_MOVED_TO = "zenobia.w@third.example.org"
NAME = "Zenobia Quillfeather"
TRACES = ("zenobia", "quillfeather", "first.example.org", "second.example.org", "third.example.org")


class Life:
    """What somebody may do before they are erased."""

    def __init__(self, pages: AsgiClient, stage: SeededOffice, relay: Relay) -> None:
        self.pages = pages
        self.stage = stage
        self.relay = relay
        self.keeper = Scheduler(stage.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)

    def work(self) -> None:
        assert self.keeper.run_tick()
        self.stage.mailer.deliver_editions([], Event(), follow_new=True)

    def ask(self, target: str, status: int = 200, **fields: str | list[str]) -> None:
        assert self.pages.send_form(target, fields).status == status, target

    def confirm(self, address: str) -> None:
        *_, asked = self.stage.list_confirmations(address)
        self.ask(self.stage.build_confirm_path(asked.id))

    def edition(self) -> Edition:
        with self.stage.store.begin() as tx:
            factories.add_story(tx, "boats")
            made = factories.approve_without_composing(
                self.stage.mailer, tx, factories.create_edition(tx, "boats")
            )
            started, _ = editions.start_edition(
                tx, STAFF, made, self.stage.mailer.renderer, self.stage.mailer.clock()
            )
        self.stage.mailer.deliver_editions([started], Event())
        return started

    def live(self) -> str:
        """Sign up, confirm, read, move, change this and that. Their link for preferences."""
        self.ask("/subscribe", email=FIRST, list=["news", "press"], topic="health")
        self.work()
        self.confirm(FIRST)
        self.work()
        with self.stage.store.begin() as tx:
            subscribers.edit_subscriber(tx, FIRST, {"name": NAME, "country": "GB"})
        person = self.stage.find_subscriber(FIRST)
        assert person is not None
        link = self.stage.build_preferences_path(person)
        self.edition()
        self.ask(f"{link}/address", email=NOW_AT)
        self.work()
        self.confirm(NOW_AT)
        self.work()
        self.ask(f"{link}/pause", weeks="4")
        self.ask(f"{link}/pause", weeks="0")
        self.ask(self.stage.build_unsubscribe_path(person, self.stage.press))
        self.ask(f"{self.stage.build_unsubscribe_path(person, self.stage.press)}/undo")
        # What is not answered yet: a sign-up by somebody else, and another move.
        self.ask("/subscribe", email=NOW_AT, list="press")
        self.ask(f"{link}/address", email=NEVER_MOVED_TO)
        self.work()
        assert {FIRST, NOW_AT, NEVER_MOVED_TO} <= {*self.relay.accepted}
        held = dump_tables(self.stage.store)
        for one in (FIRST, NOW_AT, NEVER_MOVED_TO, NAME):
            assert any(find_words(held, one)), f"{one} is nowhere to be erased"
        return link


def by_the_page(life: Life, link: str, _: Callable[..., str]) -> None:
    life.ask(f"{link}/erase", status=422)
    assert any(find_words(dump_tables(life.stage.store), NOW_AT)), "it was not sure"
    life.ask(f"{link}/erase", sure="yes")


def by_command(life: Life, link: str, shell: Callable[..., str]) -> None:
    shell("subscriber", "erase", NOW_AT, "--dry-run")
    assert any(find_words(dump_tables(life.stage.store), NOW_AT)), "it was a dry run"
    told = shell("subscriber", "erase", NOW_AT)
    assert "erased" in told


@pytest.fixture
def life(pages: AsgiClient, stage: SeededOffice, relay: Relay) -> Life:
    return Life(pages, stage, relay)


@pytest.fixture
def shell(database_url: str, tmp_path: Path) -> Callable[..., str]:
    """The command line, on the pages' database; what it prints on either stream."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mailer.toml").write_text("")

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mailer", "--database", database_url, *words],
            cwd=tmp_path,
            env={**os.environ, "MAILER_SECRET_KEY": KEY.hex()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("erase", [by_the_page, by_command])
def test_nothing_of_somebody_is_left_after_their_erasure(
    life: Life, shell: Callable[..., str], erase: Callable[[Life, str, Callable[..., str]], None]
) -> None:
    link = life.live()
    erase(life, link, shell)
    assert [*find_words(dump_tables(life.stage.store), *TRACES)] == []
    assert life.pages.get_page(link).status == 404


def test_nothing_comes_back_by_what_happens_afterwards(life: Life) -> None:
    """Old links, a new sign-up, an edition and the worker."""
    link = life.live()
    person = life.stage.find_subscriber(NOW_AT)
    assert person is not None
    leave = life.stage.build_unsubscribe_path(person)
    waiting = [one.id for one in life.stage.list_confirmations(NOW_AT)]
    life.ask(f"{link}/erase", sure="yes")
    got = len(life.relay.accepted)
    life.ask(leave)
    for number in waiting:
        life.ask(life.stage.build_confirm_path(number), status=404)
    life.ask(f"{link}/address", status=404, email=FIRST)
    life.work()
    assert [*find_words(dump_tables(life.stage.store), *TRACES)] == []
    assert len(life.relay.accepted) == got


def test_a_sign_up_of_who_was_erased_is_forgotten_and_brings_no_mail(life: Life) -> None:
    """It stands in the database until the worker has taken it out, as any other does."""
    link = life.live()
    life.ask(f"{link}/erase", sure="yes")
    got = len(life.relay.accepted)
    life.ask("/subscribe", email=NOW_AT, list="news")
    life.work()
    assert len(life.relay.accepted) == got
    later = NOW + life.stage.mailer.link_lifetime * 2
    life.stage.mailer.clock = lambda: later
    life.work()
    assert [*find_words(dump_tables(life.stage.store), *TRACES)] == []


def test_an_address_that_is_another_person_s_now_stays_theirs(life: Life) -> None:
    link = life.live()
    life.stage.add_person(FIRST, name="Heir")
    life.ask(f"{link}/erase", sure="yes")
    heir = life.stage.find_subscriber(FIRST)
    assert heir is not None
    assert heir.person.name == "Heir"
    assert [*find_words(dump_tables(life.stage.store), NOW_AT, NEVER_MOVED_TO, NAME)] == []
