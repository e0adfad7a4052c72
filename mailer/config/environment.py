"""Settings from environment variables, with readable lists and errors that name the variable.

A list such as ``notices.approvers`` is written with commas or spaces, or as a JSON list. A table is
a JSON object.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from mailer.errors import ConfigError


class EnvironmentSource(EnvSettingsSource):
    """Reads the settings from `variables`, whose names may be in upper or lower case."""

    def __init__(self, settings_class: type[BaseSettings], variables: Mapping[str, str]) -> None:
        super().__init__(settings_class)
        self.env_vars = {name.lower(): value for name, value in variables.items()}
        self._variables = variables

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """Decode a list or a table. Raises ConfigError, which names the variable."""
        is_list = field is not None and get_origin(field.annotation) is tuple
        if is_list and not str(value).lstrip().startswith("["):
            return [item for item in re.split(r"[,\s]+", value) if item]
        try:
            return json.loads(value)
        except ValueError as error:
            variable = next(
                name
                for name, text in self._variables.items()
                if text == value and name.lower().startswith("mailer_")
            )
            example = "FIRST, SECOND" if is_list else '{"NAME": "VALUE"}'
            raise ConfigError(
                f"{value!r} is not a {'list' if is_list else 'table'}",
                where=variable,
                hint=f"write it as {example}",
            ) from error


def find_variable(variables: Mapping[str, str], location: tuple[int | str, ...]) -> str:
    """Return the environment variable that sets the field at `location`, or ""."""
    for end in (2, 1):
        name = "_".join(["mailer", *map(str, location[:end])]).lower()
        for variable in variables:
            if variable.lower() == name:
                return variable
    return ""
