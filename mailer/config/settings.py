"""All settings together, and the code that loads them."""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mailer.config.environment import EnvironmentSource, find_variable
from mailer.config.sections import (
    DatabaseSection,
    DefaultsSection,
    DeliverySection,
    NoticesSection,
    Organisation,
    Paths,
    Press,
    Relay,
    RetentionSection,
    Secret,
    SenderSection,
    SignUp,
    StaffSection,
    Throttle,
    Tls,
    Web,
    WorkerSection,
)
from mailer.config.wording import describe_detail
from mailer.errors import ConfigError, NextStep
from mailer.regular_files import describe_non_file, read_regular_file

MAX_SECRET_BYTES = 10_000
MAX_CONFIG_BYTES = 1_000_000

_LONG_KEY = re.compile(r"""(?<![\w."'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){20,}""")
"""Matches a key of more than 20 parts. tomllib takes quadratic time for such a key, and nests its
tables as deep as the key has parts."""

CONFIG_FILE = Path("config/mailer.toml")
OBSERVANCES_FILE = Path("config/observances.toml")
KEY_BYTES = 32


class Settings(BaseSettings):
    """All settings. :func:`load_settings` makes them; they are never changed afterwards."""

    model_config = SettingsConfigDict(
        env_prefix="MAILER_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="ignore",
        defer_build=True,  # load_settings validates with a subclass, so this default is never built
    )

    home: Path = Path()
    config_file: Path | None = None
    organisation: Organisation = Organisation()
    sender: SenderSection = SenderSection()
    defaults: DefaultsSection = DefaultsSection()
    relay: Relay = Relay()
    relays: dict[str, Relay] = {}
    delivery: DeliverySection = DeliverySection()
    throttle: dict[str, Throttle] = {}
    worker: WorkerSection = WorkerSection()
    notices: NoticesSection = NoticesSection()
    staff: StaffSection = StaffSection()
    press: Press = Press()
    web: Web = Web()
    signup: SignUp = SignUp()
    retention: RetentionSection = RetentionSection()
    database: DatabaseSection = DatabaseSection()
    secret: Secret = Secret()
    paths: Paths = Paths()

    def resolve_path(self, path: Path) -> Path:
        """Resolve a relative `path` against home."""
        return path if path.is_absolute() else self.home / path

    @property
    def database_url(self) -> str:
        """The database's URL. A relative SQLite file starts at home, and PostgreSQL always uses
        psycopg 3."""
        url = self.database.url
        for short in ("postgres://", "postgresql://"):
            if url.startswith(short):
                return f"postgresql+psycopg://{url.removeprefix(short)}"
        head, sep, file = url.partition(":///")
        if sep and head.startswith("sqlite") and file not in {"", ":memory:"}:
            return f"{head}:///{self.resolve_path(Path(file))}"
        return url

    @property
    def all_relays(self) -> tuple[Relay, ...]:
        """All relays: first the relay of ``[relay]``, then the relays of ``[relays.NAME]``, by
        name."""
        others = (relay.model_copy(update={"name": name}) for name, relay in self.relays.items())
        return (self.relay, *others)

    @property
    def sender_details(self) -> str:
        """The settings that appear in every mail outside its body. An approval covers them."""
        sender = self.sender
        details = f"{sender.name}\n{sender.address}\n{sender.reply_to}\n{self.web.base_url}"
        # Included only if set, so that approvals from before this setting existed stay valid.
        return f"{details}\n{sender.unsubscribe_address}" if sender.unsubscribe_address else details

    @property
    def template_path(self) -> tuple[Path, ...]:
        """The folders of templates, in order of precedence: the organisation's, then the shipped
        one."""
        own_folder = self.paths.templates
        folders = [self.resolve_path(own_folder)] if own_folder else [self.home / "templates"]
        return (
            *[folder for folder in folders if folder.is_dir()],
            find_shipped_folder("templates"),
        )

    @property
    def template_names(self) -> frozenset[str]:
        """The names of the mails' templates, the organisation's and the shipped ones."""
        return frozenset(
            file.parent.name
            for folder in self.template_path
            for file in folder.glob("email/*/body.html")
        )

    @property
    def state_folder(self) -> Path:
        """The folder of this host's markers: ``paths.state``, or ``mailer`` in the user's folder of
        states (XDG Base Directory Specification, ``XDG_STATE_HOME``). Raises ConfigError if the
        user has none."""
        if self.paths.state:
            return self.resolve_path(self.paths.state)
        if state_home := os.environ.get("XDG_STATE_HOME"):
            return Path(state_home) / "mailer"
        try:
            return Path.home() / ".local/state/mailer"
        except RuntimeError as error:
            raise ConfigError(
                "there is no folder for the marker of the database",
                where="paths.state",
                hint="this user has no home: set paths.state",
            ) from error

    @property
    def own_observances_file(self) -> Path:
        """The organisation's own file of observances, which may be missing."""
        return self.home / OBSERVANCES_FILE

    def read_observances(self) -> dict[str, tuple[dict[str, Any], Path]]:
        """Return the tables of observances, shipped and the organisation's own, each with its file.

        Raises ConfigError for a file that can't be read."""
        tables: dict[str, tuple[dict[str, Any], Path]] = {}
        for file in self._observance_files:
            tables.update({slug: (table, file) for slug, table in _read_tables(file).items()})
        return tables

    @property
    def observances_stamp(self) -> tuple[tuple[str, int, int], ...]:
        """A value that changes whenever a file of observances changes."""
        stats = [(str(file), file.stat()) for file in self._observance_files]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)

    @property
    def _observance_files(self) -> list[Path]:
        candidates = (
            find_shipped_folder("config") / OBSERVANCES_FILE.name,
            self.own_observances_file,
        )
        return [file for file in candidates if file.is_file()]

    def read_secret_key(self) -> bytes:
        """Return the key that signs links, from ``MAILER_SECRET_KEY`` or the key file (hex).

        Raises ConfigError if there is no key, or if it is too short."""
        text = self.secret.key.get_secret_value()
        where = "MAILER_SECRET_KEY"
        if not text:
            file = self.resolve_path(self.secret.key_file)
            where = str(file)
            try:
                text = read_regular_file(file, MAX_SECRET_BYTES).decode("ascii")
            except FileNotFoundError as error:
                raise self._build_missing_key_error(where) from error
            except (OSError, UnicodeDecodeError) as error:
                cause = getattr(error, "strerror", None) or "it is not text"
                raise ConfigError(f"the secret key can't be read ({cause})", where=where) from error
        try:
            key = bytes.fromhex(text.strip())
        except ValueError as error:
            raise ConfigError(
                "the secret key is not hexadecimal",
                where=where,
                hint=f"give {KEY_BYTES * 2} digits",
            ) from error
        if len(key) < KEY_BYTES:
            raise ConfigError(
                "the secret key is too short", where=where, hint=f"give {KEY_BYTES * 2} hex digits"
            )
        return key

    def _build_missing_key_error(self, where: str) -> ConfigError:
        """Build the error for a missing key, or for a folder that is not an office's."""
        if self.config_file is not None:
            return ConfigError(
                "there is no secret key",
                where=where,
                next_steps=[NextStep("create_configuration")],
            )
        return ConfigError(
            f"no settings were found: there is no {CONFIG_FILE} here, and MAILER_CONFIG is not set",
            where=str(Path.cwd()),
            hint="go to the folder of your office, or set MAILER_CONFIG, or make a new office",
            next_steps=[NextStep("create_configuration")],
        )

    def read_relay_password(self, relay: Relay) -> str:
        """Return a relay's password, from the environment or its file. Raises ConfigError if there
        is no password or if the file can't be read."""
        section = "relay" if relay.name == "relay" else f"relays.{relay.name}"
        where = f"{self.config_file or 'settings'}, {section}"
        if text := relay.password.get_secret_value():
            return text
        lines: list[str] = []
        if relay.password_file is not None:
            try:
                file = self.resolve_path(relay.password_file)
                lines = read_regular_file(file, MAX_SECRET_BYTES).decode().splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"the relay's password can't be read ({error})",
                    where=f"{where}.password_file",
                    hint="create the file, or set MAILER_RELAY_PASSWORD",
                ) from error
        if not lines or not lines[0].strip():
            raise ConfigError(
                "the relay has a user but no password",
                where=where,
                hint="set its password_file, or MAILER_RELAY_PASSWORD for [relay]",
            )
        return lines[0].strip()

    @model_validator(mode="after")
    def _require_tls_for_password(self) -> Self:
        for relay in self.all_relays:
            if relay.user and relay.tls is Tls.NONE and not _is_loopback(relay.host):
                raise ValueError(
                    f"{relay.name}: a password must not travel unencrypted; set tls to starttls "
                    "or implicit"
                )
        return self

    @model_validator(mode="after")
    def _require_working_relay(self) -> Self:
        if "relay" in self.relays:
            raise ValueError("relays.relay: the name belongs to [relay]; choose another")
        if all(relay.weight == 0 for relay in self.all_relays):
            raise ValueError(
                "relay: at least one relay must have a weight above 0, or no weight; relays with "
                "weight 0 only stand by"
            )
        return self


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def find_shipped_folder(name: str) -> Path:
    """Return a folder that is shipped with the mailer: ``templates`` or ``config``."""
    return Path(str(resources.files("mailer") / "shipped" / name)).resolve()


