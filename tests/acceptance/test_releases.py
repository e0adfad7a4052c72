"""Press releases from the command line: contacts, sending, corrections, kills, embargoes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest

from mailer import config
from mailer.app import open_mailer
from mailer.app.staff import find_login
from mailer.web.public.releases import media_kit
from tests.acceptance.conftest import Shell
from tests.acceptance.deciding import decide_by_link
from tests.acceptance.test_sending import make_relay_env
from tests.acceptance.test_worker import run_worker, wait_until
from tests.fake_relay import Relay

ANA, BEN, CHLOE = "ana@example.org", "ben@example.org", "chloe@example.org"
EDITOR = "editor@example.org"
JOURNALISTS = f"""email,name,outlet,beats,country,language,trusted,do not follow up
{ANA},Ana Sample,The Example,migration;health,GB,en,yes,
{BEN},Ben Sample,Daily Example,migration,GB,en,no,yes
{CHLOE},Chloé Exemple,Le Spécimen,climate,FR,fr,yes,
nobody,No Address,None,,,,,
"""
IN_A_WEEK = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d} 00:01"


def format_release(title: str = "Ten towns open their doors", **more: str) -> str:
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
    """An office with a press list of three journalists, and a release."""
    mailer("list", "add", "press", "--name", "Press", "--visibility", "private")
    mailer.write_file("journalists.csv", JOURNALISTS)
    mailer("contact", "import", "journalists.csv", "--list", "press", code=4)
    mailer.write_file("about.md", "We help people who move.\n")
    mailer("boilerplate", "set", "about.md")
    mailer.write_file("towns.csv", "town,hall\nExampleton,1\n")
    mailer.write_file("open-day.md", format_release())
    return mailer


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


def send_over(office: Shell, relay: Relay, *words: str, code: int = 0) -> str:
    """Run a command that sends over `relay`, and return its stderr."""
    return office(*words, "--progress", "none", env=make_relay_env(relay.port), code=code).err


def test_contacts_are_listed_by_beat_and_edited(office: Shell) -> None:
    contacts = office("contact", "list", "--beat", "Migration", "--json").json
    assert [one["subscriber"]["person"]["address"] for one in contacts] == [BEN, ANA]
    office("contact", "edit", ANA, "--untrusted", "--beat", "boats")
    profile = office("contact", "show", ANA, "--json").json["profile"]
    assert (profile["trust"], profile["beats"], profile["outlet"]) == (
        "untrusted",
        ["boats"],
        "The Example",
    )
    second_import = office("contact", "import", "journalists.csv", "--list", "press", code=4)
    assert "line 5: refused: 'nobody' is not a mail address" in second_import.err
    assert office("contact", "show", ANA, "--json").json["profile"]["trust"] == "trusted"
    office("contact", "remove", ANA)
    assert "is not a media contact" in office("contact", "show", ANA, code=1).err


def test_contact_import_reports_unknown_columns_and_duplicates(office: Shell) -> None:
    office.write_file(
        "more.csv",
        "email,outlet,twitter,beats\ndan@example.org,The Example,@dan,climate; work\n"
        "DAN@example.org,Daily Example,@dan,\n",
    )
    office("subscriber", "add", "eva@example.org", "--list", "press")
    notes = office("contact", "import", "more.csv", "--list", "press").err
    assert "line 3: skipped: dan@example.org: line 2 has this address" in notes
    assert "ignored: the column 'twitter'" in notes
    profile = office("contact", "show", "dan@example.org", "--json").json["profile"]
    assert (profile["outlet"], profile["beats"]) == ("The Example", ["climate", "work"])
    office.write_file("more.csv", "email,outlet\neva@example.org,The Example\n")
    counts = office("contact", "import", "more.csv", "--list", "press", "--json").json
    assert (counts["added"], counts["updated"]) == (0, 1)


def test_source_inside_the_network_is_refused_at_once(office: Shell) -> None:
    for address in ("http://127.0.0.1/feed", "http://10.0.0.1/", "https://example.org:25/feed"):
        error = office("source", "add", "inner", "--feed", address, code=1).err
        assert "or put the articles into a folder that is a source" in error
    assert office("source", "list", "--json").json == []


def test_contact_cannot_join_a_public_list(office: Shell) -> None:
    office("list", "add", "news", "--name", "News")
    error = office("contact", "add", ANA, "--list", "news", code=5).err
    assert "public list" in error
    assert "--visibility private" in error


def test_segment_filters_by_outlet_beat_and_trust(office: Shell) -> None:
    for text, count in (
        ("beat = migration", 2),
        ('outlet = "the example"', 1),
        ("trust = trusted and not beat = climate", 1),
        ("follow_up = never", 1),
    ):
        office("segment", "save", "some", text)
        counts = office("segment", "count", "some", "--list", "press", "--json").json
        assert counts["members"] == count


def test_dry_run_of_embargoed_release_shows_reach_and_saves_nothing(office: Shell) -> None:
    office.write_file("open-day.md", format_release(embargo=f"{IN_A_WEEK} Europe/London"))
    preview = office("release", "send", "open-day.md", "--to", "press", "--dry-run").err
    for line in (
        "embargoed until",
        "00:01 London",
        "advance copy, edition 1, now: 2 contacts; left out: 1 not trusted with embargoes",
        "when the embargo ends: 1 contact; left out: 2 got it already",
        "checks: nothing found",
        "dry run: nothing was written",
    ):
        assert line in preview
    assert office("edition", "list", "--json").json == []
    assert office("article", "list", "--json").json == []


def test_release_is_sent_corrected_and_killed(office: Shell, relay: Relay) -> None:
    message = send_over(office, relay, "release", "send", "open-day.md", "--to", "press", code=2)
    assert "asks for confirmation, which needs a terminal" in message
    assert relay.received == []
    send_over(office, relay, "release", "send", "open-day.md", "--to", "press", "--yes")
    assert sorted(relay.accepted) == [ANA, BEN, CHLOE]
    (mail,) = relay.list_mails(ANA)
    (file,) = [part for part in mail.walk() if part.get_filename()]
    assert (file.get_filename(), file.get_content()) == ("towns.csv", "town,hall\nExampleton,1\n")
    contacts = office("release", "follow-up", "open-day", "--json").json
    assert [one["subscriber"]["person"]["address"] for one in contacts] == [CHLOE, ANA]

    words = ("--changed", "Nine towns.", "--why", "One said no.")
    message = send_over(office, relay, "release", "correct", "open-day.md", *words, "--yes", code=5)
    assert "has not changed" in message
    office.write_file("open-day.md", format_release("Nine towns open their doors"))
    in_german = ("--changed", "de=Neun Orte.")
    message = send_over(
        office, relay, "release", "correct", "open-day.md", *words, *in_german, code=1
    )
    assert "the story is not in de, but in en" in message
    twice = ("--changed", "Nine.")
    message = send_over(office, relay, "release", "correct", "open-day.md", *words, *twice, code=2)
    assert "given twice without a language" in message
    message = send_over(office, relay, "release", "correct", "open-day.md", *words, "--yes")
    assert "Nine towns open their doors (open-day; en), corrected" in message
    assert "edition 2 (correction) to 3 contacts" in message
    assert "checks: nothing found" in message
    assert relay.list_mails(BEN)[-1]["Subject"] == "CORRECTION: Nine towns open their doors"

    kill = ("release", "kill", "open-day")
    message = office("release", "correct", "unknown", *words, code=1).err
    assert "neither a file nor a story 'unknown'" in message
    assert "there is no story" in office("release", "kill", "unknown", "--why", "No.", code=1).err
    assert "one person asks" in office(*kill, "--confirm", code=5).err
    office(*kill, "--why", "It is not true.", "--by", "Ana")
    assert "two people" in send_over(
        office, relay, *kill, "--confirm", "--by", "Ben", "--yes", code=5
    ), "a typed name does not make a second person"
    env = {**office.env, **make_relay_env(relay.port), "MAILER_NOTICES_APPROVERS": EDITOR}
    with run_worker(replace(office, env=env | {"MAILER_WORKER_TICK": "0.2"})):
        wait_until(lambda: bool(relay.list_mails(EDITOR)))
        page = decide_by_link(replace(office, env=env), relay.list_mails(EDITOR)[0], "confirm")
        assert "is killed" in page
        wait_until(lambda: relay.list_mails(CHLOE)[-1]["Subject"].startswith("NE PAS"))
    assert relay.list_mails(CHLOE)[-1]["Subject"].startswith("NE PAS UTILISER")
    assert "a kill is permanent" in office(*kill, "--take-back", code=5).err
    reports = office("release", "show", "open-day", "--json").json["reports"]
    assert [one["edition"]["role"] for one in reports] == ["release", "correction", "kill"]


def test_embargo_after_sending_advises_to_kill_the_release(office: Shell, relay: Relay) -> None:
    send_over(office, relay, "release", "send", "open-day.md", "--to", "press", "--yes")
    message = office("embargo", "set", "open-day", IN_A_WEEK).err
    assert "3 people have it without an embargo" in message
    assert "mailer release kill open-day" in message


def test_media_kit_keeps_files_whose_names_differ_in_case(office: Shell, relay: Relay) -> None:
    files = {"en": ("a.csv", "b.csv"), "fr": ("A.csv",), "es": ("a.CSV",)}
    for language, names in files.items():
        assets = "assets:\n"
        for name in names:
            office.write_file(name, "town,hall\n")
            assets += f"  - {{file: {name}, title: {name}}}\n"
        text = format_release(language=language).replace("assets:\n", assets)
        office.write_file(f"open-day.{language}.md", text)
    stories = [f"open-day.{language}.md" for language in files]
    send_over(office, relay, "release", "send", *stories, "--to", "press", "--yes")
    settings = config.load_settings(environ={"MAILER_HOME": str(office.folder)})
    with open_mailer(settings) as mailer, mailer.store.read() as tx:
        page = tx.releases.find_page("open-day", mailer.clock())
        assert page
        kit = ZipFile(BytesIO(media_kit.build_kit(page, settings, tx.releases.read_content)))
    file_names = [name.casefold() for name in kit.namelist() if "/files/" in name]
    assert sorted(file_names) == [f"open-day/files/{name}.csv" for name in ("a", "b", "towns")]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("release", "send", "", "--to", "press"), 2, "a file has no name"),
        (("release", "send", "x" * 300, "--to", "press"), 1, "neither a file nor a story"),
        (("release", "send", "\udcff", "--to", "press"), 2, "not UTF-8"),
        (("release", "show", "\udcff"), 2, "not UTF-8"),
        (("release", "follow-up", "nosuch"), 1, "there is no story 'nosuch'"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--by", "   "), 1, "--by: it is empty"),
        (("embargo", "set", "open-day", IN_A_WEEK, "--by", "\u0301."), 1, "is not a person's name"),
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
def test_invalid_words_are_explained(
    office: Shell, words: tuple[str, ...], code: int, message: str
) -> None:
    office("article", "add", "open-day.md")
    office.write_file("nul.md", "One\nT\0wo\n")
    assert message in office(*words, code=code).err


def test_dry_run_under_embargo_records_no_attempt(office: Shell) -> None:
    office.write_file("open-day.md", format_release(embargo=IN_A_WEEK))
    office("article", "add", "open-day.md")
    office("edition", "new", "--list", "press", "--name", "All", "--story", "open-day")
    office("edition", "approve", "1")
    for dry in (("--dry-run",), ()):
        assert "embargo" in office("send", "1", *dry, "--by", "Ben", code=5).err
    log = office("embargo", "log", "open-day", "--json").json
    assert [one["event_type"] for one in log] == ["set", "refused"]
    assert log[-1]["actor"] == f"Ben ({find_login()})"


def test_only_embargo_set_moves_an_embargo(office: Shell) -> None:
    office.write_file("open-day.md", format_release(embargo=IN_A_WEEK))
    office("article", "add", "open-day.md")
    office.write_file("open-day.md", format_release(embargo=f"{IN_A_WEEK} Africa/Nairobi"))
    message = office("article", "add", "open-day.md", code=1).err
    assert "embargoed until" in message
    assert "mailer embargo set open-day" in message
    office("embargo", "set", "open-day", IN_A_WEEK, "--zone", "Africa/Nairobi")
    office("article", "add", "open-day.md")
    office("embargo", "lift", "open-day", "--reason", "it is out", "--by", "Ana")
    log = office("embargo", "log", "open-day", "--json").json
    assert [one["event_type"] for one in log] == ["set", "moved", "lifted"]
    assert "ended" in office("embargo", "lift", "open-day", code=5).err


def test_file_with_an_earlier_embargo_is_not_advised_to_move_it_back(office: Shell) -> None:
    office.write_file("open-day.md", format_release(embargo=IN_A_WEEK))
    office("article", "add", "open-day.md")
    office("embargo", "set", "open-day", IN_A_WEEK, "--zone", "Africa/Nairobi")
    message = office("article", "add", "open-day.md", code=1).err
    assert "or leave it out: the embargo was moved since" in message
    assert "mailer embargo set" not in message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("embargo: soon", "line 5: 'soon' is not a time of an embargo"),
        ("embargo: 2026-12-18 00:01 Europe/Nowhere", "line 5: 'Europe/Nowhere' is not a time zone"),
        ("about: [partner]", "'partner', which has no boilerplate"),
        ("lead: maybe", "line 5: 'maybe' is neither true nor false"),
    ],
)
def test_invalid_field_is_named_with_its_line(office: Shell, line: str, message: str) -> None:
    key, _, value = line.partition(": ")
    office.write_file("open-day.md", format_release(**{key: value}))
    assert (
        message
        in office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1).err
    )


def test_asset_outside_the_releases_folder_is_refused(office: Shell) -> None:
    text = format_release().replace("towns.csv", "../config/secret.key")
    office.write_file("open-day.md", text)
    message = office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1).err
    assert "the file lies outside the folder" in message
    office.write_file("open-day.md", format_release().replace("towns.csv", "config/secret.key"))
    message = office("release", "send", "open-day.md", "--to", "press", "--dry-run", code=1).err
    assert "not offered to journalists" in message


@pytest.mark.parametrize("zone", ["CET", "EST5EDT", "Europe/Istanbul"])
def test_embargo_zone_may_contain_a_t(office: Shell, zone: str) -> None:
    office.write_file("open-day.md", format_release(embargo=f"{IN_A_WEEK} {zone}"))
    office("article", "add", "open-day.md")
    (embargo,) = office("embargo", "list", "--json").json
    assert embargo["terms"]["zone"] == zone
