"""Frozen settings: the only reader of ``config/`` and of the environment.

A setting is looked for on the command line (``--config``, ``--database``), in the environment
(``MAILER_`` + section + ``_`` + name), in ``config/mailer.toml``, and last in its default here.
Relative paths start at *home*: the folder that holds ``config/``.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mailer.errors import ConfigError
from mailer.lines import holds_control

CONFIG_FILE = Path("config/mailer.toml")
KEY_BYTES = 32


def _web_address(value: str) -> str:
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
        raise ValueError("must be a web address that starts with https:// or http://")
    return value


def _mail_address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if value and (not at or not local or not domain or not value.isprintable() or " " in value):
        raise ValueError("must be a mail address such as news@example.org")
    if not local.isascii():
        raise ValueError("must have no accents before the @: many relays take no such sender")
    return value


def _one_line(value: str) -> str:
    if holds_control(value):
        raise ValueError("must be a single line without control characters")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be an IANA time zone such as Europe/London") from error
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
OneLine = Annotated[str, AfterValidator(_one_line)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Organisation(_Section):
    name: OneLine = "Example Office"
    postal_address: str = ""
    website: WebAddress = ""
    accent: Colour = "#0b5394"
    logo_url: WebAddress = ""
    logo_alt: OneLine = ""


class Sender(_Section):
    name: OneLine = "Example Office"
    address: MailAddress = "news@example.org"
    reply_to: MailAddress = ""
    envelope_from: MailAddress = ""

    @property
    def bounce_address(self) -> str:
        """The envelope sender (RFC 5321 §3.3): where undeliverable mail comes back to."""
        return self.envelope_from or self.address


class Defaults(_Section):
    language: OneLine = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Europe/London"


class Tls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Relay(_Section):
    """An SMTP server that we hand mail to.

    `timeout` and `dot_timeout` are in seconds: for one reply, and for the one to the final dot
    (600 by RFC 5321 §4.5.3.2.6). `window` is how many messages a connection may have past the gate
    at once: after a crash at most connections × window are in doubt. `per_connection` and `rate`
    (messages a second) have no limit at 0. `weight` is this relay's share of the messages beside
    the others' weights; without one it takes what it can, at 0 it stands by until no other works.
    """

    name: OneLine = "relay"
    host: OneLine = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Tls = Tls.STARTTLS
    ca_file: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    timeout: Annotated[float, Field(gt=0)] = 60.0
    dot_timeout: Annotated[float, Field(gt=0)] = 600.0
    connections: Annotated[int, Field(ge=1, le=256)] = 8
    window: Annotated[int, Field(ge=1, le=100)] = 10
    per_connection: Annotated[int, Field(ge=0)] = 1000
    rate: Annotated[float, Field(ge=0)] = 0.0
    weight: Annotated[int, Field(ge=0, le=1000)] | None = None

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"{self.name} {self.host}:{self.port}"


class Throttle(_Section):
    """What one recipient domain is spared: messages a second, and connections that carry messages
    for it at the same time. 0 is no limit."""

    rate: Annotated[float, Field(ge=0)] = 0.0
    connections: Annotated[int, Field(ge=0)] = 0


class DeliverySection(_Section):
    """`lease`: seconds of silence after which a sender on another machine is taken for dead, and
    what it held is taken over. `patience`: seconds for which a run waits for relays that have
    worked before and now don't."""

    lease: Annotated[float, Field(ge=1)] = 60.0
    patience: Annotated[float, Field(ge=0)] = 60.0


class Web(_Section):
    base_url: WebAddress = "https://mail.example.org"


class Database(_Section):
    url: str = "sqlite:///subscribers.db"


class Secret(_Section):
    key: SecretStr = SecretStr("")
    key_file: Path = Path("config/secret.key")


class Paths(_Section):
    templates: Path | None = None


