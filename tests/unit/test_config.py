"""Settings come from one of four places, and what is wrong is named by file and setting."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from mailer import config
from mailer.config import Settings, Tls
from mailer.errors import ConfigError

KEY = "ab" * config.KEY_BYTES


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


def write(home: Path, toml: str = "") -> Path:
    file = home / "config/mailer.toml"
    file.write_text(toml, "utf-8")
    return file


def load(home: Path, toml: str = "", **environ: str) -> Settings:
    return config.load_settings(write(home, toml), environ=environ)


def wrong(home: Path, toml: str = "", **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(home, toml, **environ)
    assert caught.value.exit_code == 3
    return caught.value


# ---- where a setting comes from ---------------------------------------------------------------


def test_config_uses_defaults(home: Path) -> None:
    settings = load(home)
    assert settings.relay.port == 587
    assert settings.relay.tls is Tls.STARTTLS
    assert settings.defaults.time_zone == "Europe/London"


def test_config_file_overrides_defaults(home: Path) -> None:
    assert load(home, "[relay]\nport = 25\n").relay.port == 25


def test_environment_overrides_config_file(home: Path) -> None:
    toml = '[relay]\nport = 25\nhost = "relay.example.org"\n'
    settings = load(home, toml, MAILER_RELAY_PORT="2525")
    assert settings.relay.port == 2525
    assert settings.relay.host == "relay.example.org"


def test_command_line_overrides_environment(home: Path) -> None:
    file = write(home, '[database]\nurl = "sqlite:///file.db"\n')
    environ = {"MAILER_DATABASE_URL": "sqlite:///environment.db"}
    assert config.load_settings(file, environ=environ).database.url == "sqlite:///environment.db"
    settings = config.load_settings(file, "postgres://argument/db", environ=environ)
    assert settings.database.url == "postgres://argument/db"


def test_config_reads_only_given_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_RELAY_PORT", "2525")
    assert config.load_settings(write(home), environ={}).relay.port == 587
    assert config.load_settings(write(home)).relay.port == 2525


def test_environment_sets_names_of_two_words(home: Path) -> None:
    settings = load(
        home,
        MAILER_RELAY_PASSWORD_FILE="config/relay.password",
        MAILER_ORGANISATION_POSTAL_ADDRESS="1 Quay Road",
    )
    assert settings.relay.password_file == Path("config/relay.password")
    assert settings.organisation.postal_address == "1 Quay Road"


def test_environment_names_config_file(home: Path) -> None:
    file = write(home, "[relay]\nport = 25\n")
    assert config.load_settings(environ={"MAILER_CONFIG": str(file)}).relay.port == 25


def test_config_without_file_uses_defaults(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    settings = config.load_settings(environ={})
    assert settings.config_file is None
    assert settings.home == home


def test_requested_config_file_must_exist(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"other\.toml: there is no such file"):
        config.load_settings(home / "other.toml", environ={})


def test_shipped_config_file_is_valid() -> None:
    settings = config.load_settings(
        config.find_shipped_folder("config") / "mailer.toml", environ={}
    )
    defaults = Settings()
    for section in (
        "sender",
        "defaults",
        "relay",
        "relays",
        "delivery",
        "throttle",
        "web",
        "database",
        "secret",
        "paths",
    ):
        assert getattr(settings, section) == getattr(defaults, section)


def test_settings_are_frozen(home: Path) -> None:
    settings = load(home)
    with pytest.raises(ValidationError):
        setattr(settings.relay, "port", 1)  # noqa: B010  (mypy knows that it can't be)
    with pytest.raises(ValidationError):
        setattr(settings, "home", Path("/"))  # noqa: B010


# ---- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "setting"),
    [
        ("[relay]\nport = 0\n", "relay.port"),
        ('[relay]\nport = "many"\n', "relay.port"),
        ("[relay]\ntimeout = 0\n", "relay.timeout"),
        ('[relay]\ntls = "sometimes"\n', "relay.tls"),
        ("[relay]\nconnections = 0\n", "relay.connections"),
        ("[relay]\nwindow = 101\n", "relay.window"),
        ("[relay]\nrate = -1\n", "relay.rate"),
        ("[relays.second]\nport = 0\n", "relays.second.port"),
        ("[delivery]\nlease = 0\n", "delivery.lease"),
        ('[throttle."example.com"]\nrate = -1\n', "throttle.example.com.rate"),
        ('[throttle."example.com"]\nspeed = 1\n', "throttle.example.com.speed"),
        ('[relay]\nhost = "a\\nb"\n', "relay.host"),
        ('[organisation]\naccent = "blue"\n', "organisation.accent"),
        ('[organisation]\naccent = "#0b5394\\n"\n', "organisation.accent"),
        ('[organisation]\nwebsite = "example.org"\n', "organisation.website"),
        ('[organisation]\nname = "a\\u0000b"\n', "organisation.name"),
        ('[sender]\naddress = "news"\n', "sender.address"),
        ('[sender]\naddress = "a b@example.org"\n', "sender.address"),
        ('[sender]\nname = "A\\r\\nBcc: b@example.org"\n', "sender.name"),
        ('[defaults]\ntime_zone = "Mars/Olympus"\n', "defaults.time_zone"),
        ('[web]\nbase_url = "javascript:alert(1)"\n', "web.base_url"),
        ("[relay]\nspeed = 3\n", "relay.speed"),
    ],
)
def test_invalid_setting_names_file_and_setting(home: Path, toml: str, setting: str) -> None:
    error = wrong(home, toml)
    assert error.where == f"{home}/config/mailer.toml, {setting}"
    assert error.message
    assert error.hint


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[relay\n", "this is not TOML: .* line 1"),
        ("[relais]\nport = 25\n", r"there is no section \[relais\]"),
        ("[home]\n", r"there is no section \[home\]"),
        ("relay = 3\n", "relay: it is in no section"),
        ('relay = "password"\n', "relay: it is in no section"),
        ("port = 25\n", "port: it is in no section"),
        ("[[relay]]\nport = 25\n", "relay: it is in no section"),
    ],
)
def test_invalid_config_file_is_named(home: Path, toml: str, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"config/mailer\.toml.*{says}"):
        load(home, toml)


def test_config_file_must_be_utf8(home: Path) -> None:
    file = write(home)
    file.write_bytes(b'[organisation]\nname = "B\xfcro"\n')
    with pytest.raises(ConfigError, match="it can't be read"):
        config.load_settings(file, environ={})


@pytest.mark.parametrize("toml", ['[relay]\npassword = "x"\n', f'[secret]\nkey = "{KEY}"\n'])
def test_secret_in_config_file_is_refused_unprinted(home: Path, toml: str) -> None:
    error = wrong(home, toml)
    assert error.message == "secrets do not belong in this file"
    assert KEY not in str(error)
    assert "MAILER_RELAY_PASSWORD" in error.hint


def test_password_needs_tls_except_on_loopback(home: Path) -> None:
    toml = '[relay]\nhost = "relay.example.org"\ntls = "none"\nuser = "mailer"\n'
    assert "must not travel unencrypted" in wrong(home, toml).message
    assert load(home, toml.replace("relay.example.org", "localhost")).relay.user == "mailer"


# ---- secrets ----------------------------------------------------------------------------------


def test_secret_key_comes_from_environment_or_file(home: Path) -> None:
    assert load(home, MAILER_SECRET_KEY=KEY).read_secret_key() == bytes.fromhex(KEY)
    (home / "config/secret.key").write_text(f"{KEY}\n", "ascii")
    assert load(home).read_secret_key() == bytes.fromhex(KEY)


def test_generated_key_is_valid_and_unique() -> None:
    assert len(bytes.fromhex(config.generate_key())) == config.KEY_BYTES
    assert config.generate_key() != config.generate_key()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ab" * 31, "too short"),
        ("", "too short"),
        ("xy" * 32, "not hexadecimal"),
        ("Schlüssel", "can't be read"),
    ],
)
def test_invalid_key_file_is_named_without_its_text(home: Path, text: str, says: str) -> None:
    file = home / "config/secret.key"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=says) as caught:
        load(home).read_secret_key()
    assert str(file) in str(caught.value)
    assert not text or text not in str(caught.value)


def test_missing_key_file_names_next_step(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"secret\.key: there is no secret key"):
        load(home).read_secret_key()


def test_invalid_key_in_environment_is_named(home: Path) -> None:
    with pytest.raises(ConfigError, match="MAILER_SECRET_KEY: the secret key is too short"):
        load(home, MAILER_SECRET_KEY="abcd").read_secret_key()


def test_secrets_are_never_printed(home: Path) -> None:
    settings = load(home, MAILER_SECRET_KEY=KEY, MAILER_RELAY_PASSWORD="hunter2")
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_relay_password_comes_from_environment_or_file(
    home: Path,
) -> None:
    def password(toml: str = "", **environ: str) -> str:
        settings = load(home, toml, **environ)
        return settings.read_relay_password(settings.relay)

    with pytest.raises(ConfigError, match="a user but no password"):
        password()
    toml = '[relay]\npassword_file = "config/relay.password"\n'
    with pytest.raises(ConfigError, match=r"mailer\.toml, relay\.password_file"):
        password(toml)
    (home / "config/relay.password").write_text("from the file\nsecond line\n", "utf-8")
    assert password(toml) == "from the file"
    assert password(toml, MAILER_RELAY_PASSWORD="from here") == "from here"


# ---- several relays, and whom they spare ------------------------------------------------------

SECOND = '[relays.second]\nhost = "relay2.example.org"\n'


def test_relays_have_names_and_default_comes_first(home: Path) -> None:
    settings = load(home, '[relay]\nhost = "relay1.example.org"\n' + SECOND)
    assert [(one.name, one.host) for one in settings.all_relays] == [
        ("relay", "relay1.example.org"),
        ("second", "relay2.example.org"),
    ]
    assert settings.all_relays[1].where == "second relay2.example.org:587"


def test_each_relay_has_its_own_password(home: Path) -> None:
    settings = load(home, SECOND + 'password_file = "config/second.password"\n')
    first, second = settings.all_relays
    with pytest.raises(ConfigError, match=r"mailer\.toml, relays\.second\.password_file"):
        settings.read_relay_password(second)
    (home / "config/second.password").write_text("hush\n", "utf-8")
    assert settings.read_relay_password(second) == "hush"
    with pytest.raises(
        ConfigError, match=r"mailer\.toml, relay: the relay has a user but no password"
    ):
        settings.read_relay_password(first)


def test_relay_password_in_config_file_is_refused(home: Path) -> None:
    error = wrong(home, SECOND + 'password = "hush"\n')
    assert error.message == "secrets do not belong in this file"


def test_password_of_every_relay_needs_tls(home: Path) -> None:
    error = wrong(home, SECOND + 'tls = "none"\nuser = "mailer"\n')
    assert "second: a password must not travel unencrypted" in error.message


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[relays.relay]\nport = 25\n", "the name belongs to"),
        ("[relay]\nweight = 0\n", "at least one relay must have a weight"),
        (f"[relay]\nweight = 0\n{SECOND}weight = 0\n", "at least one relay must have a weight"),
    ],
)
def test_one_relay_must_have_weight_and_name(home: Path, toml: str, says: str) -> None:
    assert says in wrong(home, toml).message


def test_relay_with_weight_zero_stands_by(home: Path) -> None:
    settings = load(home, f"{SECOND}weight = 0\n")
    assert [one.weight for one in settings.all_relays] == [None, 0]


def test_throttle_is_found_by_domain(home: Path) -> None:
    settings = load(home, '[throttle."example.com"]\nrate = 2.5\n[throttle."*"]\nconnections = 3\n')
    assert settings.throttle["example.com"].rate == 2.5
    assert settings.throttle["*"].connections == 3


def test_environment_sets_delivery_patience(home: Path) -> None:
    settings = load(
        home, MAILER_DELIVERY_PATIENCE="5", MAILER_DELIVERY_LEASE="30", MAILER_RELAY_DOT_TIMEOUT="9"
    )
    assert (settings.delivery.patience, settings.delivery.lease) == (5, 30)
    assert settings.relay.dot_timeout == 9


# ---- paths and the database -------------------------------------------------------------------


def test_home_is_folder_above_config(home: Path) -> None:
    assert load(home).home == home
    elsewhere = home / "other.toml"
    elsewhere.write_text("", "utf-8")
    assert config.load_settings(elsewhere, environ={}).home == home


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("sqlite:///subscribers.db", "sqlite:///{home}/subscribers.db"),
        ("sqlite:///var/subscribers.db", "sqlite:///{home}/var/subscribers.db"),
        ("sqlite:////srv/subscribers.db", "sqlite:////srv/subscribers.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgres://user@host/name", "postgresql+psycopg://user@host/name"),
        ("postgresql://user@host/name", "postgresql+psycopg://user@host/name"),
        ("postgresql+psycopg://user@host/name", "postgresql+psycopg://user@host/name"),
        ("postgresql:///name?host=/run", "postgresql+psycopg:///name?host=/run"),
    ],
)
def test_database_url_is_completed(home: Path, url: str, becomes: str) -> None:
    assert load(home, MAILER_DATABASE_URL=url).database_url == becomes.format(home=home)


def test_database_path_is_relative_to_working_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(home)
    monkeypatch.chdir(home / "config")
    settings = config.load_settings(file, "mine.db", environ={})
    assert settings.database_url == f"sqlite:///{home}/config/mine.db"


def test_own_templates_come_before_shipped(home: Path) -> None:
    shipped = config.find_shipped_folder("templates")
    assert load(home).template_path == (shipped,)
    (home / "templates").mkdir()
    assert load(home).template_path == (home / "templates", shipped)
    (home / "own").mkdir()
    assert load(home, '[paths]\ntemplates = "own"\n').template_path == (home / "own", shipped)
