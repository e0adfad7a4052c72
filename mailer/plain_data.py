"""Records as plain data, for JSON, a page's template and the API."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any


def to_plain_data(value: Any) -> Any:
    """Convert `value` to plain data for JSON: records become objects, moments ISO 8601 strings,
    durations seconds, and tuples and sets arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            data_field.name: to_plain_data(getattr(value, data_field.name))
            for data_field in dataclasses.fields(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(to_plain_data(key)): to_plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain_data(item) for item in value]
    return value
