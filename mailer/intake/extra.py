"""Import the packages of the extra "intake" when they are first needed, never at start-up."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mailer.errors import ConfigError, NextStep


def import_package(name: str) -> Any:
    """Import the package `name`. Raises ConfigError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise _create_missing_error(error.name or name) from error


def require_package(name: str) -> None:
    """Check that the package `name` is installed, without importing it: another process will.
    Raises ConfigError."""
    if find_spec(name) is None:
        raise _create_missing_error(name)


def _create_missing_error(name: str) -> ConfigError:
    return ConfigError(
        f"the parts that read other formats are not installed ({name} is missing)",
        next_steps=[NextStep("install_extra", extra="intake")],
    )
