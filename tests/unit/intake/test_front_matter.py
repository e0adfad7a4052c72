"""Front matter: each value is the text that was written, or an error with its line."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake.front_matter import DEEPEST, LONGEST, MAX_NODES, parse_front_matter

COMMENT_KEYS = frozenset({"lead"})


def parse_values(text: str) -> dict[str, Any]:
    return dict(parse_front_matter(text, "a.md", 2, COMMENT_KEYS).values)


@pytest.mark.parametrize(
    "written",
    [
        "02079460018",
        "+442079460018",
        "0049 30 1234",
        "008",
        "2.50",
        "12_500",
        "0x1F",
        "1e3",
        "10:30:00",
        "2027-03-01",
        "yes",
        "No",
        "on",
        "off",
        "true",
        ".inf",
        "Ranked #3 in Europe",
        "#3 in Europe",
        "Tickets - #3",
        "&Sons move house",
        "&Sons. move & stay",
        "@clinic answers",
        "`make` it so",
        "% of all",
        "C# and F#",
        "a:b and http://a.example/#part",
        "it's 5 o'clock",
        "-5 degrees",
        "?why",
        "<<",
        "=",
    ],
)
def test_front_matter_value_is_text_as_written(written: str) -> None:
    assert parse_values(f"title: {written}\nlead: x") == {"title": written, "lead": "x"}
    assert parse_values(f"list:\n  - {written}\n  - b")["list"] == [written, "b"]


def test_front_matter_text_goes_on_in_next_lines() -> None:
    assert parse_values("title: We came\n  #3 in\n  Europe\nlead: x")["title"] == (
        "We came #3 in Europe"
    )
    assert parse_values("notes: |\n  # a\n  b #c\n") == {"notes": "# a\nb #c\n"}


def test_front_matter_comments_that_are_plain_are_allowed() -> None:
    text = """# of the desk
title: "x" # quoted
lead: true # first
  # more
list: [a, b] # both
contacts:  # of the desk
  - name: Ana
    # at night
    phone: 0123
"""
    assert parse_values(text) == {
        "title": "x",
        "lead": "true",
        "list": ["a", "b"],
        "contacts": [{"name": "Ana", "phone": "0123"}],
    }


def test_front_matter_lines_of_nested_values() -> None:
    lines = parse_front_matter("a: x\nb:\n  - c: 1\n    d: 2\n  - c: 3\n", "a.md", 2).lines
    assert lines == {"a": 2, "b": 3, "b.1": 4, "b.1.c": 4, "b.1.d": 5, "b.2": 6, "b.2.c": 6}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("title: Open # soon", 2, "'# soon' may be a part of the text or a comment"),
        ("a: x\ntitle: # soon", 3, "may be a part of the text or a comment"),
        ("a: x\ntitle:\n  #soon\nb: y", 3, "may be a part of the text or a comment"),
        ("title: Open\n  # soon\na: b", 2, "may be a part of the text or a comment"),
        ("list: [a #b, c]", 2, "may be a part of the text or a comment"),
        ("a: x\ntitle: *star*", 3, "repeats another value (an alias)"),
        ("a: &x\n  - y", 2, "'&x' names a value (an anchor)"),
        ('a: &x "y"', 2, "names a value (an anchor)"),
        ("a: !important", 2, "is a tag in YAML"),
        ("a: !!binary aGE=", 2, "is a tag in YAML"),
        ("a: 1\nb: 2\na: 3", 4, "'a' stands there twice"),
        ("c:\n  - a: 1\n    a: 2", 4, "'a' stands there twice"),
        ("a: ~", 2, "'~' may mean the word or no value"),
        ("a: null", 2, "may mean the word or no value"),
        ("a: b\n--- \nc: d", 3, "a second document"),
        ("a:\tb", 2, "a tab where spaces belong"),
        ("a: b\n\tc: d", 3, "a tab where spaces belong"),
        ("[a]: b", 2, "a key is not text"),
        ("- a", 2, "the front matter is not a list of keys"),
        ("a: b\nc: \x1bd", 3, "it holds U+001B"),
        ("a: Health: all", 2, "the front matter is not YAML"),
        ("a: 'open", 2, "the front matter is not YAML"),
        ('a: "\\UFFFFFFFF"', 2, "can't be read"),
        ("a: " + "[" * 50, 2, "nests deeper than"),
        ("a: [" + "x," * MAX_NODES + "x]", 2, "more than 5,000 values"),
        ("a: " + "x" * LONGEST, 2, "is longer than 100,000 characters"),
    ],
)
def test_front_matter_that_yaml_would_change_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_values(text)
    assert message in caught.value.message
    assert caught.value.where.startswith("a.md, line ")
    assert caught.value.where == f"a.md, line {line}"
    assert len(str(caught.value)) < 300


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40))
def test_any_front_matter_line_is_kept_or_refused(text: str) -> None:
    written = " ".join(text.split())
    try:
        values = parse_values(f"title: {written}")
    except InputError:
        return
    title = values["title"]
    if isinstance(title, str) and written[:1] not in {"'", '"', "|", ">"}:
        assert " ".join(title.split()) == written


BOMBS = {
    "brackets": "a: " + "[" * (LONGEST - 10),
    "brackets by line": "a:\n" + " [\n" * 30_000,
    "hyphens": "- " * 49_000,
    "words": "a: " + "b " * 49_000,
    "signs": "a: " + "#1 " * 33_000,
    "keys": "".join(f"k{n}: v\n" for n in range(9_000)),
    "lines": "a: b\n" + " b\n" * 32_000,
    "empty lines": "a:" + "\n" * 99_000,
    "comments": "#\n" * 49_000,
    "levels": "".join(" " * n + "a:\n" for n in range(DEEPEST * 50)),
    "aliases": "a: &a [x]\n" + "".join(f"b{n}: [{'*a, ' * 9}]\n" for n in range(900)),
    "colons": "a: " + ": " * 49_000,
    "quotes": "a: '" + "''" * 49_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_front_matter_bomb_ends_within_a_second(name: str) -> None:
    before, message = time.process_time(), ""
    try:
        parse_front_matter(BOMBS[name], "a.md")
    except InputError as error:
        message = str(error)
    assert len(message) < 300
    assert time.process_time() - before < 1
