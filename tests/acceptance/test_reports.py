"""The boss's numbers by command: words and tables, CSV, JSON, and clear errors."""

import csv
import io

import pytest

from tests.acceptance.conftest import Shell

LIST_HEADER = [
    "list",
    "from",
    "to",
    "joined",
    "left",
    "readers_at_end",
    "editions",
    "sent",
    "failed",
]


@pytest.fixture
def office(mailer: Shell) -> Shell:
    mailer("topic", "add", "health", "--name", "en=Health")
    mailer("list", "add", "news", "--name", "News")
    for address, topics in (("ana@example.org", ["--topic", "health"]), ("ben@example.org", [])):
        mailer("subscriber", "add", address, "--list", "news", "--source", "the fair", *topics)
    mailer("subscriber", "unsubscribe", "ben@example.org", "--list", "news")
    return mailer


def test_list_report_says_numbers_in_words_first(office: Shell) -> None:
    lines = office("report", "list", "news").out.splitlines()
    assert lines[0].startswith("News, ")
    assert lines[1] == "1 reader now: 1 chose topics, 0 chose none and get all."
    assert lines[2] == "2 joined and 1 left in this time."
    text = "\n".join(lines)
    assert "the fair" in text
    assert "command line" in text


def test_report_formats_agree(office: Shell) -> None:
    data = office("report", "list", "news", "--json").json
    assert data["readers"] == {
        "with_topics": 1, "all_topics": 0, "paused": 0, "suppressed": 0, "pending": 0,
    }  # fmt: skip
    assert data["joined"] == [{"kind": "added", "source": "the fair", "people": 2}]
    assert data["left"] == [{"kind": "left", "way": "command line", "people": 1}]
    header, *rows = csv.reader(io.StringIO(office("report", "list", "news", "--csv").out))
    assert header == LIST_HEADER
    assert len(rows) == len(data["parts"]) == 29
    assert rows[-1][:1] + rows[-1][3:] == ["news", "2", "1", "1", "0", "0", "0"]


def test_growth_report_covers_every_list(office: Shell) -> None:
    office("list", "add", "press", "--name", "Press")
    reports = office("report", "growth", "--json").json
    assert [(report["list"], report["readers"]) for report in reports] == [
        ("news", 1),
        ("press", 0),
    ]
    header, *rows = csv.reader(io.StringIO(office("report", "growth", "--csv").out))
    assert header == LIST_HEADER
    assert {row[0] for row in rows} == {"news", "press"}
    assert "press" not in office("report", "growth", "news").out


def test_topic_report_counts_readers_without_choice_apart(office: Shell) -> None:
    office("subscriber", "add", "eve@example.org", "--list", "news")
    rows = list(csv.reader(io.StringIO(office("report", "topics", "news", "--csv").out)))
    assert rows[1:] == [["health", "Health", "1", "0", "0"], ["", "(no topic chosen)", "1", "", ""]]
    assert "1 of them chose no topic" in office("report", "topics", "news").out


def test_edition_report_before_sending_says_so(office: Shell) -> None:
    (office.folder / "boats.md").write_text(
        "---\ntitle: Boats\ntopics: [health]\npublished: 2026-01-02\nsummary: Afloat.\n---\nIn.\n"
    )
    office("article", "add", "boats.md")
    office("edition", "new", "--list", "news", "--story", "boats", "--name", "Extra")
    assert "No mail was sent yet." in office("report", "edition", "1").out
    assert office("report", "edition", "1", "--json").json["mails"]["editions"] == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--since", "last week"], "--since: 'last week' is not a day"),
        (["--since", "2026-01-02", "--until", "2026-01-01"], "until: 2026-01-01 is before"),
        (["--since", "2100-01-01"], "--since: 2100-01-01 has not begun"),
        (["--since", "2000-01-01", "--per", "day"], "--per: the period has more than 800 parts"),
    ],
)
def test_impossible_periods_are_explained(office: Shell, options: list[str], problem: str) -> None:
    assert problem in office("report", "list", "news", *options, code=1).err


def test_two_formats_at_once_are_refused(office: Shell) -> None:
    assert "exclude each other" in office("report", "list", "news", "--csv", "--json", code=2).err
    assert "no list 'nowhere'" in office("report", "growth", "nowhere", code=1).err
