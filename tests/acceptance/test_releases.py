"""From a file to journalists, as a press office does it on the command line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest

from mailer import config
from mailer.app import open_mailer
from mailer.web.public.releases import media_kit
from tests.acceptance.conftest import Shell
from tests.acceptance.test_sending import at
from tests.fake_relay import Relay

ANA, BEN, CHLOE = "ana@example.org", "ben@example.org", "chloe@example.org"
JOURNALISTS = f"""email,name,outlet,beats,country,language,trusted,do not follow up
{ANA},Ana Sample,The Example,migration;health,GB,en,yes,
{BEN},Ben Sample,Daily Example,migration,GB,en,no,yes
{CHLOE},Chloé Exemple,Le Spécimen,climate,FR,fr,yes,
nobody,No Address,None,,,,,
"""
IN_A_WEEK = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d} 00:01"


def release(title: str = "Ten towns open their doors", **more: str) -> str:
    front = {"title": title, "kind": "press release", "slug": "open-day"} | more
    lines = "\n".join(f"{key}: {value}" for key, value in front.items())
    return f"""---
{lines}
subhead: Nobody asks for papers
quotes:
  - {{text: We opened one door., speaker: Mara Vell, role: Mayor}}
contacts:
  - {{name: Jo Sample, phone: "+44 20 7946 0018"}}
assets:
  - {{file: towns.csv, title: The towns, terms: Free to use, attach: true}}
