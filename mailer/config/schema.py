"""The JSON Schema of the settings file, for editors, from the models of the settings.

It knows sections, names, types, limits and forms. Loading the settings checks more, such as rules
that join two settings.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mailer.config.settings import Settings

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The version of JSON Schema that editors of TOML know."""

MEANINGS_FILE = Path(__file__).parent / "meanings.toml"

DERIVED_FIELDS = frozenset({"home", "config_file"})
"""Fields of the settings that are worked out, not set."""

_NOT_IN_FILE = frozenset({("relay", "name"), ("relay", "password"), ("secret", "key")})
"""Settings that the file must not have: secrets, and the name that a section's title gives."""

_NAMED_SECTIONS = {
    "fields": "fields",
    "people": "people",
    "relays": "relay",
    "senders": "senders",
    "throttle": "throttle",
}
"""Sections with a section for each name, and the section whose meanings their settings have."""

_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")


def build_schema() -> dict[str, Any]:
    """Build the JSON Schema of ``config/mailer.toml``."""
    model_schema = Settings.model_json_schema()
    meanings = tomllib.loads(MEANINGS_FILE.read_text("utf-8"))
    builder = _SchemaBuilder(model_schema["$defs"], meanings["settings"])
    sections = {
        name: {
            "description": _remove_markup(meanings["sections"][name]),
            **builder.build_section(name, section),
        }
        for name, section in model_schema["properties"].items()
        if name not in DERIVED_FIELDS
    }
    return {
        "$schema": DIALECT,
        "title": "Settings of the mailer (config/mailer.toml)",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }


class _SchemaBuilder:
    """Builds the schemas of sections from pydantic's, with their meanings and without references to
    `definitions`."""

    def __init__(self, definitions: Mapping[str, Any], meanings: Mapping[str, str]) -> None:
        self._definitions = definitions
        self._meanings = meanings

    def build_section(self, name: str, section: Mapping[str, Any]) -> dict[str, Any]:
        if name not in _NAMED_SECTIONS:
            return self._build_table(name, self._resolve(section))
        patterns = section.get("patternProperties", {})
        name_pattern, member = next(iter(patterns.items()), ("", None))
        table = self._build_table(
            _NAMED_SECTIONS[name], self._resolve(member or section["additionalProperties"])
        )
        names = {"propertyNames": {"pattern": name_pattern}} if name_pattern else {}
        return {"type": "object", **names, "additionalProperties": table}

    def _build_table(self, name: str, model: Mapping[str, Any]) -> dict[str, Any]:
        properties = dict(self._build_settings(name, model["properties"]))
        required = [
            *model.get("required", []),
            *(name for name, schema in properties.items() if schema.get("minItems")),
        ]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            **({"required": required} if required else {}),
        }

    def _build_settings(
        self, section: str, fields: Mapping[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, field in fields.items():
            if (section, name) in _NOT_IN_FILE:
                continue
            schema = self._resolve(field)
            if choices := schema.pop("anyOf", None):  # TOML has no null: the setting is left out
                (choice,) = [choice for choice in choices if choice != {"type": "null"}]
                schema |= self._resolve(choice)
            if schema.get("default") is None:
                schema.pop("default", None)
            schema.pop("title", None)
            yield (
                name,
                {**schema, "description": _remove_markup(self._meanings[f"{section}.{name}"])},
            )

    def _resolve(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with the definition that it refers to, if any."""
        resolved = dict(schema)
        if reference := resolved.pop("$ref", ""):
            resolved = {**self._definitions[reference.rpartition("/")[2]], **resolved}
        return resolved


def _remove_markup(text: str) -> str:
    """Return a meaning as plain text."""
    return _LINK.sub(r"\1", text).replace("`", "")
