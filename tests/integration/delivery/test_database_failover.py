"""The primary dies and a standby is promoted in its place.

A synchronous standby has lost nothing. A standby that was behind has lost what was confirmed: the
process that lives through it notices, pauses the edition, and settles what relays have accepted."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mailer import editions
from mailer.app import Mailer
from mailer.config import DeliverySection, Settings
from mailer.errors import ConcurrencyError, ConfigError, HistoryWentBack
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.recovery import accept_database
from mailer.store import Store
from tests.actors import STAFF
from tests.conftest import KEY
from tests.database_cluster import (
    ClusterServer,
    LinkProxy,
    make_cluster_folder,
)
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import deliver_edition, get_edition_state
from tests.integration.delivery.trouble_office import (
    CONNECTIONS,
    WINDOW,
    TroubleOffice,
    is_healthy,
    make_primary,
    wait_until,
)
from tests.integration.delivery.worker_processes import MailerProcess
from tests.integration.factories import read_delivery_states
from tests.ports import find_free_port

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

COUNT = 400
TRIALS = [0, *(pytest.param(number, marks=pytest.mark.proof) for number in (1, 2))]
"""The suite makes one trial, the proof two more."""


class Pair:
    """A primary and its standby, which streams through a proxy."""

    def __init__(self, folder: Path, *, is_synchronous: bool) -> None:
        self.primary = make_primary(folder, max_connections=30)
        self.stream = LinkProxy(self.primary.port)
        self.standby = self.primary.copy_to_standby(folder / "standby")
        source = f"host=127.0.0.1 port={self.stream.port} user=postgres application_name=standby"
        self.standby.start(max_connections=30, primary_conninfo=source)
        if is_synchronous:
            self.primary.run_sql(
                "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"
            )

    def close(self) -> None:
        self.stream.close()
        for server in (self.standby, self.primary):
            server.stop(signal.SIGKILL)

    def wait_for_standby(self) -> None:
        """Wait until the standby has all that the primary has."""

        def has_caught_up() -> bool:
            with _open_store(self.primary) as primary_store, _open_store(self.standby) as standby:
                position = _read_scalar(primary_store, "SELECT pg_current_wal_lsn()")
                query = f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
                return bool(_read_scalar(standby, query))

        wait_until(has_caught_up)

    def fail_over(self, office: TroubleOffice, *, promotes_after: float = 0.0) -> None:
        """Kill the primary and promote the standby; the office's link leads there at once."""
        self.primary.stop(signal.SIGKILL)
        office.proxy.target_port = self.standby.port
        office.proxy.reset_links()
        time.sleep(promotes_after)
        self.standby.promote()
        office.follow(self.standby)


@contextmanager
def _open_store(server: ClusterServer) -> Iterator[Store]:
    store = Store(server.make_url(), KEY)
    try:
        yield store
    finally:
        store.close()


def _read_scalar(store: Store, query: str) -> Any:
    with store.read() as tx:
        return tx.connection.scalar(text(query))


@contextmanager
def make_pair(*, is_synchronous: bool) -> Iterator[Pair]:
    with make_cluster_folder() as folder:
        pair = Pair(folder, is_synchronous=is_synchronous)
        try:
            yield pair
        finally:
            pair.close()


@contextmanager
def make_office(settings: Settings, relay: Relay, pair: Pair) -> Iterator[TroubleOffice]:
    office = TroubleOffice(settings, relay, pair.primary, "office")
    try:
        yield office
    finally:
        office.close()


# ---- a synchronous standby --------------------------------------------------------------------


