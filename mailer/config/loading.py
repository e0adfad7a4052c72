"""Load the settings from the file, the environment and the command line."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from mailer.config.environment import EnvironmentSource, find_variable
from mailer.config.settings import CONFIG_FILE, Settings
from mailer.config.toml_files import read_tables
from mailer.config.wording import describe_detail
from mailer.errors import ConfigError
from mailer.regular_files import describe_non_file


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
    settings = _try_loading(config, database, environ)
    if isinstance(settings, list):
        raise settings[0]
    return settings


def list_setting_errors(
    config: Path | None = None,
    database: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> list[ConfigError]:
    """Return an error for each wrong setting, where :func:`load_settings` raises the first."""
    try:
        settings = _try_loading(config, database, environ)
    except ConfigError as error:
        return [error]
    return settings if isinstance(settings, list) else []


def _try_loading(
    config: Path | None, database: str | None, environ: Mapping[str, str] | None
) -> Settings | list[ConfigError]:
    """Return the settings, or an error for each wrong one. Raises ConfigError if the file or the
    environment can't be read."""
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
        return [_build_error(detail, file, variables) for detail in error.errors()]
    return Settings.model_construct(**{n: getattr(loaded, n) for n in Settings.model_fields})


def _build_error(detail: ErrorDetails, file: Path, variables: Mapping[str, str]) -> ConfigError:
    name = ".".join(str(part) for part in detail["loc"])
    variable = find_variable(variables, detail["loc"])
    return ConfigError(
        describe_detail(detail),
        where=f"the environment, {variable}"
        if variable
        else ", ".join(str(part) for part in (file, name) if part),
        hint="correct it there",
    )


def _read_toml(file: Path) -> dict[str, Any]:
    values = read_tables(file)
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
