"""Files, addresses and the database, as `mailer config check` sees them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mailer import config, recovery
from mailer.app.config_checks import CheckOutcome, CheckResult, check_settings
from mailer.app.mailer import Mailer
from mailer.app.staff import find_login
from mailer.audience import lists
from mailer.config import NamedSender, PersonSection, SafeSection, Settings, Throttle
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

OK, WARNING, PROBLEM = CheckOutcome.OK, CheckOutcome.WARNING, CheckOutcome.PROBLEM
REAL = "news@office-in-harbour.org"


@pytest.fixture
def settings(office: Settings, database_url: str, mailer: Mailer) -> Settings:
    """An office in which everything is in order, with an empty database."""
    (office.home / "config").mkdir(exist_ok=True)
    key_file = office.home / office.secret.key_file
    key_file.write_text(config.generate_key())
    key_file.chmod(0o600)
    fields = ("address", "reply_to", "return_path", "unsubscribe_address")
    return office.model_copy(
        update={
            "database": office.database.model_copy(update={"url": database_url}),
            "secret": office.secret.model_copy(update={"key": SecretStr("")}),
            "sender": office.sender.model_copy(update=dict.fromkeys(fields, REAL)),
            "notices": office.notices.model_copy(update={"approvers": (REAL,)}),
            "people": {REAL: PersonSection(logins=(find_login(),))},
        }
    )


def change_section(settings: Settings, name: str, **fields: Any) -> Settings:
    section = getattr(settings, name)
    return settings.model_copy(update={name: section.model_copy(update=fields)})


def find_troubles(settings: Settings) -> list[CheckResult]:
    return [
        result
        for result in check_settings(settings, with_network=False)
        if result.outcome is not OK
    ]


def find_trouble(settings: Settings) -> CheckResult:
    (result,) = find_troubles(settings)
    return result


def test_office_in_order_has_no_trouble(settings: Settings) -> None:
    assert find_troubles(settings) == []
    subjects = [result.subject for result in check_settings(settings, with_network=False)]
    assert subjects == [
        "settings",
        "organisation",
        "secret key",
        "templates",
        "observances",
        "marker folder",
        "addresses",
        "notices.approvers",
        "database",
        "chosen senders",
    ]


def test_missing_postal_address_is_a_problem(settings: Settings) -> None:
    result = find_trouble(change_section(settings, "organisation", postal_address=" "))
    assert (result.subject, result.outcome) == ("organisation", PROBLEM)


def test_key_is_missing_or_open_to_others(settings: Settings) -> None:
    key_file = settings.home / settings.secret.key_file
    key_file.chmod(0o644)
    result = find_trouble(settings)
    assert (result.outcome, result.hint) == (PROBLEM, f"chmod 600 {key_file}")
    key_file.unlink()
    assert find_trouble(settings).subject == "secret key"


def test_folders_and_files_are_looked_for(settings: Settings, tmp_path: Path) -> None:
    missing = change_section(settings, "paths", templates=Path("nowhere"))
    assert (find_trouble(missing).subject, find_trouble(missing).outcome) == ("templates", PROBLEM)
    no_folder = change_section(settings, "paths", state=Path("/proc/1/nowhere"))
    assert {result.subject for result in find_troubles(no_folder)} >= {"marker folder"}
    settings.own_observances_file.write_text("[day]\nname = 3\n")
    assert find_trouble(settings).subject == "observances"


def test_addresses_are_checked_one_by_one(settings: Settings) -> None:
    settings = change_section(settings, "notices", approvers=(REAL, "a..b@c.org"))
    settings = change_section(settings, "sender", address="news@example.org")
    example, wrong = find_troubles(settings)
    assert (example.subject, example.outcome) == ("sender.address", WARNING)
    assert (wrong.subject, wrong.outcome) == ("notices.approvers", PROBLEM)
    assert "a..b@c.org" in wrong.detail


def test_limited_domains_are_checked(settings: Settings) -> None:
    limits = {"*": Throttle(rate=1), "bücher.example": Throttle(rate=1)}
    assert find_troubles(settings.model_copy(update={"throttle": limits})) == []
    wrong = settings.model_copy(update={"throttle": {"bü cher.example": Throttle()}})
    assert (find_trouble(wrong).subject, find_trouble(wrong).outcome) == ("throttle", PROBLEM)


def test_no_approver_is_a_warning(settings: Settings) -> None:
    result = find_trouble(change_section(settings, "notices", approvers=()))
    assert (result.subject, result.outcome) == ("notices.approvers", WARNING)


def test_login_of_no_one_is_a_warning(settings: Settings) -> None:
    nobody = settings.model_copy(update={"people": {REAL: PersonSection(logins=("ana",))}})
    result = find_trouble(nobody)
    assert (result.subject, result.outcome) == ("people", WARNING)
    assert f"the login {find_login()} is named at no one" in result.detail
    shared = {REAL: PersonSection(logins=("ana", find_login().upper()))}
    assert find_troubles(settings.model_copy(update={"people": shared})) == []


def test_missing_database_is_a_problem(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nowhere.db'}"
    result = find_trouble(change_section(settings, "database", url=url))
    assert (result.subject, result.outcome) == ("database", PROBLEM)
    assert result.next_steps
    assert not (tmp_path / "nowhere.db").exists()


def test_database_from_which_nothing_is_sent_is_a_problem(
    settings: Settings, mailer: Mailer
) -> None:
    with mailer.store.begin() as tx:
        recovery.suspend_deliveries(tx, STAFF, "its history went back", NOW)
    result = find_trouble(settings)
    assert (result.outcome, result.detail) == (
        PROBLEM,
        "nothing is sent from it: its history went back",
    )


def test_safe_mode_is_a_warning(settings: Settings) -> None:
    safe = settings.model_copy(update={"safe": SafeSection(recipients=("me@office.org",))})
    result = find_trouble(safe)
    assert (result.subject, result.outcome) == ("safe mode", WARNING)
    assert "mail goes only to me@office.org" in result.detail


def test_sender_that_the_settings_lack_is_a_problem(settings: Settings, mailer: Mailer) -> None:
    senders = {"press": NamedSender(name="Press", address=REAL)}
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        lists.edit_list(tx, STAFF, "news", {"sender": "press"}, senders=senders)
    assert find_troubles(settings.model_copy(update={"senders": senders})) == []
    result = find_trouble(settings)
    assert (result.subject, result.outcome) == ("chosen senders", PROBLEM)
    assert result.detail == "there is no sender 'press', which the list news uses"


def test_every_wrong_setting_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "mailer.toml"
    file.write_text('[relay]\nport = 0\ntls = "x"\n[web]\nthreads = "y"\n')
    errors = config.list_setting_errors(file, environ={"MAILER_SIGNUP_PER_CLIENT": "z"})
    assert [error.where for error in errors] == [
        f"{file}, relay.port",
        f"{file}, relay.tls",
        f"{file}, web.threads",
        "the environment, MAILER_SIGNUP_PER_CLIENT",
    ]
    file.write_text("[relay\n")
    assert len(config.list_setting_errors(file, environ={})) == 1
    file.write_text("[relay]\n")
    assert config.list_setting_errors(file, environ={}) == []
