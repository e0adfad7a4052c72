"""Searches from the command line."""

import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.conftest import Shell, format_article

RARE_LETTER = "ꙃ"


@pytest.fixture
def office(mailer: Shell) -> Shell:
    mailer("list", "add", "news", "--name", "News")
    mailer("list", "add", "press", "--name", "Press")
    rows = "\n".join(f"reader{number}@example.org,Reader Number {number}" for number in range(9))
    mailer.write_file("people.csv", f"email,name\n{rows}\nzoe@example.net,Zoé Quillfeather\n")
    options = ("--source", "cards from the fair", "--basis", "consent")
    mailer("subscriber", "import", "people.csv", "--list", "news", *options)
    return mailer


def test_subscribers_are_searched_by_part_of_name_or_address(office: Shell) -> None:
    listed = office("subscriber", "list", "--search", "ZOE illf")
    assert "zoe@example.net" in listed.out
    assert "reader" not in listed.out
    assert listed.err == ""
    (record,) = office("subscriber", "list", "--search", "example.net", "--json").json
    assert record["subscriber"]["person"]["name"] == "Zoé Quillfeather"
    in_list = office("subscriber", "list", "--search", "zoe", "--list", "news", "--json").json
    assert [record["membership"]["state"] for record in in_list] == ["active"]
    nowhere = office("subscriber", "list", "--search", "zoe", "--list", "press")
    assert "no such subscriber" in nowhere.err


def test_long_lists_of_subscribers_say_how_to_go_on(office: Shell) -> None:
    addresses: list[str] = []
    after = "0"
    for _ in range(5):
        words = ("subscriber", "list", "--search", "reader", "--limit", "2", "--after", after)
        result = office(*words, "--json")
        addresses += [record["subscriber"]["person"]["address"] for record in result.json]
        note = " ".join(result.err.split())
        after = note.partition(" --after=")[2].rstrip("`")
        if note:
            command = f"mailer subscriber list --search reader --limit 2 --json --after={after}"
            assert note == f"there are more: `{command}`"
    assert addresses == [f"reader{number}@example.org" for number in range(9)]
    assert after == ""
    assert "there are more" in office("subscriber", "list", "--limit", "9").err
    assert office("subscriber", "list", "--limit", "10").err == ""


def test_search_for_signs_alone_is_refused(office: Shell) -> None:
    refused = office("subscriber", "list", "--search", "%", code=1)
    assert "--search: it holds no letter or digit" in refused.err


def test_articles_are_searched_by_title_and_slug(office: Shell) -> None:
    for name, title in (("boats", "Boats at dawn"), ("harbour", "The harbour opens")):
        office.write_file(f"{name}.md", format_article(title))
        office("article", "add", f"{name}.md")
    assert "Boats at dawn" in office("article", "list", "--search", "OATS").out
    (article,) = office("article", "list", "--search", "harbour-o", "--json").json
    assert article["slug"] == "the-harbour-opens"
    assert "no such article" in office("article", "list", "--search", "nowhere").err


def test_database_status_says_what_a_search_finds(office: Shell) -> None:
    assert "finds parts of names and addresses" in office("database", "status").out
    status = office("database", "status", "--json").json
    assert status["search"] == {"method": "parts", "reason": ""}


def test_erase_command_clears_the_index_of_searches(office: Shell) -> None:
    office("subscriber", "add", "rare@example.org", "--list", "news", "--name", RARE_LETTER * 4)

    def holds_rare_letter() -> bool:
        with closing(sqlite3.connect(office.folder / "subscribers.db")) as connection:
            blocks = connection.execute("SELECT block FROM subscriber_search_data")
            return any(RARE_LETTER.encode() in block for (block,) in blocks)

    office("subscriber", "erase", "rare@example.org", "--dry-run")
    assert holds_rare_letter()
    office("subscriber", "erase", "rare@example.org")
    assert not holds_rare_letter()
    assert "no such subscriber" in office("subscriber", "list", "--search", RARE_LETTER).err
