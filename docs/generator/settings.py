"""The page of settings: sections, types, defaults and limits from the models in mailer/config."""

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from generator.markdown import MeaningTable, format_page, format_table
from mailer.config import Settings
from mailer.config.schema import DERIVED_FIELDS, MEANINGS_FILE

_LIMITS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
INTRODUCTION = """\
A setting is looked for in four places, and the first that has it counts:

1. the command line: `--config`, `--database`;
2. the environment: `MAILER_`, the section, `_`, the name, in capitals, such as
   `MAILER_RELAY_HOST`; a list is written with commas
   (`MAILER_NOTICES_APPROVERS="ana@example.org, ben@example.org"`) or as JSON, a table as JSON;
3. the file: `--config`, `MAILER_CONFIG`, or `config/mailer.toml`;
4. the default below.

Relative paths start at the folder that holds `config/`. `mailer init` writes a file that holds
every setting with a comment. An unknown section or name is an error. Secrets are refused in the
file: they come from the environment or from a file of their own."""


def build_page() -> str:
    sections = [
        (name, field) for name, field in Settings.model_fields.items() if name not in DERIVED_FIELDS
    ]
    headings = MeaningTable("sections", MEANINGS_FILE)
    meanings = MeaningTable("settings", MEANINGS_FILE)
    parts = [_describe_section(name, field, headings, meanings) for name, field in sections]
    headings.check_all_used()
    meanings.check_all_used()
    return format_page("Settings", INTRODUCTION, *parts)


def _describe_section(
    name: str, field: FieldInfo, headings: MeaningTable, meanings: MeaningTable
) -> str:
    annotation = field.annotation
    is_family = get_origin(annotation) is dict
    model = get_args(annotation)[1] if is_family else annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    if name == "relays":
        return f"## [relays.NAME]\n\n{headings.get_meaning(name)}"
    headings_by_name = {
        "throttle": '[throttle."DOMAIN"]',
        "senders": "[senders.NAME]",
        "fields": "[fields.NAME]",
        "people": '[people."ADDRESS"]',
    }
    heading = headings_by_name.get(name, f"[{name}]")
    rows = list(_list_rows(name, model, meanings, show_variable=not is_family))
    header = ("name", "value", "default", "meaning")
    return f"## {heading}\n\n{headings.get_meaning(name)}\n\n{format_table(header, rows)}"


def _list_rows(
    section: str, model: type[BaseModel], meanings: MeaningTable, *, show_variable: bool
) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        if (section, name) == ("relay", "name"):
            continue
        meaning = meanings.get_meaning(f"{section}.{name}")
        if show_variable and _is_secret(field):
            meaning = f"{meaning} From the environment only: `MAILER_{section.upper()}_KEY`."
            meaning = meaning.replace("_KEY`", f"_{name.upper()}`")
        yield f"`{name}`", _name_type(field), _format_default(field), meaning


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr


def _name_type(field: FieldInfo) -> str:
    metadata = list(field.metadata)
    annotation: Any = field.annotation
    is_optional = type(None) in get_args(annotation)
    if is_optional:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += more
    for item in list(metadata):
        metadata += getattr(item, "metadata", [])
    limits = [
        text.format(f"{value:,}" if isinstance(value, int) else value)
        for item in metadata
        for limit, text in _LIMITS.items()
        if (value := getattr(item, limit, None)) is not None
    ]
    return ", ".join([_name_annotation(annotation), *dict.fromkeys(limits)])


def _name_annotation(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if get_origin(annotation) is tuple:
        return "list of texts"
    if get_origin(annotation) is dict:
        return "table of texts"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return {**names, Path: "path", SecretStr: "secret"}[annotation]


def _format_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if isinstance(default, SecretStr):
        return "none"
    if isinstance(default, Enum):
        default = default.value
    if default is None or default == "" or default == ():
        return "none"
    if isinstance(default, Mapping):
        return ", ".join(f"{name}: `{value}`" for name, value in default.items())
    if isinstance(default, tuple):
        return ", ".join(f"`{value}`" for value in default)
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`"
