"""Imports of files from other programs and offices, from the command line."""

import csv
from typing import Any

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
    assert "'gold' (1 row, first on line 2), 'gone' (1 row, first on line 3)" in error
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
    assert (result["added"], result["refused"], result["skipped"]) == (2036, 20, 4)
    assert result["left_out_count"] == len(office_file.unreadable) == 20
    skipped = {row["address"] for row in result["rows"] if row["outcome"] == "skipped"}
    assert set(list_states(office)) == office_file.addresses - skipped
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


def show_person(office: Shell, address: str) -> dict[str, Any]:
    record = office("subscriber", "show", address, "--json").json
    (membership,) = record["memberships"]
    return {**record["subscriber"]["person"], **membership}


def test_second_line_of_an_address_adds_topics_and_keeps_the_first_values(office: Shell) -> None:
    office.write_file(
        "people.csv",
        "email,name,country,topics,joined\n"
        "ana@example.org,Müller,,Health; Work,2020-01-02\n"
        "bo@example.org,,,,\n"
        "ANA@example.org,Mueller,GB,Work,2021-01-02\n"
        "bo@example.org,Bo,,Health,\n"
        "ana@example.org,Müller,FR,,\n",
    )
    result = office(*IMPORT).err
    ana, bo = (show_person(office, f"{name}@example.org") for name in ("ana", "bo"))
    assert (ana["name"], ana["country"], ana["topics"]) == ("Müller", "GB", ["health", "work"])
    assert ana["joined_at"].startswith("2020-01-02")
    assert (bo["name"], bo["topics"]) == ("Bo", ["health"])
    assert "line 4: updated: ana@example.org: line 2 has the same address" in result
    for omitted in (
        "line 4: left out: name 'Mueller': line 2 has the same address, and 'Müller' stays",
        "line 4: left out: joined '2021-01-02': line 2 has the same address, and '2020-01-02' ",
        "line 6: left out: country 'FR': line 2 has the same address, and 'GB' stays",
    ):
        assert omitted in result
    assert "line 6: left out: name" not in result


def test_file_changes_what_was_stored_before_it(office: Shell) -> None:
    office(
        "subscriber", "add", "ana@example.org", "--list", "news", "--name", "A", "--topic", "work"
    )
    office.write_file(
        "people.csv", "email,name,topics\nana@example.org,,Health\nana@example.org,Ana,\n"
    )
    office(*IMPORT)
    ana = show_person(office, "ana@example.org")
    assert (ana["name"], ana["topics"]) == ("Ana", ["health"])


def test_person_of_unknown_topics_does_not_get_all_topics(office: Shell) -> None:
    office("subscriber", "add", "di@example.org", "--list", "news", "--topic", "work")
    office.write_file(
        "people.csv",
        "email,topics\n"
        "ivy@example.org,Gardening\n"
        "bo@example.org,Health;Gardening\n"
        "cy@example.org,\n"
        "di@example.org,Jardinage\n",
    )
    result = office(*IMPORT)
    assert "line 2: skipped: ivy@example.org: no topic is called 'Gardening'" in result.err
    assert "unknown topics: 'Gardening' (2 rows), 'Jardinage' (1 row); add them with" in result.err
    assert set(list_states(office)) == {"bo@example.org", "cy@example.org", "di@example.org"}
    assert show_person(office, "di@example.org")["topics"] == ["work"]
    error = office(*IMPORT, "--topic", "Gardening=plants", code=1).err
    assert "plants" in error
    office(*IMPORT, "--topic", "Gardening=health", "--create-topics")
    assert show_person(office, "ivy@example.org")["topics"] == ["health"]
    assert show_person(office, "di@example.org")["topics"] == ["jardinage"]
    (created,) = [
        topic for topic in office("topic", "list", "--json").json if topic["slug"] == "jardinage"
    ]
    assert created["names"] == {"en": "Jardinage"}


def test_dry_run_creates_no_topic(office: Shell) -> None:
    office.write_file("people.csv", "email,topics\nivy@example.org,Gardening\n")
    assert office(*IMPORT, "--create-topics", "--dry-run", "--json").json["added"] == 1
    assert len(office("topic", "list", "--json").json) == 2


def test_unknown_day_of_leaving_is_not_invented(office: Shell) -> None:
    office.write_file("people.csv", "email,status,left\nana@example.org,unsubscribed,\n")
    office(*IMPORT)
    ana = show_person(office, "ana@example.org")
    assert (ana["state"], ana["left_at"]) == ("unsubscribed", None)
    row = next(csv.DictReader(office("subscriber", "export", "--list", "news").out.splitlines()))
    assert (row["state"], row["left"]) == ("unsubscribed", "")
    office.write_file("people.csv", "email\nana@example.org\n")
    assert "left the list on an unknown day" in office(*IMPORT).err


def test_suppressed_person_is_listed_and_exported_as_suppressed(office: Shell) -> None:
    office("subscriber", "add", "ana@example.org", "--list", "news")
    office("suppression", "add", "ana@example.org", "--reason", "bounce")
    assert " suppressed " in office("subscriber", "list", "--list", "news").out
    for options in ([], ["--list", "news"]):
        row = next(csv.DictReader(office("subscriber", "export", *options).out.splitlines()))
        assert (row["state"], row["suppression_reason"]) == ("suppressed", "bounce")
    office("subscriber", "export", "people.csv", "--list", "news")
    office("suppression", "remove", "ana@example.org")
    office("list", "add", "copy", "--name", "Copy")
    words = ("subscriber", "import", "people.csv", "--list", "copy", *CONSENT_OPTIONS, "--json")
    assert office(*words).json["suppressed"] == 1
    assert office("suppression", "list", "--json").json[0]["reason"] == "bounce"


def test_reason_for_a_suppression_suppresses_without_a_state(office: Shell) -> None:
    office.write_file("people.csv", "email,Suppression reason\nana@example.org,bounce\n")
    assert office(*IMPORT, "--json").json["suppressed"] == 1


def test_dates_of_suppressions_are_asked_for(office: Shell) -> None:
    office.write_file("dead.csv", "email,since\nana@example.org,03/04/2024\nbo@example.org,\n")
    words = ("suppression", "import", "dead.csv")
    error = office(*words, code=1).err
    assert "'03/04/2024' in the column 'since' may have the day or the month first" in error
    assert "--ignore" not in error
    assert office("suppression", "list", "--json").json == []
    office(*words, "--dates", "dmy")
    records = {one["address"]: one for one in office("suppression", "list", "--json").json}
    assert records["ana@example.org"]["created_at"].startswith("2024-04-03")
    office.write_file("dead.csv", "email,since\ncy@example.org,soon\n")
    assert "'soon' is not a date; the day of the import is recorded" in office(*words).err


def test_value_left_out_of_a_line_with_two_people_is_named_once(office: Shell) -> None:
    office.write_file("people.csv", 'email,name\n"ana@example.org, bo@example.org",Ana and Bo\n')
    err = office(*IMPORT).err
    assert err.count("left out: name 'Ana and Bo'") == 1
