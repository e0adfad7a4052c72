"""Every command: help, exit codes, JSON, clear errors, dry runs."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mailer.model.imports import RowOutcome
from tests.acceptance.conftest import Shell, format_article
from tests.command_tree import list_commands

ALL_COMMANDS = list_commands()


@pytest.mark.parametrize("words", ALL_COMMANDS)
def test_every_command_has_example_and_common_options(words: str) -> None:
    command = ALL_COMMANDS[words]
    assert f"Example: mailer {words}" in (command.help or ""), "give it an example"
    options = {name for parameter in command.params for name in parameter.opts}
    last_word = words.split()[-1]
    running = {"inbox", "catch", "worker", "serve"}
    printing = {
        "export",
        "form",
        "data",
        "schema",
        "systemd",
    }  # their output has a format of its own
    if last_word not in running | printing:
        assert "--json" in options
    reading = {
        "list",
        "show",
        "status",
        "count",
        "sample",
        "check",
        "preview",
        "report",
        "explain",
        "history",
        "log",
        "follow-up",
        "audit",
    }
    # A backup changes no record, and a restoration marks what it writes.
    is_reading = last_word in reading or words.startswith("report ")
    if not is_reading and last_word not in printing | running | {"demo", "backup", "restore"}:
        assert "--dry-run" in options
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", f"describe {parameter.name}"


def test_init_prepares_a_folder_and_keeps_existing_files(bare: Shell) -> None:
    bare("init", "office", "--dry-run")
    assert not (bare.folder / "office").exists()
    bare("init", "office")
    key = bare.folder / "office/config/secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes(), (bare.folder / "office/config/mailer.toml").read_bytes()
    assert set(bare("init", "office", "--json").json.values()) == {"kept"}
    assert before == (key.read_bytes(), (bare.folder / "office/config/mailer.toml").read_bytes())
    assert (bare.folder / "office/subscribers.db").exists()


def test_command_without_database_advises_init(bare: Shell) -> None:
    result = bare("article", "list", code=3)
    assert "mailer init" in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    assert not (bare.folder / "subscribers.db").exists()


def test_settings_come_from_environment_and_global_options(bare: Shell) -> None:
    bare("init", ".", env={"MAILER_DATABASE_URL": "sqlite:///elsewhere.db"})
    assert (bare.folder / "elsewhere.db").exists()
    assert not (bare.folder / "subscribers.db").exists()
    assert bare("--database", "elsewhere.db", "list", "list", "--json").json == []
    result = bare("--config", "missing.toml", "list", "list", code=3)
    assert "missing.toml" in result.err


def test_newer_database_is_refused(mailer: Shell) -> None:
    import sqlite3

    with sqlite3.connect(mailer.folder / "subscribers.db") as db:
        db.execute("update alembic_version set version_num = '9999'")
    db.close()
    assert "which this program does not know" in mailer("list", "list", code=3).err


def test_invalid_articles_are_named_by_line_and_others_added(mailer: Shell) -> None:
    mailer.write_file("in/good.md", format_article("Good"))
    mailer.write_file("in/kind.md", "---\ntitle: A\nkind: novel\n---\ntext\n")
    mailer.write_file("in/title.md", "---\nkind: news\n---\ntext\n")
    mailer.write_file("in/date.md", "---\ntitle: A\npublished: soon\n---\ntext\n")
    mailer.write_file("in/empty.md", "")
    mailer.write_file("in/topic.md", format_article("Topic", topics="nothing-like-it"))
    (mailer.folder / "in/latin.md").write_bytes("---\ntitle: A\n---\nété\n".encode("latin-1"))
    result = mailer("article", "add", "in", "--json", code=4)
    outcomes = {Path(one["file"]).name: one for one in result.json}
    assert outcomes["good.md"]["outcome"] == "added"
    for name, place in {
        "kind.md": "kind.md, line 3",
        "title.md": "title.md, line 1",
        "date.md": "date.md, line 3",
        "empty.md": "empty.md, line 1",
        "topic.md": "topic.md, line 5",
        "latin.md": "latin.md, line 4",
    }.items():
        assert outcomes[name]["outcome"] == "refused"
        assert place in outcomes[name]["error"]
    assert [one["slug"] for one in mailer("article", "list", "--json").json] == ["good"]
    unchanged = mailer("article", "add", "in/good.md", "--json").json
    assert unchanged[0]["outcome"] == "unchanged"
    mailer.write_file("in/good.md", format_article("Good").replace("What is new", "Newer"))
    revised = mailer("article", "add", "in/good.md", "--json").json
    assert (revised[0]["outcome"], revised[0]["revision"]) == ("revised", 2)


def test_import_reports_each_line_and_export_matches(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("topic", "add", "health")
    mailer.write_file(
        "people.csv",
        "E-Mail;Name;Topics;Language\n"
        "a@Example.ORG;Äda;health;fr\n"
        "a@example.org;Äda;health;fr\n"
        "not an address;X;;\n"
        "b@example.org;=cmd();;\n"
        "c@example.org;C;unknown-topic;\n",
    )
    words = ("subscriber", "import", "people.csv", "--list", "news", "--json", "--report", "r.csv")
    consent_options = ("--source", "fair in May", "--basis", "consent")
    result = mailer(*words, *consent_options, code=4)
    counts = {key: result.json[key] for key in ("added", "unchanged", "refused")}
    assert counts == {"added": 2, "unchanged": 1, "refused": 1}
    assert sum(result.json[outcome.value] for outcome in RowOutcome) == 5
    assert [one["line"] for one in result.json["rows"]] == [4, 6]
    (omission,) = result.json["left_out"]
    assert (omission["line"], omission["value"]) == (6, "unknown-topic")
    assert (mailer.folder / "r.csv").read_text().count("\n") == 7  # and the value left out
    exported = mailer("subscriber", "export", "--list", "news").out
    assert "a@example.org,Äda,fr" in exported
    assert "'=cmd()" in exported
    mailer("segment", "save", "french", "language = fr and topic = health")
    assert mailer("segment", "count", "french", "--list", "news", "--json").json["members"] == 1
    assert "column" in mailer("segment", "save", "bad", "language = ", code=1).err


def test_unknown_commands_are_usage_errors(bare: Shell) -> None:
    bare("article", "shout", code=2)
    bare("article", "add", code=2)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("article", "shout"), ""),
        (("send", "first"), "numbers"),
        (("database", "backup"), "file"),
        (("topic", "list", "--colour"), ""),
    ],
)
def test_usage_error_is_json_if_asked_for(bare: Shell, words: tuple[str, ...], field: str) -> None:
    result = bare(*words, "--json", code=2)
    assert result.out == ""
    error = json.loads(result.err)["error"]
    assert (error["code"], error["field"]) == ("usage_error", field)
    assert error["message"]
    assert error["hint"].startswith("`mailer ")
    assert bare("article", "list", "--help", "--json").out.startswith("Usage: ")


def test_closed_pipe_prints_no_traceback(mailer: Shell) -> None:
    result = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m mailer topic list --json | true"],
        cwd=mailer.folder,
        env=mailer.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in result.stderr


def test_dry_run_leaves_the_database_unchanged(mailer: Shell) -> None:
    mailer("topic", "add", "health", "--dry-run")
    mailer("list", "add", "news", "--name", "News", "--dry-run")
    assert json.loads(mailer("topic", "list", "--json").out) == []
    assert os.path.exists(mailer.folder / "subscribers.db")  # noqa: PTH110
