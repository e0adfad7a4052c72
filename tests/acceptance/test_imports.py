"""Imports of files from other programs and offices, from the command line."""

import csv

import pytest

from tests.acceptance.conftest import Shell
from tests.unit.intake import office_files

CONSENT_OPTIONS = ("--source", "cards from the fair", "--basis", "consent")
IMPORT = ("subscriber", "import", "people.csv", "--list", "news", *CONSENT_OPTIONS)


@pytest.fixture
def office(mailer: Shell) -> Shell:
    mailer("list", "add", "news", "--name", "News")
    names = ("--name", "Health", "--name", "fr=Santé", "--name", "ru=Здоровье")
    mailer("topic", "add", "health", *names)
    mailer("topic", "add", "work", "--name", "Work", "--name", "de=Arbeit")
    return mailer


def list_states(office: Shell) -> dict[str, str]:
    records = office("subscriber", "list", "--list", "news", "--json", "--limit", "9999").json
    return {
        record["subscriber"]["person"]["address"]: record["membership"]["state"]
        for record in records
    }


def test_people_who_left_elsewhere_do_not_come_back(office: Shell) -> None:
    office.write_file(
        "people.csv",
        "Email;Full name;Status;Subscribed on\n"
        "ana@example.org;Ana;Active;Mar 01, 2025 09:00am\n"
        "bo@example.org;Bo;Unsubscribed;Mar 01, 2024 09:00am\n"
        "cy@example.org;Cy;Bounced;Mar 01, 2023 09:00am\n"
        "di@example.org;Di;Unconfirmed;\n"
        "ed@example.org;Ed;Deleted;\n"
        "fi@example.org;Fi;Marked as spam;\n",
    )
    result = office(*IMPORT, "--json").json
    counts = ("added", "left", "suppressed", "skipped")
    assert [result[count] for count in counts] == [1, 1, 2, 2]
    assert list_states(office) == {"ana@example.org": "active", "bo@example.org": "unsubscribed"}
    reasons = {
        record["address"]: record["reason"]
        for record in office("suppression", "list", "--json").json
    }
    assert reasons == {"cy@example.org": "bounce", "fi@example.org": "complaint"}
    assert any("the column 'Status' says who may be mailed" in note for note in result["notes"])


def test_status_that_is_not_understood_refuses_the_file(office: Shell) -> None:
    office.write_file(
        "people.csv", "email,Stage status\nana@example.org,gold\nbo@example.org,gone\n"
    )
    error = office(*IMPORT, code=1).err
    assert "people.csv, line 1: the column 'Stage status' looks as if it said who may be" in error
    assert "'gold' (1 rows, first on line 2), 'gone' (1 rows, first on line 3)" in error
    assert "--map 'Stage status'=status" in error
    assert "--ignore 'Stage status'" in error
    assert list_states(office) == {}
    mapped = ("--map", "Stage status=status", "--status", "gold=active")
    assert "--status gone=active" in office(*IMPORT, *mapped, code=1).err
    office(*IMPORT, *mapped, "--status", "gone=unsubscribed")
    assert list_states(office) == {"ana@example.org": "active", "bo@example.org": "unsubscribed"}
    office("subscriber", "import", "people.csv", "--list", "news", "--ignore", "Stage status",
           *CONSENT_OPTIONS)  # fmt: skip


def test_ambiguous_dates_are_asked_for(office: Shell) -> None:
    office.write_file("people.csv", "email,joined\nana@example.org,02/03/2025\n")
    error = office(*IMPORT, code=1).err
    assert "'02/03/2025' in the column 'joined' may have the day or the month first" in error
    assert "`--dates dmy` or `--dates mdy`" in error
    office(*IMPORT, "--dates", "dmy")
    (membership,) = office("subscriber", "show", "ana@example.org", "--json").json["memberships"]
    assert membership["joined_at"].startswith("2025-03-02")


def test_office_file_report_names_every_value_left_out(office: Shell) -> None:
    office_file = office_files.make_office_file()
    sheets = {"Leute": [office_files.HEADER, *office_file.rows]}
    office_files.write_xlsx(office.folder / "people.xlsx", sheets)
    words = ("subscriber", "import", "people.xlsx", "--list", "news", *CONSENT_OPTIONS)
    result = office(*words, "--report", "report.csv", "--json", code=4).json
    assert (result["added"], result["refused"]) == (2040, 20)
    assert result["left_out_count"] == len(office_file.unreadable) == 20
    assert set(list_states(office)) == office_file.addresses
    with (office.folder / "report.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    left_out = {
        (int(line["line"]), line["column"], line["value"])
        for line in lines
        if line["outcome"] == "left out"
    }
    assert left_out == office_file.unreadable
    duplicates = {int(line["line"]) for line in lines if "has the same address" in line["reason"]}
    assert duplicates == office_file.duplicate_lines


def test_adding_without_basis_records_unknown_and_says_so(office: Shell) -> None:
    added = office("subscriber", "add", "ana@example.org", "--list", "news")
    assert "the log of consent records the lawful basis as unknown" in added.err
    stated = office("subscriber", "add", "bo@example.org", "--list", "news", "--basis", "consent")
    assert "unknown" not in stated.err
    for address, basis in (("ana@example.org", "unknown"), ("bo@example.org", "consent")):
        (entry,) = office("subscriber", "history", address, "--json").json["entries"]
        assert entry["basis"] == basis
    office("list", "add", "press", "--name", "Press", "--visibility", "private")
    contact = office("contact", "add", "cy@example.org", "--list", "press")
    assert "the lawful basis as unknown" in contact.err
    (entry,) = office("subscriber", "history", "cy@example.org", "--json").json["entries"]
    assert entry["basis"] == "unknown"
