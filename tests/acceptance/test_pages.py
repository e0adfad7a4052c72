"""Long lists end with the command for the next page."""

import re
from typing import Any

import pytest

from tests.acceptance.conftest import Shell, format_article


@pytest.fixture
def office(mailer: Shell) -> Shell:
    mailer("list", "add", "press", "--name", "Press", "--visibility", "private")
    mailer("topic", "add", "health")
    for number in range(5):
        mailer.write_file(f"{number}.md", format_article(f"Story {number}", topics="health"))
    mailer("article", "add", *(f"{number}.md" for number in range(5)))
    return mailer


def read_pages(office: Shell, *words: str, key: str) -> list[Any]:
    """Run a list command, and then the command of each note. Returns the values of `key`."""
    values: list[Any] = []
    while words:
        result = office(*words, "--json")
        values += [record[key] for record in result.json]
        note = re.fullmatch(r"there are more: `mailer (.*) --json (.*)`", result.err.strip())
        assert note or not result.err
        words = (*note[1].split(), *note[2].split()) if note else ()
    return values


def test_article_list_has_pages(office: Shell) -> None:
    slugs = read_pages(office, "article", "list", "--topic", "health", "--limit", "2", key="slug")
    assert slugs == [f"story-{number}" for number in range(5)]
    refused = office("article", "list", "--after", "nowhere:en", code=1)
    assert "nowhere" in refused.err


def test_edition_list_has_pages(office: Shell) -> None:
    for number in range(5):
        office("edition", "new", "--list", "press", "--story", f"story-{number}", "--name", "X")
    assert read_pages(office, "edition", "list", "--limit", "2", key="id") == [5, 4, 3, 2, 1]
    words = ("edition", "list", "--state", "draft", "--limit", "4")
    assert read_pages(office, *words, key="id") == [5, 4, 3, 2, 1]
    assert "no edition before 1" in office("edition", "list", "--after", "1").err


def test_contact_list_has_pages(office: Shell) -> None:
    for number, outlet in enumerate(["Beta", "Alpha", "Beta", "alpha", "Gamma"]):
        address = f"r{number}@example.org"
        office("contact", "add", address, "--list", "press", "--outlet", outlet)
    result = office("contact", "list", "--json").json
    addresses = [record["subscriber"]["person"]["address"] for record in result]
    assert [address[1] for address in addresses] == ["1", "3", "0", "2", "4"]
    pages: list[str] = []
    after: tuple[str, ...] = ()
    while len(pages) < 5:
        page = office("contact", "list", "--limit", "2", *after, "--json")
        pages += [record["subscriber"]["person"]["address"] for record in page.json]
        assert ("there are more" in page.err) is (len(pages) < 5)
        after = ("--after", pages[-1])
    assert pages == addresses
    refused = office("contact", "list", "--after", "zoe@example.org", code=1)
    assert "zoe@example.org is not a subscriber" in " ".join(refused.err.split())


def test_in_doubt_list_refuses_a_place_that_is_none(office: Shell) -> None:
    for place in ("ana@example.org", "x:ana@example.org", f"{10**20}:a"):
        refused = office("delivery", "in-doubt", "list", "--after", place, code=1)
        assert f"--after: {place!r} is not EDITION:ADDRESS" in " ".join(refused.err.split())
