"""systemd units: valid, hardened, and with the paths of the settings."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from mailer.app.systemd_units import ServiceUnit, build_unit, list_writable_folders
from mailer.config import Paths, Settings
from mailer.errors import ConfigError, InputError
from tests.conftest import make_office_settings, skip_without

SERVICES = list(ServiceUnit)


def make_settings(home: Path, state: Path | None, url: str = "") -> Settings:
    (home / "config").mkdir(exist_ok=True)
    file = home / "config/mailer.toml"
    file.touch()
    settings = make_office_settings(home)
    database = settings.database.model_copy(update={"url": url or "sqlite:///subscribers.db"})
    return settings.model_copy(
        update={"config_file": file, "paths": Paths(state=state), "database": database}
    )


def parse_unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_is_valid_for_systemd(unit: ServiceUnit, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip_without("systemd-analyze")
    settings = make_settings(tmp_path, Path("/var/lib/mailer"))
    text = build_unit(unit, settings, "root")
    file = tmp_path / f"mailer-{unit}.service"
    file.write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    own_lines = [line for line in result.stderr.splitlines() if file.name in line]
    assert (result.returncode, own_lines) == (0, []), result.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_is_hardened(unit: ServiceUnit, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip_without("systemd-analyze")
    file = tmp_path / f"mailer-{unit}.service"
    file.write_text(build_unit(unit, make_settings(tmp_path, Path("/var/lib/mailer")), "root"))
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=35", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_runs_this_program_with_these_settings(unit: ServiceUnit, tmp_path: Path) -> None:
    service = parse_unit(build_unit(unit, make_settings(tmp_path, Path("/var/lib/mailer")), "news"))
    values = service["Service"]
    program, option, config, command = values["ExecStart"].split()
    assert Path(program).name == "mailer"
    assert (option, command) == ("--config", unit.value)
    assert Path(config) == (tmp_path / "config/mailer.toml").resolve()
    assert values["User"] == "news"
    assert values["NoNewPrivileges"] == "yes"
    assert values["ProtectSystem"] == "strict"
    assert values["Restart"] == "on-failure"
    assert values["StateDirectory"] == "mailer"
    assert values["ReadWritePaths"] == str(tmp_path.resolve())
    assert int(service["Unit"]["StartLimitIntervalSec"]) > int(values["RestartSec"]) * int(
        service["Unit"]["StartLimitBurst"]
    )


def test_only_the_worker_notifies_systemd(tmp_path: Path) -> None:
    """`mailer serve` does not, so systemd would wait for it in vain."""
    settings = make_settings(tmp_path, Path("/var/lib/mailer"))
    types = {unit: parse_unit(build_unit(unit, settings, "news")) for unit in SERVICES}
    assert types[ServiceUnit.WORKER]["Service"]["Type"] == "notify"
    assert "WatchdogSec" in types[ServiceUnit.WORKER]["Service"]
    assert types[ServiceUnit.SERVE]["Service"]["Type"] == "exec"
    assert "WatchdogSec" not in types[ServiceUnit.SERVE]["Service"]


def test_unit_may_write_no_folder_of_a_server_database(tmp_path: Path) -> None:
    url = "postgresql://mailer@localhost/mailer"
    settings = make_settings(tmp_path, tmp_path / "state", url)
    assert list_writable_folders(settings) == [(tmp_path / "state").resolve()]


def test_path_with_percent_and_space_is_quoted(tmp_path: Path) -> None:
    home = tmp_path / "an office 100%"
    home.mkdir()
    text = build_unit(ServiceUnit.WORKER, make_settings(home, Path("/var/lib/mailer")), "news")
    assert f'--config "{home.resolve()}/config/mailer.toml"'.replace("%", "%%") in text


def test_path_that_a_unit_cannot_hold_is_refused(tmp_path: Path) -> None:
    home = tmp_path / 'an "office"'
    home.mkdir()
    with pytest.raises(ConfigError, match="can't hold this path"):
        build_unit(ServiceUnit.WORKER, make_settings(home, Path("/var/lib/mailer")), "news")


def test_unit_needs_a_folder_for_the_marker(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build_unit(ServiceUnit.WORKER, make_settings(tmp_path, None), "news")
    assert caught.value.where == "paths.state"
    assert "/var/lib/mailer" in caught.value.hint


@pytest.mark.parametrize(
    "user", ["", "news\nExecStartPre=/bin/false", "a b", "%i", "-news", "a:b", "news\n", "../x"]
)
def test_name_that_no_user_has_is_refused(user: str, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, Path("/var/lib/mailer"))
    with pytest.raises(InputError, match="is not the name of a user"):
        build_unit(ServiceUnit.WORKER, settings, user)


def test_folder_with_a_colon_is_written_as_a_path(tmp_path: Path) -> None:
    """systemd reads StateDirectory=FOLDER:LINK as a folder with a link to it."""
    unit = build_unit(ServiceUnit.WORKER, make_settings(tmp_path, Path("/var/lib/a:b")), "root")
    assert "ReadWritePaths=/var/lib/a:b" in unit
    assert "StateDirectory=" not in unit
