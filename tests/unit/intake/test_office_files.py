"""An ordinary office file comes in whole, in every format that offices save."""

from pathlib import Path

import pytest

from mailer.audience.imports.topic_names import index_topics
from mailer.intake import table
from mailer.intake.row_format import ImportChoices
from mailer.model.lists import Topic
from tests.unit.intake import office_files

TOPICS = index_topics(
    [
        Topic(1, "health", {"en": "Health", "fr": "Santé", "ru": "Здоровье"}),
        Topic(2, "work", {"en": "Work", "de": "Arbeit"}),
    ]
)


@pytest.mark.parametrize("form", ["utf-8-sig", "cp1252", "utf-16", "utf-16-le", "xlsx", "ods"])
def test_messy_office_file_comes_in_whole(tmp_path: Path, form: str) -> None:
    office_file = office_files.make_office_file()
    rows = office_file.rows
    assert len(rows) == office_files.ROWS
    if form == "cp1252":  # the encoding has no Cyrillic: people would not have written it
        rows = [[cell.replace("здоровье", "health") for cell in row] for row in rows]
        rows = [[cell.replace("\ufeff", "\xa0") for cell in row] for row in rows]
    if form in {"xlsx", "ods"}:
        write = office_files.write_xlsx if form == "xlsx" else office_files.write_ods
        path = write(tmp_path / f"a.{form}", {"Leute": [office_files.HEADER, *rows]})
    else:
        path = office_files.write_csv(tmp_path / "people.csv", rows, form)
    batches = list(table.read_table_file(path, ImportChoices(topics=TOPICS)))
    people = [row for batch in batches for row in batch.rows]
    refused = {result.line for batch in batches for result in batch.refused}
    assert {row.person.address for row in people} == office_file.addresses
    assert refused == office_file.invalid_lines
    omitted = {(row.line, value.column, value.value) for row in people for value in row.omitted}
    assert omitted == office_file.unreadable
    notes = [note for batch in batches for note in batch.notes]
    assert "dates have the day first, as 31/12/2025 on line 2 shows" in notes
    first, second, *_ = people
    assert (first.person.name, first.person.language, first.person.country) == (
        "Zoë0 MÜLLER",
        "de",
        "GB",
    )
    assert (first.person.time_zone, first.topics) == ("Europe/Berlin", ("health",))
    assert (second.person.country, second.topics) == ("DE", ("health", "work"))
    assert second.joined_at
    assert second.joined_at.isoformat() == "2026-01-05T10:00:00+00:00"
    assert people[4].joined_at
    assert people[4].joined_at.isoformat() == "2026-01-05T00:00:00+00:00"
    assert bool(form == "cp1252") == any("cp1252" in note for note in notes)
