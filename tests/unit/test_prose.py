"""The rules of CONTRIBUTING.md for prose, held over docstrings, comments, messages and pages.

Names are tested in test_naming.py, since a good identifier need not be English.
"""

import re
from collections import defaultdict
from functools import cache

import pytest

from tests.unit.prose_sources import Passage, PassageKind, list_passages
from tests.unit.source_tree import ROOT

BETTER_WORDS = {
    r"anew": "again",
    r"mend(?:s|ed|ing)?": "fix",
    r"meanwhile": "in the meantime",
    r"for good": "permanently",
    r"(?:not?|never|nobody|nothing|none|cannot|\w+n't)\b[^.;:?!]*\bany ?more": "no longer",
    r"whoever|whomever|whosoever": "name the person",
    r"whom": "name the person",
    r"no good": "invalid",
    r"goes without saying": "leave it out",
    r"to be had|be had": "available",
    r"wrong words?": "usage error",
    r"faults? of ours": "internal error",
    r"(?<!something )(?<!anything )(?<!nothing )(?<!everything )(?<!someone )(?<!anyone )"
    r"(?<!everyone )(?<!somewhere )(?<!if/)else(?!')": "otherwise",
    r"ere|lest|thereof|whereof|wherein|whereupon|hitherto": "say it plainly",
    r"(?:some|any|every|no)body": "name the person, or: anyone, everyone, no one",
    r"for ever": "forever",
    r"tak(?:e|es|en|ing) (?:\w+ )?for dead": "declare dead",
    r"where (?:none|there (?:is|are|was|were)|it (?:is|was) (?:not|un))\b": "if, when",
    r"(?<!there )(?:is|are|was|were) no "
    r"(?!longer\b|more\b|one\b|such\b|less\b|doubt\b)\w+": "is not a",
}
"""Words and forms that readers stumble over, with what to write."""

_BETTER_WORDS = {
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): better
    for pattern, better in BETTER_WORDS.items()
}

_SENTENCE_START = r"(?:^|(?<=[.!?:] )|(?<=[.!?:]\n))"

INVERTED_STARTS = re.compile(
    rf"{_SENTENCE_START}"
    r"(?:Whom|Nobody|Somebody|None:|Of (?:a|an|the|one)\b[^,.?]* (?:is|are)\b)"
)
"""Starts of sentences without a subject that says who or what."""

NOUN_CLAUSES = re.compile(
    r"(?:Whether|What|Who|Whom|Whose|Why|That (?:a|an|the|it|one|there)|Nobody|Somebody|None:|"
    r"How (?:many|long|much|often|far|soon|big|large|old|it|a|an|the)|If so|"
    r"For (?:those|whoever))\b"
)
"""Starts of docstrings that have no verb: "Check whether …", "Return how many …" have one."""

QUESTION = re.compile(r"^(?:Who|What|How|Why|Whose)\b[^.!]*\?")
"""A heading that asks, as answers are looked for."""


@cache
def _list_faults() -> dict[str, list[str]]:
    """Return the faults of each folder that `_find_area` names."""
    faults: dict[str, list[str]] = defaultdict(list)
    for passage in list_passages():
        faults[_find_area(passage)] += [
            f"{passage.place}: {fault}" for fault in find_faults(passage)
        ]
    return faults


def _find_area(passage: Passage) -> str:
    """Return the folder or file that a passage is counted for: two levels deep, in tests three."""
    parts = passage.path.relative_to(ROOT).parts
    return "/".join(parts[: 3 if parts[0] == "tests" else 2])


def find_faults(passage: Passage) -> list[str]:
    text = re.sub(r"\s+", " ", passage.text.replace("’", "'")).strip()
    faults = [
        f"“{match[0]}” ({better})"
        for pattern, better in _BETTER_WORDS.items()
        if (match := pattern.search(text))
    ]
    if match := INVERTED_STARTS.search(text):
        faults.append(f"“{match[0]} …” (name the subject)")
    if (
        passage.kind is PassageKind.DOCSTRING
        and (match := NOUN_CLAUSES.match(text))
        and not QUESTION.match(text)
    ):
        faults.append(f"“{match[0]} …” (start with a verb: Return, Check, …)")
    return faults


def _make_passage(text: str, kind: PassageKind = PassageKind.DOCSTRING) -> Passage:
    return Passage(ROOT / "mailer/errors.py", 1, kind, text)


@pytest.mark.parametrize(
    "text",
    [
        "Whether an edition may be sent.",
        "How many went back to the queue.",
        "How long a claim holds, in seconds.",
        "What the relay said.",
        "Who approved it.",
        "That a story was corrected.",
        "None: it is not due.",
        "It is made anew.",
        "The row is not needed any more.",
        "It isn't needed\nany more.",
        "Send it, else stop.",
        "It takes longer than all else.",
        "This is a fault of ours.",
        "Ask whoever approved it.",
        "It can't be had there.",
        "Of a cancelled one the rows are deleted.",
        "It ends. Nobody is told.",
        "A mail that somebody sent.",
        "It is kept for ever.",
        "Another worker took over, because it was taken for dead.",
        "A reply is awaited where there is one.",
        "That is no address.",
    ],
)
def test_prose_with_a_fault_is_refused(text: str) -> None:
    assert find_faults(_make_passage(text))


@pytest.mark.parametrize(
    "text",
    [
        "Check that an edition may be sent.",
        "Return how many deliveries were requeued.",
        "Nothing else is sent.",
        "The office changes its name if something else comes up.",
        "Any more than five are cut.",
        "Amend the recommended settings.",
        "For goods sent by post.",
        "There is no address.",
        "It is no longer sent.",
        "The folder where the templates are.",
    ],
)
def test_plain_prose_is_accepted(text: str) -> None:
    assert find_faults(_make_passage(text)) == []


def test_noun_clauses_are_refused_in_docstrings_alone() -> None:
    assert find_faults(_make_passage("What it costs", PassageKind.PAGE)) == []


def test_prose_keeps_the_rules() -> None:
    faults = [fault for area_faults in _list_faults().values() for fault in area_faults]
    assert not faults, "\n".join(faults)


def test_every_kind_of_prose_is_read() -> None:
    assert {passage.kind for passage in list_passages()} == set(PassageKind)
