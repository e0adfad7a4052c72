"""Whole files of people as offices send them: names, dates, fields and several addresses."""

from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake import table
from mailer.intake.exports import create_export_opener
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow, RowResult, RowState


def read_people(
    folder: Path, text: str | bytes, *, name: str = "people.csv", state: RowState | None = None
) -> tuple[list[ImportRow], list[RowResult]]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    opener = create_export_opener(None, ImportChoices(default_state=state))
    batches = list(table.read_file(path, opener))
    return (
        [row for batch in batches for row in batch.rows],
        [row for batch in batches for row in batch.refused],
    )


def test_file_called_unsubscribed_is_refused_until_its_state_is_given(tmp_path: Path) -> None:
    text = "email,name\nben@example.org,Ben\n"
    with pytest.raises(InputError) as caught:
        read_people(tmp_path, text, name="unsubscribed 2025.csv")
    assert caught.value.code == "state_not_understood"
    assert {step.action for step in caught.value.next_steps} == {"state_people"}
    rows, _ = read_people(tmp_path, text, name="unsubscribed 2025.csv", state=RowState.UNSUBSCRIBED)
    assert rows[0].state is RowState.UNSUBSCRIBED
    stated = "email,status\nben@example.org,active\n"
    rows, _ = read_people(tmp_path, stated, name="unsubscribed 2025.csv")
    assert rows[0].state is RowState.ACTIVE


def test_cancelled_subscription_of_kit_has_left(tmp_path: Path) -> None:
    rows, _ = read_people(
        tmp_path,
        "email,state,cancelled_at\nada@example.org,active,\n"
        "ben@example.org,active,2025-01-05 10:00:00 UTC\n",
    )
    assert [row.state for row in rows] == [RowState.ACTIVE, RowState.UNSUBSCRIBED]
    assert rows[1].left_at is not None
    assert rows[1].left_at.year == 2025


@pytest.mark.parametrize(
    "written",
    [
        "5-Mar-24",
        "05-MAR-2024",
        "2024年3月5日",
        "05.03.2024 00:00 Uhr",
        "5/Mar/2024",
        "Mar-05-2024",
    ],
)
def test_date_of_joining_as_offices_write_it(tmp_path: Path, written: str) -> None:
    (row,), _ = read_people(tmp_path, f"email,joined\nada@example.org,{written}\n")
    assert row.joined_at is not None
    assert row.joined_at.date().isoformat() == "2024-03-05"


@pytest.mark.parametrize(
    ("cell", "people"),
    [
        ("ada@a.example / ben@b.example", ["ada@a.example", "ben@b.example"]),
        ("ada@a.example ::: ben@b.example", ["ada@a.example", "ben@b.example"]),
        ("ada@a.example und Ben <ben@b.example>", ["ada@a.example", "ben@b.example"]),
        ("a/b@a.example", ["a/b@a.example"]),
        ("Ada and Ben <ada@a.example>", ["ada@a.example"]),
    ],
)
def test_cell_of_several_addresses_is_several_people(
    tmp_path: Path, cell: str, people: list[str]
) -> None:
    rows, refused = read_people(tmp_path, f"email\n{cell}\n")
    assert [row.person.address for row in rows] == people
    assert not refused


def test_name_without_address_before_a_semicolon_is_refused_alone(tmp_path: Path) -> None:
    rows, refused = read_people(tmp_path, 'email\n"Poe, Ada; Roy, Ben <ben@b.example>"\n')
    assert [(row.person.address, row.person.name) for row in rows] == [
        ("ben@b.example", "Roy, Ben")
    ]
    assert [row.address for row in refused] == ["Poe, Ada"]


def test_fields_beyond_the_last_column_are_named(tmp_path: Path) -> None:
    (row,), _ = read_people(tmp_path, "email,name\nada@example.org,Poe, Ada\n")
    assert [(omitted.value, "separator" in omitted.reason) for omitted in row.omitted] == [
        ("Ada", True)
    ]


def test_chinese_family_name_stands_first(tmp_path: Path) -> None:
    (row,), _ = read_people(tmp_path, "名,姓,电子邮件\n芳,王,fang@example.org\n")
    assert row.person.name == "王芳"


def test_names_of_an_old_mac_are_read(tmp_path: Path) -> None:
    text = "email,name\nada@example.org,Zoë Nuñez\nben@example.org,José Müller\n"
    rows, _ = read_people(tmp_path, text.encode("mac_roman"))
    assert [row.person.name for row in rows] == ["Zoë Nuñez", "José Müller"]
