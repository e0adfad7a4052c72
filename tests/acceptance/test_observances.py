"""Observances from the command line."""

import tomllib

from tests.acceptance.conftest import Shell


def test_observances_are_listed_added_exported_and_imported(mailer: Shell) -> None:
    message = mailer("observance", "list", "--year", "2027", "--month", "12").out
    assert "Sat 2027-12-18  migrants-day" in message
    observances = mailer("observance", "list", "--year", "2027", "--language", "ar", "--json").json
    assert len(observances) >= 40
    assert {one["slug"]: one for one in observances}["migrants-day"][
        "name"
    ] == "اليوم الدولي للمهاجرين"
    assert "18 Dec 2028" in mailer("observance", "show", "migrants-day", "--year", "2027").out

    own_file = mailer.folder / "config/observances.toml"
    words = ("observance", "add", "open-day", "--rule", "First Monday of May")
    mailer(*words, "--name", "en=Open day", "--dry-run")
    assert not own_file.exists()
    mailer(*words, "--name", "en=Open day", "--name", "fr=Portes ouvertes", "--since", "2026")
    before = own_file.read_text("utf-8")
    assert tomllib.loads(before)["open-day"]["rule"] == "first monday of may"
    refused = mailer(*words, "--name", "en=Again", code=1).err
    assert "already" in refused
    assert "observances.toml" in refused
    assert own_file.read_text("utf-8") == before
    assert "Mon 03 May 2027" in mailer("observance", "show", "open-day", "--year", "2027").out
    listed = mailer("observance", "list", "--year", "2027", "--month", "5").out
    assert "Mon 2027-05-03  open-day" in listed

    published = mailer("observance", "export", "--year", "2027", "--only", "open-day").out
    assert "DTSTART;VALUE=DATE:20270503" in published
    mailer.write_file("other.ics", published.replace("open-day@", "closed-day@"))
    mailer("observance", "import", "other.ics")
    assert "Mon 01 May 2028" in mailer("observance", "show", "closed-day", "--year", "2028").out
    assert "exist already" in mailer("observance", "import", "other.ics").err


def test_invalid_observances_are_explained(mailer: Shell) -> None:
    assert "see `mailer observance list`" in mailer("observance", "show", "x", code=1).err
    message = mailer("observance", "add", "x", "--rule", "31 june", "--name", "en=X", code=1).err
    assert "there is no 31 june" in message
    mailer.write_file("config/observances.toml", '[a-day]\nrule = "1 may"\n')
    message = mailer("observance", "list", code=1).err
    assert "observances.toml, [a-day]: the observance has no English name" in message
    mailer.write_file("config/observances.toml", "[a-day\n")
    assert "not TOML" in mailer("observance", "list", code=3).err
