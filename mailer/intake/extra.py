"""Imports the packages of the extra ``pressmail[intake]`` when they are first needed.

Commands that need none of them start without them. ``fetching/`` alone imports its package at the
top; its callers ask here first.
"""

from importlib import import_module
from typing import Any

from mailer.errors import ConfigError


def import_package(name: str) -> Any:
    """Return the package `name`. Raises ConfigError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the packages that read other formats are not installed ({error.name} is missing)",
            hint="install them with `pip install 'pressmail[intake]'`",
        ) from error
