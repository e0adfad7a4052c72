"""Import the packages of the extra "intake" when they are first needed, never at start-up."""

from importlib import import_module
from typing import Any

from mailer.errors import ConfigError, NextStep


def import_package(name: str) -> Any:
    """Import the package `name`. Raises ConfigError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the parts that read other formats are not installed ({error.name} is missing)",
            next_steps=[NextStep("install_extra", extra="intake")],
        ) from error
