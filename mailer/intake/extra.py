"""The packages of ``mailer[intake]``: imported when they are first needed, never at the start."""

from importlib import import_module
from typing import Any

from mailer.errors import ConfigError


def import_package(name: str) -> Any:
    """The package of that name. Raises ConfigError where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the parts that read other formats are not installed ({error.name} is missing)",
            hint="install them with `pip install 'mailer[intake]'`",
        ) from error