def run_synchronous_trial(
    settings: Settings, relay: Relay, command: str, promotes_after: float
) -> str:
    with make_pair(is_synchronous=True) as pair, make_office(settings, relay, pair) as office:
        office.begin_edition(COUNT)
        process = office.send() if command == "send" else office.start("worker")
        office.wait_for_messages(COUNT // 5)
        pair.fail_over(office, promotes_after=promotes_after)
        if command == "worker":
            wait_until(lambda: office.is_sent, 60)
            process.send_signal(signal.SIGTERM)
        result = process.wait(60)
        assert result.code == 0, result.output
        office.check_nothing_lost()
        return result.output


@pytest.mark.proof
def test_send_survives_late_promotion(office: Settings, relay: Relay) -> None:
    """The standby is read-only until then: SQLSTATE 25006."""
    output = run_synchronous_trial(office, relay, "send", 2.0)
    assert "waiting: the database can't be written to" in output


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(3))
@pytest.mark.parametrize("promotes_after", [0.0, 3.0])
@pytest.mark.parametrize("command", ["send", "worker"])
def test_synchronous_failover_loses_nothing(
    office: Settings, relay: Relay, command: str, promotes_after: float, trial: int
) -> None:
    run_synchronous_trial(office, relay, command, promotes_after)


# ---- a standby that was behind ----------------------------------------------------------------


class BackgroundRun:
    """A delivery run in a thread of its own, over the office's spoiled link."""

    def __init__(self, office: TroubleOffice, edition: Edition) -> None:
        self._store = Store(office.primary.make_url("office", office.proxy.port), KEY, 5.0)
        relay = office.mailer.settings.relay
        settings = office.mailer.settings.model_copy(
            update={
                "relay": relay.model_copy(update={"connections": CONNECTIONS, "window": WINDOW}),
                "delivery": DeliverySection(lease=5, patience=0),
            }
        )
        self.mailer = Mailer(settings, self._store)
        self.error: BaseException | None = None
        self._edition = edition
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.mailer.deliver_editions([self._edition], threading.Event())
        except BaseException as error:
            self.error = error

    def wait(self) -> BaseException | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._store.close()
        return self.error


def resume_and_finish(office: TroubleOffice, edition: Edition) -> None:
    """Let a person accept the database and resume the edition, and send the rest.

    Each reader must have got the message once, or twice if it was in doubt."""
    in_doubt = {
        address
        for address, state in read_delivery_states(office.store, edition).items()
        if state is DeliveryState.IN_DOUBT
    }
    with office.store.begin() as tx:
        now = office.mailer.clock()
        paused = factories.reload_edition(tx, edition)
        assert "lost what it had confirmed" in paused.reason
        accept_database(tx, STAFF, [], now)
        tx.outbox.return_to_queue(edition.id, [DeliveryState.IN_DOUBT])
        editions.resume_edition(tx, STAFF, factories.reload_edition(tx, edition), now)
    office.mailer.guard.save_accepted_marker()
    deliver_edition(office.mailer, edition)
    office.check_nothing_lost(ever_in_doubt=in_doubt)