class Settings(BaseSettings):
    """Everything that can be set. Made by :func:`load`; never changed afterwards."""

    model_config = SettingsConfigDict(
        env_prefix="MAILER_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="ignore",
    )

    home: Path = Path()
    config_file: Path | None = None
    organisation: Organisation = Organisation()
    sender: Sender = Sender()
    defaults: Defaults = Defaults()
    relay: Relay = Relay()
    relays: dict[str, Relay] = {}
    delivery: DeliverySection = DeliverySection()
    throttle: dict[str, Throttle] = {}
    web: Web = Web()
    database: Database = Database()
    secret: Secret = Secret()
    paths: Paths = Paths()

    def path(self, path: Path) -> Path:
        """`path` as seen from home."""
        return path if path.is_absolute() else self.home / path

    @property
    def database_url(self) -> str:
        """The database's URL; a relative SQLite file starts at home, and PostgreSQL is always
        spoken to through psycopg 3."""
        url = self.database.url
        for short in ("postgres://", "postgresql://"):
            if url.startswith(short):
                return f"postgresql+psycopg://{url.removeprefix(short)}"
        head, sep, file = url.partition(":///")
        if sep and head.startswith("sqlite") and file not in {"", ":memory:"}:
            return f"{head}:///{self.path(Path(file))}"
        return url

    @property
    def all_relays(self) -> tuple[Relay, ...]:
        """``[relay]``, then each of ``[relays.NAME]`` under its name."""
        others = (one.model_copy(update={"name": name}) for name, one in self.relays.items())
        return (self.relay, *others)

    @property
    def letterhead(self) -> str:
        """What these settings put into every mail beside its body: an approval covers it."""
        ours = self.sender
        return f"{ours.name}\n{ours.address}\n{ours.reply_to}\n{self.web.base_url}"

    @property
    def template_path(self) -> tuple[Path, ...]:
        """Where templates are looked for, in order: the organisation's folder, then ours."""
        own = self.paths.templates
        folders = [self.path(own)] if own else [self.home / "templates"]
        return (*[folder for folder in folders if folder.is_dir()], shipped("templates"))

    def secret_key(self) -> bytes:
        """The key that signs links, from ``MAILER_SECRET_KEY`` or the key file (hex).

        Raises ConfigError when there is none or it is too short."""
        text = self.secret.key.get_secret_value()
        where = "MAILER_SECRET_KEY"
        if not text:
            file = self.path(self.secret.key_file)
            where = str(file)
            try:
                text = file.read_text("ascii")
            except FileNotFoundError as error:
                raise ConfigError(
                    "there is no secret key", where=where, hint="run `mailer init` to make one"
                ) from error
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"the secret key can't be read ({error})", where=where) from error
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

    def relay_password(self, relay: Relay) -> str:
        """A relay's password, from the environment or its file. Raises ConfigError."""
        text = relay.password.get_secret_value()
        if text or relay.password_file is None:
            return text
        file = self.path(relay.password_file)
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            section = "relay" if relay.name == "relay" else f"relays.{relay.name}"
            raise ConfigError(
                f"the relay's password can't be read ({error})",
                where=f"{self.config_file or 'settings'}, {section}.password_file",
                hint="make the file, or set MAILER_RELAY_PASSWORD",
            ) from error
        return lines[0].strip() if lines else ""

    @model_validator(mode="after")
    def _tls_before_password(self) -> Self:
        for relay in self.all_relays:
            if relay.user and relay.tls is Tls.NONE and not _is_loopback(relay.host):
                raise ValueError(
                    f"{relay.name}: a password must not travel unencrypted; set tls to starttls "
                    "or implicit"
                )
        return self

    @model_validator(mode="after")
    def _one_relay_that_works(self) -> Self:
        if "relay" in self.relays:
            raise ValueError("relays.relay: the name is taken by [relay]; choose another")
        if all(relay.weight == 0 for relay in self.all_relays):
            raise ValueError("relay: one must have a weight above 0, or none; 0 is for standing by")
        return self


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def shipped(name: str) -> Path:
    """A folder that comes with the mailer: ``templates`` or ``config``."""
    return Path(str(resources.files("mailer") / "shipped" / name)).resolve()


def load(
    config: Path | None = None,
    database: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from `config` (or ``MAILER_CONFIG``, or ``config/mailer.toml`` here).

    Without a file, the defaults and the environment serve. Raises ConfigError, which names the
    file and the setting."""
    variables: Mapping[str, str] = os.environ if environ is None else environ
    asked = config or (Path(variables["MAILER_CONFIG"]) if variables.get("MAILER_CONFIG") else None)
    file = asked or CONFIG_FILE
    values: dict[str, Any] = {}
    if file.is_file():
        values = _read_toml(file)
    elif asked:
        raise ConfigError("there is no such file", where=str(file), hint="run `mailer init` first")
    home = file.resolve().parent
    values["home"] = home.parent if home.name == "config" else home
    values["config_file"] = file if file.is_file() else None
    if database and "://" not in database:
        database = f"sqlite:///{Path(database).absolute()}"
    over: dict[str, Any] = {"database": {"url": database}} if database else {}

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
            given = {name.lower(): value for name, value in variables.items()}
            env = EnvSettingsSource(settings_cls)
            env.env_vars = given
            return init_settings, env, InitSettingsSource(settings_cls, values)

    try:
        loaded = _Loaded(**over)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "there is no such setting"
        raise ConfigError(
            message,
            where=f"{file if file.is_file() else 'environment'}{', ' if name else ''}{name}",
            hint="correct it there, or in the environment",
        ) from error
    return Settings.model_construct(**{n: getattr(loaded, n) for n in Settings.model_fields})


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", where=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it can't be read ({error})", where=str(file)) from error
    for section, value in values.items():
        if not isinstance(value, dict):
            raise ConfigError(
                "it stands in no section",
                where=f"{file}, {section}",
                hint="write a [section] above it, as in the file that `mailer init` writes",
            )
    relays = [values.get("relay", {}), *values.get("relays", {}).values()]
    passwords = any(isinstance(relay, dict) and "password" in relay for relay in relays)
    if passwords or "key" in values.get("secret", {}):
        raise ConfigError(
            "secrets do not belong into this file",
            where=str(file),
            hint="set MAILER_RELAY_PASSWORD or relay.password_file, and secret.key_file",
        )
    unknown = set(values) - set(Settings.model_fields) | set(values) & {"home", "config_file"}
    if unknown:
        raise ConfigError(
            f"there is no section [{min(unknown)}]",
            where=str(file),
            hint="see the file that `mailer init` writes for those there are",
        )
    return values


def new_key() -> str:
    """A fresh secret key, in hex."""
    return secrets.token_hex(KEY_BYTES)
