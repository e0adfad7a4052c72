"""What people expect of every command: clear errors, exit codes, JSON, help, nothing half-done."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from mailer.cli import app
from tests.acceptance.conftest import Shell, format_article


def commands() -> list[tuple[str, ...]]:
    """Every command there is, by its words."""
    found: list[tuple[str, ...]] = []

    def walk(command: object, words: tuple[str, ...]) -> None:
        inside = getattr(command, "commands", None)
        if inside is None:
            found.append(words)
        else:
            for name, one in inside.items():
                walk(one, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_a_help_text_with_an_example_and_the_common_options(
    words: tuple[str, ...],
) -> None:
    command: object = typer.main.get_command(app)
    for word in words:
        command = getattr(command, "commands")[word]  # noqa: B009  (not typed)
    text = getattr(command, "help") or ""  # noqa: B009
    assert "Example: [bold]mailer " in text, "give it an example"
    options = {name for one in getattr(command, "params") for name in one.opts}  # noqa: B009
    runs = {("inbox",), ("catch",), ("worker",), ("serve",)}
    prints = {"export", "form", "data"}  # what it prints has a form of its own
    if words not in runs and words[-1] not in prints:
        assert "--json" in options
    reads = {
        "list", "show", "status", "count", "sample", "preview", "report", "explain", "history",
        "log", "follow-up",
    }  # fmt: skip
    if words[-1] not in {*reads, *prints, "inbox", "demo", "catch", "worker", "serve"}:
        assert "--dry-run" in options


def test_init_makes_a_folder_ready_and_changes_nothing_the_second_time(bare: Shell) -> None:
    bare("init", "office", "--dry-run")
    assert not (bare.folder / "office").exists()
    bare("init", "office")
    key = bare.folder / "office/config/secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes(), (bare.folder / "office/config/mailer.toml").read_bytes()
    assert set(bare("init", "office", "--json").json.values()) == {"kept"}
    assert before == (key.read_bytes(), (bare.folder / "office/config/mailer.toml").read_bytes())
    assert (bare.folder / "office/subscribers.db").exists()


def test_without_a_database_every_command_says_to_run_init(bare: Shell) -> None:
    done = bare("article", "list", code=3)
    assert "mailer init" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not (bare.folder / "subscribers.db").exists()


def test_settings_come_from_the_environment_and_the_global_options(bare: Shell) -> None:
    bare("init", ".", env={"MAILER_DATABASE_URL": "sqlite:///elsewhere.db"})
    assert (bare.folder / "elsewhere.db").exists()
    assert not (bare.folder / "subscribers.db").exists()
    assert bare("--database", "elsewhere.db", "list", "list", "--json").json == []
    done = bare("--config", "missing.toml", "list", "list", code=3)
    assert "missing.toml" in done.err


def test_a_newer_database_is_left_alone(mailer: Shell) -> None:
    import sqlite3

    with sqlite3.connect(mailer.folder / "subscribers.db") as db:
        db.execute("update alembic_version set version_num = '9999'")
    db.close()
    assert "newer than this program" in mailer("list", "list", code=3).err


def test_bad_articles_are_named_by_line_and_the_good_ones_go_in(mailer: Shell) -> None:
    mailer.write_file("in/good.md", format_article("Good"))
    mailer.write_file("in/kind.md", "---\ntitle: A\nkind: novel\n---\ntext\n")
    mailer.write_file("in/title.md", "---\nkind: news\n---\ntext\n")
    mailer.write_file("in/date.md", "---\ntitle: A\npublished: soon\n---\ntext\n")
    mailer.write_file("in/empty.md", "")
    mailer.write_file("in/topic.md", format_article("Topic", topics="nothing-like-it"))
    (mailer.folder / "in/latin.md").write_bytes("---\ntitle: A\n---\nété\n".encode("latin-1"))
    done = mailer("article", "add", "in", "--json", code=4)
    outcomes = {Path(one["file"]).name: one for one in done.json}
    assert outcomes["good.md"]["outcome"] == "added"
    for name, place in {
        "kind.md": "kind.md, line 3", "title.md": "title.md, line 1", "date.md": "date.md, line 3",
        "empty.md": "empty.md, line 1", "topic.md": "topic.md, line 5",
        "latin.md": "latin.md, line 4",
    }.items():  # fmt: skip
        assert outcomes[name]["outcome"] == "refused"
        assert place in outcomes[name]["error"]
    assert [one["slug"] for one in mailer("article", "list", "--json").json] == ["good"]
    same = mailer("article", "add", "in/good.md", "--json").json
    assert same[0]["outcome"] == "unchanged"
    mailer.write_file("in/good.md", format_article("Good").replace("What is new", "Newer"))
    revised = mailer("article", "add", "in/good.md", "--json").json
    assert (revised[0]["outcome"], revised[0]["revision"]) == ("revised", 2)


def test_import_reports_each_line_and_export_gives_it_back(mailer: Shell) -> None:
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
    agreed = ("--source", "fair in May", "--basis", "consent")
    done = mailer(*words, *agreed, code=4)
    counts = {key: done.json[key] for key in ("added", "unchanged", "refused")}
    assert counts == {"added": 2, "unchanged": 1, "refused": 2}
    assert sum(value for value in done.json.values() if isinstance(value, int)) == 5
    assert [one["line"] for one in done.json["named"]] == [4, 6]
    assert (mailer.folder / "r.csv").read_text().count("\n") == 6
    exported = mailer("subscriber", "export", "--list", "news").out
    assert "a@example.org,Äda,fr" in exported
    assert "'=cmd()" in exported
    mailer("segment", "save", "french", "language = fr and topic = health")
    assert mailer("segment", "count", "french", "--list", "news", "--json").json["members"] == 1
    assert "column" in mailer("segment", "save", "bad", "language = ", code=1).err


def test_wrong_words_are_usage_errors(bare: Shell) -> None:
    bare("article", "shout", code=2)
    bare("article", "add", code=2)


def test_output_into_a_closed_pipe_is_no_traceback(mailer: Shell) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m mailer topic list --json | true"],
        cwd=mailer.folder,
        env=mailer.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_the_database_is_left_as_it_was_by_a_dry_run(mailer: Shell) -> None:
    mailer("topic", "add", "health", "--dry-run")
    mailer("list", "add", "news", "--name", "News", "--dry-run")
    assert json.loads(mailer("topic", "list", "--json").out) == []
    assert os.path.exists(mailer.folder / "subscribers.db")  # noqa: PTH110