@pytest.mark.parametrize("trial", TRIALS)
def test_failover_to_standby_behind_pauses_and_resends_nothing(
    office: Settings, relay: Relay, trial: int
) -> None:
    with make_pair(is_synchronous=False) as pair, make_office(office, relay, pair) as troubled:
        edition = troubled.begin_edition(COUNT)
        run = BackgroundRun(troubled, edition)
        troubled.wait_for_messages(COUNT // 8)
        pair.stream.silence_links(and_new=True)
        troubled.wait_for_messages(COUNT // 2)
        pair.fail_over(troubled)
        error = run.wait()
        assert isinstance(error, HistoryWentBack), error
        assert error.code == "history_went_back"
        assert get_edition_state(troubled.store, edition) is EditionState.PAUSED
        states = Counter(read_delivery_states(troubled.store, edition).values())
        assert states[DeliveryState.SENT] == len(relay.accepted) < COUNT
        resume_and_finish(troubled, edition)


@pytest.mark.parametrize("trial", TRIALS)
def test_plan_lost_in_failover_is_made_again_and_paused(
    office: Settings, relay: Relay, trial: int
) -> None:
    with make_pair(is_synchronous=False) as pair, make_office(office, relay, pair) as troubled:
        edition = troubled.begin_edition(COUNT, starts=False)
        pair.wait_for_standby()
        pair.stream.silence_links(and_new=True)
        with troubled.store.begin() as tx:
            edition, _ = editions.start_edition(
                tx, STAFF, edition, troubled.mailer.renderer, troubled.mailer.clock()
            )
        run = BackgroundRun(troubled, edition)
        troubled.wait_for_messages(COUNT // 3)
        pair.fail_over(troubled)
        assert isinstance(run.wait(), HistoryWentBack)
        assert get_edition_state(troubled.store, edition) is EditionState.PAUSED
        states = Counter(read_delivery_states(troubled.store, edition).values())
        assert states[DeliveryState.SENT] == len(relay.accepted) < COUNT
        resume_and_finish(troubled, edition)


# ---- whole processes --------------------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(2))
@pytest.mark.parametrize("command", ["send", "worker"])
def test_process_pauses_after_failover_to_standby_behind(
    office: Settings, relay: Relay, command: str, trial: int
) -> None:
    with make_pair(is_synchronous=False) as pair, make_office(office, relay, pair) as troubled:
        edition = troubled.begin_edition(COUNT)
        process = troubled.send() if command == "send" else troubled.start("worker")
        troubled.wait_for_messages(COUNT // 8)
        pair.stream.silence_links(and_new=True)
        troubled.wait_for_messages(COUNT // 2)
        pair.fail_over(troubled)
        if command == "worker":
            wait_until(lambda: is_paused(troubled, edition), 60)
            process.send_signal(signal.SIGTERM)
        result = process.wait(60)
        assert result.code == (5 if command == "send" else 0), result.output
        assert "history went back" in result.output
        assert "internal error" not in result.output
        assert is_paused(troubled, edition)
        states = Counter(read_delivery_states(troubled.store, edition).values())
        assert states[DeliveryState.SENT] == len(relay.accepted) < COUNT
        resume_and_finish(troubled, edition)


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(2))
def test_pages_go_on_after_failover_to_standby_behind(
    office: Settings, relay: Relay, trial: int
) -> None:
    with make_pair(is_synchronous=False) as pair, make_office(office, relay, pair) as troubled:
        pair.wait_for_standby()
        port = find_free_port()
        server = troubled.start("serve", "--port", str(port))
        wait_until(lambda: is_healthy(port))
        pair.stream.silence_links(and_new=True)
        troubled.begin_edition(1)
        pair.fail_over(troubled, promotes_after=1.0)
        wait_until(lambda: is_healthy(port), 60)
        assert_ends(server, 15, {0, -signal.SIGTERM})


@pytest.mark.proof
@pytest.mark.parametrize("trial", range(2))
@pytest.mark.parametrize("command", ["send", "worker", "serve"])
def test_signal_during_failover_ends_process(
    office: Settings, relay: Relay, command: str, trial: int
) -> None:
    """The primary is dead, and the standby is read-only until it is promoted."""
    with make_pair(is_synchronous=True) as pair, make_office(office, relay, pair) as troubled:
        troubled.begin_edition(COUNT)
        if command == "serve":
            port = find_free_port()
            process = troubled.start("serve", "--port", str(port))
            wait_until(lambda: is_healthy(port))
        else:
            process = troubled.send() if command == "send" else troubled.start("worker")
            troubled.wait_for_messages(COUNT // 5)
        troubled.primary.stop(signal.SIGKILL)
        troubled.proxy.target_port = pair.standby.port
        troubled.proxy.reset_links()
        time.sleep(1.0)
        assert_ends(process, 60)
        pair.standby.promote()
        troubled.follow(pair.standby)
        assert troubled.send().wait(90).code == 0
        troubled.check_nothing_lost()


def is_paused(office: TroubleOffice, edition: Edition) -> bool:
    """Check that the edition is paused; False also while the database can't be read."""
    try:
        return get_edition_state(office.store, edition) is EditionState.PAUSED
    except (ConfigError, ConcurrencyError):
        return False


def assert_ends(process: MailerProcess, seconds: float, codes: set[int] | None = None) -> None:
    """Ask a process to stop, and check that it does in time."""
    started_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    result = process.wait(seconds + 15)
    assert time.monotonic() - started_at < seconds, result.output
    assert "internal error" not in result.output
    assert "Traceback" not in result.output
    assert codes is None or result.code in codes, result.output