def load_settings(
    config: Path | None = None,
    database: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Load the settings from the file `config`, or ``MAILER_CONFIG``, or ``config/mailer.toml`` in
    the current folder.

    Without a file, the settings come from defaults and the environment. Raises ConfigError, which
    names the file and the setting."""
    variables: Mapping[str, str] = os.environ if environ is None else environ
    requested_file = config or (
        Path(variables["MAILER_CONFIG"]) if variables.get("MAILER_CONFIG") else None
    )
    file = requested_file or CONFIG_FILE
    values: dict[str, Any] = {}
    if file.is_file():
        values = _read_toml(file)
    elif requested_file or file.exists():
        raise ConfigError(
            describe_non_file(file),
            where=str(file),
            hint=f"name its {CONFIG_FILE.name}" if file.is_dir() else "check its path",
        )
    home = file.resolve().parent
    values["home"] = home.parent if home.name == "config" else home
    values["config_file"] = file if file.is_file() else None
    if database and "://" not in database:
        database = f"sqlite:///{Path(database).absolute()}"
    overrides: dict[str, Any] = {"database": {"url": database}} if database else {}

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            env = EnvironmentSource(settings_cls, variables)
            return init_settings, env, InitSettingsSource(settings_cls, values)

    try:
        loaded = _Loaded(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        variable = find_variable(variables, first["loc"])
        raise ConfigError(
            describe_detail(first),
            where=f"the environment, {variable}"
            if variable
            else ", ".join(str(part) for part in (file, name) if part),
            hint="correct it there",
        ) from error
    return Settings.model_construct(**{n: getattr(loaded, n) for n in Settings.model_fields})


def _find_long_key(text: str) -> int:
    """Return the line of the first key with too many parts, or 0."""
    match = _LONG_KEY.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 0


def _read_tables(file: Path) -> dict[str, dict[str, Any]]:
    """Read a TOML file that holds only tables. Raises ConfigError."""
    try:
        text = read_regular_file(file, MAX_CONFIG_BYTES).decode()
        if line := _find_long_key(text):
            raise ConfigError("the key has too many parts", where=f"{file}, line {line}")
        values = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError("its lists or tables nest too deep", where=str(file)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", where=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it can't be read ({error})", where=str(file)) from error
    for section, value in values.items():
        if not isinstance(value, dict):
            raise ConfigError(
                "it is in no section",
                where=f"{file}, {section}",
                hint="write a [section] above it, as in the shipped file",
            )
    return values


def _read_toml(file: Path) -> dict[str, Any]:
    values = _read_tables(file)
    relays = [values.get("relay", {}), *values.get("relays", {}).values()]
    passwords = any(isinstance(relay, dict) and "password" in relay for relay in relays)
    if passwords or "key" in values.get("secret", {}):
        raise ConfigError(
            "secrets do not belong in this file",
            where=str(file),
            hint="set MAILER_RELAY_PASSWORD or relay.password_file, and secret.key_file",
        )
    unknown = set(values) - set(Settings.model_fields) | set(values) & {"home", "config_file"}
    if unknown:
        raise ConfigError(
            f"there is no section [{min(unknown)}]",
            where=str(file),
            hint="see the shipped file for the sections",
        )
    return values


def generate_key() -> str:
    """Generate a secret key, in hex."""
    return secrets.token_hex(KEY_BYTES)
