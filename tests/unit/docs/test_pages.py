"""The documentation agrees with the code, and its links lead somewhere."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.docs.command_lines import (
    DOCS,
    PAGES,
    ROOT,
    CommandLine,
    expand_alternatives,
    find_command_lines,
    load_generator,
    parse_words,
    split_words,
)

COMMAND_LINES = [line for page in PAGES for line in find_command_lines(page)]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def generator() -> Any:
    return load_generator()


@pytest.fixture(scope="module")
def root_command(generator: Any) -> Any:
    return generator.commands.load_root()


def test_generated_pages_are_up_to_date(generator: Any) -> None:
    assert generator.find_stale_pages(generator.build_pages()) == [], "run `make docs`"


def make_anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def leads_somewhere(target: str, page: Path) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_file():
        return False
    return not anchor or anchor in map(make_anchor, HEADING.findall(file.read_text("utf-8")))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_of_pages_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text("utf-8"))
    local_targets = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local_targets if not leads_somewhere(target, page)] == []


def test_index_leads_to_every_page() -> None:
    reachable, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reachable:
            continue
        reachable.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(page.read_text("utf-8")))
        waiting += [
            (page.parent / target).resolve() for target in targets if target.endswith(".md")
        ]
    assert [page for page in DOCS.rglob("*.md") if page.resolve() not in reachable] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_first_words_of_pages_are_not_indented_like_code(page: Path) -> None:
    text = re.sub(r"^<!--.*-->\n", "", page.read_text("utf-8"))
    title, first_block, *_ = re.split(r"\n{2,}", text.lstrip())
    assert title.startswith("# ")
    assert re.match(r" {4}mailer |\S", first_block), first_block


def test_lists_of_the_readme_are_added_before_they_are_used() -> None:
    added: set[str] = set()
    for line in find_command_lines(ROOT / "README.md"):
        words = split_words(line.text)
        if line.complete and words[:2] == ["list", "add"]:
            added.add(words[2])
        for option, value in itertools.pairwise(words):
            if line.complete and option in {"--list", "--to"}:
                assert value in added, line.text
    assert added >= {"news", "press"}


def test_pages_hold_many_commands() -> None:
    assert len([line for line in COMMAND_LINES if line.complete]) > 200
    assert {line.page.name for line in COMMAND_LINES} > {"README.md", "first-digest.md"}


@pytest.mark.parametrize("line", COMMAND_LINES, ids=str)
def test_documented_command_is_accepted(line: CommandLine, root_command: Any) -> None:
    for words in expand_alternatives(split_words(line.text)):
        parse_words(root_command, words, complete=line.complete)


@pytest.mark.parametrize("text", ["mailer dance", "mailer article dance", "mailer --dance status"])
def test_unknown_command_is_refused(text: str, root_command: Any) -> None:
    with pytest.raises(LookupError):
        parse_words(root_command, split_words(text), complete=False)


@pytest.mark.parametrize("complete", [True, False])
def test_unknown_option_is_refused(root_command: Any, complete: bool) -> None:
    with pytest.raises(Exception, match=r"(?i)no such option"):
        parse_words(root_command, ["article", "list", "--dance"], complete=complete)


@pytest.mark.parametrize("text", ["mailer release send", "mailer edition show three"])
def test_missing_or_invalid_value_is_refused(text: str, root_command: Any) -> None:
    with pytest.raises(Exception, match=r"(?i)missing|valid"):
        parse_words(root_command, split_words(text), complete=True)
