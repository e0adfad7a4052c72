"""Adding to the organisation's own file of observances."""

import tomllib
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.schedules.observances import Observance
from mailer.schedules.own_observances import add_observances, select_new_observances

OPEN_DAY = Observance("open-day", "5 may", {"en": "Open day"})
BOAT_DAY = Observance("boat-day", "6 may", {"en": "Boat day"})


def test_observances_are_appended_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config/observances.toml"
    add_observances(file, {}, [OPEN_DAY])
    first_text = file.read_text("utf-8")
    add_observances(file, {"open-day": ({}, file)}, [BOAT_DAY])
    text = file.read_text("utf-8")
    assert text.startswith(first_text)
    assert [*tomllib.loads(text)] == ["open-day", "boat-day"]


def test_existing_observance_refuses_all_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "observances.toml"
    with pytest.raises(InputError, match="there is an observance 'open-day' already"):
        add_observances(file, {"open-day": ({}, file)}, [BOAT_DAY, OPEN_DAY])
    assert not file.exists()


def test_shipped_observance_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "observances.toml"
    tables: dict[str, tuple[object, Path]] = {"open-day": ({}, tmp_path / "shipped.toml")}
    add_observances(file, tables, [OPEN_DAY], write=False)
    assert not file.exists()
    add_observances(file, tables, [OPEN_DAY])
    assert [*tomllib.loads(file.read_text("utf-8"))] == ["open-day"]


def test_import_leaves_existing_observances_as_they_are() -> None:
    assert select_new_observances([OPEN_DAY, BOAT_DAY], {"open-day": OPEN_DAY}) == [BOAT_DAY]
