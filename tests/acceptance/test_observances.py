"""Named days from the command line."""

import tomllib

from tests.acceptance.conftest import Shell


def test_days_are_listed_shown_added_published_and_taken_in(mailer: Shell) -> None:
    said = mailer("observance", "list", "--year", "2027", "--month", "12").out
    assert "Sat 2027-12-18  migrants-day" in said
    found = mailer("observance", "list", "--year", "2027", "--language", "ar", "--json").json
    assert len(found) >= 40
    assert {one["slug"]: one for one in found}["migrants-day"]["name"] == "اليوم الدولي للمهاجرين"
    assert "18 Dec 2028" in mailer("observance", "show", "migrants-day", "--year", "2027").out

    own = mailer.folder / "config/observances.toml"
    words = ("observance", "add", "open-day", "--rule", "First Monday of May")
    mailer(*words, "--name", "en=Open day", "--dry-run")
    assert not own.exists()
    mailer(*words, "--name", "en=Open day", "--name", "fr=Portes ouvertes", "--since", "2026")
    before = own.read_text("utf-8")
    assert tomllib.loads(before)["open-day"]["rule"] == "first monday of may"
    refused = mailer(*words, "--name", "en=Again", code=1).err
    assert "already" in refused
    assert "observances.toml" in refused
    assert own.read_text("utf-8") == before
    assert "Mon 03 May 2027" in mailer("observance", "show", "open-day", "--year", "2027").out
    listed = mailer("observance", "list", "--year", "2027", "--month", "5").out
    assert "Mon 2027-05-03  open-day" in listed

    published = mailer("observance", "export", "--year", "2027", "--only", "open-day").out
    assert "DTSTART;VALUE=DATE:20270503" in published
    mailer.write_file("other.ics", published.replace("open-day@", "closed-day@"))
    mailer("observance", "import", "other.ics")
    assert "Mon 01 May 2028" in mailer("observance", "show", "closed-day", "--year", "2028").out
    assert "known already" in mailer("observance", "import", "other.ics").err


def test_what_can_not_be_is_named(mailer: Shell) -> None:
    assert "see `mailer observance list`" in mailer("observance", "show", "x", code=1).err
    said = mailer("observance", "add", "x", "--rule", "31 june", "--name", "en=X", code=1).err
    assert "there is no 31 june" in said
    mailer.write_file("config/observances.toml", '[a-day]\nrule = "1 may"\n')
    said = mailer("observance", "list", code=1).err
    assert "observances.toml, [a-day]: the observance has no English name" in said
    mailer.write_file("config/observances.toml", "[a-day\n")
    assert "not TOML" in mailer("observance", "list", code=3).err
