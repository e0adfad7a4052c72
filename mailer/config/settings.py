"""All settings together. ``loading.py`` makes them."""

import os
import secrets
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mailer.config.reader_fields import MAX_FIELDS, FieldName, FieldSection
from mailer.config.sections import (
    DatabaseSection,
    DefaultsSection,
    DeliverySection,
    NamedSender,
    NoticesSection,
    Organisation,
    Paths,
    PersonSection,
    Press,
    Relay,
    RequiredMailAddress,
    RetentionSection,
    SafeSection,
    Secret,
    SenderName,
    SenderSection,
    SignUp,
    StaffSection,
    Throttle,
    Tls,
    Web,
    WorkerSection,
)
from mailer.config.toml_files import read_tables
from mailer.errors import ConfigError, NextStep
from mailer.regular_files import read_regular_file

MAX_SECRET_BYTES = 10_000

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
    senders: dict[SenderName, NamedSender] = {}
    defaults: DefaultsSection = DefaultsSection()
    relay: Relay = Relay()
    relays: dict[str, Relay] = {}
    delivery: DeliverySection = DeliverySection()
    throttle: dict[str, Throttle] = {}
    worker: WorkerSection = WorkerSection()
    notices: NoticesSection = NoticesSection()
    staff: StaffSection = StaffSection()
    people: dict[RequiredMailAddress, PersonSection] = {}
    fields: dict[FieldName, FieldSection] = {}
    safe: SafeSection = SafeSection()
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
        """The database's URL, complete."""
        return self.complete_database_url(self.database.url)

    def complete_database_url(self, url: str) -> str:
        """Complete the URL of a database. A relative SQLite file starts at home, and PostgreSQL
        always uses psycopg 3."""
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

    def find_sender(self, name: str) -> NamedSender | None:
        """Return the sender of ``[senders.NAME]``, or the default one if `name` is empty. Returns
        None if there is no such sender."""
        return self.senders.get(name) if name else self.sender

    def choose_sender(self, name: str) -> NamedSender:
        """Return the sender of ``[senders.NAME]`` if there is one, otherwise the default one."""
        return self.senders.get(name, self.sender)

    def describe_sender(self, name: str) -> str:
        """Return the settings that appear outside the body in every mail of the sender with this
        name, or of the default one for an empty name. An approval covers them. Returns an empty
        string if there is no such sender."""
        sender = self.find_sender(name)
        if sender is None:
            return ""
        lines = [
            sender.name,
            sender.address,
            sender.reply_to,
            sender.return_path,
            self.web.base_url,
            self.sender.unsubscribe_address,
            self.list_domain,
        ]
        return "\n".join(lines)

    @property
    def list_domain(self) -> str:
        """The domain in each List-Id (RFC 2919 §3): that of the default sender, so that a list's
        identifier stays the same with any sender."""
        return self.sender.address.rpartition("@")[2]

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
            tables.update({slug: (table, file) for slug, table in read_tables(file).items()})
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
    def _require_each_person_once(self) -> Self:
        spellings: dict[str, str] = {}
        for address in self.people:
            first = spellings.setdefault(_fold_address(address), address)
            if first != address:
                raise ValueError(
                    f"people: {first} and {address} are the same address; keep one section"
                )
        return self

    @model_validator(mode="after")
    def _require_few_fields(self) -> Self:
        if len(self.fields) > MAX_FIELDS:
            raise ValueError(f"fields: there are {len(self.fields)}, and {MAX_FIELDS} is the most")
        return self

    @model_validator(mode="after")
    def _require_safe_recipients(self) -> Self:
        if "safe" in self.model_fields_set and not self.safe.recipients:
            raise ValueError(
                "safe.recipients: name an address or a domain, or remove [safe] to turn safe mode "
                "off"
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


def _fold_address(address: str) -> str:
    """Return a form of an address that is the same for all spellings of it: in small letters, with
    the domain in A-labels, as ``normalise_address`` compares them."""
    local_part, _, domain = address.strip().lower().rpartition("@")
    if not domain.isascii():
        import idna

        with suppress(idna.IDNAError):  # `mailer config check` names a domain that is wrong
            domain = idna.encode(domain, uts46=True).decode()
    return f"{local_part}@{domain}"


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def find_shipped_folder(name: str) -> Path:
    """Return a folder that is shipped with the mailer: ``templates``, ``config`` or ``systemd``."""
    return Path(str(resources.files("mailer") / "shipped" / name)).resolve()


def generate_key() -> str:
    """Generate a secret key, in hex."""
    return secrets.token_hex(KEY_BYTES)