---
Ten towns will keep their halls open.
"""


@pytest.fixture
def office(mailer: Shell) -> Shell:
    """With a press list of three journalists, and a release."""
    mailer("list", "add", "press", "--name", "Press", "--visibility", "private")
    mailer.write_file("journalists.csv", JOURNALISTS)
    mailer("contact", "import", "journalists.csv", "--list", "press", code=4)
    mailer.write_file("about.md", "We help people who move.\n")
    mailer("boilerplate", "set", "about.md")
    mailer.write_file("towns.csv", "town,hall\nExampleton,1\n")
    mailer.write_file("open-day.md", release())
    return mailer


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as found:
        yield found


def send(office: Shell, relay: Relay, *words: str, code: int = 0) -> str:
    return office(*words, "--progress", "none", env=at(relay.port), code=code).err


def test_contacts_are_listed_by_beat_and_edited(office: Shell) -> None:
    found = office("contact", "list", "--beat", "Migration", "--json").json
    assert [one["subscriber"]["person"]["address"] for one in found] == [BEN, ANA]
    office("contact", "edit", ANA, "--untrusted", "--beat", "boats")
    shown = office("contact", "show", ANA, "--json").json["standing"]
    assert (shown["trust"], shown["beats"], shown["outlet"]) == (
        "untrusted", ["boats"], "The Example",
    )  # fmt: skip
    again = office("contact", "import", "journalists.csv", "--list", "press", code=4)
    assert "line 5: refused: nobody" in again.err
    assert office("contact", "show", ANA, "--json").json["standing"]["trust"] == "trusted"
    office("contact", "remove", ANA)
    assert "no media contact" in office("contact", "show", ANA, code=1).err


def test_an_import_says_what_it_passes_over_and_who_comes_twice(office: Shell) -> None:
    office.write_file(
        "more.csv",
        "email,outlet,twitter,beats\ndan@example.org,The Example,@dan,climate; work\n"
        "DAN@example.org,Daily Example,@dan,\n",
    )
    office("subscriber", "add", "eva@example.org", "--list", "press")
    said = office("contact", "import", "more.csv", "--list", "press").err
    assert "line 3: skipped: dan@example.org line 2 has this address" in said
    assert "not taken over: the column 'twitter'" in said
    shown = office("contact", "show", "dan@example.org", "--json").json["standing"]
    assert (shown["outlet"], shown["beats"]) == ("The Example", ["climate", "work"])
    office.write_file("more.csv", "email,outlet\neva@example.org,The Example\n")
    done = office("contact", "import", "more.csv", "--list", "press", "--json").json
    assert (done["added"], done["updated"]) == (0, 1)


def test_a_source_inside_the_network_is_refused_at_once(office: Shell) -> None:
    for address in ("http://127.0.0.1/feed", "http://10.0.0.1/", "https://example.org:25/feed"):
        office("source", "add", "inner", "--feed", address, code=1)
    assert office("source", "list", "--json").json == []


def test_contacts_stand_on_no_public_list(office: Shell) -> None:
    office("list", "add", "news", "--name", "News")
    said = office("contact", "add", ANA, "--list", "news", code=5).err
    assert "public list" in said


def test_segments_go_by_outlet_beat_and_trust(office: Shell) -> None:
    for text, count in (
        ("beat = migration", 2),
        ('outlet = "the example"', 1),
        ("trust = trusted and not beat = climate", 1),
        ("follow_up = never", 1),
    ):
        office("segment", "save", "some", text)
        found = office("segment", "count", "some", "--list", "press", "--json").json
        assert found["members"] == count


def test_a_dry_run_says_who_gets_what_when_and_writes_nothing(office: Shell) -> None:
    office.write_file("open-day.md", release(embargo=f"{IN_A_WEEK} Europe/London"))
    done = office("release", "send", "open-day.md", "--to", "press", "--dry-run")
    for said in (
        "embargoed until",
        "00:01 London",
        "advance copy, edition 1, now: 2 contacts; left out: 1 not trusted with embargoes",
        "when the embargo ends: 1 contact; left out: 2 got it already",
        "checks: nothing found",
        "dry run: nothing was written",
    ):
        assert said in done.err
    assert office("edition", "list", "--json").json == []
    assert office("article", "list", "--json").json == []


def test_a_release_goes_out_in_one_command_and_is_corrected_and_killed(
    office: Shell, relay: Relay
) -> None:
    said = send(office, relay, "release", "send", "open-day.md", "--to", "press", code=2)
    assert "nobody is there to say yes" in said
    assert relay.received == []
    send(office, relay, "release", "send", "open-day.md", "--to", "press", "--yes")
    assert sorted(relay.accepted) == [ANA, BEN, CHLOE]
    (mail,) = relay.list_mails(ANA)
    (file,) = [part for part in mail.walk() if part.get_filename()]
    assert (file.get_filename(), file.get_content()) == ("towns.csv", "town,hall\nExampleton,1\n")
    who = office("release", "follow-up", "open-day", "--json").json
    assert [one["subscriber"]["person"]["address"] for one in who] == [CHLOE, ANA]

    words = ("--changed", "Nine towns.", "--why", "One said no.")
    said = send(office, relay, "release", "correct", "open-day.md", *words, "--yes", code=5)
    assert "has not changed" in said
    office.write_file("open-day.md", release("Nine towns open their doors"))
    in_german = ("--changed", "de=Neun Orte.")
    said = send(office, relay, "release", "correct", "open-day.md", *words, *in_german, code=1)
    assert "the story is not in de, but in en" in said
    twice = ("--changed", "Nine.")
    said = send(office, relay, "release", "correct", "open-day.md", *words, *twice, code=2)
    assert "given twice without a language" in said
    said = send(office, relay, "release", "correct", "open-day.md", *words, "--yes")
    assert "Nine towns open their doors (open-day; en), corrected" in said
    assert "edition 2 (correction) to 3 contacts" in said
    assert "checks: nothing found" in said
    assert relay.list_mails(BEN)[-1]["Subject"] == "CORRECTION: Nine towns open their doors"

    kill = ("release", "kill", "open-day")
    said = office("release", "correct", "unknown", *words, code=1).err
    assert "neither a file nor a story 'unknown'" in said
    assert "there is no story" in office("release", "kill", "unknown", "--why", "No.", code=1).err
    assert "one person asks" in office(*kill, "--confirm", code=5).err
    office(*kill, "--why", "It is not true.", "--by", "Ana")
    assert "two people" in send(office, relay, *kill, "--confirm", "--by", "ANA", "--yes", code=5)
    send(office, relay, *kill, "--confirm", "--by", "Ben", "--yes")
    assert relay.list_mails(CHLOE)[-1]["Subject"].startswith("NE PAS UTILISER")
    assert "a kill is permanent" in office(*kill, "--take-back", code=5).err
    shown = office("release", "show", "open-day", "--json").json["reports"]
    assert [one["edition"]["role"] for one in shown] == ["release", "correction", "kill"]


def test_an_embargo_on_what_is_out_says_that_it_comes_too_late(office: Shell, relay: Relay) -> None:
    send(office, relay, "release", "send", "open-day.md", "--to", "press", "--yes")
    said = office("embargo", "set", "open-day", IN_A_WEEK).err
    assert "3 people have it without an embargo" in said
    assert "mailer release kill open-day" in said


def test_the_kit_has_two_files_that_are_the_same(office: Shell, relay: Relay) -> None:
    files = {"en": ("a.csv", "b.csv"), "fr": ("A.csv",), "es": ("a.CSV",)}
    for language, names in files.items():
        assets = "assets:\n"
        for name in names:
            office.write_file(name, "town,hall\n")
            assets += f"  - {{file: {name}, title: {name}}}\n"
        told = release(language=language).replace("assets:\n", assets)
        office.write_file(f"open-day.{language}.md", told)
    stories = [f"open-day.{language}.md" for language in files]
    send(office, relay, "release", "send", *stories, "--to", "press", "--yes")
    settings = config.load_settings(environ={"MAILER_HOME": str(office.folder)})
    with open_mailer(settings) as mailer, mailer.store.read() as tx:
        sheet = tx.releases.find_page("open-day", mailer.clock())
        assert sheet
        made = ZipFile(BytesIO(media_kit.build_kit(sheet, settings, tx.releases.read_content)))
    kept = [name.casefold() for name in made.namelist() if "/files/" in name]
    assert sorted(kept) == [f"open-day/files/{name}.csv" for name in ("a", "b", "towns")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("release", "send", "", "--to", "press"), 2, "no file is named"),
        (("release", "send", "x" * 300, "--to", "press"), 1, "neither a file nor a story"),
        (("release", "send", "\udcff", "--to", "press"), 2, "not UTF-8"),
        (("release", "show", "\udcff"), 2, "not UTF-8"),
        (("release", "follow-up", "nosuch"), 1, "there is no story 'nosuch'"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--by", "   "), 1, "--by: it is empty"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--by", "\u0301."), 1, "names nobody"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--by", "\x1b[2JX"), 1, "control characters"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--reason", "\a"), 1, "control characters"),
        (("embargo", "set", "open-day", "0001-01-01 00:00+14:00"), 1, "not a time of an embargo"),
        (
            ("article", "edit", "open-day", "--published", "0001-01-01T00:00+14:00"),
            1,
            "is not a date",
        ),
        (("article", "edit", "open-day", "--body", "nul.md"), 1, "line 2 holds U+0000"),
        (("boilerplate", "set", "nul.md"), 1, "line 2 holds U+0000"),
    ],
)
def test_what_can_not_be_is_said(
    office: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    office("article", "add", "open-day.md")
    office.write_file("nul.md", "One\nT\0wo\n")
    assert said in office(*words, code=code).err


def test_a_dry_run_of_what_is_embargoed_is_no_attempt(office: Shell) -> None:
    office.write_file("open-day.md", release(embargo=IN_A_WEEK))
    office("article", "add", "open-day.md")
    office("edition", "new", "--list", "press", "--name", "All", "--story", "open-day")
    office("edition", "approve", "1")
    for dry in (("--dry-run",), ()):
        assert "embargo" in office("send", "1", *dry, code=5).err
    log = office("embargo", "log", "open-day", "--json").json
    assert [one["what"] for one in log] == ["set", "refused"]


def test_an_embargo_is_moved_by_its_command_alone(office: Shell) -> None:
    office.write_file("open-day.md", release(embargo=IN_A_WEEK))
    office("article", "add", "open-day.md")
    office.write_file("open-day.md", release(embargo=f"{IN_A_WEEK} Africa/Nairobi"))
    said = office("article", "add", "open-day.md", code=1).err
    assert "embargoed until" in said
    assert "mailer embargo move open-day" in said
    office("embargo", "move", "open-day", IN_A_WEEK, "--zone", "Africa/Nairobi")
    office("article", "add", "open-day.md")
    office("embargo", "lift", "open-day", "--reason", "it is out", "--by", "Ana")
    log = office("embargo", "log", "open-day", "--json").json
    assert [one["what"] for one in log] == ["set", "moved", "lifted"]
    assert "ended" in office("embargo", "lift", "open-day", code=5).err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("embargo: soon", "line 5: 'soon' is not a time of an embargo"),
        ("embargo: 2026-12-18 00:01 Europe/Nowhere", "line 5: 'Europe/Nowhere' is not a time zone"),
        ("about: [partner]", "'partner', which has no boilerplate"),
        ("lead: maybe", "line 5: 'maybe' is neither true nor false"),
    ],
)
def test_a_bad_field_is_named_with_its_line(office: Shell, line: str, said: str) -> None:
    key, _, value = line.partition(": ")
    office.write_file("open-day.md", release(**{key: value}))
    done = office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1)
    assert said in done.err


def test_a_file_outside_its_folder_is_refused(office: Shell) -> None:
    text = release().replace("towns.csv", "../config/secret.key")
    office.write_file("open-day.md", text)
    said = office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1).err
    assert "a file of a release lies beside it" in said
    office.write_file("open-day.md", release().replace("towns.csv", "config/secret.key"))
    said = office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1).err
    assert "no file for journalists" in said


@pytest.mark.parametrize("zone", ["CET", "EST5EDT", "Europe/Istanbul"])
def test_a_zone_may_have_a_t_in_its_name(office: Shell, zone: str) -> None:
    office.write_file("open-day.md", release(embargo=f"{IN_A_WEEK} {zone}"))
    office("article", "add", "open-day.md")
    (found,) = office("embargo", "list", "--json").json
    assert found["terms"]["zone"] == zone
