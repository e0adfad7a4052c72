"""An office's own fields from the command line: from the settings to a file and back; and one
reader's wishes."""

import csv
import io
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Relay

ANA = "ana@example.org"
FIELDS = """
[fields.town]
labels = { en = "Town", fr = "Ville" }
fallback = { en = "your town" }
[fields.members]
type = "number"
[fields.honoured]
type = "date"
[fields.level]
type = "choice"
choices = ["friend", "patron"]
"""
PEOPLE = """\
email;Ville;members;honoured;Grade;Shoe size
ana@example.org;Le Havre;7;18.12.2020;Patron;38
ben@example.org;"=1+1";1,5;31.01.2021;gold;
"""
OPTIONS = ("--list", "news", "--source", "fair", "--basis", "consent")


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


@pytest.fixture
def office(mailer: Shell) -> Shell:
    config = mailer.folder / "config/mailer.toml"
    config.write_text(config.read_text("utf-8") + FIELDS, "utf-8")
    mailer("list", "add", "news", "--name", "News")
    mailer("topic", "add", "health")
    mailer.write_file("people.csv", PEOPLE)
    return mailer


def import_people(office: Shell) -> dict[str, object]:
    result = office(
        "subscriber", "import", "people.csv", *OPTIONS, "--map", "Grade=level", "--json"
    )
    assert isinstance(result.json, dict)
    return result.json


def show_fields(office: Shell, address: str) -> object:
    person = office("subscriber", "show", address, "--json").json["subscriber"]["person"]
    return person["fields"]


def test_import_keeps_readable_values_and_names_the_others(office: Shell) -> None:
    report = office("subscriber", "import", "people.csv", *OPTIONS, "--map", "Grade=level")
    assert show_fields(office, ANA) == {
        "level": "patron",
        "members": "7",
        "honoured": "2020-12-18",
        "town": "Le Havre",
    }
    assert show_fields(office, "ben@example.org") == {"honoured": "2021-01-31", "town": "=1+1"}
    printed = report.out + report.err
    assert "'1,5' is not a number" in printed
    assert "'gold' is not one of friend, patron" in printed
    assert "Shoe size" in printed
    assert "Town: Le Havre" in office("subscriber", "show", ANA).out


def test_export_is_read_back(office: Shell) -> None:
    import_people(office)
    office("subscriber", "export", "out.csv", "--list", "news")
    text = (office.folder / "out.csv").read_text("utf-8")
    rows = {row["address"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows[ANA]["honoured"] == "2020-12-18"
    assert rows["ben@example.org"]["town"] == "'=1+1"
    before = show_fields(office, "ben@example.org")
    office("subscriber", "edit", "ben@example.org", "--field", "town=", "--field", "honoured=")
    assert show_fields(office, "ben@example.org") == {}
    office("subscriber", "import", "out.csv", *OPTIONS)
    assert show_fields(office, "ben@example.org") == before


def test_removed_field_is_kept_shown_and_not_used(office: Shell) -> None:
    import_people(office)
    office("segment", "save", "havre", 'town = "Le Havre"')
    assert office("segment", "count", "havre", "--list", "news", "--json").json["members"] == 1
    config = office.folder / "config/mailer.toml"
    config.write_text(config.read_text("utf-8").replace("[fields.town]", "[fields.city]"), "utf-8")
    assert "town (not in the settings): Le Havre" in office("subscriber", "show", ANA).out
    result = office("segment", "count", "havre", "--list", "news", code=1)
    assert "which the settings no longer declare" in result.err
    office("subscriber", "edit", ANA, "--field", "town=Rome", code=1)
    assert "town" not in office("subscriber", "export", "--list", "news").out.partition("\n")[0]
    assert office("subscriber", "data", ANA).json["fields"]["town"] == "Le Havre"


def test_staff_change_one_reader_and_the_history_names_them(office: Shell) -> None:
    office("subscriber", "add", ANA, "--list", "news", "--field", "town=Rome")
    office("subscriber", "edit", ANA, code=2)
    office("subscriber", "edit", ANA, "--topic", "health", code=1)
    edited = office(
        "subscriber", "edit", ANA, "--name", "Ana Quay", "--field", "members=12",
        "--list", "news", "--topic", "health", "--source", "by phone",
    )  # fmt: skip
    assert "changed (name; field members; the list news)" in edited.out
    history = office("subscriber", "history", ANA, "--json").json["entries"]
    assert [entry["source"] for entry in history[1:]] == ["by phone", "by phone"]
    assert all(entry["actor"].startswith("local:") for entry in history)
    assert "Quay" not in str(history)


def test_new_address_waits_for_its_owner_unless_the_reader_confirmed(office: Shell) -> None:
    office("subscriber", "add", ANA, "--list", "news")
    request = office("subscriber", "edit", ANA, "--address", "ana@example.net")
    assert "ana@example.net gets a mail to confirm" in request.out
    office("subscriber", "show", ANA)
    office("subscriber", "edit", ANA, "--address", "ana@example.net", "--confirmed", code=1)
    office(
        "subscriber", "edit", ANA, "--address", "ana@example.net", "--confirmed",
        "--source", "letter of 2 December",
    )  # fmt: skip
    office("subscriber", "show", "ana@example.net")
    assert "not a subscriber" in office("subscriber", "show", ANA, code=1).err


def test_edition_is_sent_again_to_one_reader(office: Shell, relay: Relay) -> None:
    env = make_relay_env(relay.port)
    office.write_file("clinic.md", format_article("A clinic", more="slug: clinic\n"))
    office("article", "add", "clinic.md")
    import_people(office)
    office("edition", "new", "--list", "news", "--story", "clinic", "--name", "Extra")
    early = office("edition", "resend", "1", ANA, code=5, env=env)
    assert "only a sent edition is sent again" in early.err
    office("edition", "approve", "1")
    office("send", "1", env=env)
    relay.received.clear()
    dry = office("edition", "resend", "1", ANA, "--dry-run", "--json", env=env).json
    assert (dry["number"], dry["was_accepted"]) == (1, True)
    result = office("edition", "resend", "1", ANA, "--json", env=env).json
    assert result["state"] == "sent"
    assert [received.recipient for received in relay.received] == [ANA]
    assert "had it sent to them again" in office("explain", "1", ANA).out
    assert "sent_again" in office("subscriber", "history", ANA).out
    assert office("edition", "report", "1", "--json").json["states"]["sent"] == 2
    refused = office("edition", "resend", "1", "who@example.org", code=5, env=env)
    assert "is not a subscriber" in refused.err
